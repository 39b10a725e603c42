//! Whether the settings of a step can work.

use super::{MAX_SIDE, PadMode, Step};
use crate::{DataError, TargetKind};

/// A greater factor is a mistake, and would fill the memory.
const MOST_SCALED: f64 = 16.0;

/// More operations leave nothing of a picture.
const MOST_OPERATIONS: usize = 14;

impl Step {
    /// Whether the settings can ever work.
    pub(in crate::augment) fn check(&self) -> Result<(), DataError> {
        let ordered = |[low, high]: [f64; 2]| 0.0 < low && low <= high && high.is_finite();
        let problem = match self {
            Self::PadCrop { pad, .. } if *pad > MAX_SIDE => format!("pad must be at most {MAX_SIDE}"),
            Self::RandomResizedCrop { scale, .. } if !ordered(*scale) || scale[1] > 1.0 => {
                format!("scale = {scale:?} needs two shares of the area, 0 < least <= greatest <= 1")
            }
            Self::RandomResizedCrop { ratio, .. } if !ordered(*ratio) => {
                format!("ratio = {ratio:?} needs two proportions, 0 < least <= greatest")
            }
            Self::RandomResizedCrop { size, .. } | Self::Resize { size, .. } | Self::CentreCrop { size }
                if !size.sides().iter().all(|side| (1..=MAX_SIDE).contains(side)) =>
            {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            Self::ResizeShorter { size, .. } if !(1..=MAX_SIDE).contains(size) => {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            Self::Affine { scale, .. } if !ordered(*scale) => {
                format!("scale = {scale:?} needs two factors, 0 < least <= greatest")
            }
            Self::Affine { degrees, .. } if !(0.0..=180.0).contains(degrees) => {
                format!("degrees = {degrees} must be between 0 and 180")
            }
            Self::Affine { translate, .. } if !(0.0..=1.0).contains(translate) => {
                format!("translate = {translate} must be between 0 and 1")
            }
            Self::Affine { shear, .. } if !(0.0..90.0).contains(shear) => {
                format!("shear = {shear} must be at least 0 and below 90")
            }
            Self::Crop { size, .. } | Self::Letterbox { size, .. }
                if !size.sides().iter().all(|side| (1..=MAX_SIDE).contains(side)) =>
            {
                format!("size must be between 1 and {MAX_SIDE}")
            }
            joint => match joint.problem_of_joint() {
                Some(problem) => problem,
                None => return Ok(()),
            },
        };
        Err(self.error(problem))
    }

    /// What is wrong with a step for objects and label maps.
    fn problem_of_joint(&self) -> Option<String> {
        let ordered = |[low, high]: [f64; 2]| 0.0 < low && low <= high && high.is_finite();
        match self {
            Self::ResizeRange { shorter, longer, .. } => {
                let lengths = shorter.all().iter().chain([longer]);
                let fits = !shorter.all().is_empty()
                    && lengths.into_iter().all(|side| (1..=MAX_SIDE).contains(side));
                (!fits).then(|| {
                    format!("shorter needs a length or several, and longer one, between 1 and {MAX_SIDE}")
                })
            }
            Self::ScaleJitter { range, .. } if !ordered(*range) || range[1] > MOST_SCALED => Some(format!(
                "range = {range:?} needs two factors, 0 < least <= greatest <= {MOST_SCALED}"
            )),
            Self::Crop {
                cat_max_ratio: Some(share),
                ..
            } if !(0.0..=1.0).contains(share) => {
                Some(format!("cat_max_ratio = {share} must be between 0 and 1"))
            }
            Self::Photometric { brightness, .. } if !(0.0..=255.0).contains(brightness) => {
                Some(format!("brightness = {brightness} must be between 0 and 255"))
            }
            Self::Photometric {
                contrast, saturation, ..
            } if !ordered(*contrast) || !ordered(*saturation) => {
                Some("contrast and saturation need two factors each, 0 < least <= greatest".to_owned())
            }
            Self::Photometric { hue, .. } if !(0.0..=180.0).contains(hue) => {
                Some(format!("hue = {hue} must be between 0 and 180"))
            }
            Self::SsdCrop { scale, .. } if !(*scale > 0.0 && *scale <= 1.0) => {
                Some(format!("scale = {scale} must be above 0 and at most 1"))
            }
            Self::SsdCrop { aspect, .. } if !ordered(*aspect) => Some(format!(
                "aspect = {aspect:?} needs two proportions, 0 < least <= greatest"
            )),
            Self::FixMatch { operations, .. } if *operations > MOST_OPERATIONS => Some(format!(
                "operations = {operations} must be at most {MOST_OPERATIONS}"
            )),
            Self::FixMatch { cutout, .. } if !(0.0..=1.0).contains(cutout) => {
                Some(format!("cutout = {cutout} must be between 0 and 1"))
            }
            Self::ZoomOut { most, .. } if !(1.0..=MOST_SCALED).contains(most) => {
                Some(format!("most = {most} must be between 1 and {MOST_SCALED}"))
            }
            _ => None,
        }
    }

    /// Whether it can move targets of this kind with the image.
    pub(in crate::augment) fn check_target(&self, target: TargetKind) -> Result<(), DataError> {
        let has_objects = matches!(target, TargetKind::Boxes | TargetKind::Instances);
        match self {
            Self::FixMatch { .. } if has_objects || target == TargetKind::Map => Err(self.error(format!(
                "the picture is moved and covered, which {target} do not follow; it is for images with classes"
            ))),
            Self::PadCrop { mode: PadMode::Reflect, .. } if has_objects => Err(self.error(format!(
                "mode = \"reflect\" shows parts of objects a second time, which the {target} do not know; take mode = \"zero\""
            ))),
            _ => Ok(()),
        }
    }
}
