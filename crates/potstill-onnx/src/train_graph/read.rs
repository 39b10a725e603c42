//! What a file says, sorted: the tensors that train, the other tensors, and the operators.

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::DataType;

use super::{literal::Literal, names, node::Node, plan::KeptTensor, source::GraphSource};
use crate::{OnnxNetwork, constants::is_float};

/// What a file says, read.
pub(super) struct Read {
    /// Its operators in an order in which they can run, those left out that only give a tensor of the file another name.
    pub nodes: Vec<Node>,
    /// The tensors that train, and running statistics.
    pub tensors: Vec<KeptTensor>,
    /// The other tensors in the file.
    pub constants: HashMap<String, Literal>,
}

/// How much more a file's weights may become by operators that copy them.
const MOST_COPIES: usize = 8;

/// Numbers that any file may copy.
const SOME: usize = 1 << 20;

impl Read {
    pub fn of(source: &GraphSource, network: &OnnxNetwork) -> Result<Self, String> {
        let order = network.graph.order()?.into_iter();
        let nodes = order.map(|index| Node::of(&source.graph.node[index]));
        let nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
        let weighed = weighed(&nodes);
        let mut read = Self {
            nodes: Vec::new(),
            tensors: Vec::new(),
            constants: HashMap::new(),
        };
        for tensor in &source.graph.initializer {
            let name = tensor.name.clone().unwrap_or_default();
            let Some(literal) = Literal::of(tensor)? else {
                continue;
            };
            let is_float = is_float(tensor.data_type.unwrap_or(DataType::FLOAT));
            let is_number = is_number(&name, &literal, &weighed);
            match literal.as_floats().cloned().filter(|_| is_float && !is_number) {
                Some(values) => read.tensors.push(KeptTensor {
                    name,
                    shape: literal.shape,
                    values,
                }),
                None => drop(read.constants.insert(name, literal)),
            }
        }
        read.take(nodes)?;
        Ok(read)
    }

    /// Sorts the operators. Exporters store equal tensors once: what has a name of its own trains by itself.
    fn take(&mut self, nodes: Vec<Node>) -> Result<(), String> {
        let stored: usize = self.tensors.iter().map(|tensor| tensor.values.len()).sum();
        let mut places: HashMap<String, usize> = self
            .tensors
            .iter()
            .enumerate()
            .map(|(place, tensor)| (tensor.name.clone(), place))
            .collect();
        let mut copied = 0;
        for node in nodes {
            let original = (node.kind == "Identity" && names::is_own(node.output()))
                .then(|| places.get(node.input(0)?))
                .flatten();
            if let Some(&original) = original {
                let original = self.tensors[original].clone();
                copied += original.values.len();
                if copied > MOST_COPIES * stored + SOME {
                    return Err(format!(
                        "its operators copy weights to more than {copied} numbers, and it stores {stored}"
                    ));
                }
                let name = node.output().to_owned();
                places.insert(name.clone(), self.tensors.len());
                self.tensors.push(KeptTensor { name, ..original });
            } else if node.kind == "Constant" {
                if let Some(literal) = node.constant() {
                    self.constants.insert(node.output().to_owned(), literal);
                }
            } else {
                self.nodes.push(node);
            }
        }
        Ok(())
    }
}

/// The tensors that some operator reads as numbers of a map, not as a bound, a size or a filling.
fn weighed(nodes: &[Node]) -> HashSet<&str> {
    let is_setting = |kind: &str, at: usize| match kind {
        "Clip" | "Resize" | "Upsample" | "Dropout" | "Slice" | "Reshape" | "Expand" | "Range" | "OneHot"
        | "Tile" => at > 0,
        "Pad" => at > 1,
        _ => false,
    };
    let read = nodes.iter().flat_map(|node| {
        let inputs = node.inputs.iter().enumerate();
        inputs.filter_map(move |(at, name)| (!is_setting(&node.kind, at)).then_some(name.as_str()))
    });
    read.collect()
}

/// Whether a tensor of floats is a number that operators take, or a constant of the graph, not one that trains.
fn is_number(name: &str, literal: &Literal, weighed: &HashSet<&str>) -> bool {
    if names::is_constant(name) {
        return true;
    }
    let is_single = literal.shape.iter().product::<usize>() == 1;
    is_single && (!names::is_of_state_dict(name) || !weighed.contains(name))
}
