//! Any classification network, built.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Frozen, Inserted, Insertion, Mode, Parameters, Pass, Point, Scope};

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

    /// Puts a layer in, with initial values from `scope`. The number of its channels is found by a probe with an image of size
    /// `[H, W]`. A network that has this very layer already (it was loaded with it) keeps it.
    ///
    /// # Errors
    /// [`ModelError::Insertion`] if the network has no such point, if another layer has the path, or if no such layer can be
    /// built there.
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
        let Insertion { path, point, layer } = insertion;
        if let Some(present) = self.network.insertions().find(|known| known.path == *path) {
            if present == insertion {
                return Ok(());
            }
            let Insertion { point, layer, .. } = present;
            return Err(refused(format!("it has one of that name at `{point}`, {layer}")));
        }
        if path.is_empty() {
            return Err(refused("a layer needs a name".into()));
        }
        if let Some(fault) = layer.fault() {
            return Err(refused(fault.into()));
        }
        let probed = probe(self, size, scope.device())?;
        let Some([_, _, channels]) = probed.size(point) else {
            return Err(refused(format!("the network has no point `{point}`")));
        };
        let outputs = layer.outputs(channels);
        if outputs != channels {
            return Err(refused(format!(
                "the map at `{point}` has {channels} channels, and what follows cannot take {outputs}"
            )));
        }
        self.network.insert(insertion.clone(), channels, scope);
        Ok(())
    }

    /// The layers that were put in, in order.
    pub fn insertions(&self) -> Vec<Insertion> {
        self.network.insertions().cloned().collect()
    }

    /// The network as it is deployed, on the plain device: the weights of its inserted layers in their simplest form. It computes
    /// the same.
    #[must_use]
    pub fn deployed(&self) -> Self {
        let mut network = self.valid();
        network.network.deploy_layers();
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
