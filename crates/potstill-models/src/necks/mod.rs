//! Necks: from the maps of a backbone's stages to as many maps for a head. One neck per file.

mod fpn;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Pass, Scope};

use fpn::Fpn;
pub use fpn::{ExtraLevels, FpnConfig};

/// Which neck is put between backbone and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NeckConfig {
    /// A feature pyramid over all stages.
    Fpn {
        /// The channels of every map that comes out; 256 in the paper.
        channels: usize,
    },
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
            Self::Fpn { .. } => "fpn",
        }
    }

    /// The channels of the maps that come out.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Fpn { channels } => channels,
        }
    }

    /// The neck for stages of these channels, fine to coarse.
    pub(crate) fn build(self, inputs: &[usize], scope: &Scope) -> Neck {
        match self {
            Self::Fpn { channels } => Neck::Fpn(Fpn::new(inputs, FpnConfig::new(channels), scope)),
        }
    }
}

impl Neck {
    /// Maps `[N, H_l, W_l, C_l]`, fine to coarse, to as many of the same heights and widths.
    pub fn forward(&self, maps: Vec<Tensor<4>>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        match self {
            Self::Fpn(fpn) => fpn.forward(maps, pass),
        }
    }
}
