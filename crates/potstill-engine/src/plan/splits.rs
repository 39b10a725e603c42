//! The parts of a recipe's images: to train with, to choose the best epoch by, and to test with.

use std::{collections::HashSet, fs, path::Path, path::PathBuf, sync::Arc};

use potstill_data::{DataError, Dataset, DatasetEntry, Split, TargetKind, Unlabelled, hold_out, open_with};
use potstill_random::Seed;
use potstill_recipe::{Data, Validation};

use super::open_options::open_options;
use crate::error::EngineError;

/// The share of the training images that measures where a recipe has no others.
const USUAL_SHARE: f64 = 0.1;

/// The images to train with and those to choose the best epoch by, whole and as they were opened.
pub(crate) struct Splits {
    pub train: Arc<dyn Dataset>,
    pub validation: Option<Arc<dyn Dataset>>,
    /// What is to be told where a part was held back for want of a word.
    pub told: Option<String>,
    /// The training images before a part was held back.
    whole: Opened,
    /// Validation images that have a source of their own.
    named: Option<Opened>,
    /// The test split of the training images, where it was looked at, and how many of its images are training images.
    looked_at: Option<(Opened, usize)>,
}

impl Splits {
    /// Opens the training and the validation images that a recipe names, or holds a share of the training images back. Where nothing else
    /// measures, a tenth of them, which is written into the recipe.
    ///
    /// # Errors
    /// What cannot be opened; validation images that are training images.
    pub fn open(data: &mut Data, target: TargetKind, task_weight: f64) -> Result<Self, EngineError> {
        let is_unlabelled = data.labels.is_none() && Unlabelled::is_at(Path::new(&data.train));
        let whole = if is_unlabelled {
            unlabelled(data, target, task_weight)?
        } else {
            Place::of(&data.train).open(Split::Train, target, data)?
        };
        let mut splits = Self {
            train: Arc::clone(&whole.set),
            validation: None,
            told: None,
            whole,
            named: None,
            looked_at: None,
        };
        if data.test.is_none() && data.validation.is_none() && !is_unlabelled {
            splits.hold_back_if_alone(data, target);
        }
        match &data.validation {
            None => {}
            Some(Validation::Share(_)) if splits.train.info().target == TargetKind::None => {
                let reason =
                    "the training images have no labels, so that none of them can validate; name others";
                return Err(EngineError::invalid_plan("data.validation", reason));
            }
            Some(Validation::Share(share)) => {
                let seed = Seed::new(data.validation_seed.unwrap_or_default());
                let (train, held_back) = hold_out(Arc::clone(&splits.train), *share, seed)?;
                splits.train = Arc::new(train);
                splits.validation = Some(Arc::new(held_back));
            }
            Some(Validation::Source(source)) => {
                let named = Place::of(source).open(Split::Test, target, data)?;
                let (count, trained) = (named.set.len(), named.shared_with(&splits.whole));
                if trained > 0 {
                    let reason = format!(
                        "{trained} of its {count} images are training images; a share (`data.validation = 0.1`) is held back from them"
                    );
                    return Err(EngineError::invalid_plan("data.validation", reason));
                }
                splits.validation = Some(Arc::clone(&named.set));
                splits.named = Some(named);
            }
        }
        Ok(splits)
    }

    /// Writes into a recipe without validation or test images that a part of the training images is held back, if they have no test
    /// split: they would be tested on themselves.
    fn hold_back_if_alone(&mut self, data: &mut Data, target: TargetKind) {
        // Test images that cannot be opened are told when they are asked for.
        let Ok(test) = Place::of(&data.train).open(Split::Test, target, data) else {
            return;
        };
        let trained = test.shared_with(&self.whole);
        if trained < test.set.len() {
            self.looked_at = Some((test, trained));
            return;
        }
        self.told = Some(format!(
            "`{}` has no test images besides its training images: a tenth of each class is held back and measures (`data.validation = \
             {USUAL_SHARE}`). Every result is on validation images; `data.test = \"...\"` names images to test with",
            data.train
        ));
        data.validation = Some(Validation::Share(USUAL_SHARE));
    }

    /// Opens the test images. `None` where they were not asked for and there are none besides the others: class folders without splits
    /// are the same images whichever split is asked for.
    ///
    /// # Errors
    /// What cannot be opened; test images that are among the others.
    pub fn test(&mut self, data: &Data, target: TargetKind) -> Result<Option<Arc<dyn Dataset>>, EngineError> {
        let can_do_without = data.test.is_none() && self.validation.is_some();
        let (test, trained) = match self.looked_at.take() {
            Some(looked_at) => looked_at,
            None => match Place::of(data.test_source()).open(Split::Test, target, data) {
                Err(DataError::Unrecognised { .. } | DataError::Format { .. }) if can_do_without => {
                    return Ok(None);
                }
                test => {
                    let test = test?;
                    let trained = test.shared_with(&self.whole);
                    (test, trained)
                }
            },
        };
        let count = test.set.len();
        let validated = self.named.as_ref().map_or(0, |named| named.shared_with(&test));
        if can_do_without && (trained == count || validated > 0) {
            return Ok(None);
        }
        if trained > 0 {
            let reason = used_twice(data, trained, count);
            return Err(EngineError::invalid_plan("data.test", reason));
        }
        if validated > 0 {
            let reason = format!(
                "{validated} of its images are test images, by which no epoch is to be chosen; a share (`data.validation = 0.1`) is \
                 held back from the training images"
            );
            return Err(EngineError::invalid_plan("data.validation", reason));
        }
        Ok(Some(test.set))
    }
}

/// Training images without labels, of the classes of those that measure.
fn unlabelled(data: &Data, target: TargetKind, task_weight: f64) -> Result<Opened, EngineError> {
    let source = &data.train;
    let refused = |key: &str, reason: String| Err(EngineError::invalid_plan(key, reason));
    if task_weight != 0.0 {
        return refused(
            "data.train",
            format!(
                "the images of `{source}` lie in no folders of classes, so that nothing is known of them. Put them into one folder for \
                 each class; or let the student learn from its teacher alone (`train.task_weight = 0`)"
            ),
        );
    }
    let labelled = match (&data.test, &data.validation) {
        (Some(test), _) => test,
        (None, Some(Validation::Source(validation))) => validation,
        (None, Some(Validation::Share(_))) => {
            let reason = format!(
                "the images of `{source}` have no labels, so that none of them can validate; name others (`data.validation = \"...\"`)"
            );
            return refused("data.validation", reason);
        }
        (None, None) => {
            let reason = format!(
                "the images of `{source}` have no labels; name images of classes to test with (`data.test = \"...\"`)"
            );
            return refused("data.test", reason);
        }
    };
    let labelled = Place::of(labelled).open(Split::Test, target, data)?;
    let images = Unlabelled::open(Path::new(source), labelled.set.classes())?;
    let decode = open_options(data, Split::Train)?.decode;
    Ok(Opened {
        set: Arc::new(images.with_decode(decode)),
        place: Place::of(source),
    })
}

/// What to do about `trained` of `count` test images that are training images.
fn used_twice(data: &Data, trained: usize, count: usize) -> String {
    let source = data.test_source();
    let cure = match data.validation {
        Some(_) => "leave `data.test` out: the validation images judge then",
        None => "leave `data.test` out and hold a part back (`data.validation = 0.1`)",
    };
    format!(
        "{trained} of the {count} test images of `{source}` are training images. Name other images, or {cure}"
    )
}

/// Where a source of images lies.
struct Place {
    /// As the recipe names it.
    source: String,
    /// The path in full; `None` for a data set's name.
    path: Option<PathBuf>,
}

impl Place {
    fn of(source: &str) -> Self {
        let path = match DatasetEntry::of(source) {
            Some(_) => None,
            None => fs::canonicalize(source).ok(),
        };
        Self {
            source: source.to_owned(),
            path,
        }
    }

    fn open(self, split: Split, target: TargetKind, data: &Data) -> Result<Opened, DataError> {
        Ok(Opened {
            set: open_with(&self.source, split, target, &open_options(data, split)?)?.into(),
            place: self,
        })
    }

    /// Whether images of both may be the same: by one name, or where one path leads into the other.
    fn may_overlap(&self, other: &Self) -> bool {
        match (&self.path, &other.path) {
            (Some(own), Some(other)) => own.starts_with(other) || other.starts_with(own),
            _ => self.source == other.source,
        }
    }

    /// What tells an image from others, from what its data set says of where it lies.
    fn full(&self, image: &str) -> String {
        match &self.path {
            Some(path) => match Path::new(image).strip_prefix(&self.source) {
                Ok(inside) => path.join(inside).display().to_string(),
                Err(_) => image.replace(&self.source, &path.display().to_string()),
            },
            None => image.to_owned(),
        }
    }
}

/// Images as they were opened.
struct Opened {
    place: Place,
    set: Arc<dyn Dataset>,
}

impl Opened {
    /// How many of these images are also among the others.
    fn shared_with(&self, other: &Self) -> usize {
        if !self.place.may_overlap(&other.place) {
            return 0;
        }
        let all = |opened: &Self| -> HashSet<String> {
            let images = (0..opened.set.len()).map(|index| opened.set.source(index));
            images.map(|image| opened.place.full(&image)).collect()
        };
        let others = all(other);
        all(self).intersection(&others).count()
    }
}
