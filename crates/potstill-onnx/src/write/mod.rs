//! Writing ONNX files: a graph of operators and weights, built operator by operator, or a file that is there with other weights.
//!
//! The messages are those of `rten-onnx`, which reads them, too. Fields: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

mod attribute;
mod file;
mod filled;
mod graph;
mod restate;

pub use attribute::Attribute;
pub use file::{OnnxFile, Opset};
pub use filled::{FilledGraph, fold_scale, fold_shift, scale_rows};
pub use graph::GraphWriter;
pub(crate) use graph::value;
