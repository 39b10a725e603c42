//! Writing ONNX files: a graph of operators and weights, built operator by operator.
//!
//! The messages are those of `rten-onnx`, which reads them, too. Fields: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

mod attribute;
mod file;
mod graph;

pub use attribute::Attribute;
pub use file::{OnnxFile, Opset};
pub use graph::GraphWriter;
