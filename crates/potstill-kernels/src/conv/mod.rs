//! Two-dimensional convolution: forward, gradients of the input and of the weights, and frozen layers.

mod backward_data;
mod backward_weight;
mod code;
mod depthwise;
mod ending;
mod forward;
mod fresh;
mod frozen;
mod gradient_pass;
mod gradient_tile;
mod items;
mod pack;
mod pairs;
mod panels;
mod pass;
mod shape;
mod stencil;
mod sums;
mod tile;
mod winograd;

pub use backward_data::{conv_backward_data, conv_backward_data_add};
pub use backward_weight::conv_backward_weight;
pub use forward::{Epilogue, conv_forward};
pub use frozen::{PackedConv, Precision};
pub use shape::ConvShape;
