//! Any classification network, built.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Frozen, Mode, Parameters, Pass};

use crate::CifarResNet;

/// A classification network of any family.
#[derive(Module, Debug)]
pub enum Classifier {
    /// Residual networks for small images.
    CifarResNet(CifarResNet),
}

impl Classifier {
    /// Logits `[N, K]` of normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        match self {
            Self::CifarResNet(network) => network.forward(images, pass),
        }
    }

    /// Logits `[N, K]` by the running statistics, with nobody looking on. No graph is kept if the network is frozen.
    pub fn logits(frozen: &Frozen<Self>, images: Tensor<4>) -> Tensor<2> {
        frozen.get().forward(images, &mut Pass::new(Mode::Running))
    }

    /// The paths of the points where the stages end, shallow to deep, then the pooled embedding.
    pub fn stage_ends(&self) -> Vec<String> {
        match self {
            Self::CifarResNet(network) => network.stage_ends(),
        }
    }

    /// Output classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::CifarResNet(network) => network.config().classes,
        }
    }

    /// Image channels.
    pub fn channels(&self) -> usize {
        match self {
            Self::CifarResNet(network) => network.config().channels,
        }
    }

    /// The network's tensors by their PyTorch names.
    pub fn parameters(&self) -> &dyn Parameters {
        match self {
            Self::CifarResNet(network) => network,
        }
    }

    /// The network's tensors by their PyTorch names, to be replaced.
    pub fn parameters_mut(&mut self) -> &mut dyn Parameters {
        match self {
            Self::CifarResNet(network) => network,
        }
    }

    /// Path segments that the published network calls otherwise: `(ours, theirs)`.
    pub(crate) fn published_names(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The distillation benchmark's networks call their classifier `fc`; the original ones keep `linear`, and call
            // their projections `shortcut`.
            Self::CifarResNet(network) if network.config().widths[0] == 32 => &[("linear", "fc")],
            Self::CifarResNet(_) => &[("downsample", "shortcut")],
        }
    }

    /// Path segments that files in circulation call otherwise: `(theirs, ours)`.
    pub(crate) fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::CifarResNet(_) => &[
                ("shortcut", "downsample"),
                ("fc", "linear"),
                ("classifier", "linear"),
                ("head", "linear"),
            ],
        }
    }
}
