//! Two-dimensional convolution: forward, gradients of the input and of the weights, and frozen layers.

mod accumulate;
mod algorithm;
mod backward_data;
mod backward_weight;
mod depthwise;
mod epilogue_args;
mod forward;
mod frozen;
mod gradient_pass;
mod gradient_tile;
mod half_pairs;
mod pack;
mod panels;
mod pass;
mod patches;
mod plain;
mod shape;
mod stencil;
mod tile;
mod winograd;
mod work_items;

pub use backward_data::{conv_backward_data, conv_backward_data_add};
pub use backward_weight::conv_backward_weight;
pub use forward::{Epilogue, conv_forward};
pub use frozen::PackedConv;
pub use potstill_settings::Precision;
pub use shape::ConvShape;
