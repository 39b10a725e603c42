//! Networks and their named points, and their weights in and out.
//!
//! [`registry`] lists every network by name; [`Classifier`] is any of them, built; [`FrozenClassifier`] is one to learn from, ours or in
//! an ONNX file; [`probe`] runs one once and tells its points,
//! map sizes and cost, [`outline`] makes a tree of that; [`weights`] reads PyTorch and safetensors files strictly and writes safetensors under PyTorch's names.

mod benchmark;
mod cifar_mobilenet_v2;
mod cifar_resnet;
mod cifar_shufflenet_v1;
mod cifar_shufflenet_v2;
mod cifar_vgg;
mod classifier;
mod convnext;
mod efficientnet;
mod error;
mod family;
mod frozen_classifier;
mod imagenet;
mod inverted_residual;
mod mobilenet_v1;
mod mobilenet_v2;
mod mobilenet_v3;
mod names;
mod onnx;
mod outline;
mod probe;
mod registry;
mod resnet;
mod sequence;
mod shufflenet_v2;
mod swin;
mod vit;
pub mod weights;
mod wide_resnet;

pub use cifar_resnet::Shortcut;
pub use classifier::Classifier;
pub use error::ModelError;
pub use family::{LastStage, StageEnd};
pub use frozen_classifier::FrozenClassifier;
pub use names::{Names, Scheme};
pub use onnx::OnnxClassifier;
pub use outline::{OutlineRow, outline};
pub use probe::{Probe, probe};
pub use registry::{BuildOptions, ModelEntry, find, registry};
