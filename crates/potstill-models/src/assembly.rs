//! A model put together from a backbone, a neck or none, and a head.

use burn::{module::Param, tensor::Tensor};
use potstill_ops::{ForwardPass, NormRule, Pass, Point, Scope, Trace, TracedMap};

use crate::{
    Backbone, DetectorFacts, LinearHead, Outputs, Stage,
    backbones::{Architecture, Extent},
    heads::{DetectorConfig, FcnHead, Head, HeadConfig, Pyramid},
    levels::Levels,
    named::{Named, module_of_parts},
    necks::{Neck, NeckConfig},
};

/// The parts of a model, each under the path that torchvision gives it.
///
/// | model | backbone | neck | head |
/// |---|---|---|---|
/// | classification | top level | – | top level |
/// | segmentation | `backbone` | – | `classifier`, `aux_classifier` |
/// | segmentation, with a neck | `backbone.body` | `backbone.fpn` | `classifier`, `aux_classifier` |
/// | PSPNet, as MMSegmentation has it | `backbone` | – | `decode_head`, `auxiliary_head` |
/// | detection | `backbone.body` | `backbone.fpn` | top level |
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    backbone: Named<Backbone>,
    neck: Option<Named<Neck>>,
    head: Named<Head>,
    auxiliary: Option<Named<FcnHead>>,
    /// What the neck reads.
    levels: Levels,
}

module_of_parts!(Assembly { backbone, neck, head, auxiliary } with { levels });

/// What stands on a backbone in a model for every pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DenseConfig {
    pub neck: Option<NeckConfig>,
    pub head: HeadConfig,
    /// Whether a second classifier reads an earlier stage, for the loss alone.
    pub auxiliary: bool,
}

impl DenseConfig {
    /// The path of the backbone in such a model.
    pub fn below(self) -> &'static str {
        below(self.neck)
    }
}

/// The path of the backbone in a model with a head of its own.
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
    scope.with_norms(scope.norm_rule().or(0.1, 1e-5))
}

/// The scope of what stands on a backbone: frozen batch norms are the backbone's alone.
fn with_trained_norms(scope: &Scope) -> Scope {
    scope.with_norms(NormRule::default())
}

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
            auxiliary: None,
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
            auxiliary: None,
            levels,
        }
    }

    /// The stages of a backbone with a head for every pixel.
    pub fn dense(
        architecture: Architecture,
        config: DenseConfig,
        [channels, classes]: [usize; 2],
        scope: &Scope,
    ) -> Self {
        let DenseConfig {
            neck,
            head,
            auxiliary,
        } = config;
        let stages = architecture.stages();
        let widths: Vec<usize> = stages.iter().map(|stage| stage.channels).collect();
        let inputs = match neck {
            Some(neck) => [neck.channels(); 2],
            None => [architecture.fine().channels, widths[widths.len() - 1]],
        };
        let [head_path, auxiliary_path] = head.paths();
        let backbone = Backbone::new(architecture, channels, Extent::Stages, scope);
        let scope = &with_trained_norms(scope);
        let neck = neck.map(|neck| {
            let built = neck.build(&widths, &scope.at(neck.path()));
            Named::new(format!("backbone.{}", neck.path()), built)
        });
        let auxiliary = auxiliary.then(|| {
            let inputs = architecture.auxiliary().channels;
            let built = head.auxiliary(inputs, classes, &scope.at(auxiliary_path));
            Named::new(auxiliary_path, built)
        });
        Self {
            backbone: Named::new(config.below(), backbone),
            neck,
            head: Named::new(head_path, head.build(inputs, classes, &scope.at(head_path))),
            auxiliary,
            levels: Levels::Stages,
        }
    }

    /// Outputs of normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let [_, height, width, _] = images.dims();
        let (maps, earlier) = self.maps(images, pass);
        let head = self.head.get();
        let mut outputs = pass.within(self.head.path(), |pass| head.forward(maps, [height, width], pass));
        if let (Outputs::DenseLogits(dense), Some(auxiliary), Some(map)) =
            (&mut outputs, &self.auxiliary, earlier)
        {
            let logits = pass.within(auxiliary.path(), |pass| auxiliary.get().forward(map, pass));
            dense.auxiliary = Some(logits);
        }
        outputs
    }

    /// Traces the way from images to the logits of a classification network or of a segmenter; `None` of any other, and of one with a neck.
    pub fn trace(&self, images: TracedMap, trace: &mut Trace) -> Option<TracedMap> {
        if self.neck.is_some() {
            return None;
        }
        let backbone = self.backbone.get();
        let maps = trace.within(self.backbone.path(), |trace| {
            let last = backbone.forward(images, trace);
            match self.wanted() {
                None => Some(vec![last]),
                Some(wanted) => {
                    let paths = wanted.iter().map(|stage| &stage.end.post.path);
                    paths.map(|path| trace.map_at(path)).collect()
                }
            }
        });
        trace.within(self.head.path(), |trace| self.head.get().trace(maps?, trace))
    }

    /// Runs up to the head, and through it only if one of these points lies there.
    pub fn come_by(&self, points: &[Point], images: Tensor<4>, pass: &mut Pass<'_>) {
        let neck = self.neck.as_ref().map(Named::path);
        let trunk = [Some(self.backbone.path()), neck];
        let is_below = |point: &Point, path: &str| {
            let rest = point.path.strip_prefix(path);
            !path.is_empty() && rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let is_before_heads = |point: &Point| trunk.iter().flatten().any(|path| is_below(point, path));
        if points.iter().all(is_before_heads) {
            self.maps(images, pass);
        } else {
            self.forward(images, pass);
        }
    }

    /// The maps that the head may read (what a whole backbone gives, the stages that a head without a neck reads, or all maps of the
    /// neck), the finest first, and the one that the auxiliary classifier reads.
    fn maps(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> (Vec<Tensor<4>>, Option<Tensor<4>>) {
        let (path, backbone) = (self.backbone.path(), self.backbone.get());
        let architecture = backbone.architecture();
        let Some(mut wanted) = self.wanted() else {
            let map = pass.within(path, |pass| backbone.forward(images, pass));
            return (vec![map], None);
        };
        let levels = wanted.len();
        wanted.extend(self.auxiliary.as_ref().map(|_| architecture.auxiliary()));
        let points = wanted.into_iter().map(|stage| stage.end.post).collect();
        let mut maps = pass.within(path, |pass| backbone.maps_at(points, images, pass));
        let earlier = maps.split_off(levels).pop();
        let maps = match &self.neck {
            Some(neck) => pass.within(neck.path(), |pass| neck.get().forward(maps, pass)),
            None => maps,
        };
        (maps, earlier)
    }

    /// The stages whose last maps the neck or the head reads, fine to coarse; `None` where the head reads what a whole backbone gives.
    fn wanted(&self) -> Option<Vec<Stage>> {
        let backbone = self.backbone.get();
        let architecture = backbone.architecture();
        Some(match (self.head.get(), &self.neck) {
            (Head::Classification(_), _) => return None,
            (_, Some(_)) => self.levels.of(architecture),
            (Head::LrAspp(_), None) => vec![architecture.fine(), backbone.last_stage()],
            (_, None) => vec![backbone.last_stage()],
        })
    }

    /// Whether there is an auxiliary classifier; `None` of a network that is no segmenter.
    pub fn auxiliary(&self) -> Option<bool> {
        match self.head.get() {
            Head::Fcn(_) | Head::DeepLabV3(_) | Head::LrAspp(_) | Head::Psp(_) => {
                Some(self.auxiliary.is_some())
            }
            Head::Classification(_) | Head::TwoStage(_) | Head::OneStage(_) => None,
        }
    }

    /// What is to be known of a detector; `None` of any other model.
    pub fn detector_facts(&self) -> Option<DetectorFacts> {
        self.head.get().detector_facts()
    }

    /// Why images of this height and width cannot pass; `None` if they can.
    pub fn refuses(&self, size: [usize; 2]) -> Option<String> {
        self.backbone.get().architecture().refuses(size)
    }

    /// The classifier, if it is linear in the mean of the last map.
    pub fn linear_head(&self) -> Option<LinearHead> {
        let Head::Classification(head) = self.head.get() else {
            return None;
        };
        let linear = head.linear()?;
        let map = self.backbone.get().architecture().last_stage().last_map;
        let bias = linear.bias.as_ref().map(Param::val);
        Some(LinearHead::new(map, linear.weight.val(), bias))
    }

    /// Draws a classification head anew for maps of `inputs` channels at `point`; false if the head does not
    /// read its map there.
    pub fn redraw_head(&mut self, point: &Point, [inputs, classes]: [usize; 2], scope: &Scope) -> bool {
        let architecture = self.backbone.get().architecture();
        let reads = match self.head.get() {
            Head::Classification(head) => head.takes_a_map() && *point == architecture.last_stage().last_map,
            Head::Fcn(_)
            | Head::DeepLabV3(_)
            | Head::LrAspp(_)
            | Head::Psp(_)
            | Head::TwoStage(_)
            | Head::OneStage(_) => false,
        };
        if reads {
            let head = architecture.head(inputs, classes, scope);
            self.head = Named::new("", Head::Classification(head));
        }
        reads
    }
}
