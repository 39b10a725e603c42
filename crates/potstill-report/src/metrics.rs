//! `metrics.jsonl`: one line of JSON per epoch, appended while the run goes on.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use potstill_base::{MOST_RECORDS, read_text_within};
use potstill_metrics::Metrics;
use potstill_metrics::number::{map_or_nan, or_nan};
use serde::{Deserialize, Serialize};

use crate::schema::{Place, Versioned};
use crate::{IndexMap, ReportError};

/// One epoch: what it did, and how good the networks were at its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// Which epoch of the run, counted from 1 through all phases.
    pub epoch: usize,
    /// The name of the phase it belongs to.
    pub phase: String,
    /// Whether the student stood still and a method learned something of its own, by a loss of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub search: bool,
    /// Optimiser steps taken since the run began, those of this epoch included.
    pub step: u64,
    /// The learning rate of the epoch's last step.
    #[serde(deserialize_with = "or_nan")]
    pub lr: f64,
    /// How long the epoch took in seconds, evaluation included.
    #[serde(deserialize_with = "or_nan")]
    pub seconds: f64,
    /// Training images per second, evaluation excluded.
    #[serde(deserialize_with = "or_nan")]
    pub images_per_second: f64,
    /// Means over the epoch's training images, taken while the network changed.
    pub train: Training,
    /// The student on the validation images at the end of the epoch; absent where there are none, or it was not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Metrics>,
    /// The student on the test images at the end of the epoch; absent where it was not evaluated. In a run with validation
    /// images only the last epoch has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Metrics>,
    /// The teachers that train beside the student, on the images that the best epoch is chosen by, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub teachers: IndexMap<String, Metrics>,
    /// What a method has learned besides weights, by name: the magnitudes of an augmentation.
    #[serde(
        default,
        skip_serializing_if = "IndexMap::is_empty",
        deserialize_with = "map_or_nan"
    )]
    pub notes: IndexMap<String, f64>,
}

impl EpochRow {
    /// What the best epoch is chosen by: the student on the validation images, or else on the test images.
    pub fn chosen_by(&self) -> Option<&Metrics> {
        self.validation.as_ref().or(self.test.as_ref())
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What training saw in one epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The loss that was minimised: the sum of each term times its weight.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Metrics of the augmented training images; those that a task can tell from its training steps.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub metrics: Metrics,
    /// The mean of each loss term before its weight, in the order of the recipe.
    #[serde(default, deserialize_with = "map_or_nan")]
    pub terms: IndexMap<String, f64>,
    /// The mean weight of each term whose weight a schedule changes.
    #[serde(
        default,
        skip_serializing_if = "IndexMap::is_empty",
        deserialize_with = "map_or_nan"
    )]
    pub weights: IndexMap<String, f64>,
}

/// Reads every row of a `metrics.jsonl`; empty lines are passed over.
///
/// # Errors
/// [`ReportError`] with the file, and the line that is not an epoch.
pub fn read_metrics(path: impl AsRef<Path>) -> Result<Vec<EpochRow>, ReportError> {
    let path = path.as_ref();
    let text = read_text_within(path, MOST_RECORDS).map_err(ReportError::read(path))?;
    numbered_lines(&text)
        .map(|(number, line)| parse_row(path, number, line))
        .collect()
}

/// Adds one row at the end of a `metrics.jsonl`, which is made if it does not exist, and flushes it to the disk: what is written
/// after it can rely on it.
///
/// # Errors
/// [`ReportError::Write`] with the file.
pub fn append_metrics(path: impl AsRef<Path>, row: &EpochRow) -> Result<(), ReportError> {
    let path = path.as_ref();
    let line = Versioned::new(row).line() + "\n";
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(ReportError::write(path))?;
    // One write for the whole line: a crash can lose it but hardly halve it.
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(ReportError::write(path))
}

/// Drops the rows after `epoch`, as a run does that resumes from the checkpoint of that epoch, and gives back
/// the rest.
///
/// A last line that a crash cut off is dropped too. A missing file holds no rows.
///
/// # Errors
/// [`ReportError`] with the file, and the line that is not an epoch.
pub fn rewind_metrics(path: impl AsRef<Path>, epoch: usize) -> Result<Vec<EpochRow>, ReportError> {
    let path = path.as_ref();
    let text = match read_text_within(path, MOST_RECORDS) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.map_err(ReportError::read(path))?,
    };
    let mut kept = String::new();
    let mut rows = Vec::new();
    for (number, line) in numbered_lines(&text).filter(|(_, line)| line.ends_with('\n')) {
        let row = parse_row(path, number, line)?;
        if row.epoch <= epoch {
            kept.push_str(line);
            rows.push(row);
        }
    }
    if kept != text {
        replace(path, &kept)?;
    }
    Ok(rows)
}

/// Writes a file so that a crash leaves either the old text or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), ReportError> {
    potstill_base::write_atomically(path, text.as_bytes()).map_err(ReportError::write(path))
}

fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n')
        .zip(1..)
        .map(|(line, number)| (number, line))
        .filter(|(_, l)| !l.trim().is_empty())
}

fn parse_row(path: &Path, line: usize, text: &str) -> Result<EpochRow, ReportError> {
    Place {
        path,
        line,
        what: "row of metrics",
        torn: !text.ends_with('\n'),
    }
    .parse(text)
}
