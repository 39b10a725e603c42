//! The leaky rectifier with learned slopes (He et al. 2015, "Delving Deep into Rectifiers").

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{Scope, fast::rectify};

/// `x` where positive, else a learned slope times `x`: one slope for each channel, or one for all.
#[derive(Module, Debug)]
pub struct Prelu {
    /// `[C]` or `[1]`.
    pub weight: Param<Tensor<1>>,
}

impl Prelu {
    /// So many slopes (1, or the channels of the maps) of 0.25 each, PyTorch's default.
    pub fn new(slopes: usize, scope: &Scope) -> Self {
        Self {
            weight: scope.constant([slopes], 0.25),
        }
    }

    /// Maps `[N, H, W, C]` to as many. The derivative at 0 is the slope, as in PyTorch.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let slopes = self.weight.val();
        rectify(&x, &slopes).unwrap_or_else(|| {
            let negative = x.clone().lower_equal_elem(0.0);
            x.clone().mask_where(negative, x * slopes.reshape([1, 1, 1, -1]))
        })
    }
}
