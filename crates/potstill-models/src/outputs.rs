//! What a network gives, by task.

use std::fmt;

use burn::tensor::Tensor;
use potstill_ops::{BatchStatistics, select_places};

use crate::{DenseLogits, Detections, RegionDetections};

/// What a forward pass of a network gives for a batch of N images.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are a few of them at a time")]
pub enum Outputs {
    /// One row of K class scores for each image, `[N, K]`, before any softmax.
    Logits(Tensor<2>),
    /// K class scores for each place of each image, before any softmax.
    DenseLogits(DenseLogits),
    /// Boxes of objects with scores for K classes, not yet chosen from.
    Detections(Box<Detections>),
}

/// The kind of [`Outputs`], known before a network is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// [`Outputs::Logits`].
    Logits,
    /// [`Outputs::DenseLogits`].
    DenseLogits,
    /// [`Outputs::Detections`] of boxes.
    Boxes,
    /// [`Outputs::Detections`] of boxes and outlines.
    Masks,
}

impl OutputKind {
    /// What networks with such outputs do, by the name of the task in recipes.
    pub fn task(self) -> &'static str {
        match self {
            Self::Logits => "classification",
            Self::DenseLogits => "segmentation",
            Self::Boxes => "detection",
            Self::Masks => "instance-segmentation",
        }
    }
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logits => "one row of logits for each image",
            Self::DenseLogits => "logits for each pixel",
            Self::Boxes => "boxes of objects",
            Self::Masks => "boxes and outlines of objects",
        })
    }
}

/// Outputs of one kind where another is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network gives {found}, and {needed} is needed here")]
pub struct OutputError {
    /// The kind that was asked for.
    pub needed: OutputKind,
    /// The kind that is there.
    pub found: OutputKind,
}

impl Outputs {
    /// Which kind they are.
    pub fn kind(&self) -> OutputKind {
        match self {
            Self::Logits(_) => OutputKind::Logits,
            Self::DenseLogits(_) => OutputKind::DenseLogits,
            Self::Detections(detections) if detections.has_masks() => OutputKind::Masks,
            Self::Detections(_) => OutputKind::Boxes,
        }
    }

    /// The number of classes K.
    pub fn classes(&self) -> usize {
        match self {
            Self::Logits(logits) => logits.dims()[1],
            Self::DenseLogits(dense) => dense.classes(),
            Self::Detections(detections) => detections.classes(),
        }
    }

    /// The logits `[N, K]`.
    ///
    /// # Errors
    /// [`OutputError`] if they are outputs of another kind.
    pub fn logits(&self) -> Result<&Tensor<2>, OutputError> {
        match self {
            Self::Logits(logits) => Ok(logits),
            Self::DenseLogits(_) | Self::Detections(_) => Err(self.no(OutputKind::Logits)),
        }
    }

    /// The logits `[N, K]`, taken out.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn into_logits(self) -> Result<Tensor<2>, OutputError> {
        match self {
            Self::Logits(logits) => Ok(logits),
            Self::DenseLogits(_) | Self::Detections(_) => Err(self.no(OutputKind::Logits)),
        }
    }

    /// The logits of every place.
    ///
    /// # Errors
    /// [`OutputError`] if they are outputs of another kind.
    pub fn dense_logits(&self) -> Result<&DenseLogits, OutputError> {
        match self {
            Self::DenseLogits(dense) => Ok(dense),
            Self::Logits(_) | Self::Detections(_) => Err(self.no(OutputKind::DenseLogits)),
        }
    }

    /// The logits of every place, taken out.
    ///
    /// # Errors
    /// As [`dense_logits`](Self::dense_logits).
    pub fn into_dense_logits(self) -> Result<DenseLogits, OutputError> {
        match self {
            Self::DenseLogits(dense) => Ok(dense),
            Self::Logits(_) | Self::Detections(_) => Err(self.no(OutputKind::DenseLogits)),
        }
    }

    /// What a detector gives.
    ///
    /// # Errors
    /// [`OutputError`] if they are outputs of another kind.
    pub fn detections(&self) -> Result<&Detections, OutputError> {
        match self {
            Self::Detections(detections) => Ok(detections),
            Self::Logits(_) | Self::DenseLogits(_) => Err(self.no(OutputKind::Boxes)),
        }
    }

    /// What a detector that outlines objects gives.
    ///
    /// # Errors
    /// [`OutputError`] if they are outputs of another kind.
    pub fn outlined(&self) -> Result<&RegionDetections, OutputError> {
        let regions = self.detections().ok().and_then(Detections::regions);
        let outlined = regions.filter(|regions| regions.heads.has_masks());
        outlined.ok_or_else(|| self.no(OutputKind::Masks))
    }

    /// Takes what heads left behind that ran after the forward pass: statistics of batch norms, and multiply-accumulates. Only a detector
    /// that looks at regions has such heads.
    pub fn take_late(&self) -> (Vec<BatchStatistics>, u64) {
        let regions = self.detections().ok().and_then(Detections::regions);
        regions.map_or((Vec::new(), 0), |regions| regions.late.take())
    }

    /// The same values on the plain device: constants, through which no gradient goes.
    #[must_use]
    pub fn detached(self) -> Self {
        match self {
            Self::Logits(logits) => Self::Logits(logits.inner()),
            Self::DenseLogits(dense) => Self::DenseLogits(dense.detached()),
            Self::Detections(detections) => Self::Detections(Box::new(detections.detached())),
        }
    }

    /// Those of the images at these places of the batch, in this order. Gradients go back to them.
    #[must_use]
    pub fn of_images(&self, places: &[usize]) -> Self {
        match self {
            Self::Logits(logits) => Self::Logits(select_places(logits.clone(), places)),
            Self::DenseLogits(dense) => Self::DenseLogits(dense.of_images(places)),
            Self::Detections(detections) => Self::Detections(Box::new(detections.of_images(places))),
        }
    }

    fn no(&self, needed: OutputKind) -> OutputError {
        let found = self.kind();
        OutputError { needed, found }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::{DenseLogits, OutputKind, Outputs};

    #[test]
    fn outputs_of_another_kind_are_refused_by_name() {
        let device = Device::flex();
        let logits = Outputs::Logits(Tensor::zeros([2, 5], &device));
        let dense = Outputs::DenseLogits(DenseLogits {
            logits: Tensor::zeros([2, 3, 4, 7], &device),
            auxiliary: None,
            size: [6, 8],
        });
        assert_eq!((logits.classes(), dense.classes()), (5, 7));
        assert_eq!(logits.logits().map(Tensor::dims), Ok([2, 5]));
        assert_eq!(
            dense.dense_logits().map(|dense| dense.full().dims()),
            Ok([2, 6, 8, 7])
        );

        let error = dense.logits().map(Tensor::dims).unwrap_err();
        assert_eq!(error.needed, OutputKind::Logits);
        assert_eq!(
            error.to_string(),
            "the network gives logits for each pixel, and one row of logits for each image is needed here"
        );
        assert_eq!(logits.into_dense_logits().unwrap_err().found, OutputKind::Logits);
    }
}
