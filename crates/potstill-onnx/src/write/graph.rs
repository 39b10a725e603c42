//! A graph, built operator by operator.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use rten_onnx::onnx::{
    DataType, Dimension, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor,
    ValueInfoProto,
};

use super::{Attribute, OnnxFile, Opset};

/// A graph that grows. Every tensor has a name of its own; a name that is taken already gets a number.
///
/// ```
/// use potstill_onnx::write::{Attribute, GraphWriter, Opset};
///
/// let mut graph = GraphWriter::new(Opset::V17);
/// let images = graph.input("images", &[None, Some(3), None, None]);
/// let pooled = graph.node("GlobalAveragePool", &[&images], vec![], "pool");
/// let rows = graph.node("Flatten", &[&pooled], vec![Attribute::Int("axis", 1)], "rows");
/// let weight = graph.floats("fc.weight", &[2, 3], &[0.5; 6]);
/// let logits = graph.node("Gemm", &[&rows, &weight], vec![Attribute::Int("transB", 1)], "logits");
/// graph.output(&logits, &[None, Some(2)]);
/// assert_eq!(graph.finish(Vec::new()).operators(), 3);
/// ```
#[derive(Debug)]
pub struct GraphWriter {
    opset: Opset,
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    names: BTreeSet<String>,
    /// Lists of whole numbers that are written already, by their values.
    lists: BTreeMap<Vec<i64>, String>,
    /// Single numbers that are written already, by their bits.
    numbers: BTreeMap<u32, String>,
}

impl GraphWriter {
    /// An empty graph.
    pub fn new(opset: Opset) -> Self {
        Self {
            opset,
            nodes: Vec::new(),
            weights: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            names: BTreeSet::new(),
            lists: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// The version of the operators.
    pub fn opset(&self) -> Opset {
        self.opset
    }

    /// Keeps a name from all others that are given from now on.
    pub fn reserve(&mut self, name: &str) {
        self.names.insert(name.into());
    }

    /// Images `[N, C, H, W]` that have to be given; open where `None`.
    pub fn input(&mut self, name: &str, shape: &[Option<usize>; 4]) -> String {
        let name = self.free(name);
        let open = |axis: usize| ["n", "c", "h", "w"][axis].to_owned();
        self.inputs.push(value(&name, shape, &open));
        name
    }

    /// A tensor of the graph as one that it gives. An open size is that of the batch on the first axis, and one of its own elsewhere.
    pub fn output(&mut self, name: &str, shape: &[Option<usize>]) {
        let open = |axis: usize| match axis {
            0 => "n".to_owned(),
            _ => format!("{name}.{axis}"),
        };
        self.outputs.push(value(name, shape, &open));
    }

    /// An operator of this kind with one output, which is given this name, or one like it.
    pub fn node(
        &mut self,
        kind: &'static str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
        name: &str,
    ) -> String {
        let name = self.free(name);
        self.push(kind, inputs, attributes, &name);
        name
    }

    /// As [`node`](Self::node), with a name that was [reserved](Self::reserve).
    pub fn node_as(&mut self, kind: &'static str, inputs: &[&str], attributes: Vec<Attribute>, name: &str) {
        self.names.insert(name.into());
        self.push(kind, inputs, attributes, name);
    }

    fn push(&mut self, kind: &'static str, inputs: &[&str], attributes: Vec<Attribute>, name: &str) {
        self.nodes.push(NodeProto {
            domain: None,
            name: Some(format!("{kind}_{}", self.nodes.len())),
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![name.into()],
            op_type: Some(kind.into()),
            attribute: attributes.into_iter().map(Attribute::message).collect(),
        });
    }

    /// A weight of this shape, which is given this name, or one like it.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let name = self.free(name);
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.weight(&name, shape, DataType::FLOAT, bytes);
        name
    }

    /// A single number.
    pub fn number(&mut self, number: f32) -> String {
        if let Some(name) = self.numbers.get(&number.to_bits()) {
            return name.clone();
        }
        let name = self.floats("number", &[], &[number]);
        self.numbers.insert(number.to_bits(), name.clone());
        name
    }

    /// A list of whole numbers, as operators take sizes and axes.
    pub fn list(&mut self, numbers: &[i64]) -> String {
        if let Some(name) = self.lists.get(numbers) {
            return name.clone();
        }
        let name = self.free("list");
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.weight(&name, &[numbers.len()], DataType::INT64, bytes);
        self.lists.insert(numbers.into(), name.clone());
        name
    }

    fn weight(&mut self, name: &str, shape: &[usize], kind: DataType, bytes: Vec<u8>) {
        self.weights.push(tensor(name, shape, kind, bytes));
    }

    /// A name that nothing has, this one or one like it.
    pub(super) fn name_like(&mut self, wanted: &str) -> String {
        self.free(wanted)
    }

    /// The operators and weights alone, for a graph that they are put into.
    pub(super) fn into_parts(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes, self.weights)
    }

    /// Ends the graph: a file with these texts beside it.
    pub fn finish(self, metadata: Vec<(String, String)>) -> OnnxFile {
        let graph = GraphProto {
            node: self.nodes,
            initializer: self.weights,
            input: self.inputs,
            output: self.outputs,
            value_info: Vec::new(),
        };
        OnnxFile::new(graph, self.opset, metadata)
    }

    /// This name, with a number behind it if it is taken; from then on it is.
    fn free(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while self.names.contains(&name) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        self.names.insert(name.clone());
        name
    }
}

/// The name of an input or output.
pub(super) fn named(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}

/// A tensor that is written in the file, little-endian.
pub(super) fn tensor(name: &str, shape: &[usize], kind: DataType, bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|&size| size as i64).collect(),
        data_type: Some(kind),
        raw_data: Some(RefCell::new(bytes)),
        name: Some(name.into()),
        ..TensorProto::default()
    }
}

/// The name, type and shape of a tensor of floats; `open` names the sizes that are not fixed.
pub(crate) fn value(name: &str, shape: &[Option<usize>], open: &dyn Fn(usize) -> String) -> ValueInfoProto {
    let dimension = |(at, size): (usize, &Option<usize>)| match size {
        Some(size) => Dimension {
            dim_value: Some(*size as i64),
            dim_param: None,
        },
        None => Dimension {
            dim_value: None,
            dim_param: Some(open(at)),
        },
    };
    let tensor = TypeProtoTensor {
        elem_type: Some(DataType::FLOAT),
        shape: Some(TensorShapeProto {
            dim: shape.iter().enumerate().map(dimension).collect(),
        }),
    };
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
            sequence: None,
        }),
    }
}
