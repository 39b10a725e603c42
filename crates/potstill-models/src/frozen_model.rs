//! A network that is only looked at: one of ours, frozen, or an ONNX file.

use burn::tensor::{Device, Tensor};
use potstill_ops::{Frozen, Mode, Pass, Point, Precision};

use crate::{
    LastStage, LinearHead, Model, ModelError, OnnxModel, OutputKind, Outputs, Probe, StageEnd, probe,
};

/// A network for teaching and measuring. It is on the plain device, and cannot be trained.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_models::{BuildOptions, FrozenModel, find};
/// use potstill_ops::Scope;
/// use potstill_random::Seed;
///
/// let device = Device::flex();
/// let scope = Scope::new(&device, Seed::new(0), "teacher");
/// let teacher = FrozenModel::from(&find("cifar_resnet8")?.build(BuildOptions::default(), &scope)?);
/// let logits = teacher.logits(Tensor::ones([1, 32, 32, 3], &device))?;
/// assert!(!logits.is_require_grad());
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are one or two of them")]
pub enum FrozenModel {
    /// A network of ours.
    Ours(Frozen<Model>),
    /// A network in an ONNX file.
    Onnx(OnnxModel),
}

impl FrozenModel {
    /// What the network gives for normalised images `[N, H, W, C]`, in a pass in [`Mode::Running`]; or, if a
    /// network of ours is to normalise by the statistics of the batch, in [`Mode::Batch`], which moves
    /// nothing either.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] if an operator of a file fails on these images.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Result<Outputs, ModelError> {
        match self {
            Self::Ours(network) => {
                network.prepare(pass);
                Ok(network.get().forward(images, pass))
            }
            Self::Onnx(network) => network.forward(images, pass),
        }
    }

    /// Runs the network for the maps at these points alone, which the pass's visitor sees. The heads of a detector or segmenter on a
    /// backbone are left out if no point lies in them.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn come_by(
        &self,
        points: &[Point],
        images: Tensor<4>,
        pass: &mut Pass<'_>,
    ) -> Result<(), ModelError> {
        match self {
            Self::Ours(network) => {
                network.prepare(pass);
                network.get().come_by(points, images, pass);
            }
            Self::Onnx(network) => drop(network.forward(images, pass)?),
        }
        Ok(())
    }

    /// Logits `[N, K]` by the running statistics, read at no point.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and [`ModelError::Output`] if the network gives outputs of another
    /// kind.
    pub fn logits(&self, images: Tensor<4>) -> Result<Tensor<2>, ModelError> {
        let outputs = self.forward(images, &mut Pass::new(Mode::Running))?;
        Ok(outputs.into_logits()?)
    }

    /// Which kind of outputs the network gives.
    pub fn output_kind(&self) -> OutputKind {
        match self {
            Self::Ours(network) => network.get().output_kind(),
            Self::Onnx(network) => network.output_kind(),
        }
    }

    /// Whether what the network says is an answer, which can be measured. The scores of an ONNX file whose boxes are not read only teach.
    pub fn answers(&self) -> bool {
        match self {
            Self::Ours(_) => true,
            Self::Onnx(network) => network.answers(),
        }
    }

    /// The same network, its frozen convolutions in `precision`. An ONNX file stays as it is.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        match self {
            Self::Ours(network) => Self::Ours(network.with_precision(precision)),
            Self::Onnx(_) => self,
        }
    }

    /// Whether the network takes images of this size `[H, W, C]`.
    ///
    /// # Errors
    /// [`ModelError::Input`] or [`ModelError::Onnx`] with the reason why not.
    pub fn check(&self, image: [usize; 3]) -> Result<(), ModelError> {
        match self {
            Self::Ours(network) => network.get().check(image),
            Self::Onnx(network) => network.check(image),
        }
    }

    /// Every point with the size of its map, for images of size `[H, W]`; those of an ONNX file are for the
    /// size it was opened with.
    ///
    /// # Errors
    /// [`ModelError::Input`] if the network cannot take such an image.
    pub fn probe(&self, size: [usize; 2], device: &Device) -> Result<Probe, ModelError> {
        match self {
            Self::Ours(network) => probe(network.get(), size, device),
            Self::Onnx(network) => Ok(network.probe()),
        }
    }

    /// Where the stem ends: the first map of the network, after its activation; none for an ONNX file.
    pub fn stem(&self) -> Option<Point> {
        match self {
            Self::Ours(network) => network.get().stem(),
            Self::Onnx(_) => None,
        }
    }

    /// Where the stages end, shallow to deep, and the pooled embedding; none for an ONNX file, which knows no
    /// stages.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        match self {
            Self::Ours(network) => network.get().stage_ends(),
            Self::Onnx(_) => Vec::new(),
        }
    }

    /// The ends of the last stage; none for an ONNX file, which knows no stages.
    pub fn last_stage(&self) -> Option<LastStage> {
        match self {
            Self::Ours(network) => network.get().last_stage(),
            Self::Onnx(_) => None,
        }
    }

    /// The classifier, if nothing but a linear layer stands behind the mean over all places of a map. An ONNX file is read once more for
    /// it.
    pub fn linear_head(&self) -> Option<LinearHead> {
        match self {
            Self::Ours(network) => network.get().linear_head(),
            Self::Onnx(network) => network.linear_head(),
        }
    }

    /// Output classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::Ours(network) => network.get().classes(),
            Self::Onnx(network) => network.classes(),
        }
    }

    /// Image channels.
    pub fn channels(&self) -> usize {
        match self {
            Self::Ours(network) => network.get().channels(),
            Self::Onnx(network) => network.channels(),
        }
    }
}

impl From<&Model> for FrozenModel {
    /// Freezes the present values.
    fn from(network: &Model) -> Self {
        Self::Ours(Frozen::new(network))
    }
}
