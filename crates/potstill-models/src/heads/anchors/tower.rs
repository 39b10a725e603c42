//! The convolutions before a detector's last ones.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Activation, Conv2d, Conv2dConfig, GroupNorm, Pass, Scope};

/// The deviation of initial weights.
pub(super) const DEVIATION: f64 = 0.01;

/// How the layers of a tower are made and named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TowerKind {
    /// Convolutions with bias: `0.0`, `1.0` and so on (RetinaNet).
    Biased,
    /// Convolutions without bias, each with a group norm of so many groups: `0.0`, `0.1` and so on (RetinaNet, second generation).
    Normed(usize),
    /// Convolutions with bias, each with a group norm: `0`, `1`, `3`, `4` and so on (FCOS).
    Flat(usize),
}

/// 3x3 convolutions of one number of channels, each with ReLU.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a head has two of them")]
pub(crate) enum Tower {
    /// Layer by layer.
    Nested(Vec<(Conv2d, Option<GroupNorm>)>),
    /// One sequence; nothing stands where the activations are.
    Flat(Vec<Option<Layer>>),
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "half of the layers are the large one")]
pub(crate) enum Layer {
    Conv(Conv2d),
    Norm(GroupNorm),
}

impl Tower {
    /// So many convolutions.
    pub fn new(kind: TowerKind, channels: usize, depth: usize, scope: &Scope) -> Self {
        let shape = Conv2dConfig::new(channels, channels, 3);
        let conv = |shape, scope: Scope| Conv2d::normal(shape, DEVIATION, &scope);
        let norm = |groups, scope: Scope| GroupNorm::new(groups, channels, &scope);
        let nested = |layer: &dyn Fn(Scope) -> (Conv2d, Option<GroupNorm>)| {
            Self::Nested((0..depth).map(|at| layer(scope.at(at))).collect())
        };
        match kind {
            TowerKind::Biased => nested(&|scope| (conv(shape.with_bias(), scope.at(0)), None)),
            TowerKind::Normed(groups) => {
                nested(&|scope| (conv(shape, scope.at(0)), Some(norm(groups, scope.at(1)))))
            }
            TowerKind::Flat(groups) => {
                let three = |at: usize| {
                    let conv = conv(shape.with_bias(), scope.at(3 * at));
                    let norm = norm(groups, scope.at(3 * at + 1));
                    [Some(Layer::Conv(conv)), Some(Layer::Norm(norm)), None]
                };
                Self::Flat((0..depth).flat_map(three).collect())
            }
        }
    }

    /// `[N, H, W, C]` to the same.
    pub fn forward(&self, mut map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        match self {
            Self::Nested(layers) => {
                for (conv, norm) in layers {
                    let x = conv.forward(map, pass);
                    map = match norm {
                        Some(norm) => norm.forward(x, Activation::Relu),
                        None => Activation::Relu.apply(x),
                    };
                }
            }
            Self::Flat(layers) => {
                for layer in layers.iter().flatten() {
                    map = match layer {
                        Layer::Conv(conv) => conv.forward(map, pass),
                        Layer::Norm(norm) => norm.forward(map, Activation::Relu),
                    };
                }
            }
        }
        map
    }
}
