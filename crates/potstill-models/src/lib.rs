//! Networks and their named points, and their weights in and out.
//!
//! [`registry`] lists every network by name; [`Model`] is any of them, built; [`FrozenModel`] is one to learn from, ours or in
//! an ONNX file; [`probe`] runs one once and tells its points,
//! map sizes and cost, [`outline`] makes a tree of that; [`weights`] reads PyTorch and safetensors files strictly and writes safetensors under PyTorch's names.

mod assembly;
mod backbones;
mod error;
mod frozen_model;
mod heads;
mod model;
mod named;
mod names;
mod necks;
mod onnx;
mod outline;
mod outputs;
mod own_network;
mod probe;
mod registry;
pub mod weights;

pub use backbones::{Backbone, LastStage, Stage, StageEnd};
pub use error::ModelError;
pub use frozen_model::FrozenModel;
pub use heads::HeadConfig;
pub use model::Model;
pub use names::{Names, Scheme};
pub use necks::NeckConfig;
pub use onnx::OnnxModel;
pub use outline::{OutlineRow, outline};
pub use outputs::{OutputError, OutputKind, Outputs};
pub use own_network::{Network, NetworkDescription};
pub use potstill_settings::Shortcut;
pub use probe::{Probe, probe};
pub use registry::{BuildOptions, ModelEntry, find, registry};
