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
    /// Images in the training split; at most ten million.
    pub train: usize,
    /// Images in the test split; at most ten million.
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
    /// The settings of scenes where nothing else is said.
    pub const SCENES: Self = Self {
        size: 96,
        classes: 6,
        train: 2_000,
        test: 500,
        seed: 0,
        figures: Some([1, 4]),
    };

    /// Reads the text behind `shapes:`.
    pub(crate) fn parse(options: &Options<'_>) -> Result<Self, DataError> {
        options.only(&["size", "classes", "figures", "train", "test", "seed"])?;
        Self::default().changed(options, "figures")
    }

    /// Reads the text behind `shapes-scenes:`.
    pub(crate) fn parse_scenes(options: &Options<'_>) -> Result<Self, DataError> {
        options.only(&["size", "classes", "objects", "train", "test", "seed"])?;
        Self::SCENES.changed(options, "objects")
    }

    /// An error of [`Shapes::new`](super::Shapes::new) in the words of `shapes-scenes`.
    pub(crate) fn in_words_of_scenes(error: DataError) -> DataError {
        match error {
            DataError::DatasetOption {
                option,
                problem,
                nearest,
                ..
            } => DataError::DatasetOption {
                dataset: "shapes-scenes".to_owned(),
                option: option.replacen("figures=", "objects=", 1),
                problem: problem.replace("figures", "objects"),
                nearest,
            },
            other => other,
        }
    }

    /// The same with what the text says; the number of figures goes by this name.
    fn changed(mut self, options: &Options<'_>, figures: &str) -> Result<Self, DataError> {
        options.number("size", &mut self.size)?;
        options.number("classes", &mut self.classes)?;
        options.number("train", &mut self.train)?;
        options.number("test", &mut self.test)?;
        options.number("seed", &mut self.seed)?;
        if let Some(text) = options.text(figures) {
            let (least, most) = text.split_once('-').unwrap_or((text, text));
            let range = [least, most].map(|number| number.trim().parse().ok());
            let [Some(least), Some(most)] = range else {
                return Err(options.wrong(figures, "needs a whole number, or two as in `1-4`"));
            };
            self.figures = Some([least, most]);
        }
        Ok(self)
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
        range("train", self.train, 0..=MOST_IMAGES)?;
        range("test", self.test, 0..=MOST_IMAGES)?;
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

/// A number for each image (its place in an order, its class) has to fit in memory.
const MOST_IMAGES: usize = 10_000_000;

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
