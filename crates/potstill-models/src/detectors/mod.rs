//! The detectors of the registry: which head stands on which pyramid of which backbone.

mod one_stage;
mod two_stage;

use crate::ModelEntry;

pub(crate) use one_stage::{fcos, retinanet};
pub(crate) use two_stage::{faster, mask};

/// The entries of every kind, in the order of the documentation.
pub(crate) static DETECTORS: &[&[ModelEntry]] = &[one_stage::ENTRIES, two_stage::ENTRIES];
