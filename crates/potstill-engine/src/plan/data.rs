//! The images of a plan.

use std::sync::Arc;

use potstill_data::{
    Augment, DataError, Dataset, DatasetEntry, FewSamples, Normalise, PartlyLabelled, Subset, TargetKind,
    keep_in_memory,
};
use potstill_models::{OnnxOutputs, OutputKind};
use potstill_random::Seed;
use potstill_recipe::{Data, Recipe};
use potstill_tasks::TaskOptions;

use super::splits::Splits;
use crate::error::EngineError;

/// The images of a plan, and how the networks see them. There are validation or test images, or both.
#[derive(Clone)]
pub struct PlannedData {
    /// Training images.
    pub train: Arc<dyn Dataset>,
    /// The images that the best epoch is chosen by; where there are none, the test images choose it.
    pub validation: Option<Arc<dyn Dataset>>,
    /// Test images. Where there are validation images, they are seen once, after the last epoch.
    pub test: Option<Arc<dyn Dataset>>,
    /// How training images are varied.
    pub augment: Augment,
    /// How the second view of each is, for methods that look at two; none where nobody does.
    pub second_augment: Option<Augment>,
    /// The fixed steps that test images take, and every image that the student is shown later.
    pub preprocess: Augment,
    /// How many training images have a label, where not all of them have one.
    pub labelled: Option<usize>,
    /// The size `[H, W, C]` of an image as the networks see it.
    pub image: [usize; 3],
    /// How images are normalised where neither a recipe nor weights say it.
    pub normalise: Normalise,
    /// What was decided about them for want of a word in the recipe.
    pub(crate) decided: Vec<String>,
}

/// ImageNet's statistics, which published teachers of small images were trained with as well; used where nothing else is said.
pub fn default_input(channels: usize) -> Normalise {
    if channels == 3 {
        Normalise {
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        }
    } else {
        Normalise {
            mean: vec![0.5; channels],
            std: vec![0.25; channels],
        }
    }
}

impl PlannedData {
    /// Training and test images, which have to be of the same classes. They are normalised by [`default_input`] where nothing else is
    /// said.
    ///
    /// # Errors
    /// Other classes, no images, a first image that cannot be read.
    pub fn new(
        train: Arc<dyn Dataset>,
        test: Arc<dyn Dataset>,
        augment: Augment,
    ) -> Result<Self, EngineError> {
        Self::of(train, None, Some(test), augment)
    }

    /// The same where the best epoch is chosen by validation images, so that the test images, if there are any, are seen once.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_validation(
        train: Arc<dyn Dataset>,
        validation: Arc<dyn Dataset>,
        test: Option<Arc<dyn Dataset>>,
        augment: Augment,
    ) -> Result<Self, EngineError> {
        Self::of(train, Some(validation), test, augment)
    }

    fn of(
        train: Arc<dyn Dataset>,
        validation: Option<Arc<dyn Dataset>>,
        test: Option<Arc<dyn Dataset>>,
        augment: Augment,
    ) -> Result<Self, EngineError> {
        check_images("data.train", train.as_ref())?;
        for (key, set) in [("data.validation", &validation), ("data.test", &test)] {
            if let Some(set) = set {
                check_images(key, set.as_ref())?;
                check_classes(train.classes(), key, set.classes())?;
            }
        }
        augment.check_target(train.info().target)?;
        let image = augment.output_shape(train.shape(0)?);
        Ok(Self {
            labelled: labelled(train.as_ref())?,
            normalise: default_input(image[2]),
            preprocess: augment.for_evaluation(),
            train,
            validation,
            test,
            augment,
            second_augment: None,
            image,
            decided: Vec::new(),
        })
    }

    /// The same, where test images take these steps.
    ///
    /// # Errors
    /// A step that draws at random, or that cannot move the targets of the test images.
    pub fn with_preprocess(self, preprocess: Augment) -> Result<Self, EngineError> {
        if let Some(step) = preprocess.random_step() {
            let reason = format!("`{step}` draws at random, and test images take fixed steps only");
            return Err(EngineError::invalid_plan("data.test_augment", reason));
        }
        preprocess.check_target(self.chosen_by().info().target)?;
        Ok(Self { preprocess, ..self })
    }

    /// The size `[H, W]` of the images that the student is shown when it is tested and used.
    pub(crate) fn shown_size(&self) -> [usize; 2] {
        if let Some(size) = self.preprocess.fixed_size() {
            return size;
        }
        // Test images may not be looked at yet.
        let first = self.chosen_by().shape(0);
        let [height, width, _] = first.map_or(self.image, |shape| self.preprocess.output_shape(shape));
        [height, width]
    }

    /// The images that results are from in the end: the test images, or validation images where there are no others.
    pub(crate) fn judged_by(&self) -> &Arc<dyn Dataset> {
        self.test.as_ref().unwrap_or_else(|| self.chosen_by())
    }

    /// The images that are measured after each epoch, by which the best one is chosen: validation images, or else the test images.
    pub fn chosen_by(&self) -> &Arc<dyn Dataset> {
        self.validation
            .as_ref()
            .or(self.test.as_ref())
            .unwrap_or(&self.train)
    }

    /// What a task with these images wants of an ONNX file.
    pub fn onnx_outputs(&self) -> OnnxOutputs {
        // Training images may be without labels.
        let kind = match self.chosen_by().info().target {
            TargetKind::Map => OutputKind::DenseLogits,
            TargetKind::Boxes => OutputKind::Boxes,
            TargetKind::Instances => OutputKind::Masks,
            _ => OutputKind::Logits,
        };
        OnnxOutputs::of(kind, Some(self.train.classes().len()))
    }

    /// What is to be told about the images before they are used, a line each: files that are left out, classes that
    /// torchvision would number in another way, orientations that are not followed.
    pub fn told(&self) -> Vec<String> {
        let mut lines = self.decided.clone();
        let sets = std::iter::once(&self.train)
            .chain(&self.validation)
            .chain(&self.test);
        for line in sets.flat_map(|set| set.info().told()) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// The images of a recipe, decoded once and kept in memory where they are small, and normalised as is usual for the data set. The recipe
    /// says afterwards what was decided where it said nothing.
    pub(crate) fn open(recipe: &mut Recipe) -> Result<Self, EngineError> {
        let target = potstill_tasks::task(recipe.task, TaskOptions::default()).target_kind();
        let mut splits = Splits::open(&mut recipe.data, target, recipe.train.task_weight)?;
        let (data, seed) = (&recipe.data, Seed::new(recipe.seed));
        // Its own seed: runs over seeds of the recipe are runs on the same images, and a teacher's recipe can name the same ones.
        let few = data.few_samples.map(|share| {
            let seed = Seed::new(data.few_samples_seed.unwrap_or_default());
            (FewSamples::Fraction(share), seed)
        });
        let limit = |limit: Option<usize>| limit.map(|total| (FewSamples::Total(total), seed));
        let part = few.or_else(|| limit(data.train_limit));
        let shown = shown(Arc::clone(&splits.train), data)?;
        let few = partly_labelled(part_of(shown, part)?, data, recipe.methods.is_empty())?;
        let train = kept(few, "data.train", None, data.workers)?;
        let part = data.validation_limit.map(|total| {
            let seed = Seed::new(data.validation_seed.unwrap_or_default());
            (FewSamples::Total(total), seed)
        });
        let validation = splits.validation.clone();
        let validation = validation.map(|set| kept(set, "data.validation", part, data.workers));
        let part = limit(data.test_limit);
        let test = splits.test(data, target)?;
        let test = test.map(|set| kept(set, "data.test", part, data.workers));
        let mut augment: Augment = match &data.augment {
            Some(steps) => steps.read_as()?,
            None => Augment::none(),
        };
        if let Some(share) = data.min_visible {
            augment = augment.with_min_visible(share);
        }
        let mut planned = Self::of(train, validation.transpose()?, test.transpose()?, augment)?;
        planned.decided.extend(splits.told);
        if data.labelled.is_some_and(|share| share < 1.0) && recipe.methods.is_empty() {
            planned.decided.push(
                "there is no method to learn from images without labels: those that `data.labelled` leaves theirs are all".into(),
            );
        }
        if let Some(steps) = &data.second_augment {
            planned.second_augment = Some(steps.read_as()?);
        }
        if let Some(steps) = &data.test_augment {
            planned = planned.with_preprocess(steps.read_as()?)?;
        }
        let channels = planned.image[2];
        let entry = DatasetEntry::of(&data.train).filter(|entry| entry.mean.len() == channels);
        if let Some(entry) = entry {
            planned.normalise = Normalise {
                mean: entry.mean.to_vec(),
                std: entry.std.to_vec(),
            };
        }
        Ok(planned)
    }
}

fn check_classes(ours: &[String], key: &str, theirs: &[String]) -> Result<(), EngineError> {
    if ours == theirs {
        return Ok(());
    }
    let other = ours.iter().zip(theirs).find(|(a, b)| a != b);
    let reason = match other.filter(|_| ours.len() == theirs.len()) {
        Some((a, b)) => {
            format!("the class names of `data.train` and `{key}` differ: `{a}` here is `{b}` there")
        }
        None => format!(
            "`data.train` has {} classes and `{key}` {}",
            ours.len(),
            theirs.len()
        ),
    };
    Err(EngineError::invalid_plan(key, reason))
}

fn check_images(key: &str, set: &dyn Dataset) -> Result<(), EngineError> {
    if set.is_empty() {
        let reason = format!("`{}` has no images", set.name());
        return Err(EngineError::invalid_plan(key, reason));
    }
    Ok(())
}

/// The training images, without those that show nothing where the recipe says so.
fn shown(set: Arc<dyn Dataset>, data: &Data) -> Result<Arc<dyn Dataset>, EngineError> {
    if !data.skip_empty.unwrap_or(false) {
        return Ok(set);
    }
    let target = set.info().target;
    if !matches!(target, TargetKind::Boxes | TargetKind::Instances) {
        let reason = format!("is for tasks with objects, and these images have {target}; leave it out");
        return Err(EngineError::invalid_plan("data.skip_empty", reason));
    }
    Ok(Arc::new(Subset::with_objects(set)?))
}

/// The training images, of which few keep their labels where the recipe says so. Without a method nothing is learned from the others, and
/// only those that keep them stay.
fn partly_labelled(
    set: Arc<dyn Dataset>,
    data: &Data,
    is_alone: bool,
) -> Result<Arc<dyn Dataset>, EngineError> {
    let Some(share) = data.labelled.filter(|share| *share < 1.0) else {
        return Ok(set);
    };
    if set.info().target == TargetKind::None {
        let reason = "is a share of images with labels, and the training images have none; leave it out";
        return Err(EngineError::invalid_plan("data.labelled", reason));
    }
    let amount = FewSamples::Fraction(share);
    let seed = Seed::new(data.labelled_seed.unwrap_or_default());
    Ok(if is_alone {
        Arc::new(Subset::few_samples(set, amount, seed)?)
    } else {
        Arc::new(PartlyLabelled::few(set, amount, seed)?)
    })
}

/// How many images have a label, where not all of them have one.
fn labelled(set: &dyn Dataset) -> Result<Option<usize>, DataError> {
    if !set.info().partly_labelled {
        return Ok(None);
    }
    let mut count = 0;
    for index in 0..set.len() {
        count += usize::from(set.is_labelled(index)?);
    }
    Ok(Some(count))
}

/// These images, or a part of them chosen by a seed; in memory where they are small.
fn kept(
    set: Arc<dyn Dataset>,
    key: &str,
    part: Option<(FewSamples, Seed)>,
    workers: usize,
) -> Result<Arc<dyn Dataset>, EngineError> {
    let set = part_of(set, part)?;
    check_images(key, set.as_ref())?;
    Ok(keep_in_memory(set, KEPT_IN_MEMORY, workers)?)
}

/// These images, or a part of them chosen by a seed.
fn part_of(set: Arc<dyn Dataset>, part: Option<(FewSamples, Seed)>) -> Result<Arc<dyn Dataset>, EngineError> {
    Ok(match part {
        Some((amount, seed)) => Arc::new(Subset::few_samples(set, amount, seed)?),
        None => set,
    })
}

/// Decoded images up to this many bytes are kept: 1 GiB, the whole of CIFAR several times over.
const KEPT_IN_MEMORY: u64 = 1 << 30;
