//! What a file comes to as a network that trains: its tensors, its layers, and the steps of a pass over channels-last values.

use std::sync::Arc;

/// One size of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The same for any batch.
    Fixed(usize),
    /// So many for each image.
    PerImage(usize),
}

impl Size {
    /// The size in a batch of `images`.
    pub fn of(self, images: usize) -> usize {
        match self {
            Self::Fixed(size) => size,
            Self::PerImage(size) => size * images,
        }
    }

    /// The size if it does not depend on the batch.
    pub(super) fn fixed(self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(size),
            Self::PerImage(_) => None,
        }
    }
}

/// A tensor of the file that the network keeps: a weight, or a running statistic.
#[derive(Debug, Clone)]
pub struct KeptTensor {
    /// Its name, as in a state dict.
    pub name: String,
    /// Its shape, as stored.
    pub shape: Vec<usize>,
    /// Its values in the file, row-major.
    pub values: Arc<[f32]>,
}

/// The shape of a convolution, without its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zero rows and columns on each side.
    pub padding: [usize; 2],
    /// Distance of kernel elements.
    pub dilation: [usize; 2],
    /// Groups of channels.
    pub groups: usize,
}

/// A layer with tensors of its own, by their places in [`TrainGraph::tensors`](super::TrainGraph::tensors).
#[derive(Debug, Clone, PartialEq)]
pub enum LayerPlan {
    /// A convolution by a weight `[O, I / groups, kh, kw]`.
    Conv {
        /// The weight.
        weight: usize,
        /// The bias `[O]`.
        bias: Option<usize>,
        /// How it slides.
        shape: ConvShape,
    },
    /// `x W^T + b`.
    Linear {
        /// The weight, `[O, I]`, or `[I, O]` if its rows are inputs.
        weight: usize,
        /// The bias `[O]`.
        bias: Option<usize>,
        /// Whether the weight is `[I, O]`.
        rows_are_inputs: bool,
    },
    /// A batch norm.
    BatchNorm {
        /// Scale and shift, `[C]` each; none of one whose scale is one and whose shift is zero for good.
        affine: Option<[usize; 2]>,
        /// Running mean and running variance, `[C]` each.
        statistics: [usize; 2],
        /// The weight of the new batch in the running statistics, PyTorch's way.
        momentum: f64,
        /// What is added to the variance.
        epsilon: f64,
    },
    /// A layer norm over the last axis.
    LayerNorm {
        /// Scale and shift, `[C]` each.
        tensors: [usize; 2],
        /// What is added to the variance.
        epsilon: f64,
    },
    /// A weight that operators read as it is.
    Loose {
        /// The weight.
        tensor: usize,
    },
}

impl LayerPlan {
    /// The tensors of the layer, in order.
    pub fn tensors(&self) -> Vec<usize> {
        match self {
            Self::Conv { weight, bias, .. } | Self::Linear { weight, bias, .. } => {
                std::iter::once(*weight).chain(*bias).collect()
            }
            Self::BatchNorm {
                affine, statistics, ..
            } => affine.iter().flatten().chain(statistics).copied().collect(),
            Self::LayerNorm { tensors, .. } => tensors.to_vec(),
            Self::Loose { tensor } => vec![*tensor],
        }
    }

    /// Those of its tensors that are running statistics.
    pub(super) fn statistics(&self) -> Vec<usize> {
        match self {
            Self::BatchNorm { statistics, .. } => statistics.to_vec(),
            _ => Vec::new(),
        }
    }
}

/// An activation that fused operations know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nonlinearity {
    /// None.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` where positive, else so many times `x`.
    LeakyRelu(f32),
    /// `x relu6(x + 3) / 6`.
    HardSwish,
    /// `x sigmoid(x)`.
    Silu,
    /// `x` times the normal distribution function.
    Gelu,
}

/// A function of each number.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names are those of ONNX")]
pub enum Unary {
    Sigmoid,
    Tanh,
    Erf,
    Exp,
    Log,
    Sqrt,
    Negative,
    Absolute,
    Reciprocal,
    Softplus,
    /// GELU by its approximation with tanh.
    GeluByTanh,
    /// `min(max(alpha x + beta, 0), 1)`.
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    /// `min(max(x, low), high)`.
    Clamp {
        low: f32,
        high: f32,
    },
    /// `x` to this power.
    Power(f32),
    /// `x` where positive, else `alpha (exp(x) - 1)`.
    Elu(f32),
}

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of ONNX")]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Maximum,
    Minimum,
    /// The first to the power of the second.
    Power,
}

/// How numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of ONNX")]
pub enum Reduction {
    Mean,
    Sum,
    /// The root of the sum of squares.
    Length,
    Maximum,
}

/// A window that slides over a map `[N, H, W, C]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowShape {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal distance.
    pub stride: [usize; 2],
    /// Rows and columns on each side that win no maximum.
    pub padding: [usize; 2],
}

/// What a step does. Axes count in the order of our values, which is the file's only where a tensor came out of a reshape.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Gives a loose weight.
    Weight(usize),
    /// Gives a constant of this shape.
    Constant {
        /// Its shape.
        shape: Vec<usize>,
        /// Its values, row-major.
        values: Arc<[f32]>,
    },
    /// A layer that is a convolution, of a map.
    Conv(usize),
    /// A convolution by a weight that is computed: the map, the weight, and a bias if there is a third.
    ConvBy(ConvShape),
    /// A layer that is a batch norm, of a map.
    BatchNorm(usize),
    /// What [`units`](super) made of several steps.
    Unit(Unit),
    /// A layer that is linear, of rows.
    Linear(usize),
    /// A layer norm.
    LayerNorm(usize),
    /// An activation.
    Activate(Nonlinearity),
    /// A function of each number.
    Unary(Unary),
    /// A function of two values of one rank, with sizes of 1 stretched.
    Binary(Binary),
    /// The same of a value and a number; `true` if the number comes first.
    Scalar(Binary, f32, bool),
    /// A slope for each channel where a value is negative: the value, the slopes.
    Prelu,
    /// The product of matrices in the last two axes.
    MatMul,
    /// Softmax along an axis.
    Softmax(usize),
    /// Its logarithm.
    LogSoftmax(usize),
    /// The mean of a map over its places, kept as `[N, 1, 1, C]`.
    GlobalMean,
    /// Numbers along these axes made one, the axes kept.
    Reduce(Reduction, Vec<usize>),
    /// The largest number of each window of a map.
    MaxPool(WindowShape),
    /// The mean of each window of a map: of all its places if `true`, or of those that are there.
    AveragePool(WindowShape, bool),
    /// A constant on both sides of each axis.
    Pad(Vec<(usize, usize)>, f32),
    /// Every so many of the places from `start` to before `end` along an axis.
    Slice {
        /// The axis.
        axis: usize,
        /// The first place.
        start: usize,
        /// Behind the last place.
        end: usize,
        /// The distance of places.
        step: usize,
    },
    /// These places along an axis.
    Select(usize, Arc<[usize]>),
    /// All values one behind the other along an axis.
    Concat(usize),
    /// The same numbers in another shape.
    Reshape(Vec<Size>),
    /// Axes in another order.
    Permute(Vec<usize>),
    /// Sizes of 1 stretched.
    Expand(Vec<Size>),
    /// Channels of a map dealt out between so many groups.
    Shuffle(usize),
    /// A map with so many rows and columns, every pixel repeated.
    Nearest([usize; 2]),
    /// A map with so many rows and columns, by bilinear interpolation with half-pixel centres.
    Bilinear([usize; 2]),
    /// Every channel of every image by its own mean and variance over the axes behind the second, with this epsilon.
    InstanceNorm(f64),
    /// Each number dropped with this probability in training, and the others made larger for it; under a name of its own.
    Dropout(f32, String),
    /// Numbers by their mean and variance along the last axis, with this epsilon: a layer norm that scales and shifts nothing.
    Standardise(f64),
}

/// Convolution, batch norm, sum and activation in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// The convolution, if it begins with one.
    pub conv: Option<usize>,
    /// The batch norm.
    pub norm: usize,
    /// Whether a second value is added.
    pub adds: bool,
    /// What it ends with.
    pub activation: Nonlinearity,
    /// The names of the maps inside: after the convolution, after the norm, after the sum.
    pub inside: [Option<String>; 3],
}

/// How a value is seen as a map `[N, H, W, C]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapView {
    /// The value with its axes in this order.
    Map([usize; 4]),
    /// Tokens of a square grid `[N, skipped + side * side, C]`.
    Tokens {
        /// Tokens in front that belong to no place.
        skipped: usize,
        /// Rows and columns.
        side: usize,
    },
    /// An embedding `[N, C]`.
    Embedding,
}

/// A tensor of the file that is a map of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointPlan {
    /// The tensor's name.
    pub name: String,
    /// How it is seen as a map.
    pub view: MapView,
    /// The size `[H, W, C]` of the map.
    pub map: [usize; 3],
}

/// One step of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The values it reads; 0 are the images `[N, H, W, C]`.
    pub inputs: Vec<usize>,
    /// The value it gives.
    pub output: usize,
    /// The tensor of the file that the value is, where it can be read or replaced.
    pub point: Option<PointPlan>,
}
