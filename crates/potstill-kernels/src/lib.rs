//! Fast CPU kernels for training convolutional networks and transformers, on plain `f32` slices.
//!
//! Feature maps are contiguous `[N, H, W, C]` (channels last), convolution weights are `[O, I / groups, kh, kw]` and linear ones
//! `[O, I]` as in PyTorch. Every function checks the lengths it is given and returns a [`KernelError`]; none of them panics.
//!
//! Five ideas carry the crate:
//!
//! * **Sixteen lanes.** Channels are packed in blocks of sixteen, one cache line, on every instruction set
//!   ([`Isa`], chosen once at run time). One generic body serves AVX-512, AVX2, NEON and portable code.
//! * **A stencil is a list of taps.** Forward and backward-data of any kernel, stride, padding, dilation and grouping are
//!   the same loop over a packed image, with other taps. Wide 3x3 kernels of stride 1 go through Winograd's transforms, which
//!   leave a product of the same form.
//! * **A product is a walk through panels.** Linear layers, attention and convolutions whose windows lie side by side share one
//!   tile: some rows of the left operand, where they lie, times a packed panel of the right one.
//! * **Sums have a fixed shape.** Work is cut by the problem's shape and never by the number of threads, so that any
//!   [`Pool`] gives the same bits.
//! * **Memory comes back.** Results are written into vectors that hold nothing yet ([`Output`]), working memory stays with its
//!   thread, and a binary may keep large blocks from step to step ([`Recycler`]).

mod activate;
mod activation;
mod affine_warp;
mod attention;
mod column_sums;
mod conv;
mod cross_entropy;
mod divergence;
mod error;
mod focal;
mod gated_sum;
mod isa;
mod layer_norm;
mod norm;
mod optimizer;
mod output;
mod peak;
mod pool;
mod pooled_error;
mod prelu;
mod product;
mod recycler;
mod resample;
mod roi_align;
mod row_loss;
mod row_norm;
mod scratch;
mod shuffle;
mod unpool;
mod window;

pub use activate::{activate, activate_backward};
pub use activation::Activation;
pub use affine_warp::{AffineWarp, AffineWarpGradients};
pub use attention::{AttentionBackward, AttentionShape};
pub use column_sums::column_sums;
pub use conv::{
    ConvShape, Epilogue, PackedConv, Precision, conv_backward_data, conv_backward_data_add,
    conv_backward_weight, conv_forward,
};
pub use cross_entropy::softmax_cross_entropy;
pub use divergence::softmax_divergence;
pub use error::KernelError;
pub use focal::FocalLoss;
pub use gated_sum::{GateGradients, GateInputs, GatedSum};
pub use isa::Isa;
pub use layer_norm::{LayerNorm, LayerNormGradients, RowStatistics};
pub use norm::{
    BatchNormBackward, BatchNormGradients, GateSource, Moments, bn_apply, bn_backward, bn_statistics,
    fold_batch_norm,
};
pub use optimizer::{AdamW, Sgd};
pub use output::Output;
pub use peak::peak_gflops;
pub use pool::Pool;
pub use pooled_error::{BinSums, PooledError};
pub use prelu::Prelu;
pub use product::{LinearEnding, LinearShape, PackedLinear};
pub use recycler::Recycler;
pub use resample::{Axis, Resample};
pub use roi_align::{Region, RoiAlign, RoiRule};
pub use row_norm::{row_norms, row_norms_backward};
pub use shuffle::channel_shuffle;
pub use unpool::UnpoolShape;
pub use window::{Summary, WindowShape, window_backward, window_forward};
