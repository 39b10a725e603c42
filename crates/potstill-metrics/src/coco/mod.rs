//! COCO's average precision of boxes and masks, as `pycocotools.cocoeval` computes it.
//!
//! Detections of a class are matched to the objects of their images at ten thresholds of overlap, by falling score. Precision is read at
//! 101 recalls. Everything is done apart for four ranges of area and for the best 1, 10 and 100 detections of an image and class.

mod average;
mod cell;
mod infos;
mod region;
mod scores;

pub use infos::{BOX_METRICS, MASK_METRICS, box_metric_set, mask_metric_set};
pub use region::Region;
pub use scores::{ClassScores, CocoScores};

use average::Averages;

/// An object of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueObject {
    /// The image, numbered in the order of ascending image id: among equal scores of different images the earlier image comes first.
    pub image: usize,
    /// The class, from 0.
    pub class: usize,
    /// Where it is.
    pub region: Region,
    /// Its area by the annotation, which decides its range: in COCO that of its mask, also where boxes are measured.
    pub area: f64,
    /// Whether it stands for a group of objects: it may be found any number of times, and need not be found.
    pub crowd: bool,
}

/// What a detector found in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The image, as that of [`TrueObject`].
    pub image: usize,
    /// The class, from 0.
    pub class: usize,
    /// Where it is.
    pub region: Region,
    /// Its area, which decides its range. For COCO's tools it is that of the box wherever a result has one.
    pub area: f64,
    /// How sure the detector is. One that is not a number is the lowest.
    pub score: f64,
}

/// Measures `detections` against all `truth` of a data set of so many classes.
///
/// Objects of an image and a class are looked at in their order, and so are detections of equal score.
///
/// ```
/// use potstill_metrics::coco::{Detection, Region, TrueObject, average_precision};
///
/// let region = Region::Box([10.0, 10.0, 40.0, 40.0]);
/// let truth = [TrueObject { image: 0, class: 0, region: region.clone(), area: 1600.0, crowd: false }];
/// let found = [Detection { image: 0, class: 0, region, area: 1600.0, score: 0.9 }];
/// let scores = average_precision(&truth, &found, 2);
/// assert!((scores.ap.unwrap() - 1.0).abs() < 1e-12);
/// assert_eq!(scores.ap_small, None, "there is no small object");
/// assert_eq!(scores.classes[1].ap, None, "nor one of the second class");
/// ```
pub fn average_precision(truth: &[TrueObject], detections: &[Detection], classes: usize) -> CocoScores {
    let cells = cell::cells(truth, detections, classes);
    let averages: Vec<Averages> = cells.iter().map(|cells| Averages::of(cells)).collect();
    CocoScores::of(&averages)
}
