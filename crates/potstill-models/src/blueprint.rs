//! What an entry of the registry builds.

use potstill_ops::{Point, Scope};

use crate::{
    InputRule, LastStage, NeckConfig, OutputKind, Shortcut, Stage, StageEnd,
    assembly::{Assembly, DenseConfig, below},
    backbones::Architecture,
    detectors::WholeConfig,
    heads::DetectorConfig,
    levels::Levels,
    model::Source,
    named::Named,
    segmenters::{Enet, EnetConfig},
};

/// What an entry of the registry builds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blueprint {
    /// A whole backbone with its family's classification head.
    Classification(Architecture),
    /// The stages of a backbone, a neck or none, and a head for every pixel.
    Dense(Architecture, DenseConfig),
    /// ENet, which is no backbone with a head.
    Enet(EnetConfig),
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
    pub fn build(&self, sizes: [usize; 2], scope: &Scope) -> Source {
        match *self {
            Self::Whole(config) => Source::Whole(config.build(sizes, scope)),
            Self::Classification(architecture) => {
                Source::Assembly(Assembly::classification(architecture, sizes, scope))
            }
            Self::Dense(architecture, config) => {
                Source::Assembly(Assembly::dense(architecture, config, sizes, scope))
            }
            Self::Enet(config) => Source::Enet(Named::new("", Enet::new(config, sizes, scope))),
            Self::Detector {
                architecture,
                levels,
                neck,
                head,
            } => Source::Assembly(Assembly::detector(
                architecture,
                (levels, neck, head),
                sizes,
                scope,
            )),
        }
    }

    /// Which kind of outputs it gives.
    pub fn output_kind(&self) -> OutputKind {
        match self {
            Self::Classification(_) => OutputKind::Logits,
            Self::Dense(..) | Self::Enet(_) => OutputKind::DenseLogits,
            Self::Detector { head, .. } => head.output_kind(),
            Self::Whole(_) => OutputKind::Boxes,
        }
    }

    /// The backbone, where there is one that stands for itself.
    pub fn architecture(&self) -> Option<Architecture> {
        match *self {
            Self::Classification(architecture)
            | Self::Dense(architecture, _)
            | Self::Detector { architecture, .. } => Some(architecture),
            Self::Enet(_) | Self::Whole(_) => None,
        }
    }

    /// Why it cannot be built for images of so many channels; none if it can.
    pub fn refuses_channels(&self, channels: usize) -> Option<String> {
        match self {
            Self::Classification(_) | Self::Dense(..) | Self::Detector { .. } | Self::Whole(_) => None,
            Self::Enet(config) => config.refuses_channels(channels),
        }
    }

    /// The same with this shortcut, or why there is no such choice.
    pub fn with_shortcut(self, shortcut: Shortcut) -> Result<Self, &'static str> {
        match self {
            Self::Classification(architecture) => {
                architecture.with_shortcut(shortcut).map(Self::Classification)
            }
            Self::Dense(architecture, config) => architecture
                .with_shortcut(shortcut)
                .map(|chosen| Self::Dense(chosen, config)),
            Self::Enet(_) | Self::Whole(_) => Err("a network in one piece has no choice of shortcuts"),
            Self::Detector {
                architecture,
                levels,
                neck,
                head,
            } => architecture
                .with_shortcut(shortcut)
                .map(|architecture| Self::Detector {
                    architecture,
                    levels,
                    neck,
                    head,
                }),
        }
    }

    /// The same with an auxiliary classifier or without, or why there is no such choice.
    pub fn with_auxiliary(self, auxiliary: bool) -> Result<Self, &'static str> {
        match self {
            Self::Dense(architecture, config) => {
                Ok(Self::Dense(architecture, DenseConfig { auxiliary, ..config }))
            }
            Self::Classification(_) | Self::Enet(_) | Self::Detector { .. } | Self::Whole(_)
                if !auxiliary =>
            {
                Ok(self)
            }
            Self::Classification(_) | Self::Enet(_) | Self::Detector { .. } | Self::Whole(_) => {
                Err("only segmenters on a backbone can have an auxiliary classifier")
            }
        }
    }

    /// How the published network, for images of about this size, takes them.
    pub fn input_rule(&self, [height, _]: [usize; 2]) -> Option<InputRule> {
        match self {
            Self::Classification(_) | Self::Dense(..) => None,
            Self::Enet(_) => Some(InputRule::ENET),
            // Torchvision's mobile detector for small images has its own lengths.
            Self::Detector { .. } if height == 320 => Some(InputRule::pyramid(320, 640)),
            Self::Detector { .. } if height < 320 => None,
            Self::Detector { .. } => Some(InputRule::pyramid(800, 1333)),
            Self::Whole(config) => Some(config.input_rule()),
        }
    }

    /// Where the stem ends: the first map of the network, after its activation.
    pub fn stem(&self) -> Point {
        match self {
            Self::Classification(architecture) => architecture.stem(),
            Self::Dense(architecture, config) => architecture.stem().below(config.below()),
            Self::Detector {
                architecture, neck, ..
            } => architecture.stem().below(below(Some(*neck))),
            Self::Enet(_) => EnetConfig::stem(),
            Self::Whole(config) => config.stem().post,
        }
    }

    /// The stages of the backbone, in the order of the network: fine to coarse, but for networks that enlarge their maps again.
    pub fn stages(&self) -> Vec<Stage> {
        let stages_below = |architecture: &Architecture, path: &str| {
            let stages = architecture.stages().into_iter();
            stages.map(|stage| stage.below(path)).collect()
        };
        match self {
            Self::Classification(architecture) => architecture.stages(),
            Self::Dense(architecture, config) => stages_below(architecture, config.below()),
            Self::Enet(config) => config.stages(),
            Self::Detector {
                architecture, neck, ..
            } => stages_below(architecture, below(Some(*neck))),
            Self::Whole(config) => config.stages(),
        }
    }

    /// What a method may read, in the order of the network: fine to coarse, but for networks that enlarge their maps again.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        match self {
            Self::Classification(architecture) => architecture.stage_ends(),
            Self::Dense(..) | Self::Enet(_) | Self::Whole(_) => {
                self.stages().into_iter().map(|stage| stage.end).collect()
            }
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

    /// The ends of the last stage; of a segmenter, the map that its last layer reads stands for the last one.
    pub fn last_stage(&self) -> LastStage {
        match self {
            Self::Classification(architecture) => architecture.last_stage(),
            Self::Dense(architecture, config) => LastStage {
                first_block: architecture.last_stage().first_block.below(config.below()),
                last_map: config.head.input_of_the_classifier(),
            },
            Self::Enet(_) => EnetConfig::last_stage(),
            Self::Whole(config) => config.last_stage(),
            Self::Detector {
                architecture, neck, ..
            } => {
                let (own, stages) = (architecture.last_stage(), self.stages());
                LastStage {
                    first_block: own.first_block.below(below(Some(*neck))),
                    last_map: stages.last().map_or(own.last_map, |stage| stage.end.post.clone()),
                }
            }
        }
    }
}
