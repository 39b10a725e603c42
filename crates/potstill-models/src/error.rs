//! What can be wrong about a network.

use std::path::PathBuf;

/// A network that cannot be built, or cannot take what it is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No network has this name.
    #[error("no network is called `{name}`; {hint}")]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The nearest name, or that there is none.
        hint: String,
    },
    /// An option that this network does not have.
    #[error("`{model}` has no option `{option}`: {reason}")]
    Option {
        /// The network.
        model: String,
        /// The option.
        option: String,
        /// Why not.
        reason: &'static str,
    },
    /// A number that makes no network.
    #[error("`{model}` cannot be built with {what}")]
    Impossible {
        /// The network.
        model: String,
        /// The impossible thing.
        what: String,
    },
    /// A layer that cannot be put into the network.
    #[error("the layer `{path}` cannot be put into `{model}`: {reason}")]
    Insertion {
        /// The network.
        model: String,
        /// The layer.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A classifier that cannot be put into the network.
    #[error("the classifier of another network cannot be put into `{model}`: {reason}")]
    Head {
        /// The network.
        model: String,
        /// Why not.
        reason: String,
    },
    /// Images that the network cannot take.
    #[error("`{model}` cannot take images of {image} (height, width, channels): {reason}")]
    Input {
        /// The network.
        model: String,
        /// The size of the images.
        image: String,
        /// Why not.
        reason: String,
    },
    /// A network of a program's own that is not what it says.
    #[error("`{model}` is not as it is described: {what}")]
    Description {
        /// The network.
        model: String,
        /// The difference.
        what: String,
    },
    /// A network that cannot be written as an ONNX file.
    #[error("`{model}` cannot be written as an ONNX file: {reason}")]
    Export {
        /// The network.
        model: String,
        /// Why not.
        reason: String,
    },
    /// A network that gives other outputs than are needed.
    #[error(transparent)]
    Output(#[from] crate::OutputError),
    /// An ONNX file that cannot be read or run, or does not fit.
    #[error(transparent)]
    Onnx(#[from] potstill_onnx::OnnxError),
    /// A tensor file that cannot be read.
    #[error("cannot read weights from {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What went wrong, and where.
        reason: String,
    },
    /// A tensor file that does not fit the network.
    #[error("{0}")]
    WeightMismatch(#[from] Box<crate::weights::WeightMismatch>),
    /// A tensor file that holds several networks of this kind.
    #[error("{0}")]
    SeveralSets(#[from] Box<crate::weights::SeveralSets>),
    /// Weights that are not all numbers.
    #[error(
        "{} has weights that are not finite numbers: {tensors}; nothing was loaded. Whatever saved them had diverged: take an \
         earlier checkpoint", file.display()
    )]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The tensors.
        tensors: String,
    },
    /// A shortcut that was asked for, and is not the one of the weights.
    #[error("{asked} was asked for, and the shortcuts in {} are {found}: leave it out, or set {mended}", file.display())]
    OtherShortcut {
        /// The file.
        file: PathBuf,
        /// What was asked for.
        asked: String,
        /// What the file has.
        found: String,
        /// What would fit.
        mended: String,
    },
    /// A tensor file that cannot be written.
    #[error("cannot write weights to {}: {reason}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        reason: String,
    },
}
