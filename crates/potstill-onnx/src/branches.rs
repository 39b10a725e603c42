//! Graphs in an operator (`If`): what they read of the graph around them, and what they can make of it.

use std::{collections::BTreeSet, path::Path};

use rten_onnx::onnx::{GraphProto, NodeProto};

use crate::{constants::constants, cost::count};

/// What is told of the graphs in an operator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Branches {
    /// The tensors of the graph around that they read by name, without listing them among the inputs of the operator.
    pub captures: Vec<String>,
    /// Operators in all of them.
    pub operators: usize,
    /// Numbers that are written in them.
    pub written: f64,
}

/// The graphs in an operator.
pub(crate) fn graphs_of(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().filter_map(|attribute| attribute.g.as_ref())
}

impl Branches {
    /// What is told of the graphs in an operator, which hold no graphs themselves.
    ///
    /// # Errors
    /// A tensor that is written in one of them and does not hold what it states.
    pub fn of(node: &NodeProto, file: &Path) -> Result<Self, String> {
        let (mut branches, mut captures) = (Self::default(), BTreeSet::new());
        for graph in graphs_of(node) {
            let written = constants(graph, file)?;
            branches.written += written
                .values()
                .map(|constant| count(&constant.shape))
                .sum::<f64>();
            branches.operators += graph.node.len();
            captures.extend(captures_of(graph));
        }
        branches.captures = captures.into_iter().map(str::to_owned).collect();
        Ok(branches)
    }
}

/// The names that a graph reads and does not make.
fn captures_of(graph: &GraphProto) -> impl Iterator<Item = &str> {
    let weights = graph
        .initializer
        .iter()
        .filter_map(|weight| weight.name.as_deref());
    let inputs = graph.input.iter().filter_map(|input| input.name.as_deref());
    let computed = graph.node.iter().flat_map(|node| &node.output);
    let own: BTreeSet<&str> = weights
        .chain(inputs)
        .chain(computed.map(String::as_str))
        .collect();
    let read = graph.node.iter().flat_map(|node| &node.input);
    let given = graph.output.iter().filter_map(|output| output.name.as_deref());
    read.map(String::as_str)
        .chain(given)
        .filter(move |name| !name.is_empty() && !own.contains(name))
}
