//! What a detector found, as COCO's servers take it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use potstill_base::write_atomically;
use potstill_metrics::{
    RunMask,
    coco::{Detection, Region},
};
use serde::{Deserialize, Serialize};

use super::{CocoAnnotations, RegionKind, Segmentation, checked_box, read_json, segmentation::region};
use crate::{BoundingBox, DataError};

/// What a COCO result file says: a list of `image_id`, `category_id`, `score` and `bbox` or `segmentation`.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoResults {
    /// The file.
    pub path: PathBuf,
    results: Vec<CocoResult>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct CocoResult {
    image_id: i64,
    category_id: i64,
    score: f64,
    #[serde(default)]
    bbox: Option<[f64; 4]>,
    #[serde(default)]
    segmentation: Option<Segmentation>,
}

impl CocoResults {
    /// Reads a result file.
    ///
    /// # Errors
    /// A file that is not there or no list of results.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Ok(Self {
            path: path.into(),
            results: read_json(path)?,
        })
    }

    /// How many results there are.
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// How many results are of a category that `truth` does not know, by category id. They are not measured.
    pub fn unknown(&self, truth: &CocoAnnotations) -> BTreeMap<i64, usize> {
        let mut unknown = BTreeMap::new();
        for result in &self.results {
            if truth.class_of(result.category_id).is_none() {
                *unknown.entry(result.category_id).or_default() += 1;
            }
        }
        unknown
    }

    /// The detections of the categories that `truth` knows, in the file's order.
    ///
    /// # Errors
    /// A result of an image that `truth` does not know, without a box or a mask as `kind` needs, or whose numbers are none.
    pub fn detections(&self, truth: &CocoAnnotations, kind: RegionKind) -> Result<Vec<Detection>, DataError> {
        let known = self.results.iter().enumerate().filter_map(|(at, result)| {
            let class = truth.class_of(result.category_id)?;
            Some((at, result, class))
        });
        known
            .map(|(at, result, class)| {
                result
                    .detection(class, truth, kind)
                    .map_err(|problem| DataError::Format {
                        file: self.path.display().to_string(),
                        place: format!("result {at} (from 0)"),
                        problem,
                    })
            })
            .collect()
    }
}

impl CocoResult {
    fn detection(
        &self,
        class: usize,
        truth: &CocoAnnotations,
        kind: RegionKind,
    ) -> Result<Detection, String> {
        let Some(image) = truth.image_of(self.image_id) else {
            let file = truth.path.display();
            return Err(format!("there is no image {} in {file}", self.image_id));
        };
        if !self.score.is_finite() {
            return Err("its `score` is no number".into());
        }
        let sides = self.bbox.map(checked_box).transpose()?;
        let size = truth.images[image].size();
        let region = region(kind, sides, self.segmentation.as_ref(), size)?;
        Ok(Detection {
            image,
            class,
            area: self.area(sides, &region, size)?,
            region,
            score: self.score,
        })
    }

    /// COCO's tools take the area of the box where there is one, also for a mask; where there is none, that of the mask.
    fn area(
        &self,
        sides: Option<[f64; 4]>,
        region: &Region,
        size: Option<[usize; 2]>,
    ) -> Result<f64, String> {
        match (sides, region, &self.segmentation) {
            (Some([_, _, width, height]), ..) => Ok(width * height),
            (None, Region::Box(_), Some(mask)) => Ok(mask.mask(size)?.area() as f64),
            (None, ..) => Ok(region.area()),
        }
    }
}

/// A detection on its way into a result file.
///
/// ```
/// use potstill_data::{BoundingBox, coco::CocoFound};
/// let found = CocoFound::new(42, 18, BoundingBox::new(10.0, 4.0, 30.0, 14.5), 0.75);
/// assert_eq!(found.bbox, [10.0, 4.0, 20.0, 10.5]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CocoFound {
    /// The image's id in the annotations.
    pub image_id: i64,
    /// The category's id in the annotations.
    pub category_id: i64,
    /// x, y, width and height.
    pub bbox: [f64; 4],
    /// How sure the detector is.
    pub score: f32,
    /// The pixels, as compressed runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<FoundMask>,
}

/// Pixels in a result file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundMask {
    /// Height and width of the image.
    pub size: [usize; 2],
    /// COCO's compressed runs.
    pub counts: String,
}

impl CocoFound {
    /// A detection with its box.
    pub fn new(image_id: i64, category_id: i64, bounds: BoundingBox, score: f32) -> Self {
        Self {
            image_id,
            category_id,
            bbox: [bounds.left, bounds.top, bounds.width(), bounds.height()],
            score,
            segmentation: None,
        }
    }

    /// The same with its pixels.
    #[must_use]
    pub fn with_mask(self, mask: &RunMask) -> Self {
        Self {
            segmentation: Some(FoundMask {
                size: mask.size(),
                counts: mask.to_text(),
            }),
            ..self
        }
    }

    /// Writes a result file, as COCO's servers and [`CocoResults::read`] take it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(all: &[Self], path: &Path) -> Result<(), DataError> {
        let text = serde_json::to_string(all).map_err(|error| DataError::Format {
            file: path.display().to_string(),
            place: "results".to_owned(),
            problem: error.to_string(),
        })?;
        write_atomically(path, text.as_bytes()).map_err(DataError::io("write", path))
    }
}
