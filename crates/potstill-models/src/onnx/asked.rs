//! What is wanted of an ONNX file.

use crate::OutputKind;

/// What a task wants of the outputs of an ONNX file, and the tensors that are named for it.
///
/// ```
/// use potstill_models::{OnnxOutputs, OutputKind};
///
/// let asked = OnnxOutputs { logits: vec!["scores".into()], ..OnnxOutputs::of(OutputKind::DenseLogits, Some(11)) };
/// assert_eq!(asked.kind, Some(OutputKind::DenseLogits));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnnxOutputs {
    /// Which kind is wanted; whatever the file gives if `None`.
    pub kind: Option<OutputKind>,
    /// The names of the tensors of logits; the file's outputs where there are none.
    pub logits: Vec<String>,
    /// How many classes the data have, where that is known: the channels of a detector are read by it.
    pub classes: Option<usize>,
}

impl OnnxOutputs {
    /// Outputs of a kind for data of so many classes.
    pub fn of(kind: OutputKind, classes: Option<usize>) -> Self {
        Self {
            kind: Some(kind),
            logits: Vec::new(),
            classes,
        }
    }
}
