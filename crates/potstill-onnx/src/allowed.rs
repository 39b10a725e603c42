//! What a graph may hold to be run: operators whose work can be told before, and tensors that are made once.

use std::collections::BTreeSet;

use potstill_base::printable;
use rten_onnx::onnx::{GraphProto, NodeProto};

use crate::branches::graphs_of;

/// Operators that are not run. The first repeat graphs as often as they like; those of sound, and one of random draws, make the size
/// of their output out of a number; sequences hold any number of tensors.
const REFUSED: [&str; 13] = [
    "Loop",
    "Scan",
    "DFT",
    "STFT",
    "Multinomial",
    "SequenceConstruct",
    "SequenceInsert",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceAt",
    "SequenceLength",
    "SplitToSequence",
    "ConcatFromSequence",
];

/// Operators of a graph in an operator (`If`) that make nothing larger than what they get.
const PLAIN: [&str; 14] = [
    "Cast",
    "Constant",
    "Dropout",
    "Flatten",
    "Identity",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Whether an operator may be run at all.
///
/// # Errors
/// Why not.
pub(crate) fn check_kind(node: &NodeProto) -> Result<(), String> {
    let kind = node.op_type.as_deref().unwrap_or_default();
    if REFUSED.contains(&kind) {
        return Err(format!(
            "the operator {kind} is not run: what it takes cannot be told before"
        ));
    }
    for inner in graphs_of(node).flat_map(|graph| &graph.node) {
        let inner_kind = inner.op_type.as_deref().unwrap_or_default();
        if !PLAIN.contains(&inner_kind) {
            return Err(format!(
                "the operator {inner_kind} in a graph of {kind} is not run: there are {}",
                PLAIN.join(", ")
            ));
        }
    }
    Ok(())
}

/// Whether every tensor is made once: of two by one name it would not be known which is read.
///
/// # Errors
/// The first that is made again.
pub(crate) fn check_makers(graph: &GraphProto) -> Result<(), String> {
    let mut made = BTreeSet::new();
    written_or_computed(graph, &BTreeSet::new(), &mut made)?;
    let weights: BTreeSet<&str> = graph
        .initializer
        .iter()
        .filter_map(|weight| weight.name.as_deref())
        .collect();
    for input in graph.input.iter().filter_map(|input| input.name.as_deref()) {
        // Old files list their weights among the inputs as well.
        if !weights.contains(input) {
            once(input, &mut made)?;
        }
    }
    // Either of two branches may make its own tensor of a name, but none that is made around them.
    for inner in graph.node.iter().flat_map(graphs_of) {
        written_or_computed(inner, &made, &mut BTreeSet::new())?;
    }
    Ok(())
}

/// Notes the weights of a graph and what its operators make.
fn written_or_computed<'a>(
    graph: &'a GraphProto,
    around: &BTreeSet<&str>,
    made: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    let weights = graph.initializer.iter().filter_map(|weight| weight.name.as_ref());
    let outputs = graph.node.iter().flat_map(|node| &node.output);
    for name in weights.chain(outputs).filter(|name| !name.is_empty()) {
        if around.contains(name.as_str()) {
            return Err(again(name));
        }
        once(name, made)?;
    }
    Ok(())
}

fn once<'a>(name: &'a str, made: &mut BTreeSet<&'a str>) -> Result<(), String> {
    if made.insert(name) {
        Ok(())
    } else {
        Err(again(name))
    }
}

fn again(name: &str) -> String {
    format!("it makes the tensor `{}` more than once", printable(name))
}
