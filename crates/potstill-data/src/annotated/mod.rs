//! Images with objects or label maps, as the formats of the field have them: the one data set that all readers of such formats give.
//!
//! A reader ([`crate::formats`]) turns files into [`Records`]: for each image what its annotation says, in the coordinates of the file,
//! and for everything that is wrong a [`Finding`]. Here these become targets in pixels.

mod dataset;
mod finding;
mod geometry;
mod map_reader;
mod record;
mod reporter;

pub(crate) use dataset::Annotated;
pub use finding::{Finding, FindingCount, Findings, Severity};
pub(crate) use geometry::settled;
pub(crate) use map_reader::LabelTable;
pub(crate) use record::{Extent, Outline, RawObject, Record, Records, Truth};
pub(crate) use reporter::Reporter;
