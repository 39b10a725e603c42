//! The fast CPU form of convolutions, of the conv unit and of the norm unit: whole operations from `potstill-kernels`, with hand-written
//! gradients, in place of the portable form's chains of tensor operations.
//!
//! It serves contiguous or strided `f32` tensors of the flex backend, tracked or not. For anything else (another backend,
//! another number type, gradient checkpointing) each entry gives `None` and the caller takes the portable form.

mod activate;
mod affine_warp;
mod attention;
mod buffer;
mod channel_norm;
mod conv;
mod conv_transpose;
mod cross_entropy;
mod directions;
mod divergence;
mod focal;
mod form;
mod frozen;
mod gated_sum;
mod graph;
mod group_norm;
mod layer_norm;
mod linear;
mod norm;
mod normalise;
mod pooled_error;
mod prelu;
mod resample;
mod roi_align;
mod shuffle;
mod summed;
mod unit;
mod unpool;
mod update;
mod window;

use potstill_kernels::{ConvShape, Isa, Pool};

pub(crate) use activate::activated;
pub(crate) use affine_warp::warp;
pub(crate) use attention::attended;
pub(crate) use channel_norm::fast_channel_norm;
pub(crate) use conv::convolve;
pub(crate) use conv_transpose::convolve_transposed;
pub(crate) use cross_entropy::fast_cross_entropy;
pub(crate) use directions::DirectionCache;
pub(crate) use divergence::fast_divergence;
pub(crate) use focal::fast_focal_loss;
pub use form::Form;
pub(crate) use frozen::PackedCache;
pub(crate) use gated_sum::gated;
pub(crate) use group_norm::fast_group_norm;
pub(crate) use layer_norm::fast_layer_norm;
pub(crate) use linear::{PackedLinearCache, fast_linear};
pub(crate) use norm::norm_unit;
pub(crate) use normalise::Unit;
pub(crate) use pooled_error::pooled_error;
pub(crate) use prelu::rectify;
pub(crate) use resample::resampled;
pub(crate) use roi_align::pooled_regions;
pub(crate) use shuffle::fast_channel_shuffle;
pub(crate) use unit::conv_unit;
pub(crate) use unpool::{Places, pool_with_places, unpool_to};
pub use update::update_in_place;
pub(crate) use window::summarise;

use crate::{Activation, Conv2dConfig};

/// Chooses how many threads the fast form uses, in the whole process. `false`, and no change, when it has already computed
/// something. Without this call there is one per core. The results do not depend on the number.
pub fn set_threads(threads: usize) -> bool {
    Pool::set_threads(threads)
}

/// How many threads the fast form uses.
pub fn threads() -> usize {
    Pool::global().threads()
}

/// What computes: the instruction set of the kernels (`avx512`, `avx2`, `portable`), or `burn` for the portable form.
pub fn instruction_set() -> &'static str {
    match Form::current() {
        Form::Fast => Isa::current().name(),
        Form::Portable => "burn",
    }
}

/// GFLOP/s that the machine can do at most with [`threads`] and the present instruction set; none if that is not known. Takes
/// some milliseconds.
pub fn peak_gflops() -> Option<f64> {
    potstill_kernels::peak_gflops(Isa::current(), threads())
}

/// The kernels' name for a convolution of maps of this size; none if the channels do not fit or the kernel is too large.
fn shape_of(config: &Conv2dConfig, [n, h, w, channels]: [usize; 4]) -> Option<ConvShape> {
    let Conv2dConfig {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        bias: _,
    } = *config;
    let shape = ConvShape {
        n,
        h,
        w,
        c_in: inputs,
        c_out: outputs,
        kernel,
        stride,
        padding,
        dilation,
        groups,
    };
    (channels == inputs && shape.validate().is_ok()).then_some(shape)
}

fn out_dims(shape: &ConvShape) -> [usize; 4] {
    let [h, w] = shape.out_size();
    [shape.n, h, w, shape.c_out]
}

/// The kernels' name for an activation.
fn kernel_activation(activation: Activation) -> potstill_kernels::Activation {
    use potstill_kernels::Activation as Kernel;
    match activation {
        Activation::Identity => Kernel::None,
        Activation::Relu => Kernel::Relu,
        Activation::Relu6 => Kernel::Relu6,
        Activation::LeakyRelu(slope) => Kernel::Leaky(slope),
        Activation::HardSwish => Kernel::HardSwish,
        Activation::Silu => Kernel::Silu,
        Activation::Gelu => Kernel::Gelu,
    }
}

/// Why a kernel cannot refuse: shapes are checked before a node of the graph is made.
const CHECKED: &str = "the shapes were checked by the forward pass";
