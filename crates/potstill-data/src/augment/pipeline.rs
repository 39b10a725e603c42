//! A pipeline of steps.

use potstill_random::{Seed, Stream};
use serde::{Deserialize, Serialize};

use super::float_image::FloatImage;
use super::move_target::MovingTarget;
use super::step::Step;
use crate::{DataError, Image, Sample, Target, TargetKind};

/// A pipeline of checked steps, which move an image and what is known about it together.
///
/// ```
/// use potstill_data::{Augment, Dataset, Split, TargetKind, augment::Step, open_for};
/// use potstill_random::Seed;
/// let scenes = open_for("shapes:size=48,figures=2", Split::Train, TargetKind::Boxes)?;
/// let augment = Augment::new(vec![Step::Flip, Step::resize_shorter(24)])?;
/// let (image, target) = augment.apply_to(scenes.sample(0)?, Seed::new(0), 0, 0)?;
/// assert_eq!((image.shape(), target.kind()), ([24, 24, 3], TargetKind::Boxes));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Step>", into = "Vec<Step>")]
pub struct Augment {
    steps: Vec<Step>,
    min_visible: f64,
}

/// The share of an object that is left in the image if nothing else is said.
const MIN_VISIBLE: f64 = 0.3;

impl Default for Augment {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            min_visible: MIN_VISIBLE,
        }
    }
}

impl Augment {
    /// A pipeline that only turns bytes into floats: for evaluation.
    pub fn none() -> Self {
        Self::default()
    }

    /// A pipeline of these steps, in this order.
    ///
    /// # Errors
    /// Where a setting can never work, such as a size of 0.
    pub fn new(steps: Vec<Step>) -> Result<Self, DataError> {
        steps.iter().try_for_each(Step::check)?;
        Ok(Self {
            steps,
            ..Self::default()
        })
    }

    /// The same pipeline, which drops objects of which less than this share, in `0..=1`, is left in the
    /// image; 0.3 unless said. An object that has left the image altogether is always dropped.
    #[must_use]
    pub fn with_min_visible(self, min_visible: f64) -> Self {
        Self { min_visible, ..self }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps that are not random, for the test images of a set that is trained with this pipeline.
    #[must_use]
    pub fn for_evaluation(&self) -> Self {
        Self {
            steps: self.steps.iter().filter_map(Step::for_evaluation).collect(),
            ..*self
        }
    }

    /// The name of the first step that draws at random; `None` if a picture always comes out the same.
    pub fn random_step(&self) -> Option<&'static str> {
        let is_random = |step: &&Step| step.for_evaluation().as_ref() != Some(*step);
        self.steps.iter().find(is_random).map(Step::name)
    }

    /// The `[height, width]` that every image comes out with; `None` where that depends on the image.
    pub fn fixed_size(&self) -> Option<[usize; 2]> {
        let sizes = self.steps.iter();
        sizes.fold(None, |known, step| match (known, step.sets_size()) {
            (_, Some(set)) => Some(set),
            (Some(size), None) if !step.draws_size() => Some(step.output_size(size)),
            _ => None,
        })
    }

    /// Whether every step can move targets of this kind.
    ///
    /// # Errors
    /// [`DataError::Augment`] with the name of a step that cannot.
    pub fn check_target(&self, target: TargetKind) -> Result<(), DataError> {
        self.steps.iter().try_for_each(|step| step.check_target(target))
    }

    /// Augments an image with its target; all random draws come from the stream `"augment"` at this view and
    /// index. A loader takes the epoch for the view, unless it is told to show few views again and again.
    ///
    /// # Errors
    /// Where a step does not fit the image, such as a window greater than it, or the target.
    pub fn apply_to(
        &self,
        sample: Sample,
        seed: Seed,
        view: u64,
        index: usize,
    ) -> Result<(FloatImage, Target), DataError> {
        self.check_target(sample.target.kind())?;
        let mut stream = seed.stream("augment", &[view, index as u64]);
        let mut image = FloatImage::from(&sample.image);
        let mut target = MovingTarget::new(sample.target);
        for step in &self.steps {
            for drawn in step.draw([image.height, image.width], target.target(), &mut stream)? {
                target.step(&drawn, [image.height, image.width]);
                image = drawn.motion.image(image);
            }
        }
        Ok((image, target.finish(self.min_visible)))
    }

    /// Augments an image alone, with the same draws; except that `crop` and `ssd-crop` look at no target.
    ///
    /// # Errors
    /// Where a step does not fit the image.
    pub fn apply(&self, image: &Image, seed: Seed, view: u64, index: usize) -> Result<FloatImage, DataError> {
        self.apply_by(image, seed.stream("augment", &[view, index as u64]))
    }

    /// Augments an image alone as its second view, whose draws come from the stream `"augment.second"`: they have nothing to do with those of the
    /// first.
    ///
    /// # Errors
    /// Where a step does not fit the image.
    pub fn apply_second(
        &self,
        image: &Image,
        seed: Seed,
        view: u64,
        index: usize,
    ) -> Result<FloatImage, DataError> {
        self.apply_by(image, seed.stream("augment.second", &[view, index as u64]))
    }

    fn apply_by(&self, image: &Image, mut stream: Stream) -> Result<FloatImage, DataError> {
        self.steps
            .iter()
            .try_fold(FloatImage::from(image), |image, step| {
                let drawn = step.draw([image.height, image.width], &Target::None, &mut stream)?;
                Ok(drawn.iter().fold(image, |image, drawn| drawn.motion.image(image)))
            })
    }

    /// The shape that images of this shape (`[height, width, channels]`) come out with.
    pub fn output_shape(&self, [height, width, channels]: [usize; 3]) -> [usize; 3] {
        let sides = self
            .steps
            .iter()
            .fold([height, width], |size, step| step.output_size(size));
        [sides[0], sides[1], channels]
    }
}

impl TryFrom<Vec<Step>> for Augment {
    type Error = DataError;

    fn try_from(steps: Vec<Step>) -> Result<Self, DataError> {
        Self::new(steps)
    }
}

impl From<Augment> for Vec<Step> {
    fn from(augment: Augment) -> Self {
        augment.steps
    }
}
