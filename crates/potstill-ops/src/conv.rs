//! Two-dimensional convolution on channels-last maps.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, module::conv2d, ops::ConvOptions},
};

use crate::{
    ForwardPass, Pass, Scope,
    fast::{PackedCache, convolve},
};

/// The shape of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zero rows and columns added on each side.
    pub padding: [usize; 2],
    /// Distance between kernel elements.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2dConfig {
    /// A square kernel with "same" padding for odd sizes, stride 1, one group, no bias.
    pub fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups: 1,
            bias: false,
        }
    }

    /// With this stride in both directions.
    #[must_use]
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = [stride; 2];
        self
    }

    /// With a kernel of this height and width, both odd, and "same" padding.
    #[must_use]
    pub fn kernel(mut self, kernel: [usize; 2]) -> Self {
        self.kernel = kernel;
        self.padding = std::array::from_fn(|d| self.dilation[d] * (kernel[d] / 2));
        self
    }

    /// With this distance between kernel elements in both directions, and "same" padding for it.
    #[must_use]
    pub fn dilation(mut self, dilation: usize) -> Self {
        self.dilation = [dilation; 2];
        self.padding = self.kernel.map(|side| dilation * (side / 2));
        self
    }

    /// Without zeros around the map.
    #[must_use]
    pub fn without_padding(mut self) -> Self {
        self.padding = [0; 2];
        self
    }

    /// In this many groups of channels that do not see each other.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// With a bias.
    #[must_use]
    pub fn with_bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// Inputs that reach one output.
    pub fn fan_in(&self) -> usize {
        self.inputs / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Outputs that one input reaches.
    pub fn fan_out(&self) -> usize {
        self.outputs / self.groups * self.kernel[0] * self.kernel[1]
    }

    fn weight_shape(&self) -> [usize; 4] {
        [
            self.outputs,
            self.inputs / self.groups,
            self.kernel[0],
            self.kernel[1],
        ]
    }
}

/// A convolution: maps `[N, H, W, I]` to `[N, H', W', O]`.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[O, I / groups, kh, kw]`.
    pub weight: Param<Tensor<4>>,
    /// `[O]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: Conv2dConfig,
    /// The folded form of this convolution with its batch norm, for frozen networks.
    #[module(skip)]
    packed: PackedCache,
}

impl Conv2d {
    /// Weights from the normal distribution with variance `2 / fan_in` (He et al. 2015, equation 10), bias 0.
    pub fn he_normal(config: Conv2dConfig, scope: &Scope) -> Self {
        Self::normal(config, (2.0 / config.fan_in() as f64).sqrt(), scope)
    }

    /// As [`he_normal`](Self::he_normal) with the outputs' fan: PyTorch's `kaiming_normal_(mode="fan_out")`.
    pub fn he_normal_fan_out(config: Conv2dConfig, scope: &Scope) -> Self {
        Self::normal(config, (2.0 / config.fan_out() as f64).sqrt(), scope)
    }

    /// Weights and bias 0, to be given their values: nothing is drawn.
    pub fn zeros(config: Conv2dConfig, scope: &Scope) -> Self {
        Self {
            weight: scope.constant(config.weight_shape(), 0.0),
            bias: config.bias.then(|| scope.constant([config.outputs], 0.0)),
            config,
            packed: PackedCache::default(),
        }
    }

    /// Weights from the normal distribution with this deviation, bias 0.
    pub fn normal(config: Conv2dConfig, deviation: f64, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", config.weight_shape(), deviation),
            bias: config.bias.then(|| scope.constant([config.outputs], 0.0)),
            config,
            packed: PackedCache::default(),
        }
    }

    /// Weights and bias uniform in `gain / sqrt(fan_in)`. Gain 1 is PyTorch's default for a convolution; the square root of 3
    /// is `kaiming_uniform_(a=1)`.
    pub fn uniform(config: Conv2dConfig, gain: f64, scope: &Scope) -> Self {
        let bound = gain / (config.fan_in() as f64).sqrt();
        Self {
            weight: scope.uniform("weight", config.weight_shape(), bound),
            bias: config
                .bias
                .then(|| scope.uniform("bias", [config.outputs], bound)),
            config,
            packed: PackedCache::default(),
        }
    }

    /// A convolution of this shape with this weight `[O, I / groups, kh, kw]`, without bias.
    pub(crate) fn with_weight(weight: Param<Tensor<4>>, config: Conv2dConfig) -> Self {
        Self {
            weight,
            bias: None,
            config,
            packed: PackedCache::default(),
        }
    }

    /// The shape of this convolution.
    pub fn config(&self) -> &Conv2dConfig {
        &self.config
    }

    pub(crate) fn packed(&self) -> &PackedCache {
        &self.packed
    }

    /// Convolves `[N, H, W, I]` to `[N, H', W', O]`.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        pass.convolve(x, self)
    }

    /// The same, computed.
    pub(crate) fn compute(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let bias = self.bias.as_ref().map(Param::val);
        let y = convolution(x, self.weight.val(), bias, &self.config);
        self.count(&y, pass);
        y
    }

    /// Counts the multiplications behind this output.
    pub(crate) fn count(&self, y: &Tensor<4>, pass: &mut Pass<'_>) {
        pass.count((y.shape().num_elements() * self.config.fan_in()) as u64);
    }
}

/// `x` convolved with this weight `[O, I / groups, kh, kw]` and bias `[O]`: `[N, H, W, I]` to `[N, H', W', O]`.
pub fn convolution(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    config: &Conv2dConfig,
) -> Tensor<4> {
    convolve(&x, &weight, bias.as_ref(), config).unwrap_or_else(|| {
        let Conv2dConfig {
            stride,
            padding,
            dilation,
            groups,
            ..
        } = *config;
        let options = ConvOptions::new(stride, padding, dilation, groups);
        conv2d(x.permute([0, 3, 1, 2]), weight, bias, options).permute([0, 2, 3, 1])
    })
}
