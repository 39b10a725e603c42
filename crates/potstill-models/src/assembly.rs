//! A model put together from a backbone, a neck or none, and a head.

use burn::tensor::Tensor;
use potstill_ops::{NormRule, Pass, Point, Scope};

use crate::{
    Backbone, DetectorFacts, Outputs,
    backbones::{Architecture, Extent},
    heads::{DetectorConfig, Head, HeadConfig, Pyramid},
    levels::Levels,
    named::{Named, module_of_parts},
    necks::{Neck, NeckConfig},
};

/// The parts of a model, each under the path that torchvision gives it.
///
/// | model | backbone | neck | head |
/// |---|---|---|---|
/// | classification | top level | – | top level |
/// | segmentation | `backbone` | – | `classifier` |
/// | segmentation, with a neck | `backbone.body` | `backbone.fpn` | `classifier` |
/// | detection | `backbone.body` | `backbone.fpn` | top level |
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    backbone: Named<Backbone>,
    neck: Option<Named<Neck>>,
    head: Named<Head>,
    /// What the neck reads.
    levels: Levels,
}

module_of_parts!(Assembly { backbone, neck, head } with { levels });

/// The path of the backbone of a dense model.
pub(crate) fn below(neck: Option<NeckConfig>) -> &'static str {
    if neck.is_some() {
        "backbone.body"
    } else {
        "backbone"
    }
}

/// The scope of a detector's backbone. Where nothing else is said its batch norms are PyTorch's plain ones: torchvision hands them to the
/// backbone, in place of MobileNetV3's own.
fn with_plain_norms(scope: &Scope) -> Scope {
    let rule = scope.norm_rule();
    scope.with_norms(NormRule {
        momentum: rule.momentum.or(Some(0.1)),
        epsilon: rule.epsilon.or(Some(1e-5)),
        ..rule
    })
}

/// The scope of what stands on a detector's backbone: frozen batch norms are the backbone's alone.
fn with_trained_norms(scope: &Scope) -> Scope {
    scope.with_norms(NormRule::default())
}

/// The path of a dense head.
const HEAD: &str = "classifier";

impl Assembly {
    /// A whole backbone with its family's classification head.
    pub fn classification(
        architecture: Architecture,
        [channels, classes]: [usize; 2],
        scope: &Scope,
    ) -> Self {
        let backbone = Backbone::new(architecture, channels, Extent::Whole, scope);
        let head = architecture.head(architecture.embedding(), classes, scope);
        Self {
            backbone: Named::new("", backbone),
            neck: None,
            head: Named::new("", Head::Classification(head)),
            levels: Levels::Stages,
        }
    }

    /// The levels of a backbone with a neck and the head of a detector.
    pub fn detector(
        architecture: Architecture,
        (levels, neck, head): (Levels, NeckConfig, DetectorConfig),
        [channels, classes]: [usize; 2],
        scope: &Scope,
    ) -> Self {
        let stages = levels.of(architecture);
        let widths: Vec<usize> = stages.iter().map(|stage| stage.channels).collect();
        let pyramid = Pyramid {
            channels: neck.channels(),
            strides: stages.iter().map(|stage| stage.stride).collect(),
            extra: neck.extra_levels(),
        };
        let backbone = Backbone::new(architecture, channels, levels.extent(), &with_plain_norms(scope));
        let path = format!("backbone.{}", neck.path());
        let scope = &with_trained_norms(scope);
        Self {
            backbone: Named::new(below(Some(neck)), backbone),
            neck: Some(Named::new(path, neck.build(&widths, &scope.at(neck.path())))),
            head: Named::new(head.path(), head.build(&pyramid, classes, scope)),
            levels,
        }
    }

    /// The stages of a backbone with a head for every pixel.
    pub fn dense(
        architecture: Architecture,
        (neck, head): (Option<NeckConfig>, HeadConfig),
        [channels, classes]: [usize; 2],
        scope: &Scope,
    ) -> Self {
        let stages = architecture.stages();
        let widths: Vec<usize> = stages.iter().map(|stage| stage.channels).collect();
        let inputs = neck.map_or(widths[widths.len() - 1], NeckConfig::channels);
        let below = below(neck);
        let backbone = Backbone::new(architecture, channels, Extent::Stages, scope);
        let neck = neck.map(|neck| {
            let built = neck.build(&widths, &scope.at(neck.path()));
            Named::new(format!("backbone.{}", neck.path()), built)
        });
        Self {
            backbone: Named::new(below, backbone),
            neck,
            head: Named::new(HEAD, head.build(inputs, classes, &scope.at(HEAD))),
            levels: Levels::Stages,
        }
    }

    /// Outputs of normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let [_, height, width, _] = images.dims();
        let maps = self.maps(images, pass);
        let head = self.head.get();
        pass.within(self.head.path(), |pass| head.forward(maps, [height, width], pass))
    }

    /// The maps that the head may read: what a whole backbone gives, its last stage, or all maps of the neck, the finest first.
    fn maps(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        let (path, backbone) = (self.backbone.path(), self.backbone.get());
        if let Head::Classification(_) = self.head.get() {
            return vec![pass.within(path, |pass| backbone.forward(images, pass))];
        }
        let Some(neck) = &self.neck else {
            return vec![pass.within(path, |pass| backbone.last_stage(images, pass))];
        };
        let levels = self.levels.of(backbone.architecture()).into_iter();
        let points = levels.map(|level| level.end.post).collect();
        let maps = pass.within(path, |pass| backbone.maps_at(points, images, pass));
        pass.within(neck.path(), |pass| neck.get().forward(maps, pass))
    }

    /// What is to be known of a detector; `None` of any other model.
    pub fn detector_facts(&self) -> Option<DetectorFacts> {
        self.head.get().detector_facts()
    }

    /// Why images of this height and width cannot pass; `None` if they can.
    pub fn refuses(&self, size: [usize; 2]) -> Option<String> {
        self.backbone.get().architecture().refuses(size)
    }

    /// Draws a classification head anew for maps of `inputs` channels at `point`; false if the head does not
    /// read its map there.
    pub fn redraw_head(&mut self, point: &Point, [inputs, classes]: [usize; 2], scope: &Scope) -> bool {
        let architecture = self.backbone.get().architecture();
        let reads = match self.head.get() {
            Head::Classification(head) => head.takes_a_map() && *point == architecture.last_stage().last_map,
            Head::Fcn(_) | Head::TwoStage(_) | Head::OneStage(_) => false,
        };
        if reads {
            let head = architecture.head(inputs, classes, scope);
            self.head = Named::new("", Head::Classification(head));
        }
        reads
    }
}
