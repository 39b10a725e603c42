//! What an entry of the registry builds.

use potstill_ops::{Point, Scope};

use crate::{
    HeadConfig, InputRule, LastStage, NeckConfig, OutputKind, Shortcut, Stage, StageEnd,
    assembly::{Assembly, below},
    backbones::Architecture,
    detectors::WholeConfig,
    heads::DetectorConfig,
    levels::Levels,
    model::Source,
};

/// What an entry of the registry builds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blueprint {
    /// A whole backbone with its family's classification head.
    Classification(Architecture),
    /// The stages of a backbone, a neck or none, and a head for every pixel.
    Dense {
        architecture: Architecture,
        neck: Option<NeckConfig>,
        head: HeadConfig,
    },
    /// Levels of a backbone, a pyramid on them, and the head of a detector.
    Detector {
        architecture: Architecture,
        levels: Levels,
        neck: NeckConfig,
        head: DetectorConfig,
    },
    /// A detector in one piece.
    Whole(WholeConfig),
}

impl Blueprint {
    /// The network for images of so many channels and so many classes, with fresh weights from the scope's streams.
    pub fn build(&self, [channels, classes]: [usize; 2], scope: &Scope) -> Source {
        Source::Assembly(match *self {
            Self::Whole(config) => return Source::Whole(config.build([channels, classes], scope)),
            Self::Classification(architecture) => {
                Assembly::classification(architecture, [channels, classes], scope)
            }
            Self::Dense {
                architecture,
                neck,
                head,
            } => Assembly::dense(architecture, (neck, head), [channels, classes], scope),
            Self::Detector {
                architecture,
                levels,
                neck,
                head,
            } => Assembly::detector(architecture, (levels, neck, head), [channels, classes], scope),
        })
    }

    /// Which kind of outputs it gives.
    pub fn output_kind(&self) -> OutputKind {
        match self {
            Self::Classification(_) => OutputKind::Logits,
            Self::Dense { .. } => OutputKind::DenseLogits,
            Self::Detector { head, .. } => head.output_kind(),
            Self::Whole(_) => OutputKind::Boxes,
        }
    }

    /// The backbone, where there is one that stands for itself.
    pub fn architecture(&self) -> Option<Architecture> {
        match *self {
            Self::Classification(architecture)
            | Self::Dense { architecture, .. }
            | Self::Detector { architecture, .. } => Some(architecture),
            Self::Whole(_) => None,
        }
    }

    /// The same with this shortcut, or why there is no such choice.
    pub fn with_shortcut(self, shortcut: Shortcut) -> Result<Self, &'static str> {
        let Some(architecture) = self.architecture() else {
            return Err("a detector in one piece has no choice of shortcuts");
        };
        let chosen = architecture.with_shortcut(shortcut)?;
        Ok(match self {
            Self::Classification(_) => Self::Classification(chosen),
            Self::Whole(_) => self,
            Self::Dense { neck, head, .. } => Self::Dense {
                architecture: chosen,
                neck,
                head,
            },
            Self::Detector {
                levels, neck, head, ..
            } => Self::Detector {
                architecture: chosen,
                levels,
                neck,
                head,
            },
        })
    }

    /// How the published network, for images of about this size, takes them.
    pub fn input_rule(&self, [height, _]: [usize; 2]) -> Option<InputRule> {
        match self {
            Self::Classification(_) | Self::Dense { .. } => None,
            // Torchvision's mobile detector for small images has its own lengths.
            Self::Detector { .. } if height == 320 => Some(InputRule::pyramid(320, 640)),
            Self::Detector { .. } if height < 320 => None,
            Self::Detector { .. } => Some(InputRule::pyramid(800, 1333)),
            Self::Whole(config) => Some(config.input_rule()),
        }
    }

    /// Where the stem ends: the first map of the network, after its activation.
    pub fn stem(&self) -> Point {
        match *self {
            Self::Classification(architecture) => architecture.stem(),
            Self::Dense {
                architecture, neck, ..
            } => architecture.stem().below(below(neck)),
            Self::Detector {
                architecture, neck, ..
            } => architecture.stem().below(below(Some(neck))),
            Self::Whole(config) => config.stem().post,
        }
    }

    /// The stages of the backbone, fine to coarse.
    pub fn stages(&self) -> Vec<Stage> {
        let stages_below = |architecture: Architecture, path: &str| {
            let stages = architecture.stages().into_iter();
            stages.map(|stage| stage.below(path)).collect()
        };
        match *self {
            Self::Classification(architecture) => architecture.stages(),
            Self::Dense {
                architecture, neck, ..
            } => stages_below(architecture, below(neck)),
            Self::Detector {
                architecture, neck, ..
            } => stages_below(architecture, below(Some(neck))),
            Self::Whole(config) => config.stages(),
        }
    }

    /// What a method may read, fine to coarse.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        match self {
            Self::Classification(architecture) => architecture.stage_ends(),
            Self::Dense { .. } | Self::Whole(_) => self.stages().into_iter().map(|stage| stage.end).collect(),
            Self::Detector {
                architecture,
                levels,
                neck,
                ..
            } => {
                let points = neck.points(levels.of(*architecture).len()).into_iter();
                let end = |point| StageEnd::linear(format!("backbone.{}.{point}", neck.path()));
                points.map(end).collect()
            }
        }
    }

    /// The ends of the last stage.
    pub fn last_stage(&self) -> LastStage {
        let (own, path) = match *self {
            Self::Classification(architecture) => return architecture.last_stage(),
            Self::Whole(config) => return config.last_stage(),
            Self::Dense {
                architecture, neck, ..
            } => (architecture.last_stage(), below(neck)),
            Self::Detector {
                architecture, neck, ..
            } => (architecture.last_stage(), below(Some(neck))),
        };
        let stages = self.stages();
        LastStage {
            first_block: own.first_block.below(path),
            last_map: stages.last().map_or(own.last_map, |stage| stage.end.post.clone()),
        }
    }
}
