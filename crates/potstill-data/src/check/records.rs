//! What is kept of each image of a data set.

use std::convert::Infallible;
use std::thread;

use super::totals::Facts;
use crate::parallel::{guarded, map_indices};
use crate::{DataError, Dataset, Finding, Severity, Target};

/// What is kept of one image with its target.
pub(super) struct Record {
    /// The classes that the target has; known of many an image that cannot be read.
    pub classes: Vec<u32>,
    /// The class of each object, where the target has objects.
    pub objects: Option<Vec<u32>>,
    /// What the pixels say, or why there is nothing to say.
    pub facts: Result<Facts, Wrong>,
}

/// What is wrong with an image.
pub(super) enum Wrong {
    /// It cannot be read.
    Image(String),
    /// It can, but its annotation does not fit it.
    Annotation(Finding),
}

/// Reads every image, on as many threads as there are processors.
pub(super) fn read_all(dataset: &dyn Dataset) -> Vec<Record> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let read = |index: usize| Ok::<_, Infallible>(record(dataset, index));
    match map_indices(dataset.len(), threads, read) {
        Ok(records) => records,
    }
}

fn record(dataset: &dyn Dataset, index: usize) -> Record {
    let source = || dataset.source(index);
    let checked = || {
        let sample = dataset.sample(index)?;
        dataset.info().check(&sample, index)?;
        Ok(sample)
    };
    match guarded(checked, source) {
        Ok(sample) => Record {
            classes: sample.target.classes(),
            objects: objects(&sample.target),
            facts: Ok(Facts::of(&sample.image)),
        },
        Err(error) => {
            let target = guarded(|| dataset.target(index), source).ok();
            Record {
                classes: target.as_ref().map_or_else(Vec::new, Target::classes),
                objects: target.as_ref().and_then(objects),
                facts: Err(wrong(dataset, index, error)),
            }
        }
    }
}

/// Whose fault an error is: an image that can be read by itself has an annotation that does not fit.
fn wrong(dataset: &dyn Dataset, index: usize, error: DataError) -> Wrong {
    let image = guarded(|| dataset.image(index), || dataset.source(index));
    let of_annotation = |file: String, place: String, problem: String| {
        Wrong::Annotation(Finding {
            severity: Severity::Error,
            kind: "does-not-fit",
            file,
            place,
            line: None,
            value: String::new(),
            problem,
            fix: String::new(),
        })
    };
    match error {
        other if image.is_err() => Wrong::Image(other.to_string()),
        DataError::Format { file, place, problem } => of_annotation(file, place, problem),
        // The image is fine, so this is the file of its labels.
        DataError::Decode { file, reason } => of_annotation(file, String::new(), reason),
        DataError::Sample { problem, .. } => of_annotation(dataset.source(index), String::new(), problem),
        other => Wrong::Image(other.to_string()),
    }
}

fn objects(target: &Target) -> Option<Vec<u32>> {
    match target {
        Target::Boxes(boxes) => Some(boxes.iter().map(|own| own.class).collect()),
        Target::Instances(instances) => Some(instances.iter().map(|own| own.class).collect()),
        Target::Class(_) | Target::Classes(_) | Target::Map(_) | Target::None => None,
    }
}
