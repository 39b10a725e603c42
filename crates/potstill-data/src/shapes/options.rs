//! The settings of drawn pictures, and their text form.

use std::ops::RangeInclusive;

use super::figure::Figure;
use super::scene;
use crate::source::Options;
use crate::{DataError, TargetKind};

/// The settings of [`Shapes`](super::Shapes).
///
/// ```
/// use potstill_data::{Dataset, Shapes, ShapesOptions, Split, TargetKind};
/// let options = ShapesOptions { size: 64, figures: Some([1, 4]), train: 100, ..ShapesOptions::default() };
/// let scenes = Shapes::new(options, Split::Train, TargetKind::Map)?;
/// assert_eq!(scenes.classes()[..2], ["background", "disc"]);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapesOptions {
    /// Height and width in pixels; 8 to 1024.
    pub size: usize,
    /// The first so many of [`Figure::ALL`]; 2 to 12. Later ones are harder to tell apart.
    pub classes: usize,
    /// Images in the training split.
    pub train: usize,
    /// Images in the test split.
    pub test: usize,
    /// Another seed, other images.
    pub seed: u64,
    /// The least and the greatest number of figures in a picture, 0 to 16. `None` for pictures of one figure,
    /// large and near the middle.
    pub figures: Option<[usize; 2]>,
}

impl Default for ShapesOptions {
    fn default() -> Self {
        Self {
            size: 32,
            classes: 12,
            train: 12_000,
            test: 2_400,
            seed: 0,
            figures: None,
        }
    }
}

impl ShapesOptions {
    /// Reads the text behind `shapes:`.
    pub(crate) fn parse(options: &Options<'_>) -> Result<Self, DataError> {
        options.only(&["size", "classes", "figures", "train", "test", "seed"])?;
        let mut read = Self::default();
        options.number("size", &mut read.size)?;
        options.number("classes", &mut read.classes)?;
        options.number("train", &mut read.train)?;
        options.number("test", &mut read.test)?;
        options.number("seed", &mut read.seed)?;
        if let Some(text) = options.text("figures") {
            let (least, most) = text.split_once('-').unwrap_or((text, text));
            let figures = [least, most].map(|number| number.trim().parse().ok());
            let [Some(least), Some(most)] = figures else {
                let problem = "needs a whole number, or two as in `1-4`".to_owned();
                return Err(wrong(format!("figures={text}"), problem));
            };
            read.figures = Some([least, most]);
        }
        Ok(read)
    }

    /// Whether such pictures can be drawn, and have such targets.
    pub(super) fn check(&self, target: TargetKind) -> Result<(), DataError> {
        let range = |name: &str, value: usize, allowed: RangeInclusive<usize>| {
            if allowed.contains(&value) {
                return Ok(());
            }
            let problem = format!("must be between {} and {}", allowed.start(), allowed.end());
            Err(wrong(format!("{name}={value}"), problem))
        };
        range("size", self.size, 8..=1024)?;
        range("classes", self.classes, 2..=Figure::ALL.len())?;
        let Some([least, most]) = self.figures else {
            return Ok(());
        };
        range("figures", most, 0..=MOST_FIGURES)?;
        let option = || format!("figures={least}-{most}");
        if least > most {
            return Err(wrong(option(), "starts above its end".to_owned()));
        }
        if target == TargetKind::Class {
            let problem = "pictures of several figures have no one class; leave it out, or take a task with other targets";
            return Err(wrong(option(), problem.to_owned()));
        }
        if self.size < scene::LEAST_SIZE {
            let problem = format!("needs pictures of at least {} pixels a side", scene::LEAST_SIZE);
            return Err(wrong(option(), problem));
        }
        Ok(())
    }
}

/// More figures than there is ever room for.
const MOST_FIGURES: usize = 16;

fn wrong(option: String, problem: String) -> DataError {
    DataError::DatasetOption {
        dataset: "shapes".to_owned(),
        option,
        problem,
        nearest: None,
    }
}
