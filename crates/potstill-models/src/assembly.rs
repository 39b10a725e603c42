//! A model put together from a backbone, a neck or none, and a head.

use burn::tensor::Tensor;
use potstill_ops::{Pass, Point, Scope};

use crate::{
    Backbone, Outputs,
    backbones::{Architecture, Extent},
    heads::{Head, HeadConfig},
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
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    backbone: Named<Backbone>,
    neck: Option<Named<Neck>>,
    head: Named<Head>,
}

module_of_parts!(Assembly { backbone, neck, head } with {});

/// The path of the backbone of a dense model.
pub(crate) fn below(neck: Option<NeckConfig>) -> &'static str {
    if neck.is_some() {
        "backbone.body"
    } else {
        "backbone"
    }
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
        }
    }

    /// Outputs of normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let [_, height, width, _] = images.dims();
        let map = self.map(images, pass);
        let head = self.head.get();
        pass.within(self.head.path(), |pass| head.forward(map, [height, width], pass))
    }

    /// The map that the head reads: what a whole backbone gives, its last stage, or the finest map of the
    /// neck.
    fn map(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let (path, backbone) = (self.backbone.path(), self.backbone.get());
        if let Head::Classification(_) = self.head.get() {
            return pass.within(path, |pass| backbone.forward(images, pass));
        }
        let Some(neck) = &self.neck else {
            return pass.within(path, |pass| backbone.last_stage(images, pass));
        };
        let maps = pass.within(path, |pass| backbone.stages(images, pass));
        pass.within(neck.path(), |pass| neck.get().forward(maps, pass))
            .swap_remove(0)
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
            Head::Fcn(_) => false,
        };
        if reads {
            let head = architecture.head(inputs, classes, scope);
            self.head = Named::new("", Head::Classification(head));
        }
        reads
    }
}
