//! Where a feature map has its energy.

use burn::tensor::Tensor;
use potstill_settings::choice;

choice! {
    /// What an attention map is divided by.
    pub enum MapNorm = Column {
        /// Each column by its own norm, as the authors' program does.
        Column = "column",
        /// The whole map by its norm, as attention transfer does. The loss is about a tenth of the other's.
        FullMap = "full-map",
    }
}

/// Norms are taken to be at least this.
const LEAST: f64 = 1e-12;

/// The mean square over the channels of a map `[N, H, W, C]`, divided by its norm: `[N, H, W, 1]`.
pub fn attention_map(features: Tensor<4>, norm: MapNorm) -> Tensor<4> {
    let energy = features.clone().mul(features).mean_dim(3);
    let squares = energy.clone() * energy.clone();
    let sums = match norm {
        MapNorm::Column => squares.sum_dim(1),
        MapNorm::FullMap => squares.sum_dim(1).sum_dim(2),
    };
    // Clamped before the root: the root's gradient at 0 is infinite.
    energy / sums.clamp_min(LEAST * LEAST).sqrt()
}
