//! The networks that maps come from, one family per file.
//!
//! A family is one file and a line in each list of `family.rs`.

mod architectures;
mod backbone;
mod cifar_benchmark;
mod cifar_mobilenet_v2;
mod cifar_resnet;
mod cifar_shufflenet_v1;
mod cifar_shufflenet_v2;
mod cifar_vgg;
mod convnext;
mod efficientnet;
mod family;
mod imagenet;
mod inverted_residual;
mod mobilenet_v1;
mod mobilenet_v2;
pub(crate) mod mobilenet_v3;
pub(crate) mod resnet;
mod sequence;
mod shufflenet_v2;
mod swin;
mod vit;
mod wide_resnet;

pub use backbone::Backbone;
pub(crate) use family::{Architecture, Extent, FAMILIES};
pub use family::{LastStage, Stage, StageEnd};
pub(crate) use inverted_residual::{ConvNorm, Part, conv_and_norm};
pub(crate) use mobilenet_v3::{Feature, thin_mobilenet_v3};
pub(crate) use sequence::{Sequence, sequence, sequence_with, units};
