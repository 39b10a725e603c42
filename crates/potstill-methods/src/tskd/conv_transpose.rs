//! Two-dimensional transposed convolution on channels-last maps.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, module::conv_transpose2d, ops::ConvTransposeOptions},
};

use potstill_ops::{Pass, Scope};

/// A transposed convolution with a bias: maps `[N, H, W, I]` to `[N, H', W', O]` with
/// `H' = (H - 1) stride - 2 padding + kernel`, and `W'` alike.
#[derive(Module, Debug)]
pub struct ConvTranspose2d {
    /// `[I, O, kh, kw]`, PyTorch's layout.
    pub weight: Param<Tensor<4>>,
    /// `[O]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
}

impl ConvTranspose2d {
    /// A layer that doubles height and width: kernel 4x4, stride 2, padding 1. Weights and bias are uniform
    /// in `1 / sqrt(16 outputs)`, PyTorch's default (its fan-in is that of the outputs).
    pub fn doubling(inputs: usize, outputs: usize, scope: &Scope) -> Self {
        let kernel = 4;
        let bound = 1.0 / ((outputs * kernel * kernel) as f64).sqrt();
        Self {
            weight: scope.uniform("weight", [inputs, outputs, kernel, kernel], bound),
            bias: scope.uniform("bias", [outputs], bound),
            stride: 2,
            padding: 1,
        }
    }

    /// Maps `[N, H, W, I]` to `[N, H', W', O]`.
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let [_, outputs, kh, kw] = self.weight.dims();
        pass.count((x.shape().num_elements() * outputs * kh * kw) as u64);
        let options = ConvTransposeOptions::new([self.stride; 2], [self.padding; 2], [0; 2], [1; 2], 1);
        let (weight, bias) = (self.weight.val(), Some(self.bias.val()));
        conv_transpose2d(x.permute([0, 3, 1, 2]), weight, bias, options).permute([0, 2, 3, 1])
    }
}
