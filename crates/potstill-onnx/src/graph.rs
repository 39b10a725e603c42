//! What an ONNX file says about itself: its operators, its weights, what it takes and gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use potstill_base::printable;
use rten_onnx::onnx::{DataType, GraphProto, ModelProto, NodeProto, ValueInfoProto};

use crate::{
    allowed::{check_kind, check_makers},
    branches::Branches,
    constants::{Constant, constants, is_float},
    settings::Settings,
    wire,
};

/// The graph of a file, without the values of its weights.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// The operators, as the file lists them.
    pub nodes: Vec<Node>,
    /// The shapes of floating-point weights by name.
    pub weights: BTreeMap<String, Vec<usize>>,
    /// What has to be given, weights not counted.
    pub inputs: Vec<Input>,
    /// What the file gives.
    pub outputs: Vec<String>,
    /// All tensors that are written in the file, by name.
    pub constants: BTreeMap<String, Constant>,
}

/// One operator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// `Conv`, `Relu`, ...
    pub kind: String,
    /// The tensors it reads; an empty name is one left out.
    pub inputs: Vec<String>,
    /// The tensors it makes.
    pub outputs: Vec<String>,
    /// How it works.
    pub settings: Settings,
    /// The graphs in it.
    pub branches: Branches,
}

/// Something that has to be given.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// The tensor's name.
    pub name: String,
    /// Whether it takes 32-bit floats.
    pub floats: bool,
    /// Its shape, an open dimension as none; no shape if the file does not say.
    pub shape: Option<Vec<Option<usize>>>,
}

/// The operator whose outputs are written into the file, not computed.
const CONSTANT: &str = "Constant";

impl Graph {
    /// Reads the graph from the bytes of a file.
    pub fn parse(bytes: &[u8], file: &Path) -> Result<Self, String> {
        wire::check(bytes)?;
        let model = ModelProto::parse_buf(bytes).map_err(|error| format!("it is no ONNX file ({error})"))?;
        let graph = model.graph.ok_or("it is no ONNX file (it has no graph)")?;
        if graph.node.is_empty() {
            return Err("it is no ONNX file (it has no operators)".into());
        }
        graph.node.iter().try_for_each(check_kind)?;
        check_makers(&graph)?;
        check_names(&graph)?;
        let constants = constants(&graph, file)?;
        let nodes = graph.node.iter().map(|node| Node::of(node, file));
        Ok(Self::of(&graph, nodes.collect::<Result<_, _>>()?, constants))
    }

    fn of(graph: &GraphProto, nodes: Vec<Node>, constants: BTreeMap<String, Constant>) -> Self {
        let weights = graph.initializer.iter().filter_map(|weight| {
            let of_floats = weight.data_type.is_some_and(is_float);
            let shape = weight.dims.iter().map(|&size| size.max(0) as usize).collect();
            Some((weight.name.clone()?, shape)).filter(|_| of_floats)
        });
        Self {
            nodes,
            weights: weights.collect(),
            inputs: Self::inputs_of(graph),
            outputs: graph
                .output
                .iter()
                .filter_map(|output| output.name.clone())
                .collect(),
            constants,
        }
    }

    /// What has to be given to a graph, weights not counted: old files list them among the inputs as well.
    pub fn inputs_of(graph: &GraphProto) -> Vec<Input> {
        let named: BTreeSet<_> = graph
            .initializer
            .iter()
            .filter_map(|weight| weight.name.as_deref())
            .collect();
        let inputs = graph.input.iter();
        let given = inputs.filter(|input| !named.contains(input.name.as_deref().unwrap_or_default()));
        given.map(Input::of).collect()
    }

    /// The names of all tensors that operators compute, as the file lists them.
    pub fn computed(&self) -> impl Iterator<Item = &str> {
        let computing = self.nodes.iter().filter(|node| node.kind != CONSTANT);
        computing
            .flat_map(|node| node.outputs.iter().map(String::as_str))
            .filter(|name| !name.is_empty())
    }

    /// The operator that makes this tensor.
    pub fn maker(&self, tensor: &str) -> Option<&Node> {
        self.nodes
            .iter()
            .find(|node| node.outputs.iter().any(|output| output == tensor))
    }

    /// Trainable parameters: all floating-point weights but the running statistics of batch norms.
    pub fn parameters(&self) -> usize {
        let statistics: BTreeSet<&String> = self
            .nodes
            .iter()
            .filter(|node| node.kind == "BatchNormalization")
            .flat_map(|node| node.inputs.iter().skip(3))
            .collect();
        let learned = self.weights.iter().filter(|(name, _)| !statistics.contains(name));
        // Constants hold every shape to the values that there are, so that no product is too large.
        learned.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

/// Refuses names with characters that a terminal would obey: points of a network are listed by their names.
fn check_names(graph: &GraphProto) -> Result<(), String> {
    let of_nodes = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().chain(&node.op_type));
    let all = of_nodes
        .chain(graph.input.iter().filter_map(|input| input.name.as_ref()))
        .chain(graph.output.iter().filter_map(|output| output.name.as_ref()));
    for name in all {
        let shown = printable(name);
        if shown != *name {
            return Err(format!(
                "it has a tensor or an operator with control characters in its name, `{shown}`"
            ));
        }
    }
    Ok(())
}

impl Node {
    fn of(node: &NodeProto, file: &Path) -> Result<Self, String> {
        Ok(Self {
            kind: node.op_type.clone().unwrap_or_default(),
            inputs: node.input.clone(),
            outputs: node.output.clone(),
            settings: Settings::of(node),
            branches: Branches::of(node, file)?,
        })
    }

    /// The tensors that must be there before it runs: its inputs, and what the graphs in it read.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        let all = self.inputs.iter().chain(&self.branches.captures);
        all.map(String::as_str)
    }
}

impl Input {
    fn of(value: &ValueInfoProto) -> Self {
        let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let shape = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| {
            let size = |size: Option<i64>| size.filter(|&size| size > 0).map(|size| size as usize);
            shape.dim.iter().map(|dim| size(dim.dim_value)).collect()
        });
        Self {
            name: value.name.clone().unwrap_or_default(),
            floats: tensor.is_some_and(|tensor| tensor.elem_type == Some(DataType::FLOAT)),
            shape,
        }
    }
}
