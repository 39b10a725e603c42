//! What a reader of a format says about its images.

use std::sync::Arc;

use potstill_metrics::RunMask;

use super::finding::Findings;
use super::map_reader::LabelTable;
use crate::file_store::{FileStore, StoredFile};
use crate::{BoundingBox, ObjectNotes, Polygon, TargetKind};

/// All images of a split, with what is known of each.
pub(crate) struct Records {
    /// What the format is called in messages.
    pub format: &'static str,
    pub store: Arc<FileStore>,
    pub images: Vec<Record>,
    /// The names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// The number of each class in the files, where that is not its place.
    pub class_ids: Vec<i64>,
    /// What is known of each image.
    pub target: TargetKind,
    pub findings: Findings,
    /// What else there is to tell, a line each.
    pub notes: Vec<String>,
    /// Whether the images to train with and to test with are apart.
    pub has_splits: bool,
}

/// An image with its annotation.
pub(crate) struct Record {
    pub image: StoredFile,
    /// Its number in the file of annotations.
    pub id: Option<i64>,
    /// The size of the image as the annotation states it.
    pub stated: Option<[usize; 2]>,
    pub truth: Truth,
}

/// What is known of an image.
pub(crate) enum Truth {
    /// Objects, in the order of the file, in these coordinates.
    Objects(Vec<RawObject>, Extent),
    /// A file with the label of each pixel.
    Map(StoredFile, Arc<LabelTable>),
    /// A file with the instance of each pixel (Cityscapes).
    InstanceIds(StoredFile, Arc<LabelTable>),
    /// A file with the number of the object of each pixel, and one with its class (VOC).
    ObjectNumbers(StoredFile, StoredFile, Arc<LabelTable>),
}

/// What coordinates are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Pixels of the image.
    Pixels,
    /// Shares of the image's sides.
    Sides,
}

/// An object as its file has it, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawObject {
    pub class: u32,
    pub bounds: BoundingBox,
    pub outline: Outline,
    pub notes: ObjectNotes,
}

/// The outline of an object as its file has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outline {
    /// There is only a box.
    Box,
    Polygons(Vec<Polygon>),
    /// Pixels, in runs.
    Runs(RunMask),
}
