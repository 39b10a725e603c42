//! `summary.json`: one run in one page of JSON.

use std::fs;
use std::path::Path;

use potstill_metrics::number::or_nan;
use potstill_metrics::{Details, MetricSet, Metrics};
use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::metrics::replace;
use crate::schema::{Place, Versioned};

/// What a run was and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The run's name, which is the name of its folder.
    pub name: String,
    /// The seed of every random draw.
    pub seed: u64,
    /// `classification` or another task.
    pub task: String,
    /// What is measured on the test images; the headline chooses the best epoch.
    pub metrics: MetricSet,
    /// The version of Potstill that ran it.
    pub potstill: String,
    /// Identifies the resolved recipe.
    pub recipe_hash: String,
    /// The network that was trained.
    pub student: Network,
    /// The networks it learned from; none for a student alone.
    pub teachers: Vec<Teacher>,
    /// The distillation methods in the order of the recipe; none for a student alone.
    pub methods: Vec<String>,
    /// The images.
    pub data: Data,
    /// How many epochs the recipe asks for, all phases together.
    pub epochs: usize,
    /// The best epoch by the headline. Choosing it by the test images flatters: compare runs by their last epoch.
    pub best: EpochResult,
    /// The last epoch so far.
    pub last: EpochResult,
    /// How long it ran, in seconds.
    #[serde(deserialize_with = "or_nan")]
    pub seconds: f64,
    /// False while there are epochs left to do.
    pub finished: bool,
    /// Processor threads it could use.
    pub threads: usize,
    /// Median time of a training step in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_ms_median: Option<f64>,
    /// The most memory it held, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_mb: Option<f64>,
    /// The part of the training time in which a step waited for its batch, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader_wait_percent: Option<f64>,
    /// What there is to tell of the last epoch beyond its metrics: by class, and picture by picture.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

/// A network's name and size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its name in the list of models.
    pub model: String,
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
}

/// A network that taught.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Teacher {
    /// What the recipe calls it: `teacher` where there is one.
    pub name: String,
    /// Its model and size.
    #[serde(flatten)]
    pub network: Network,
    /// What it does on the same test images; empty if it was not measured.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub metrics: Metrics,
}

/// The images of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The training source, as the recipe names it.
    pub train: String,
    /// The test source, as the recipe names it.
    pub test: String,
    /// Number of training images.
    pub train_images: usize,
    /// Number of test images.
    pub test_images: usize,
    /// Number of classes.
    pub classes: usize,
}

impl Data {
    /// A short name for the images, from the training source: `cifar10` for `data/cifar10/train.tar`,
    /// `shapes` for
    /// `shapes:train=4000`.
    pub fn label(&self) -> &str {
        let mut names = self
            .train
            .rsplit(['/', '\\'])
            .filter(|name| !name.is_empty())
            .map(stem);
        let last = names.next().unwrap_or(&self.train);
        // The split says nothing about which images these are; the folder above it usually does.
        if last == "train" {
            names.next().unwrap_or(last)
        } else {
            last
        }
    }
}

/// A file's name without what follows its first dot or colon, unless it begins with one.
fn stem(name: &str) -> &str {
    name.split(['.', ':'])
        .next()
        .filter(|stem| !stem.is_empty())
        .unwrap_or(name)
}

/// What an epoch reached on the test images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochResult {
    /// Which one, counted from 1; 0 where nothing was measured.
    pub epoch: usize,
    /// Its metrics.
    pub metrics: Metrics,
}

impl Summary {
    /// The headline of the last epoch; no number where it was not measured.
    pub fn last_headline(&self) -> f64 {
        self.headline_of(&self.last.metrics).unwrap_or(f64::NAN)
    }

    /// The headline's value among these metrics.
    pub fn headline_of(&self, metrics: &Metrics) -> Option<f64> {
        metrics.of(&self.metrics.headline)
    }
}

/// Reads a `summary.json`.
///
/// # Errors
/// [`ReportError`] with the file, and the line that is wrong.
pub fn read_summary(path: impl AsRef<Path>) -> Result<Summary, ReportError> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(ReportError::read(path))?;
    Place {
        path,
        line: 1,
        what: "summary of a run",
        torn: false,
    }
    .parse(&text)
}

/// Writes a `summary.json`; a crash leaves either the old one or the new one.
///
/// # Errors
/// [`ReportError::Write`] with the file.
pub fn write_summary(path: impl AsRef<Path>, summary: &Summary) -> Result<(), ReportError> {
    replace(path.as_ref(), &Versioned::new(summary).pretty())
}

#[cfg(test)]
mod tests {
    use super::Data;

    #[test]
    fn the_label_of_images_is_the_part_of_the_source_that_names_them() {
        let label = |train: &str| {
            Data {
                train: train.to_owned(),
                ..Data::default()
            }
            .label()
            .to_owned()
        };
        assert_eq!(label("../shared/data/cifar10/train.tar"), "cifar10");
        assert_eq!(label("shapes:train=4000"), "shapes");
        assert_eq!(label("data/flowers.tar.gz"), "flowers");
        assert_eq!(label("data/flowers/train/"), "flowers");
        assert_eq!(label("train.tar"), "train");
        assert_eq!(label("..\\train"), "..");
        assert_eq!(label(""), "");
    }
}
