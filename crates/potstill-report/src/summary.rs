//! `summary.json`: one run in one page of JSON.

use std::path::Path;

use potstill_base::read_text;
use potstill_metrics::number::or_nan;
use potstill_metrics::{Details, LOSS, MetricSet, Metrics};
use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::data::{Data, MeasuredOn};
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
    /// The licence of the student's weights, as the recipe says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where the teacher's weights and the images come from, as the recipe says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What is measured; the headline chooses the best epoch.
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
    /// The best epoch by the headline, with what it reached on the test images. It is chosen by the validation images, or, in a run
    /// without them, by the test images, which flatters it: such runs are compared by their last epoch.
    pub best: EpochResult,
    /// The last epoch so far, likewise.
    pub last: EpochResult,
    /// Both epochs on the validation images; absent in a run without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validated>,
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
    /// What it does on the same validation images; empty in a run without them, or if it was not measured.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub validation: Metrics,
}

/// What the best and the last epoch reached on the validation images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// The best epoch, which was chosen by this.
    pub best: Metrics,
    /// The last epoch.
    pub last: Metrics,
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
    /// Which images its results are from: the test images, or the validation images where those were not looked at.
    pub fn measured_on(&self) -> MeasuredOn {
        match self.validation {
            Some(_) if self.last.metrics.is_empty() => MeasuredOn::Validation,
            _ => MeasuredOn::Test,
        }
    }

    /// What the last epoch reached on the images of [`measured_on`](Self::measured_on).
    pub fn last_metrics(&self) -> &Metrics {
        match (&self.validation, self.measured_on()) {
            (Some(found), MeasuredOn::Validation) => &found.last,
            _ => &self.last.metrics,
        }
    }

    /// What the best epoch reached on the images of [`measured_on`](Self::measured_on).
    pub fn best_metrics(&self) -> &Metrics {
        match (&self.validation, self.measured_on()) {
            (Some(found), MeasuredOn::Validation) => &found.best,
            _ => &self.best.metrics,
        }
    }

    /// What a teacher reached on the images of [`measured_on`](Self::measured_on); empty if it was not measured.
    pub fn teacher_metrics<'a>(&self, teacher: &'a Teacher) -> &'a Metrics {
        match self.measured_on() {
            MeasuredOn::Validation => &teacher.validation,
            MeasuredOn::Test => &teacher.metrics,
        }
    }

    /// The headline of the last epoch; no number where it was not measured.
    pub fn last_headline(&self) -> f64 {
        self.headline_of(self.last_metrics()).unwrap_or(f64::NAN)
    }

    /// Whether the last epoch of a finished run left a student whose weights have become no numbers: its loss or its headline is none.
    pub fn is_not_a_number(&self) -> bool {
        let last = self.last_metrics();
        let measured = [last.of(&LOSS), self.headline_of(last)];
        self.finished && measured.into_iter().flatten().any(|value| !value.is_finite())
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
    let text = read_text(path).map_err(ReportError::read(path))?;
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
