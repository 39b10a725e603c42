//! The plain arithmetic of detectors, as torchvision computes it: no tensors, no images.
//!
//! * where a detector looks: [`AnchorGrid`], [`DefaultBoxes`], and at which level a region is read: [`RegionLevels`];
//! * which object each place learns: [`Matcher`], [`PointMatcher`], [`match_default_boxes`], and [`BalancedSampler`];
//! * how boxes become numbers and back: [`BoxCoder`], [`DistanceCoder`];
//! * which of many candidates are detections: [`dense_detections`], [`proposals`], [`region_detections`], [`default_box_detections`], and
//!   [`suppress`].
//!
//! A box is its corners `[x1, y1, x2, y2]` in pixels, with continuous coordinates: the box of a single pixel is one wide.

mod anchors;
mod box_loss;
mod boxes;
mod coder;
mod decode;
mod default_boxes;
mod levels;
mod matcher;
mod paste;
mod points;
mod sampler;
mod suppress;

pub use anchors::AnchorGrid;
pub use box_loss::{BoxLoss, OverlapLoss};
pub use boxes::{Corners, area, center, clip, generalized_overlap, has_sides, overlap};
pub use coder::{BoxCoder, BoxCoding, DistanceCoder};
pub use decode::{
    DecodeRule, DenseLevel, Found, cell_detections, default_box_detections, dense_detections, proposals,
    region_detections,
};
pub use default_boxes::DefaultBoxes;
pub use levels::RegionLevels;
pub use matcher::{Match, Matcher, match_default_boxes};
pub use paste::paste;
pub use points::PointMatcher;
pub use sampler::{BalancedSampler, Sampled};
pub use suppress::{suppress, suppress_by_class};
