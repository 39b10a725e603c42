//! Networks and their named points, and their weights in and out.
//!
//! * [`registry`] lists every network by name.
//! * [`Model`] is any network, built: a backbone, a neck or none, and a head. [`Outputs`] is what it gives.
//! * [`FrozenModel`] is one that cannot be trained, ours or in an ONNX file.
//! * [`Backbone`] gives the maps of a network's stages; [`NeckConfig`] and [`HeadConfig`] are what can be put
//!   on it.
//! * [`Network`] is a network of a program's own, which a [`Model`] can hold as well.
//! * [`GraphNetwork`] is a network in an ONNX file that trains.
//! * [`probe`] runs a model once and tells its points, map sizes and cost; [`outline`] makes a tree of that.
//! * [`onnx_file`] writes a network as an ONNX file.
//! * [`weights`] reads PyTorch and safetensors files strictly and writes safetensors under PyTorch's names.

mod assembly;
mod backbones;
mod blueprint;
mod dense_logits;
mod detections;
mod detectors;
mod error;
mod frozen_model;
mod graph_network;
mod heads;
mod input_rule;
mod levels;
mod linear_head;
mod model;
mod named;
mod names;
mod necks;
mod onnx;
mod onnx_export;
mod outline;
mod outputs;
mod own_network;
mod patterns;
mod probe;
mod registry;
mod segmenters;
pub mod weights;

pub use backbones::{Backbone, LastStage, Stage, StageEnd};
pub use dense_logits::DenseLogits;
pub use detections::{
    BoxMaps, CellDetections, CellMaps, DefaultBoxDetections, DenseDetections, DenseLearning,
    DenseLevelOutputs, DenseRules, Detections, DetectorFacts, DetectorKind, FoundRegion, LatePass,
    PlaceDetections, RegionDetections, RegionRules, ScoreLayout,
};
pub use error::ModelError;
pub use frozen_model::FrozenModel;
pub use graph_network::{GraphNetwork, GraphStart, GraphWeights};
pub use heads::{HeadConfig, Proposed, RegionHeads, SaidOfRegions};
pub use input_rule::{InputRule, InputScaling};
pub use linear_head::LinearHead;
pub use model::Model;
pub use names::{Names, Scheme};
pub use necks::{ExtraLevels, FpnConfig, NeckConfig};
pub use onnx::{OnnxModel, OnnxOutputs};
pub use onnx_export::{Enlargement, IMAGES, LOGITS, OnnxOptions, PixelInput, onnx_file, tensor_name};
pub use outline::{OutlineRow, outline};
pub use outputs::{OutputError, OutputKind, Outputs};
pub use own_network::{Network, NetworkDescription};
pub use potstill_onnx::train_graph::{EXPORT_LINE, TrainGraph};
pub use potstill_settings::{HeadWeights, Shortcut};
pub use probe::{Probe, probe};
pub use registry::{BuildOptions, ModelEntry, find, registry};
