//! Necks: from the maps of a backbone's stages to as many maps for a head. One neck per file.

mod fpn;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Pass, Scope};

use fpn::Fpn;
pub use fpn::{ExtraLevels, FpnConfig};

/// Which neck is put between backbone and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NeckConfig {
    /// A feature pyramid.
    Fpn(FpnConfig),
}

/// A neck of any kind.
#[derive(Module, Debug)]
pub(crate) enum Neck {
    Fpn(Fpn),
}

impl NeckConfig {
    /// The path of its tensors and points beside the backbone's.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Fpn(_) => "fpn",
        }
    }

    /// The channels of the maps that come out.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Fpn(config) => config.channels,
        }
    }

    /// How many coarser levels it has.
    pub(crate) fn extra_levels(self) -> usize {
        match self {
            Self::Fpn(config) => config.extra.count(),
        }
    }

    /// The points of the maps that come out of so many levels, fine to coarse.
    pub(crate) fn points(self, levels: usize) -> Vec<String> {
        match self {
            Self::Fpn(config) => config.points(levels),
        }
    }

    /// The neck for stages of these channels, fine to coarse.
    pub(crate) fn build(self, inputs: &[usize], scope: &Scope) -> Neck {
        match self {
            Self::Fpn(config) => Neck::Fpn(Fpn::new(inputs, config, scope)),
        }
    }
}

impl Neck {
    /// Maps `[N, H_l, W_l, C_l]`, fine to coarse, to as many of the same heights and widths, and coarser ones if it has them.
    pub fn forward(&self, maps: Vec<Tensor<4>>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        match self {
            Self::Fpn(fpn) => fpn.forward(maps, pass),
        }
    }
}
