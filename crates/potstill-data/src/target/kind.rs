//! What can be known about an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of [`Target`](super::Target).
///
/// ```
/// use potstill_data::{DatasetEntry, TargetKind};
/// let cifar10 = DatasetEntry::of("cifar10").unwrap();
/// assert!(!cifar10.targets.contains(&TargetKind::Boxes));
/// assert_eq!(TargetKind::Boxes.to_string(), "boxes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// One class for each image: classification.
    Class,
    /// A set of classes for each image: multi-label classification.
    Classes,
    /// Boxes with classes: detection.
    Boxes,
    /// Objects with classes, boxes and outlines: instance segmentation.
    Instances,
    /// A class for each pixel: semantic segmentation.
    Map,
    /// Nothing: images to learn from a teacher with.
    None,
}

impl fmt::Display for TargetKind {
    /// In words for messages: `a class`, `boxes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Class => "a class",
            Self::Classes => "a set of classes",
            Self::Boxes => "boxes",
            Self::Instances => "instances",
            Self::Map => "a label map",
            Self::None => "no label",
        })
    }
}
