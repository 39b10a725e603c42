//! What can be wrong about an ONNX file.

use std::path::PathBuf;

/// A file that cannot be read or run, or does not take or give what it should. Every variant names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// No ONNX file, or a broken one.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {reason}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// An operator that there is no code for.
    #[error(
        "cannot run {}: {reason}. The file may work when it is exported again with a newer opset, or without the part that needs \
         this operator (a preprocessing or a detection head)",
        file.display()
    )]
    Operator {
        /// The file.
        file: PathBuf,
        /// Which operator, and where.
        reason: String,
    },
    /// An input that takes no images.
    #[error("{} takes no images: {reason}", file.display())]
    NoImages {
        /// The file.
        file: PathBuf,
        /// What it takes.
        reason: String,
    },
    /// A name that no tensor of the file has.
    #[error("{} has no tensor `{name}`; {hint}", file.display())]
    NoTensor {
        /// The file.
        file: PathBuf,
        /// The name.
        name: String,
        /// The nearest name.
        hint: String,
    },
    /// A tensor that is no list of logits.
    #[error("the tensor `{name}` of {} cannot be the logits: {reason}", file.display())]
    NoLogits {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
        /// What it is, and which tensor may be meant.
        reason: String,
    },
    /// A file that cannot be a student.
    #[error("{} cannot be trained: {reason}", file.display())]
    NotTrainable {
        /// The file.
        file: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// A file of which something else was read than what it is.
    #[error(
        "{} cannot be trained: on two drawn images the logits of what was read of it differ by {difference:.1e} from the file's own, the \
         largest of which is {largest:.3}{}. This is a fault of Potstill; as a frozen teacher the file works as it is (`teacher.onnx`)",
        file.display(),
        first.as_ref().map_or(String::new(), |first| format!(", first in `{first}`"))
    )]
    Misread {
        /// The file.
        file: PathBuf,
        /// The largest difference of a logit.
        difference: f32,
        /// The file's largest logit.
        largest: f32,
        /// The first tensor that differs, if one was found.
        first: Option<String>,
    },
    /// Images of a shape that the file does not take.
    #[error("{} takes images of {expected}, not of {given}; {advice}", file.display())]
    Images {
        /// The file.
        file: PathBuf,
        /// What the file takes.
        expected: String,
        /// What was given.
        given: String,
        /// What to do.
        advice: &'static str,
    },
    /// An operator that failed on these images.
    #[error("{} fails on {count} images of {images}: {reason}", file.display())]
    Run {
        /// The file.
        file: PathBuf,
        /// How many images.
        count: usize,
        /// Their shape.
        images: String,
        /// Where and why.
        reason: String,
    },
}
