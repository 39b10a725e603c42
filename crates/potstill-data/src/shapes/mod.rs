//! A data set that needs no files: shapes drawn on clutter, made on the fly from a seed.
//!
//! Shapes are textured, turned, scaled, partly hidden and noisy; only the outline tells the class. A picture depends on the
//! seed, its split and its index alone, so that a set of a million images costs nothing until they are asked for.
//!
//! As text: `shapes:size=32,classes=12,train=12000,test=2400,seed=0`; every part may be left out.

mod canvas;
mod figure;
mod scene;

use potstill_random::Seed;

use crate::source::Options;
use crate::{BoundingBox, DataError, Dataset, DatasetInfo, Image, Mask, Sample, Split, Target, TargetKind};
pub use figure::Figure;

/// The settings of the data set.
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
}

impl Default for ShapesOptions {
    fn default() -> Self {
        Self {
            size: 32,
            classes: 12,
            train: 12_000,
            test: 2_400,
            seed: 0,
        }
    }
}

impl ShapesOptions {
    /// Reads the text behind `shapes:`.
    pub(crate) fn parse(options: &Options<'_>) -> Result<Self, DataError> {
        options.only(&["size", "classes", "train", "test", "seed"])?;
        let mut read = Self::default();
        options.number("size", &mut read.size)?;
        options.number("classes", &mut read.classes)?;
        options.number("train", &mut read.train)?;
        options.number("test", &mut read.test)?;
        options.number("seed", &mut read.seed)?;
        Ok(read)
    }

    fn check(&self) -> Result<(), DataError> {
        let wrong = |option: String, problem: String| {
            Err(DataError::DatasetOption {
                dataset: "shapes".to_owned(),
                option,
                problem,
                nearest: None,
            })
        };
        if !(8..=1024).contains(&self.size) {
            return wrong(
                format!("size={}", self.size),
                "must be between 8 and 1024".to_owned(),
            );
        }
        if !(2..=Figure::ALL.len()).contains(&self.classes) {
            let problem = format!("must be between 2 and {}", Figure::ALL.len());
            return wrong(format!("classes={}", self.classes), problem);
        }
        Ok(())
    }
}

/// One split of the data set. Image `i` has class `i % classes`, so that every prefix is balanced.
#[derive(Debug)]
pub struct Shapes {
    options: ShapesOptions,
    split: Split,
    info: DatasetInfo,
}

/// One picture with everything that is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeSample {
    /// The picture.
    pub image: Image,
    /// The class of its shape.
    pub class: u32,
    /// The smallest box around the visible part of the shape.
    pub bounding_box: BoundingBox,
    /// The visible part of the shape.
    pub mask: Mask,
}

impl Shapes {
    /// The split of a data set with these settings.
    ///
    /// # Errors
    /// [`DataError::DatasetOption`] for a size or a number of classes that cannot be drawn.
    pub fn new(options: ShapesOptions, split: Split) -> Result<Self, DataError> {
        options.check()?;
        let classes = Figure::ALL[..options.classes].iter().map(|figure| figure.name());
        let info = DatasetInfo::new(format!("shapes {split}"), TargetKind::Class, classes);
        Ok(Self { options, split, info })
    }

    /// Draws a picture.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index beyond the end.
    pub fn draw(&self, index: usize) -> Result<ShapeSample, DataError> {
        let class = self.label(index)?;
        let stream = match self.split {
            Split::Train => "shapes.train",
            Split::Test => "shapes.test",
        };
        let mut stream = Seed::new(self.options.seed).stream(stream, &[index as u64]);
        Ok(scene::draw(
            class,
            Figure::ALL[class as usize],
            self.options.size,
            &mut stream,
        ))
    }
}

impl Dataset for Shapes {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        match self.split {
            Split::Train => self.options.train,
            Split::Test => self.options.test,
        }
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::Class((index % self.options.classes) as u32))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let target = self.target(index)?;
        let image = self.draw(index)?.image;
        Ok(Sample { image, target })
    }

    fn source(&self, index: usize) -> String {
        format!("image {index} of {} (seed {})", self.info.name, self.options.seed)
    }
}

#[cfg(test)]
mod tests;
