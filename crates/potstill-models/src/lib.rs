//! Networks and their named points, and their weights in and out.
//!
//! [`registry`] lists every network by name; [`Classifier`] is any of them, built; [`probe`] runs one once and tells its points,
//! map sizes and cost; [`weights`] reads PyTorch and safetensors files strictly and writes safetensors under PyTorch's names.

mod cifar_resnet;
mod classifier;
mod error;
mod probe;
mod registry;
pub mod weights;

pub use cifar_resnet::{CifarResNet, CifarResNetConfig, Shortcut};
pub use classifier::Classifier;
pub use error::ModelError;
pub use probe::{Probe, probe};
pub use registry::{BuildOptions, ModelEntry, find, registry};
