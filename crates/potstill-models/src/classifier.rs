//! Any classification network, built.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Frozen, Mode, Parameters, Pass, Point, Scope};

use crate::{
    ModelEntry, ModelError, Names, StageEnd,
    family::{AnyNetwork, Architecture, Ends},
};

/// A classification network of any family.
#[derive(Module, Debug)]
pub struct Classifier {
    network: AnyNetwork,
    #[module(skip)]
    entry: ModelEntry,
    #[module(skip)]
    architecture: Architecture,
    #[module(skip)]
    ends: Ends,
}

impl Classifier {
    pub(crate) fn new(entry: ModelEntry, architecture: Architecture, ends: Ends, scope: &Scope) -> Self {
        Self {
            network: architecture.build(ends, scope),
            entry,
            architecture,
            ends,
        }
    }

    /// The name of the network.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// Logits `[N, K]` of normalised images `[N, H, W, C]` that [`check`](Self::check) has nothing against.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.network.forward(images, pass)
    }

    /// Logits `[N, K]` by the running statistics, with nobody looking on. No graph is kept if the network is frozen.
    pub fn logits(frozen: &Frozen<Self>, images: Tensor<4>) -> Tensor<2> {
        let mut pass = Pass::new(Mode::Running);
        frozen.prepare(&mut pass);
        frozen.get().forward(images, &mut pass)
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
