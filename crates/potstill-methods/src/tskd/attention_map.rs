//! Where a feature map has its energy.

use burn::tensor::Tensor;
use serde::Deserialize;

/// What an attention map is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapNorm {
    /// Each column by its own norm, as the authors' program does.
    #[default]
    Column,
    /// The whole map by its norm, as attention transfer does. The loss is about a tenth of the other's.
    FullMap,
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
