//! What every family of networks is, and the list of all families.
//!
//! A family is one file: its entries for the registry, a configuration (a few numbers, what the rows of the
//! table at the file's top differ in), the backbone that it builds, and the classification head that belongs
//! to it. A new family is that file and one line in each list at the bottom.

use burn::module::Module;
use potstill_ops::{ForwardPass, Point, Scope};

use super::{
    cifar_mobilenet_v2::{self, CifarMobileNetV2, CifarMobileNetV2Config},
    cifar_resnet::{self, CifarResNet, CifarResNetConfig},
    cifar_shufflenet_v1::{self, CifarShuffleNetV1, CifarShuffleNetV1Config},
    cifar_shufflenet_v2::{self, CifarShuffleNetV2, CifarShuffleNetV2Config},
    cifar_vgg::{self, CifarVgg, CifarVggConfig},
    convnext::{self, ConvNeXt, ConvNeXtConfig},
    efficientnet::{self, EfficientNet, EfficientNetConfig},
    mobilenet_v1::{self, MobileNetV1, MobileNetV1Config},
    mobilenet_v2::{self, MobileNetV2, MobileNetV2Config},
    mobilenet_v3::{self, MobileNetV3, MobileNetV3Config},
    resnet::{self, ResNet, ResNetConfig},
    shufflenet_v2::{self, ShuffleNetV2, ShuffleNetV2Config},
    swin::{self, Swin, SwinConfig},
    vit::{self, Vit, VitConfig},
    wide_resnet::{self, WideResNet, WideResNetConfig},
};
use crate::{ModelEntry, Shortcut, heads::ClassificationHead, segmenters};

/// Where a stage ends, as distillation reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageEnd {
    /// After the activation: what the next stage sees, and what is read from a student.
    pub post: Point,
    /// Before the activation: what is read from a teacher. The same as `post` where there is no activation to
    /// be before.
    pub pre: Point,
}

impl StageEnd {
    /// A stage whose last layer has an activation.
    pub fn activated(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            post: Point::post(path.clone()),
            pre: Point::pre(path),
        }
    }

    /// A stage that ends without an activation.
    pub fn linear(path: impl Into<String>) -> Self {
        let point = Point::post(path);
        Self {
            post: point.clone(),
            pre: point,
        }
    }

    /// The pooled embedding, which every classification head has at the point `pool`.
    pub fn pooled() -> Self {
        Self::linear("pool")
    }

    /// The same points in a model in which the backbone stands below this path.
    pub(crate) fn below(self, path: &str) -> Self {
        Self {
            post: self.post.below(path),
            pre: self.pre.below(path),
        }
    }
}

/// A stage of a backbone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Where it ends.
    pub end: StageEnd,
    /// The channels of its last map.
    pub channels: usize,
    /// How many times its maps are smaller than images of the published size, along each side and rounded up.
    pub stride: usize,
}

impl Stage {
    /// The same stage in a model in which the backbone stands below this path.
    pub(crate) fn below(self, path: &str) -> Self {
        let end = self.end.below(path);
        Self { end, ..self }
    }

    /// A stage whose last layer has an activation.
    pub(crate) fn activated(path: impl Into<String>, channels: usize, stride: usize) -> Self {
        let end = StageEnd::activated(path);
        Self {
            end,
            channels,
            stride,
        }
    }

    /// A stage that ends without an activation.
    pub(crate) fn linear(path: impl Into<String>, channels: usize, stride: usize) -> Self {
        let end = StageEnd::linear(path);
        Self {
            end,
            channels,
            stride,
        }
    }
}

/// The two ends of a network's last stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastStage {
    /// Behind its first block: the first map of the stage.
    pub first_block: Point,
    /// The last map that the classifier's embedding is made from.
    pub last_map: Point,
}

/// How much of a backbone is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Up to the end of the last stage.
    Stages,
    /// With the layers behind the last stage, which only an embedding needs.
    Whole,
}

impl LastStage {
    /// Both after their activation, where they have one.
    pub(crate) fn between(first_block: impl Into<String>, last_map: impl Into<String>) -> Self {
        Self {
            first_block: Point::post(first_block),
            last_map: Point::post(last_map),
        }
    }
}

/// The configuration of a network.
pub(crate) trait Family: Copy {
    /// What it builds.
    type Backbone: BackboneNetwork;

    /// The backbone for images of `channels` channels, with fresh weights from the scope's streams.
    fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> Self::Backbone;

    /// The classification head for an embedding of `inputs` channels, [`embedding`](Self::embedding) in the
    /// published network.
    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead;

    /// The channels of what a whole backbone gives.
    fn embedding(&self) -> usize;

    /// The path of the point at which the stem ends: the first map of the network.
    fn stem(&self) -> &'static str;

    /// The stages that heads and methods read, fine to coarse.
    fn stages(&self) -> Vec<Stage>;

    /// The ends of the last stage.
    fn last_stage(&self) -> LastStage;

    /// The same network with its last stages dilated instead of strided, as torchvision's segmenters have it: their maps stay at an
    /// eighth (ResNet) or a sixteenth (MobileNetV3) of the image. A family without such a form stays as it is.
    fn dilated(self) -> Self {
        self
    }

    /// The same network with the stem that MMSegmentation's PSPNet has. A family without such a form stays as it is.
    fn with_deep_stem(self) -> Self {
        self
    }

    /// The map that an auxiliary classifier reads: the end of the last stage but one.
    fn auxiliary(&self) -> Stage {
        let mut stages = self.stages();
        stages.swap_remove(stages.len().saturating_sub(2))
    }

    /// The fine map that a head reads beside the deepest one: the last at an eighth of the image, or else the first.
    fn fine(&self) -> Stage {
        let mut stages = self.stages();
        let last = stages.len() - 1;
        let at = stages[..last].iter().rposition(|stage| stage.stride <= 8);
        stages.swap_remove(at.unwrap_or(0))
    }

    /// Why images of this height and width cannot pass; none if they can. Only asked for sizes of at least 1.
    fn refuses(&self, _size: [usize; 2]) -> Option<String> {
        None
    }

    /// The same network with this shortcut, or why there is no such choice.
    fn with_shortcut(self, _shortcut: Shortcut) -> Result<Self, &'static str> {
        Err("only residual networks for small images have a choice of shortcuts")
    }
}

/// A backbone that was built.
pub(crate) trait BackboneNetwork: Module {
    /// Normalised images `[N, H, W, C]` to the map that the family's classification head takes. The maps of
    /// the stages stand at their points.
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map;
}

/// Declares the families: an enum of their configurations and one of their backbones.
macro_rules! families {
    ($($family:ident: $config:ty => $backbone:ty,)*) => {
        /// The configuration of a network of any family.
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum Architecture {
            $($family($config),)*
        }

        impl Architecture {
            pub(crate) fn backbone(&self, channels: usize, extent: Extent, scope: &Scope) -> AnyBackbone {
                match self {
                    $(Self::$family(config) => {
                        AnyBackbone::$family(config.backbone(channels, extent, scope))
                    })*
                }
            }

            pub(crate) fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
                match self {
                    $(Self::$family(config) => config.head(inputs, classes, scope),)*
                }
            }

            pub(crate) fn embedding(&self) -> usize {
                match self {
                    $(Self::$family(config) => config.embedding(),)*
                }
            }

            pub(crate) fn stem(&self) -> Point {
                match self {
                    $(Self::$family(config) => Point::post(config.stem()),)*
                }
            }

            pub(crate) fn stages(&self) -> Vec<Stage> {
                match self {
                    $(Self::$family(config) => config.stages(),)*
                }
            }

            pub(crate) fn last_stage(&self) -> LastStage {
                match self {
                    $(Self::$family(config) => config.last_stage(),)*
                }
            }

            pub(crate) fn dilated(self) -> Self {
                match self {
                    $(Self::$family(config) => Self::$family(config.dilated()),)*
                }
            }

            pub(crate) fn with_deep_stem(self) -> Self {
                match self {
                    $(Self::$family(config) => Self::$family(config.with_deep_stem()),)*
                }
            }

            pub(crate) fn auxiliary(&self) -> Stage {
                match self {
                    $(Self::$family(config) => config.auxiliary(),)*
                }
            }

            pub(crate) fn fine(&self) -> Stage {
                match self {
                    $(Self::$family(config) => config.fine(),)*
                }
            }

            pub(crate) fn refuses(&self, size: [usize; 2]) -> Option<String> {
                match self {
                    $(Self::$family(config) => config.refuses(size),)*
                }
            }

            pub(crate) fn with_shortcut(self, shortcut: Shortcut) -> Result<Self, &'static str> {
                match self {
                    $(Self::$family(config) => config.with_shortcut(shortcut).map(Self::$family),)*
                }
            }
        }

        /// A backbone of any family.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a program has a few networks")]
        pub(crate) enum AnyBackbone {
            $($family($backbone),)*
        }

        impl AnyBackbone {
            pub(crate) fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
                match self {
                    $(Self::$family(backbone) => backbone.forward(images, pass),)*
                }
            }
        }
    };
}

impl Architecture {
    /// Where the stages end, fine to coarse, and the pooled embedding.
    pub(crate) fn stage_ends(&self) -> Vec<StageEnd> {
        let ends = self.stages().into_iter().map(|stage| stage.end);
        ends.chain([StageEnd::pooled()]).collect()
    }
}

families! {
    CifarResNet: CifarResNetConfig => CifarResNet,
    WideResNet: WideResNetConfig => WideResNet,
    CifarVgg: CifarVggConfig => CifarVgg,
    CifarMobileNetV2: CifarMobileNetV2Config => CifarMobileNetV2,
    CifarShuffleNetV1: CifarShuffleNetV1Config => CifarShuffleNetV1,
    CifarShuffleNetV2: CifarShuffleNetV2Config => CifarShuffleNetV2,
    ResNet: ResNetConfig => ResNet,
    MobileNetV1: MobileNetV1Config => MobileNetV1,
    MobileNetV2: MobileNetV2Config => MobileNetV2,
    MobileNetV3: MobileNetV3Config => MobileNetV3,
    ShuffleNetV2: ShuffleNetV2Config => ShuffleNetV2,
    EfficientNet: EfficientNetConfig => EfficientNet,
    ConvNeXt: ConvNeXtConfig => ConvNeXt,
    Vit: VitConfig => Vit,
    Swin: SwinConfig => Swin,
}

/// The entries of every family, and of the networks that stand on them, in the order of the documentation.
pub(crate) static FAMILIES: &[&[ModelEntry]] = &[
    cifar_resnet::ENTRIES,
    wide_resnet::ENTRIES,
    cifar_vgg::ENTRIES,
    cifar_mobilenet_v2::ENTRIES,
    cifar_shufflenet_v1::ENTRIES,
    cifar_shufflenet_v2::ENTRIES,
    resnet::ENTRIES,
    mobilenet_v1::ENTRIES,
    mobilenet_v2::ENTRIES,
    mobilenet_v3::ENTRIES,
    shufflenet_v2::ENTRIES,
    efficientnet::ENTRIES,
    convnext::ENTRIES,
    vit::ENTRIES,
    swin::ENTRIES,
    segmenters::ENTRIES,
];
