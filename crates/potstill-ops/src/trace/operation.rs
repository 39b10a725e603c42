//! The operations of a traced network, and their weights.

use burn::{
    module::{Param, ParamId},
    tensor::Tensor,
};

use crate::{Activation, BatchNorm, Border, Conv2dConfig, Gate, LayerNorm, Window};

/// Numbers of a network that an operation takes beside its maps.
#[derive(Debug, Clone)]
pub struct Weight {
    /// Identity of the parameter that they are; that of none where they were made of one.
    pub id: ParamId,
    /// Their shape, PyTorch's layout.
    pub shape: Vec<usize>,
    /// The numbers, row-major, on the plain device.
    pub values: Tensor<1>,
}

impl Weight {
    pub(crate) fn of<const D: usize>(param: &Param<Tensor<D>>) -> Self {
        Self::new(param.id, param.val())
    }

    /// Numbers that are no parameter of the network.
    pub(crate) fn made<const D: usize>(values: Tensor<D>) -> Self {
        Self::new(ParamId::new(), values)
    }

    fn new<const D: usize>(id: ParamId, values: Tensor<D>) -> Self {
        Self {
            id,
            shape: values.dims().to_vec(),
            values: values.inner().reshape([-1]),
        }
    }
}

/// A batch norm by its running statistics.
#[derive(Debug, Clone)]
pub struct TracedNorm {
    /// Gamma, `[C]`.
    pub weight: Weight,
    /// Beta, `[C]`.
    pub bias: Weight,
    /// `[C]`.
    pub running_mean: Weight,
    /// `[C]`.
    pub running_var: Weight,
    /// What is added to the variance before the root.
    pub epsilon: f64,
}

impl TracedNorm {
    pub(crate) fn of(norm: &BatchNorm) -> Self {
        Self {
            weight: Weight::of(&norm.weight),
            bias: Weight::of(&norm.bias),
            running_mean: Weight::of(&norm.running_mean),
            running_var: Weight::of(&norm.running_var),
            epsilon: norm.epsilon(),
        }
    }
}

/// What an operation does with its maps `[N, H, W, C]`; the words are those of [`ForwardPass`](crate::ForwardPass).
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "fields are those of the layers of the same names")]
#[allow(clippy::large_enum_variant, reason = "a network has some hundred steps")]
pub enum Operation {
    /// Makes the images: the network's input.
    Images,
    /// A convolution, and the batch norm behind it if there is one.
    Convolution {
        config: Conv2dConfig,
        weight: Weight,
        bias: Option<Weight>,
        norm: Option<TracedNorm>,
    },
    /// A batch norm behind something else than a convolution.
    BatchNorm(TracedNorm),
    /// A layer norm over the channels.
    LayerNorm {
        weight: Weight,
        bias: Weight,
        epsilon: f64,
    },
    /// A fully connected layer on the channels of each place; its weight is `[O, I]`.
    Linear { weight: Weight, bias: Option<Weight> },
    /// An activation.
    Activate(Activation),
    /// A number between 0 and 1 of each.
    Gate(Gate),
    /// The sum of two maps.
    Add,
    /// The product of two maps.
    Multiply,
    /// Every number times this one.
    Times(f64),
    /// Every channel times a number of its own.
    Scale(Weight),
    /// The scale `[1]` over the length of the channels of each place.
    InverseLength(Weight),
    /// The largest value of each window.
    MaxPool(Window),
    /// The mean of each window.
    AvgPool(Window, Border),
    /// The mean over all places.
    Mean,
    /// Rows and columns mixed anew: each is multiplied by a matrix, `[H', H]` from the left and `[W, W']` from the right.
    Resample { rows: Weight, columns: Weight },
    /// The channels of so many groups, dealt out one of each in turn.
    Shuffle(usize),
    /// Every so-manieth row and column.
    Subsample(usize),
    /// Channels of zeros before and after.
    PadChannels([usize; 2]),
    /// Maps joined along this axis of `[N, H, W, C]`.
    Concat(usize),
    /// A part of a map along an axis of `[N, H, W, C]`.
    Narrow {
        axis: usize,
        start: usize,
        length: usize,
    },
    /// The same numbers in another size.
    Reshape,
    /// A class token before the tokens, and a position added to each.
    ClassToken { class: Weight, positions: Weight },
    /// Self-attention in each row, with a bias `[1, heads, T, T]`, or `[H, heads, T, T]` with one for each row.
    Attend { heads: usize, bias: Option<Weight> },
    /// A map cut into windows of so many places along each side, a row for each: `[N, G, T, C]`.
    Partition(usize),
    /// The reverse.
    Merge(usize),
    /// Squares of 2x2 places as one, column by column.
    MergePatches,
}

impl Operation {
    pub(crate) fn layer_norm(norm: &LayerNorm) -> Self {
        Self::LayerNorm {
            weight: Weight::of(&norm.weight),
            bias: Weight::of(&norm.bias),
            epsilon: norm.epsilon(),
        }
    }
}
