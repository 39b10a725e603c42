//! The detectors of the registry: which head stands on which pyramid of which backbone.

mod fastestdet;
mod one_piece;
mod one_stage;
mod ssdlite;
mod two_stage;
mod whole;

use crate::ModelEntry;

pub(crate) use one_stage::{fcos, retinanet};
pub(crate) use two_stage::{faster, faster_v2, mask, mask_v2};
pub(crate) use whole::{WholeConfig, WholeDetector};

/// The entries of every kind, in the order of the documentation.
pub(crate) static DETECTORS: &[&[ModelEntry]] = &[one_stage::ENTRIES, two_stage::ENTRIES, one_piece::ENTRIES];
