//! A backbone of any family, built: images in, maps out.

use burn::tensor::Tensor;
use potstill_ops::{ForwardPass, Parameters, Pass, Point, Scope};

use super::{
    Stage,
    family::{AnyBackbone, Architecture, Extent},
};
use crate::named::module_of_parts;

/// A network without its head: it gives the maps that heads, necks and methods read.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_models::find;
/// use potstill_ops::{Mode, Pass, Scope};
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "example");
/// let entry = find("cifar_resnet8")?;
/// let backbone = entry.backbone(3, &scope)?;
/// let images = Tensor::zeros([1, 32, 32, 3], &Device::flex());
/// let maps = backbone.stages(images, &mut Pass::new(Mode::Running));
/// for (map, stage) in maps.iter().zip(entry.stages()) {
///     let side = 32 / stage.stride;
///     assert_eq!(map.dims(), [1, side, side, stage.channels]);
/// }
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Backbone {
    network: AnyBackbone,
    architecture: Architecture,
}

module_of_parts!(Backbone { network } with { architecture });

impl Backbone {
    /// With fresh weights from the scope's streams, for images of `channels` channels.
    pub(crate) fn new(architecture: Architecture, channels: usize, extent: Extent, scope: &Scope) -> Self {
        Self {
            network: architecture.backbone(channels, extent, scope),
            architecture,
        }
    }

    /// The map `[N, H, W, C]` of normalised images `[N, H, W, C]` that the family's classification head
    /// takes.
    pub(crate) fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        self.network.forward(images, pass)
    }

    /// The last map `[N, H_l, W_l, C_l]` of every stage, fine to coarse, of normalised images `[N, H, W, C]`.
    /// They are the maps that the backbone goes on with, after what inserted layers and the pass's visitor
    /// made of them.
    pub fn stages(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        let points = self.stage_info().into_iter().map(|stage| stage.end.post);
        self.maps_at(points.collect(), images, pass)
    }

    /// The last stage.
    pub(crate) fn last_stage(&self) -> Stage {
        let mut stages = self.stage_info();
        stages.swap_remove(stages.len() - 1)
    }

    /// The maps at these points of the backbone, which it comes by.
    pub(crate) fn maps_at(
        &self,
        points: Vec<Point>,
        images: Tensor<4>,
        pass: &mut Pass<'_>,
    ) -> Vec<Tensor<4>> {
        let (_, maps) = pass.keeping(points, |pass| self.network.forward(images, pass));
        let maps: Option<Vec<_>> = maps.into_iter().collect();
        // A test holds every family to it.
        maps.expect("a backbone comes by the ends of its stages")
    }

    /// The stages with their channels and strides, fine to coarse.
    pub fn stage_info(&self) -> Vec<Stage> {
        self.architecture.stages()
    }

    pub(crate) fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The backbone's tensors by their PyTorch names.
    pub fn parameters(&self) -> &dyn Parameters {
        self
    }
}
