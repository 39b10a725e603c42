//! What is changed in a file before it runs: training switched off, sequences of tensors cut into slices.

use std::collections::{BTreeSet, HashMap};

use rten_onnx::onnx::{DataType, GraphProto, NodeProto, TensorProto, ValueInfoProto};

use super::{literal::Literal, node::Node};
use crate::constants::is_float;

/// How the name of an operator begins that was a dropout in training mode; its ratio stands behind.
const DROPOUT: &str = "potstill::dropout=";

/// The ratio of a dropout that was in training mode in its file.
pub(super) fn dropout_ratio(node: &Node) -> Option<f32> {
    let ratio = node
        .name
        .strip_prefix(DROPOUT)
        .filter(|_| node.kind == "Identity")?;
    ratio.parse().ok().filter(|ratio| (0.0..1.0).contains(ratio))
}

/// Lets a file that was exported in training mode run as in evaluation mode: batch norms give one output, dropout passes through. Dropout
/// by a ratio that is written leaves it in its name.
pub(super) fn switch_training_off(graph: &mut GraphProto) -> Result<Vec<String>, String> {
    let (mut dropouts, mut idle) = (0, 0);
    let numbers = dropout_numbers(graph)?;
    for node in &mut graph.node {
        match node.op_type.as_deref() {
            Some("BatchNormalization") => {
                node.output.truncate(1);
                for attribute in &mut node.attribute {
                    if attribute.name.as_deref() == Some("training_mode") {
                        attribute.i = Some(0);
                    }
                }
            }
            Some("Dropout") => {
                let number = |at: usize| numbers.get(node.input.get(at)?);
                let is_on = number(2).is_some_and(|&truth| truth != 0.0);
                // Without a number it is a half.
                let has_ratio = node.input.get(1).is_some_and(|name| !name.is_empty());
                let ratio = if has_ratio { number(1).copied() } else { Some(0.5) };
                if let Some(ratio) = ratio.filter(|_| is_on) {
                    dropouts += 1;
                    node.name = Some(format!("{DROPOUT}{ratio}"));
                } else {
                    idle += usize::from(node.input.len() > 2);
                }
                node.op_type = Some("Identity".into());
                node.input.truncate(1);
                node.output.truncate(1);
                node.attribute.clear();
            }
            _ => {}
        }
    }
    keep_made_outputs(graph);
    let counted = |count: usize, one: &str, several: &str| match count {
        0 => None,
        1 => Some(format!("its dropout {one}")),
        count => Some(format!("its {count} dropouts {several}")),
    };
    let notes = [
        counted(
            dropouts,
            "drops in training, by the ratio in the file",
            "drop in training, by the ratios in the file",
        ),
        counted(idle, "lets everything through", "let everything through"),
    ];
    Ok(notes.into_iter().flatten().collect())
}

/// The single numbers that dropouts read and that are written in a graph, by name.
fn dropout_numbers(graph: &GraphProto) -> Result<HashMap<String, f32>, String> {
    let dropouts = graph
        .node
        .iter()
        .filter(|node| node.op_type.as_deref() == Some("Dropout"));
    let read: BTreeSet<&str> = dropouts
        .flat_map(|node| node.input.iter().skip(1))
        .map(String::as_str)
        .collect();
    let mut found = HashMap::new();
    let mut note = |name: &str, literal: Option<Literal>| {
        if let Some(number) = literal.as_ref().and_then(Literal::single) {
            found.insert(name.to_owned(), number);
        }
    };
    for tensor in &graph.initializer {
        let name = tensor.name.as_deref().unwrap_or_default();
        if read.contains(name) {
            note(name, Literal::of(tensor)?);
        }
    }
    for node in &graph.node {
        let is_read = node
            .output
            .first()
            .is_some_and(|name| read.contains(name.as_str()));
        if is_read && node.op_type.as_deref() == Some("Constant") {
            let node = Node::of(node)?;
            note(node.output(), node.constant());
        }
    }
    Ok(found)
}

/// The statistics that a training step would give are nobody's outputs any more.
fn keep_made_outputs(graph: &mut GraphProto) {
    let made: BTreeSet<&str> = graph
        .node
        .iter()
        .flat_map(|node| &node.output)
        .map(String::as_str)
        .collect();
    graph.output.retain(|output| {
        let name = output.name.as_deref().unwrap_or_default();
        let mut weights = graph.initializer.iter();
        made.contains(name) || weights.any(|tensor| tensor.name.as_deref() == Some(name))
    });
}

/// Lets a file take any number of images, as far as its operators do. Gives the number that it stated.
pub(super) fn open_batch(graph: &mut GraphProto) -> Option<i64> {
    // What is stated of other tensors follows from it.
    graph.value_info.clear();
    for output in &mut graph.output {
        open(output, 0, "n");
    }
    open(images(graph)?, 0, "n")
}

/// Lets a file take images of any height and width, as far as its operators do.
pub(super) fn open_size(graph: &mut GraphProto) {
    if let Some(images) = images(graph) {
        open(images, 2, "h");
        open(images, 3, "w");
    }
}

/// What has to be given to a graph: old files list their weights among the inputs as well.
fn images(graph: &mut GraphProto) -> Option<&mut ValueInfoProto> {
    let weights: BTreeSet<&str> = graph
        .initializer
        .iter()
        .filter_map(|tensor| tensor.name.as_deref())
        .collect();
    let mut inputs = graph.input.iter_mut();
    inputs.find(|input| !weights.contains(input.name.as_deref().unwrap_or_default()))
}

/// Opens one size of a tensor under a name. Gives what it stated.
fn open(value: &mut ValueInfoProto, axis: usize, name: &str) -> Option<i64> {
    let kind = value.r#type.as_mut()?.tensor_type.as_mut()?;
    let size = kind.shape.as_mut()?.dim.get_mut(axis)?;
    let stated = size.dim_value.take()?;
    size.dim_param = Some(name.into());
    Some(stated)
}

/// Writes `SequenceAt(SplitToSequence(x, parts), index)` as a slice of `x`: no sequence of tensors is run.
pub(super) fn cut_sequences(graph: &mut GraphProto) -> Result<(), String> {
    let cuts: HashMap<String, NodeProto> = graph
        .node
        .iter()
        .filter(|node| node.op_type.as_deref() == Some("SplitToSequence"))
        .filter_map(|node| Some((node.output.first()?.clone(), node.clone())))
        .collect();
    if cuts.is_empty() {
        return Ok(());
    }
    let whole = constants(graph)?;
    let mut written = Vec::new();
    for (index, node) in graph.node.iter_mut().enumerate() {
        let [Some(sequence), Some(at)] = [0, 1].map(|i| node.input.get(i)) else {
            continue;
        };
        let cut = cuts
            .get(sequence)
            .filter(|_| node.op_type.as_deref() == Some("SequenceAt"));
        let (Some(cut), Some(&[at])) = (cut, whole.get(at).map(Vec::as_slice)) else {
            continue;
        };
        let Some(bounds) = bounds(cut, &whole, at)? else {
            continue;
        };
        let mut inputs = vec![cut.input[0].clone()];
        for (what, number) in ["start", "end", "axis"].into_iter().zip(bounds) {
            let name = format!("potstill::{what}_{index}");
            written.push(TensorProto {
                dims: vec![1],
                data_type: Some(DataType::INT64),
                int64_data: vec![number],
                name: Some(name.clone()),
                ..TensorProto::default()
            });
            inputs.push(name);
        }
        node.op_type = Some("Slice".into());
        node.input = inputs;
        node.attribute.clear();
    }
    graph.initializer.extend(written);
    // What nothing reads any more need not run.
    let read: BTreeSet<String> = graph.node.iter().flat_map(|node| node.input.clone()).collect();
    graph.node.retain(|node| {
        let is_cut = node.op_type.as_deref() == Some("SplitToSequence");
        !is_cut || node.output.iter().any(|name| read.contains(name))
    });
    Ok(())
}

/// Start, end and axis of a part of what is cut; none where that is computed, or loses its axis.
fn bounds(cut: &NodeProto, whole: &HashMap<String, Vec<i64>>, at: i64) -> Result<Option<[i64; 3]>, String> {
    let node = Node::of(cut)?;
    let parts = node.input(1).and_then(|name| whole.get(name));
    let Some(parts) = parts.filter(|_| node.whole("keepdims", 1) != 0 && at >= 0) else {
        return Ok(None);
    };
    let axis = node.whole("axis", 0);
    Ok(match parts.as_slice() {
        &[each] => each
            .checked_mul(at)
            .and_then(|start| Some([start, start.checked_add(each)?, axis])),
        parts => {
            let before = usize::try_from(at).ok().filter(|&at| at < parts.len());
            before.map(|at| {
                let start: i64 = parts[..at].iter().sum();
                [start, start + parts[at], axis]
            })
        }
    })
}

/// The whole numbers that are written in a graph, by name.
fn constants(graph: &GraphProto) -> Result<HashMap<String, Vec<i64>>, String> {
    let mut found = HashMap::new();
    let mut note = |name: &str, literal: Option<Literal>| {
        if let Some(numbers) = literal.as_ref().and_then(Literal::as_whole) {
            found.insert(name.to_owned(), numbers.to_vec());
        }
    };
    // Weights of floats are not decoded for this.
    let is_whole = |tensor: &&TensorProto| !tensor.data_type.is_none_or(is_float);
    for tensor in graph.initializer.iter().filter(is_whole) {
        note(tensor.name.as_deref().unwrap_or_default(), Literal::of(tensor)?);
    }
    for node in graph
        .node
        .iter()
        .filter(|node| node.op_type.as_deref() == Some("Constant"))
    {
        let node = Node::of(node)?;
        note(node.output(), node.constant());
    }
    Ok(found)
}
