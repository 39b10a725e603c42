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

use crate::dataset::in_range;
use crate::source::Options;
use crate::{DataError, Dataset, Image, Split};
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
    name: String,
    classes: Vec<String>,
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

/// A box in pixels, `left..right` and `top..bottom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundingBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// The row after the last.
    pub bottom: usize,
    /// The column after the last.
    pub right: usize,
}

impl BoundingBox {
    /// The smallest box around a mask; an empty one at the origin for an empty mask.
    fn of(mask: &Mask) -> Self {
        let mut found = Self {
            top: usize::MAX,
            left: usize::MAX,
            bottom: 0,
            right: 0,
        };
        for (at, _) in mask.inside.iter().enumerate().filter(|(_, inside)| **inside) {
            let (row, column) = (at / mask.width, at % mask.width);
            found = Self {
                top: found.top.min(row),
                left: found.left.min(column),
                bottom: found.bottom.max(row + 1),
                right: found.right.max(column + 1),
            };
        }
        if found.bottom == 0 {
            Self {
                top: 0,
                left: 0,
                bottom: 0,
                right: 0,
            }
        } else {
            found
        }
    }
}

/// Which pixels belong to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values, row by row.
    pub inside: Vec<bool>,
}

impl Mask {
    fn new(size: usize) -> Self {
        Self {
            height: size,
            width: size,
            inside: vec![false; size * size],
        }
    }

    /// How many pixels belong to the object.
    pub fn area(&self) -> usize {
        self.inside.iter().filter(|inside| **inside).count()
    }
}

impl Shapes {
    /// The split of a data set with these settings.
    ///
    /// # Errors
    /// [`DataError::DatasetOption`] for a size or a number of classes that cannot be drawn.
    pub fn new(options: ShapesOptions, split: Split) -> Result<Self, DataError> {
        options.check()?;
        let classes = Figure::ALL[..options.classes]
            .iter()
            .map(|figure| figure.name().to_owned())
            .collect();
        Ok(Self {
            options,
            split,
            name: format!("shapes {split}"),
            classes,
        })
    }

    /// Draws a picture.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index beyond the end.
    pub fn sample(&self, index: usize) -> Result<ShapeSample, DataError> {
        in_range(self, index)?;
        let class = self.label(index);
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
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        match self.split {
            Split::Train => self.options.train,
            Split::Test => self.options.test,
        }
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        assert!(index < self.len(), "image {index} of {}", self.len());
        (index % self.options.classes) as u32
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        Ok(self.sample(index)?.image)
    }

    fn source(&self, index: usize) -> String {
        format!("image {index} of {} (seed {})", self.name, self.options.seed)
    }
}

#[cfg(test)]
mod tests;
