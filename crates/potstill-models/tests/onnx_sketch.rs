//! Small ONNX files written operator by operator, for tests of what is read of them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::{GraphNetwork, Model, TrainGraph};
use potstill_onnx::{
    Array, OnnxNetwork,
    write::{Attribute, GraphWriter, Opset},
};
use potstill_ops::Frozen;

use crate::onnx_students::{images, near, scope};

/// A graph of version 20 on its way.
pub(crate) fn newer() -> (Sketch, String) {
    let mut graph = GraphWriter::new(Opset::V20);
    let images = graph.input("images", &[None, Some(3), Some(8), Some(8)]);
    graph.reserve("logits");
    (Sketch(graph), images)
}

/// `sin(0.7 i + start)`: weights that are all different.
pub(crate) fn wave(count: usize, start: f64) -> Vec<f32> {
    (0..count)
        .map(|at| (0.7 * at as f64 + start).sin() as f32)
        .collect()
}

/// A graph on its way to a file of images `[N, 3, 8, 8]`.
pub(crate) struct Sketch(pub GraphWriter);

impl Sketch {
    pub fn new() -> (Self, String) {
        let mut graph = GraphWriter::new(Opset::V17);
        let images = graph.input("images", &[None, Some(3), Some(8), Some(8)]);
        graph.reserve("logits");
        (Self(graph), images)
    }

    pub fn floats(&mut self, name: &str, shape: &[usize]) -> String {
        let values = wave(shape.iter().product(), name.len() as f64);
        self.0.floats(name, shape, &values)
    }

    /// A convolution of so many inputs to so many outputs by 1x1.
    pub fn conv(&mut self, x: &str, name: &str, [inputs, outputs]: [usize; 2]) -> String {
        let weight = self.floats(&format!("{name}.weight"), &[outputs, inputs, 1, 1]);
        let kernel = Attribute::sizes("kernel_shape", &[1, 1]);
        self.0.node("Conv", &[x, &weight], vec![kernel], name)
    }

    pub fn node(&mut self, kind: &'static str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let name = format!("{}_out", kind.to_lowercase());
        self.0.node(kind, inputs, attributes, &name)
    }

    pub fn reshaped(&mut self, x: &str, sizes: &[i64]) -> String {
        let sizes = self.0.list(sizes);
        self.node("Reshape", &[x, &sizes], vec![])
    }

    pub fn transposed(&mut self, x: &str, order: &[usize]) -> String {
        self.node("Transpose", &[x], vec![Attribute::sizes("perm", order)])
    }

    /// A linear layer `fc` of pooled maps to three classes.
    pub fn classified(mut self, map: &str, channels: usize, output: &str) -> Self {
        let pooled = self.node("GlobalAveragePool", &[map], vec![]);
        let rows = self.node("Flatten", &[&pooled], vec![]);
        let weight = self.floats("fc.weight", &[3, channels]);
        let bias = self.floats("fc.bias", &[3]);
        let transposed = vec![Attribute::Int("transB", 1)];
        self.0
            .node_as("Gemm", &[&rows, &weight, &bias], transposed, output);
        self
    }

    pub fn written(mut self, folder: &Path, name: &str) -> PathBuf {
        self.0.output("logits", &[None, Some(3)]);
        let path = folder.join(name);
        self.0.finish(vec![]).write(&path).unwrap();
        path
    }
}

pub(crate) fn read(path: &Path) -> TrainGraph {
    TrainGraph::open(path, None, [8, 8, 3]).unwrap()
}

pub(crate) fn refusal(path: &Path) -> String {
    TrainGraph::open(path, None, [8, 8, 3]).unwrap_err().to_string()
}

/// Images `[2, 3, 8, 8]`, and the logits of a network for them as the file and as what was read of it have them.
#[track_caller]
pub(crate) fn holds(path: &Path) -> Model {
    let network = GraphNetwork::proven(read(path), &scope()).unwrap().into_model();
    let values = wave(2 * 3 * 8 * 8, 0.3);
    let images = Tensor::<4>::from_data(TensorData::new(values.clone(), [2, 3, 8, 8]), &Device::flex());
    let ours = Model::logits(&Frozen::new(&network), images.permute([0, 2, 3, 1])).unwrap();
    let given = Array {
        shape: vec![2, 3, 8, 8],
        values,
    };
    let theirs = OnnxNetwork::open(path, None)
        .unwrap()
        .run(&given, &["logits"])
        .unwrap()
        .remove(0);
    let theirs: Vec<f64> = theirs.values.into_iter().map(f64::from).collect();
    near(
        &path.display().to_string(),
        &crate::onnx_students::values(ours),
        &theirs,
        1e-4,
    );
    network
}

/// Images `[N, 8, 8, 3]`.
pub(crate) fn images_of(count: usize) -> Tensor<4> {
    images(count, 0.0).narrow(1, 0, 8).narrow(2, 0, 8)
}
