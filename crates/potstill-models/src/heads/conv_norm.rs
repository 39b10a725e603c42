//! A convolution with its batch norm under the names that a head gives them.

use potstill_ops::{Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Scope, conv_norm};

use crate::named::{Named, module_of_parts};

/// A convolution without bias and its batch norm, such as `0` and `1`, or `conv` and `bn`.
#[derive(Debug, Clone)]
pub(crate) struct ConvNorm {
    conv: Named<Conv2d>,
    norm: Named<BatchNorm>,
}

module_of_parts!(ConvNorm { conv, norm } with {});

impl ConvNorm {
    /// Weights uniform as PyTorch's default, under these names below the scope's path.
    pub fn new(config: Conv2dConfig, names: [&str; 2], scope: &Scope) -> Self {
        let [conv, norm] = names;
        Self {
            conv: Named::new(conv, Conv2d::uniform(config, 1.0, &scope.at(conv))),
            norm: Named::new(norm, BatchNorm::new(config.outputs, &scope.at(norm))),
        }
    }

    /// The convolution and the batch norm.
    pub fn parts(&self) -> (&Conv2d, &BatchNorm) {
        (self.conv.get(), self.norm.get())
    }

    /// Both with a ReLU behind them, at no named point: `[N, H, W, I]` to `[N, H, W, O]`.
    pub fn relu<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        conv_norm(x, self.conv.get(), self.norm.get(), Activation::Relu, pass)
    }
}
