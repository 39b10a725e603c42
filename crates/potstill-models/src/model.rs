//! Any classification network, built.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Frozen, Inserted, Insertion, KdLayer, Mode, Parameters, Pass, Point, Scope};

use crate::{
    LastStage, ModelEntry, ModelError, Names, OutputError, OutputKind, Outputs, StageEnd,
    backbones::{AnyNetwork, Architecture, NetworkIo},
    probe,
};

/// A classification network of any family, with the layers that were put into it.
#[derive(Module, Debug)]
pub struct Model {
    network: Inserted<AnyNetwork>,
    #[module(skip)]
    entry: ModelEntry,
    #[module(skip)]
    architecture: Architecture,
    #[module(skip)]
    ends: NetworkIo,
}

impl Model {
    pub(crate) fn new(entry: ModelEntry, architecture: Architecture, ends: NetworkIo, scope: &Scope) -> Self {
        Self {
            network: Inserted::none(architecture.build(ends, scope)),
            entry,
            architecture,
            ends,
        }
    }

    /// The name of the network.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// What the network gives for normalised images `[N, H, W, C]` that [`check`](Self::check) has nothing against.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let network = &self.network;
        Outputs::Logits(network.forward(pass, |network, pass| network.forward(images, pass)))
    }

    /// Which kind of outputs the network gives.
    pub fn output_kind(&self) -> OutputKind {
        OutputKind::Logits
    }

    /// Puts a KD layer in, with initial values from `scope`; the number of channels is found by a probe with an image of size `[H, W]`.
    /// A network that has this very layer already (it was loaded with it) keeps it.
    ///
    /// # Errors
    /// [`ModelError::Insertion`] if the point is none of the network's, or another layer has the path.
    pub fn insert(
        &mut self,
        insertion: &Insertion,
        size: [usize; 2],
        scope: &Scope,
    ) -> Result<(), ModelError> {
        let refused = |reason: String| ModelError::Insertion {
            model: self.entry.name.into(),
            path: insertion.path.clone(),
            reason,
        };
        if let Some(present) = self
            .insertions()
            .iter()
            .find(|known| known.path == insertion.path)
        {
            if present == insertion {
                return Ok(());
            }
            let Insertion {
                point,
                templates,
                alpha,
                ..
            } = present;
            let reason =
                format!("it has one of that name at `{point}`, of {templates} templates and alpha {alpha}");
            return Err(refused(reason));
        }
        let Insertion {
            path,
            point,
            templates,
            alpha,
        } = insertion;
        if *templates == 0 || path.is_empty() {
            return Err(refused("a layer needs a name and at least one template".into()));
        }
        let probed = probe(self, size, scope.device())?;
        let Some([_, _, channels]) = probed.size(point) else {
            return Err(refused(format!("the network has no point `{point}`")));
        };
        let layer = KdLayer::new(channels, *templates, *alpha, path, scope);
        self.network.insert(point.clone(), layer);
        Ok(())
    }

    /// The layers that were put in.
    pub fn insertions(&self) -> Vec<Insertion> {
        let layers = self.network.layers().iter();
        let named = layers.map(|(point, layer)| Insertion {
            path: layer.path().into(),
            point: point.clone(),
            templates: layer.count(),
            alpha: layer.alpha(),
        });
        named.collect()
    }

    /// The network as it is deployed: the rows of its inserted layers, whose lengths do not count, have length one.
    #[must_use]
    pub fn deployed(&self) -> Self {
        let mut network = self.valid();
        network.network.layers_mut().for_each(KdLayer::normalise_rows);
        network
    }

    /// Logits `[N, K]` of a frozen network by its running statistics, read at no point. No graph is kept.
    ///
    /// # Errors
    /// [`OutputError`] if it gives outputs of another kind.
    pub fn logits(frozen: &Frozen<Self>, images: Tensor<4>) -> Result<Tensor<2>, OutputError> {
        let mut pass = Pass::new(Mode::Running);
        frozen.prepare(&mut pass);
        frozen.get().forward(images, &mut pass).into_logits()
    }

    /// Whether the network takes images of this size `[H, W, C]`.
    ///
    /// # Errors
    /// [`ModelError::Input`] with the reason why not.
    pub fn check(&self, [height, width, channels]: [usize; 3]) -> Result<(), ModelError> {
        let refused = |reason| ModelError::Input {
            model: self.entry.name.into(),
            image: format!("{height}x{width}x{channels}"),
            reason,
        };
        if channels != self.ends.channels {
            let plural = if self.ends.channels == 1 { "" } else { "s" };
            let reason = format!(
                "it was built for images of {} channel{plural}",
                self.ends.channels
            );
            return Err(refused(reason));
        }
        if height == 0 || width == 0 {
            return Err(refused("there is not one pixel in it".into()));
        }
        self.architecture
            .refuses([height, width])
            .map_or(Ok(()), |reason| Err(refused(reason)))
    }

    /// Where the stem ends: the first map of the network, after its activation.
    pub fn stem(&self) -> Point {
        self.architecture.stem()
    }

    /// Where the stages end, shallow to deep, and the pooled embedding.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        self.architecture.stage_ends()
    }

    /// The ends of the last stage.
    pub fn last_stage(&self) -> LastStage {
        self.architecture.last_stage()
    }

    /// Output classes.
    pub fn classes(&self) -> usize {
        self.ends.classes
    }

    /// Image channels.
    pub fn channels(&self) -> usize {
        self.ends.channels
    }

    /// What the network's tensors are called.
    pub fn names(&self) -> &Names {
        &self.entry.names
    }

    /// The network's tensors by their PyTorch names.
    pub fn parameters(&self) -> &dyn Parameters {
        &self.network
    }

    /// The network's tensors by their PyTorch names, to be replaced.
    pub fn parameters_mut(&mut self) -> &mut dyn Parameters {
        &mut self.network
    }
}
