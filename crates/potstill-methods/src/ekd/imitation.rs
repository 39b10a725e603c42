//! How far the student's map is from the teacher's.

use burn::tensor::Tensor;
use potstill_settings::choice;

choice! {
    /// How maps are compared.
    pub enum ImitationLoss = Mse {
        /// The mean squared difference.
        Mse = "mse",
        /// The squared distance of the directions over channels, mean over positions: from 0 to 4.
        NormMse = "norm-mse",
    }
}

/// How far two maps `[N, H, W, C]` are apart; a tensor with one element. The target gets no gradient unless it is tracked.
pub fn imitation_loss(map: Tensor<4>, target: Tensor<4>, loss: ImitationLoss) -> Tensor<1> {
    match loss {
        ImitationLoss::Mse => (map - target).powi_scalar(2).mean(),
        ImitationLoss::NormMse => {
            let difference = direction(map) - direction(target);
            difference.powi_scalar(2).sum_dim(3).mean()
        }
    }
}

/// A map with the channels of each position scaled to length 1. The small number keeps the gradient of a position without length
/// finite.
fn direction(map: Tensor<4>) -> Tensor<4> {
    let length = (map.clone().powi_scalar(2).sum_dim(3) + 1e-24).sqrt();
    map / length
}
