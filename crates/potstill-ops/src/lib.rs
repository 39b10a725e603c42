//! Layers and fused operations, the ground floor of Potstill's networks.
//!
//! * Feature maps are contiguous `[N, H, W, C]` (channels last) between operations; weights keep PyTorch's layout and
//!   names (`weight: [O, I, kh, kw]`, `running_mean`, ...).
//! * A forward pass carries a [`Pass`]: the batch-norm [`Mode`], a [`Visitor`] that may read or replace the map at a named
//!   [`Point`], and what the pass leaves behind (batch moments, a count of multiplications).
//! * A forward pass never changes a layer. Batch norm hands its batch moments to the pass, and [`BatchStatistics::update_running_stats`] moves the
//!   running statistics when a training step is kept. So copies of a network are independent by construction.
//! * A network's way from images to outputs is written once over [`ForwardPass`]: a pass computes it, a [`Trace`] notes its operations.
//! * Every parameter is created by a [`Scope`], which names its random stream, and seen from outside through
//!   [`Parameters`], which names it by its PyTorch path.

mod activation;
mod affine_warp;
mod attention;
mod batch_statistics;
mod channel_norm;
mod computed;
mod conv;
mod conv_transpose;
mod cross_entropy;
mod divergence;
mod draws;
mod fast;
mod focal;
mod forward_pass;
mod frozen;
mod gated_sum;
mod group_norm;
mod inserted;
mod layer_norm;
mod linear;
mod mlp;
mod norm;
mod parameters;
mod pass;
mod patch_embed;
mod pixel_norm;
mod point;
mod pool;
mod pooled_error;
mod prelu;
mod resize;
mod roi_align;
mod scope;
mod select;
mod shuffle;
mod squeeze;
mod tokens;
mod trace;
mod unit;
mod unpool;
mod windows;

pub use activation::Activation;
pub use affine_warp::affine_warp;
pub use attention::Attention;
pub use batch_statistics::BatchStatistics;
pub use channel_norm::channel_norm;
pub use conv::{Conv2d, Conv2dConfig, convolution};
pub use conv_transpose::{ConvTranspose2d, ConvTranspose2dConfig};
pub use cross_entropy::cross_entropy_of_rows;
pub use divergence::{LOG_ZERO, softmax_divergence};
pub use draws::Draws;
pub use fast::{Form, instruction_set, peak_gflops, set_threads, threads, update_in_place};
pub use focal::{focal_loss, inverted_focal_loss};
pub use forward_pass::ForwardPass;
pub use frozen::Frozen;
pub use gated_sum::gated_sum;
pub use group_norm::GroupNorm;
pub use inserted::{CosineConv, Inserted, Insertion, KdLayer, LayerConfig, Projector};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use mlp::Mlp;
pub use norm::{BatchNorm, NormRule};
pub use parameters::{Entry, Parameters, Role, STATISTICS, count_trainable};
pub use pass::{Mode, Pass};
pub use patch_embed::PatchEmbed;
pub use pixel_norm::{normalise_pixels, restore_pixels};
pub use point::{Point, PointError, PointSide, Taps, UnmetTap, Visitor};
pub use pool::{Border, Window, adaptive_avg_pool, avg_pool, global_avg_pool, max_pool};
pub use pooled_error::pooled_squared_error;
pub use potstill_kernels::{Precision, Recycler, Region};
pub use prelu::Prelu;
pub use resize::{resize_bilinear, resize_nearest};
pub use roi_align::RoiAlign;
pub use scope::Scope;
pub use select::{indices, select_places};
pub use shuffle::channel_shuffle;
pub use squeeze::{Gate, SqueezeExcitation};
pub use tokens::{show_tokens, tokens_of_map};
pub use trace::{Operation, Step, Trace, TracedGraph, TracedMap, TracedNorm, Weight};
pub use unit::{act, batch_norm, conv_norm, conv_norm_act, conv_norm_add, norm_act};
pub use unpool::{PoolIndices, max_pool_with_indices, max_unpool};
pub use windows::WindowAttention;
