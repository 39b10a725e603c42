//! Batch norm over `[pixels, channels]` maps: statistics, the fused forward pass, and the fused backward passes.

mod apply;
mod backward;
mod moments;
mod sweep;

pub use apply::bn_apply;
pub use backward::{BatchNormBackward, BatchNormGradients, GateSource, bn_backward};
pub use moments::{Moments, bn_statistics, fold_batch_norm};
