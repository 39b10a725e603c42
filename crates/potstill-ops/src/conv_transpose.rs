//! Two-dimensional transposed convolution on channels-last maps.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, module::conv_transpose2d, ops::ConvTransposeOptions},
};

use crate::{Pass, Scope, fast::convolve_transposed};

/// The shape of a transposed convolution. Its output has `(size - 1) stride - 2 padding + kernel + output_padding` rows and
/// columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose2dConfig {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// By how much one row or column of the input lies from the next in the output.
    pub stride: [usize; 2],
    /// Rows and columns that are cut off on each side.
    pub padding: [usize; 2],
    /// Rows and columns that are added below and to the right; less than the stride.
    pub output_padding: [usize; 2],
    /// Whether a bias is added.
    pub bias: bool,
}

impl ConvTranspose2dConfig {
    /// A square kernel, stride 1, no padding, no bias.
    pub fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            output_padding: [0; 2],
            bias: false,
        }
    }

    /// With this stride in both directions.
    #[must_use]
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = [stride; 2];
        self
    }

    /// With so much cut off on each side, and so much added below and to the right.
    #[must_use]
    pub fn padding(mut self, padding: usize, output_padding: usize) -> Self {
        self.padding = [padding; 2];
        self.output_padding = [output_padding; 2];
        self
    }

    /// With a bias.
    #[must_use]
    pub fn with_bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// Output height and width for maps of this size.
    pub fn out_size(&self, size: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|d| {
            let reach = size[d].saturating_sub(1) * self.stride[d] + self.kernel[d] + self.output_padding[d];
            reach.saturating_sub(2 * self.padding[d])
        })
    }

    /// Outputs that one input reaches: what PyTorch counts as this layer's fan-in.
    pub fn fan(&self) -> usize {
        self.outputs * self.kernel[0] * self.kernel[1]
    }
}

/// A transposed convolution: maps `[N, H, W, I]` to `[N, H', W', O]`.
#[derive(Module, Debug)]
pub struct ConvTranspose2d {
    /// `[I, O, kh, kw]`, PyTorch's layout.
    pub weight: Param<Tensor<4>>,
    /// `[O]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: ConvTranspose2dConfig,
}

impl ConvTranspose2d {
    /// Weights and bias uniform in `gain / sqrt(outputs kh kw)`; gain 1 is PyTorch's default.
    pub fn uniform(config: ConvTranspose2dConfig, gain: f64, scope: &Scope) -> Self {
        let bound = gain / (config.fan() as f64).sqrt();
        let ConvTranspose2dConfig {
            inputs,
            outputs,
            kernel: [kh, kw],
            ..
        } = config;
        Self {
            weight: scope.uniform("weight", [inputs, outputs, kh, kw], bound),
            bias: config.bias.then(|| scope.uniform("bias", [outputs], bound)),
            config,
        }
    }

    /// Weights from the normal distribution with this deviation, bias 0.
    pub fn normal(config: ConvTranspose2dConfig, deviation: f64, scope: &Scope) -> Self {
        let ConvTranspose2dConfig {
            inputs,
            outputs,
            kernel: [kh, kw],
            ..
        } = config;
        Self {
            weight: scope.normal("weight", [inputs, outputs, kh, kw], deviation),
            bias: config.bias.then(|| scope.constant([outputs], 0.0)),
            config,
        }
    }

    /// The shape of this layer.
    pub fn config(&self) -> &ConvTranspose2dConfig {
        &self.config
    }

    /// Maps `[N, H, W, I]` to `[N, H', W', O]`.
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        pass.count((x.shape().num_elements() * self.config.fan()) as u64);
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        if let Some(y) = convolve_transposed(&x, &weight, &self.config) {
            return match bias {
                Some(bias) => y + bias.reshape([1, 1, 1, -1]),
                None => y,
            };
        }
        let ConvTranspose2dConfig {
            stride,
            padding,
            output_padding,
            ..
        } = self.config;
        let options = ConvTransposeOptions::new(stride, padding, output_padding, [1; 2], 1);
        conv_transpose2d(x.permute([0, 3, 1, 2]), weight, bias, options).permute([0, 2, 3, 1])
    }
}
