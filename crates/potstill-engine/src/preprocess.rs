//! The fixed steps that bring an image of any size to what a network takes.

use potstill_data::{
    Augment,
    augment::{Interpolation, Lengths, Size, Step},
};
use potstill_models::{InputRule, InputScaling};

use crate::error::EngineError;

/// How an image of any size is brought to what a network takes, before it is degraded and normalised: nothing in it is random.
///
/// First come the steps that are known. Whatever does not have the size of the network then is brought to it: for a square the shorter
/// side is scaled to it and the middle is cut, as torchvision's `Resize(size)` and `CenterCrop(size)` do; otherwise the image is scaled
/// to the size whatever its proportions. An image that has the size already stays as it is.
///
/// ```
/// use potstill_engine::Preprocess;
///
/// let square = Preprocess::to_size([16, 16]);
/// assert_eq!(square.augment()?.output_shape([30, 40, 3]), [16, 16, 3]);
/// assert_eq!(square.to_string(), "images of another size are brought to 16x16 by resize-shorter 16 (bilinear), centre-crop 16x16");
/// # Ok::<(), potstill_engine::EngineError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preprocess {
    /// The fixed steps; `None` if nothing says which.
    pub steps: Option<Augment>,
    /// Height and width of what the network takes; `None` if it takes any.
    pub size: Option<[usize; 2]>,
    /// Whether files are turned as their EXIF data says when they are decoded, as those of the run were.
    pub exif_orientation: bool,
}

impl Preprocess {
    /// These steps, and what is left to do to come to this size.
    pub fn known(steps: &Augment, size: [usize; 2]) -> Self {
        Self {
            steps: Some(steps.clone()),
            size: Some(size),
            exif_orientation: false,
        }
    }

    /// Any image is brought to this size.
    pub fn to_size(size: [usize; 2]) -> Self {
        Self {
            steps: None,
            size: Some(size),
            exif_orientation: false,
        }
    }

    /// As a published network takes images.
    pub fn published(rule: InputRule) -> Self {
        let interpolation = Interpolation::BilinearPlain;
        let (step, size) = match rule.scaling {
            InputScaling::Stretched(size) => {
                let step = Step::Resize {
                    size: Size::Sides(size),
                    interpolation,
                };
                (step, Some(size))
            }
            InputScaling::Shorter([shorter, longer]) => {
                let step = Step::ResizeRange {
                    shorter: Lengths::One(shorter),
                    longer,
                    interpolation,
                };
                (step, None)
            }
        };
        Self {
            steps: Augment::new(vec![step]).ok(),
            size,
            exif_orientation: false,
        }
    }

    /// All steps as one pipeline.
    ///
    /// # Errors
    /// A step that draws at random, a size that no image has.
    pub fn augment(&self) -> Result<Augment, EngineError> {
        let known = self.steps.clone().unwrap_or_default();
        if let Some(step) = known.random_step() {
            let reason =
                format!("`{step}` draws at random, and an image that is evaluated takes fixed steps only");
            return Err(EngineError::invalid_plan("preprocess", reason));
        }
        let steps = [known.steps(), &self.rest()].concat();
        Ok(Augment::new(steps)?)
    }

    /// What brings to the size whatever the known steps have not brought to it.
    fn rest(&self) -> Vec<Step> {
        let reached = self.steps.as_ref().and_then(Augment::fixed_size);
        match self.size {
            Some(size) if reached != Some(size) => usual(size),
            _ => Vec::new(),
        }
    }
}

/// The usual steps to a size.
fn usual([height, width]: [usize; 2]) -> Vec<Step> {
    if height != width {
        return vec![Step::resize(Size::Sides([height, width]))];
    }
    let size = Size::Square(height);
    vec![Step::resize_shorter(height), Step::CentreCrop { size }]
}

/// What is done, as a sentence without its end.
impl std::fmt::Display for Preprocess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |steps: &[Step]| {
            let names: Vec<String> = steps.iter().map(Step::to_string).collect();
            names.join(", ")
        };
        let known = self.steps.as_ref().map_or(&[][..], Augment::steps);
        let rest = self.rest();
        if !known.is_empty() {
            write!(f, "images are taken through {}", names(known))?;
        }
        if let (Some([height, width]), false) = (self.size, rest.is_empty()) {
            let joint = if known.is_empty() { "" } else { "; " };
            write!(
                f,
                "{joint}images of another size are brought to {height}x{width} by {}",
                names(&rest)
            )?;
        }
        if known.is_empty() && rest.is_empty() {
            f.write_str("images are taken as they are")?;
        }
        if self.exif_orientation {
            f.write_str("; files are turned as their EXIF data says")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use potstill_data::{Augment, augment::Step};

    use super::Preprocess;

    #[test]
    fn steps_that_reach_the_size_are_all_there_is() {
        let steps = Augment::new(vec![Step::resize_shorter(20)]).unwrap();
        let open = Preprocess::known(&steps, [16, 16]);
        assert_eq!(open.augment().unwrap().output_shape([40, 50, 3]), [16, 16, 3]);
        assert_eq!(open.augment().unwrap().steps().len(), 3);
        let reached = steps.steps().iter().cloned().chain([Step::CentreCrop {
            size: potstill_data::augment::Size::Square(16),
        }]);
        let reached = Preprocess::known(&Augment::new(reached.collect()).unwrap(), [16, 16]);
        assert_eq!(reached.augment().unwrap().steps().len(), 2);
        assert_eq!(
            reached.to_string(),
            "images are taken through resize-shorter 20 (bilinear), centre-crop 16x16"
        );
        assert_eq!(Preprocess::default().to_string(), "images are taken as they are");
        let wide = Preprocess::to_size([16, 24]);
        assert_eq!(wide.augment().unwrap().output_shape([50, 40, 3]), [16, 24, 3]);
    }

    #[test]
    fn what_is_random_or_no_size_is_refused() {
        let random = Preprocess {
            steps: Some(Augment::new(vec![Step::Flip]).unwrap()),
            ..Preprocess::default()
        };
        let said = random.augment().unwrap_err().to_string();
        assert!(said.contains("`flip` draws at random"), "{said}");
        assert!(Preprocess::to_size([0, 0]).augment().is_err());
    }
}
