//! The targets of a batch as tensors.

use burn::tensor::{Int, Tensor};
use potstill_data::TargetKind;

use crate::{PartialTargets, TaskError, detection::ObjectTargets};

/// What is known about the images of a batch, as tensors on the plain device.
#[derive(Debug, Clone)]
pub enum Targets {
    /// The class of each image, `[N]`.
    Class(Tensor<1, Int>),
    /// For each image and class 1 where the image has the class and 0 where not, `[N, K]`.
    Classes(Tensor<2>),
    /// The class of each pixel of the padded images, `[N, H, W]`; [`LabelMap::IGNORE`](potstill_data::LabelMap::IGNORE) where there is none, and in the padding.
    Map(Tensor<3, Int>),
    /// The objects of each image.
    Objects(ObjectTargets),
    /// What is known of some of the images, or of none of them; nothing is known of the others.
    Partial(PartialTargets),
}

impl Targets {
    /// Which kind they are; that of no targets where not all images have some.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Class(_) => TargetKind::Class,
            Self::Classes(_) => TargetKind::Classes,
            Self::Map(_) => TargetKind::Map,
            Self::Objects(_) => TargetKind::Boxes,
            Self::Partial(_) => TargetKind::None,
        }
    }

    /// The class of each image, `[N]`.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if they are of another kind.
    pub fn class(&self) -> Result<&Tensor<1, Int>, TaskError> {
        match self {
            Self::Class(classes) => Ok(classes),
            Self::Classes(_) | Self::Map(_) | Self::Objects(_) | Self::Partial(_) => {
                Err(self.no(TargetKind::Class))
            }
        }
    }

    /// Which classes each image has, `[N, K]`.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if they are of another kind.
    pub fn classes(&self) -> Result<&Tensor<2>, TaskError> {
        match self {
            Self::Classes(classes) => Ok(classes),
            Self::Class(_) | Self::Map(_) | Self::Objects(_) | Self::Partial(_) => {
                Err(self.no(TargetKind::Classes))
            }
        }
    }

    /// The class of each pixel, `[N, H, W]`.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if they are of another kind.
    pub fn map(&self) -> Result<&Tensor<3, Int>, TaskError> {
        match self {
            Self::Map(labels) => Ok(labels),
            Self::Class(_) | Self::Classes(_) | Self::Objects(_) | Self::Partial(_) => {
                Err(self.no(TargetKind::Map))
            }
        }
    }

    /// The objects of each image.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if they are of another kind.
    pub fn objects(&self) -> Result<&ObjectTargets, TaskError> {
        match self {
            Self::Objects(objects) => Ok(objects),
            Self::Class(_) | Self::Classes(_) | Self::Map(_) | Self::Partial(_) => {
                Err(self.no(TargetKind::Boxes))
            }
        }
    }

    fn no(&self, wanted: TargetKind) -> TaskError {
        let found = self.kind();
        TaskError::Targets { wanted, found }
    }
}
