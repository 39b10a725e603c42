//! The forms in which COCO's files have masks.

use potstill_metrics::{RunMask, coco::Region};
use serde::Deserialize;

use super::RegionKind;

/// The pixels of an object, in one of the forms of COCO's files.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Segmentation {
    /// Outlines, each a list `x, y, x, y, ...` in pixels; the object is what any of them covers.
    Polygons(Vec<Vec<f64>>),
    /// Runs down the columns, as numbers or compressed.
    Runs {
        /// The runs.
        counts: Counts,
        /// Height and width of the image.
        size: [usize; 2],
    },
}

/// Runs of a mask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Counts {
    /// As numbers.
    Numbers(Vec<u32>),
    /// As COCO's compressed text.
    Text(String),
}

/// Where an object of a file is, by its box or by its mask. A file without boxes has those of the masks.
pub(super) fn region(
    kind: RegionKind,
    bbox: Option<[f64; 4]>,
    segmentation: Option<&Segmentation>,
    image: Option<[usize; 2]>,
) -> Result<Region, String> {
    match (kind, bbox, segmentation) {
        (RegionKind::Box, Some(sides), _) => Ok(Region::Box(sides)),
        (RegionKind::Box, None, Some(mask)) => Ok(Region::Box(mask.mask(image)?.bounds())),
        (RegionKind::Box, None, None) => Err("it has no `bbox`".into()),
        (RegionKind::Mask, _, Some(mask)) => Ok(Region::Mask(mask.mask(image)?)),
        (RegionKind::Mask, _, None) => Err("it has no `segmentation`, which masks are measured by".into()),
    }
}

impl Segmentation {
    /// The pixels in an image of `[height, width]`, where the file says its size.
    ///
    /// # Errors
    /// What is wrong with it, without the place.
    pub fn mask(&self, image: Option<[usize; 2]>) -> Result<RunMask, String> {
        match self {
            Self::Polygons(polygons) => {
                let size = image.ok_or("the image has no `height` and `width`, which polygons need")?;
                let outlines = polygons.iter().map(|flat| outline(flat));
                let outlines = outlines.collect::<Result<Vec<_>, _>>()?;
                Ok(RunMask::from_outlines(size, outlines.iter().copied()))
            }
            Self::Runs { counts, size } => {
                let [height, width] = *size;
                if let Some([rows, columns]) = image.filter(|image| image != size) {
                    return Err(format!(
                        "its mask is {height}x{width} (height x width), and the image {rows}x{columns}"
                    ));
                }
                let mask = match counts {
                    Counts::Numbers(counts) => RunMask::from_counts(*size, counts.clone()),
                    Counts::Text(text) => RunMask::from_text(*size, text),
                };
                mask.map_err(|error| error.to_string())
            }
        }
    }
}

/// The corners of an outline.
fn outline(flat: &[f64]) -> Result<&[[f64; 2]], String> {
    let (corners, rest) = flat.as_chunks();
    if !rest.is_empty() || corners.len() < 3 {
        return Err(format!(
            "a polygon has {} numbers, and x and y of at least three corners are needed",
            flat.len()
        ));
    }
    if flat.iter().any(|value| !value.is_finite()) {
        return Err("a polygon has a corner that is no number".into());
    }
    Ok(corners)
}
