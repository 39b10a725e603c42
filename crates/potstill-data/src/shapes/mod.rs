//! A data set that needs no files: figures drawn on clutter, made on the fly from a seed.
//!
//! Figures are textured, turned, scaled, partly hidden and noisy; only the outline tells the class. A picture
//! depends on the seed, its split and its index alone, so that a set of a million images costs nothing until
//! they are asked for.
//!
//! As text: `shapes:size=32,classes=12,train=12000,test=2400,seed=0`; every part may be left out.
//!
//! By default a picture has one figure, large and near the middle. With `figures=3`, or `figures=1-4` for a
//! random number, it is a scene: that many figures anywhere, of 8 to 30 % of the side in radius, some in
//! front of others. At least half of a figure stays visible, and a figure for which there is no room is left
//! out.
//!
//! The painter knows what it painted, so that the same pictures serve every task:
//!
//! | target | one figure | a scene |
//! |---|---|---|
//! | a class | image `i` has class `i % classes` | – |
//! | a set of classes | one | those of the figures |
//! | boxes, instances | one | one for each figure: the smallest box around, and the mask of, what is visible of it |
//! | a label map | 0 `background`, else class + 1 | the same |
//!
//! ```
//! use potstill_data::{Split, Target, TargetKind, open_for};
//! let scenes = open_for("shapes:size=96,classes=6,figures=1-4,train=2000", Split::Train, TargetKind::Boxes)?;
//! let Target::Boxes(boxes) = scenes.target(0)? else { unreachable!() };
//! assert!((1..=4).contains(&boxes.len()) && boxes.iter().all(|labelled| labelled.class < 6));
//! # Ok::<(), potstill_data::DataError>(())
//! ```

mod canvas;
mod drawing;
mod figure;
mod options;
mod paint;
mod scene;
mod single;

use potstill_random::Seed;

use crate::{
    DataError, Dataset, DatasetInfo, Instance, InstanceShape, LabelMap, LabelledBox, Sample, Split, Target,
    TargetKind,
};
pub use drawing::{Drawing, DrawnFigure};
pub use figure::Figure;
pub use options::ShapesOptions;

/// One split of the data set, with one kind of target.
///
/// ```
/// use potstill_data::{Dataset, Shapes, ShapesOptions, Split, TargetKind};
/// let shapes = Shapes::new(ShapesOptions::default(), Split::Train, TargetKind::Class)?;
/// assert_eq!((shapes.len(), shapes.label(14)?), (12_000, 2));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Shapes {
    options: ShapesOptions,
    split: Split,
    info: DatasetInfo,
}

impl Shapes {
    /// The split of a data set with these settings and targets.
    ///
    /// # Errors
    /// [`DataError::DatasetOption`] for settings that cannot be drawn, and for one class each where there are
    /// several figures.
    pub fn new(options: ShapesOptions, split: Split, target: TargetKind) -> Result<Self, DataError> {
        options.check(target)?;
        let figures = Figure::ALL[..options.classes].iter().map(|figure| figure.name());
        let background = (target == TargetKind::Map).then_some("background");
        let classes = background.into_iter().chain(figures);
        let info = DatasetInfo::new(format!("shapes {split}"), target, classes);
        Ok(Self { options, split, info })
    }

    /// Draws a picture.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index beyond the end.
    pub fn draw(&self, index: usize) -> Result<Drawing, DataError> {
        self.in_range(index)?;
        let ShapesOptions {
            size, classes, seed, ..
        } = self.options;
        let stream = |name: &str| Seed::new(seed).stream(&format!("{name}.{}", self.split), &[index as u64]);
        Ok(match self.options.figures {
            None => single::draw((index % classes) as u32, size, &mut stream("shapes")),
            Some(figures) => scene::draw(classes, figures, size, &mut stream("scenes")),
        })
    }
}

impl Dataset for Shapes {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        match self.split {
            Split::Train => self.options.train,
            Split::Validation | Split::Test => self.options.test,
        }
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let Drawing { image, figures } = self.draw(index)?;
        let target = target(figures, self.info.target, [image.height, image.width]);
        Ok(Sample { image, target })
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        // Known without drawing.
        if self.info.target == TargetKind::Class {
            return Ok(Target::Class((index % self.options.classes) as u32));
        }
        Ok(self.sample(index)?.target)
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.in_range(index)?;
        Ok([self.options.size, self.options.size, 3])
    }

    fn source(&self, index: usize) -> String {
        format!("image {index} of {} (seed {})", self.info.name, self.options.seed)
    }
}

/// What is to be known of the figures of a picture.
fn target(figures: Vec<DrawnFigure>, kind: TargetKind, [height, width]: [usize; 2]) -> Target {
    match kind {
        // Only pictures of one figure are asked for their class.
        TargetKind::Class => Target::Class(figures.first().map_or(0, |figure| figure.class)),
        TargetKind::Classes => {
            let mut classes: Vec<u32> = figures.iter().map(|figure| figure.class).collect();
            classes.sort_unstable();
            classes.dedup();
            Target::Classes(classes)
        }
        TargetKind::Boxes => {
            let labelled = |figure: &DrawnFigure| LabelledBox::new(figure.class, figure.bounds());
            Target::Boxes(figures.iter().map(labelled).collect())
        }
        TargetKind::Instances => {
            let instance = |figure: DrawnFigure| {
                Instance::new(figure.class, figure.bounds(), InstanceShape::Mask(figure.mask))
            };
            Target::Instances(figures.into_iter().map(instance).collect())
        }
        TargetKind::None => Target::None,
        TargetKind::Map => {
            let mut labels = vec![0; height * width];
            for DrawnFigure { class, mask } in &figures {
                let inside = labels.iter_mut().zip(&mask.inside).filter(|(_, inside)| **inside);
                inside.for_each(|(label, _)| *label = *class as u8 + 1);
            }
            Target::Map(LabelMap {
                height,
                width,
                labels,
            })
        }
    }
}

#[cfg(test)]
mod tests;
