//! Which maps of a backbone a pyramid is built on.

use crate::{
    Stage,
    backbones::{Architecture, Extent},
};

/// Which maps of a backbone a pyramid is built on, fine to coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    /// The last map of every stage.
    Stages,
    /// The last map of every stage but the finest.
    ButFinest,
    /// Points of the backbone, with channels and strides.
    Points(&'static [(&'static str, usize, usize)]),
}

impl Levels {
    /// Torchvision's of MobileNetV3-Large: the first block of the last stage and the last convolution, both at stride 32.
    pub const MOBILENET_V3_LARGE: Self = Self::Points(&[("features.13", 160, 32), ("features.16", 960, 32)]);

    /// The levels in a backbone.
    pub fn of(self, architecture: Architecture) -> Vec<Stage> {
        match self {
            Self::Stages => architecture.stages(),
            Self::ButFinest => architecture.stages().split_off(1),
            Self::Points(points) => {
                let stage = |&(path, channels, stride)| Stage::linear(path, channels, stride);
                points.iter().map(stage).collect()
            }
        }
    }

    /// How much of the backbone has to be built.
    pub fn extent(self) -> Extent {
        match self {
            Self::Stages | Self::ButFinest => Extent::Stages,
            Self::Points(_) => Extent::Whole,
        }
    }
}
