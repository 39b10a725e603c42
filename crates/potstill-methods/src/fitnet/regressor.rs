//! The regressor of the published comparisons: one convolution that meets channels and size.

use burn::{
    module::Module,
    tensor::{Tensor, activation::relu},
};
use potstill_ops::{BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, Pass, Scope};

/// A convolution with bias, batch norm and ReLU, from the student's channels and size to the teacher's.
#[derive(Module, Debug)]
pub struct Regressor {
    conv: Shape,
    bn: BatchNorm,
}

/// Which convolution meets the teacher's size.
#[derive(Module, Debug)]
enum Shape {
    /// One that shrinks, or leaves the size.
    Conv(Conv2d),
    /// One that doubles the size.
    Transposed(ConvTranspose2d),
}

impl Regressor {
    /// From and to these channels, and heights and widths of maps, drawn as PyTorch does by default. By the heights: a map of twice the size is halved, one of half the size doubled, a larger one
    /// cut by the kernel. A smaller one keeps its size, to which the teacher's has to be brought.
    pub fn new([inputs, outputs]: [usize; 2], [ours, theirs]: [[usize; 2]; 2], scope: &Scope) -> Self {
        let config = |kernel| Conv2dConfig::new(inputs, outputs, kernel).with_bias();
        let at = scope.at("conv");
        let conv = |config| Shape::Conv(Conv2d::uniform(config, 1.0, &at));
        let shape = if ours[0] == 2 * theirs[0] {
            conv(config(3).stride(2))
        } else if 2 * ours[0] == theirs[0] {
            let config = ConvTranspose2dConfig::new(inputs, outputs, 4)
                .stride(2)
                .padding(1, 0);
            Shape::Transposed(ConvTranspose2d::uniform(config.with_bias(), 1.0, &at))
        } else if ours[0] >= theirs[0] {
            let kernel = [0, 1].map(|side| 1 + ours[side].saturating_sub(theirs[side]));
            conv(config(1).kernel(kernel).without_padding())
        } else {
            conv(config(3))
        };
        Self {
            conv: shape,
            bn: BatchNorm::new(outputs, &scope.at("bn")),
        }
    }

    /// Whether it meets the teacher's size in both directions, of these heights and widths of both maps.
    pub(crate) fn meets([ours, theirs]: [[usize; 2]; 2]) -> bool {
        let kind = |side: usize| match (ours[side], theirs[side]) {
            (own, other) if own == 2 * other => 0,
            (own, other) if 2 * own == other => 1,
            (own, other) if own >= other => 2,
            _ => 3,
        };
        kind(0) == kind(1) && kind(0) < 3
    }

    /// The student's map `[N, H, W, C]` as one of the teacher's.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        relu(self.normed(map, pass))
    }

    /// The same before the ReLU.
    pub(crate) fn normed(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let map = match &self.conv {
            Shape::Conv(conv) => conv.forward(map, pass),
            Shape::Transposed(conv) => conv.forward(map, pass),
        };
        self.bn.forward(map, pass)
    }
}
