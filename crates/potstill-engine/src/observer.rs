//! Who watches a run: a progress bar, a log, a test.

use std::fmt::Write;

use potstill_metrics::{LOSS, MetricSet, Metrics};
use potstill_report::EpochRow;

/// One training step, as it is shown.
#[derive(Debug, Clone)]
pub struct StepProgress<'a> {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Steps of this epoch that are done.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// The learning rate of this step.
    pub rate: f64,
    /// Images per second since the run began or was resumed.
    pub images_per_second: f64,
    /// Mean weighted loss of the epoch so far.
    pub loss: f64,
    /// Mean unweighted terms of the epoch so far.
    pub terms: &'a [(String, f64)],
}

/// A finished epoch, as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct EpochProgress<'a> {
    /// What it did.
    pub row: &'a EpochRow,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// What is measured.
    pub metrics: &'a MetricSet,
}

/// Watches a run. Every method may be left as it is.
///
/// ```
/// use potstill_engine::{EpochProgress, Observer};
///
/// /// Keeps the loss of each epoch.
/// struct Losses(Vec<f64>);
///
/// impl Observer for Losses {
///     fn epoch(&mut self, epoch: &EpochProgress<'_>) {
///         self.0.push(epoch.row.train.loss);
///     }
/// }
/// ```
pub trait Observer {
    /// A training step is done.
    fn step(&mut self, _step: &StepProgress<'_>) {}

    /// A method prepares: `done` of so many are done of what is called `what`.
    fn preparing(&mut self, _what: &str, _done: usize, _of: usize) {}

    /// Something is said in a line.
    fn says(&mut self, _line: &str) {}

    /// An epoch is done and evaluated.
    fn epoch(&mut self, _epoch: &EpochProgress<'_>) {}
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// A finished epoch in one line, for logs and pipes.
pub fn epoch_line(EpochProgress { row, epochs, metrics }: &EpochProgress<'_>) -> String {
    let mut line = format!(
        "epoch {}/{epochs}  lr {:.4}  loss {:.4}",
        row.epoch, row.lr, row.train.loss
    );
    for (name, value) in &row.train.terms {
        let _ = write!(line, "  {name} {value:.4}");
    }
    let headline = &metrics.headline;
    let of = |name: &str, found: &Metrics| {
        let value = found.of(headline);
        value.map(|value| format!("  {name} {} {}", headline.label, headline.unit.text(value)))
    };
    line.extend(of("train", &row.train.metrics));
    line.extend(
        row.teachers
            .iter()
            .filter_map(|(name, teacher)| of(name, teacher)),
    );
    for (name, found) in [("validation", &row.validation), ("test", &row.test)] {
        let Some(found) = found else { continue };
        line.extend(of(name, found));
        if let Some(loss) = found.of(&LOSS) {
            let _ = write!(line, " (loss {loss:.4})");
        }
    }
    line + &format!("  {:.0} images/s  {:.0} s", row.images_per_second, row.seconds)
}
