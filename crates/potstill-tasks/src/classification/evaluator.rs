//! The measurements of one class per image.

use potstill_data::Batch;
use potstill_metrics::{Calibration, Confusion, Details, Hits, LOSS, Metrics, Mistake, true_class_ranks};
use potstill_models::Outputs;

use super::cross_entropy::{log_sum, of_row};
use crate::{Evaluator, TaskError, task::names};

/// Pairs of classes that are named.
const CONFUSED: usize = 10;

/// Counts hits, adds up the cross-entropy, and keeps what was taken for what.
#[derive(Debug, Default)]
pub(super) struct Accuracy {
    names: Vec<String>,
    classes: usize,
    hits: Hits,
    loss: f64,
    confusion: Confusion,
    calibration: Calibration,
    wrong: Vec<Wrong>,
}

/// An image that was told wrong.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    index: usize,
    truth: u32,
    prediction: u32,
    /// The logarithms of the probabilities of both.
    log_truth: f64,
    log_prediction: f64,
}

impl Accuracy {
    /// Of classes that are called so.
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            ..Self::default()
        }
    }

    /// Keeps what the logits of an image say beyond metrics.
    fn look(&mut self, row: &[f32], label: u32, rank: usize, index: usize) {
        let log = log_sum(row);
        let log_of = |class: u32| f64::from(row[class as usize]) - log;
        let likeliest = likeliest(row);
        let prediction = match rank {
            // Of several equal logits the true one counts, as for the accuracy.
            0 => label,
            _ => likeliest
                .filter(|class| *class != label)
                .unwrap_or(u32::from(label == 0)),
        };
        self.confusion.add(label, prediction);
        if let Some(class) = likeliest {
            self.calibration.add(log_of(class).exp(), rank == 0);
        }
        if rank > 0 && (prediction as usize) < row.len() {
            self.wrong.push(Wrong {
                index,
                truth: label,
                prediction,
                log_truth: log_of(label),
                log_prediction: log_of(prediction),
            });
        }
    }

    fn mistake(&self, wrong: &Wrong) -> Mistake {
        Mistake {
            index: wrong.index,
            file: String::new(),
            truth: names(&self.names, &[wrong.truth]),
            prediction: names(&self.names, &[wrong.prediction]),
            probability: wrong.log_prediction.exp(),
            probability_of_truth: wrong.log_truth.exp(),
        }
    }
}

impl Evaluator for Accuracy {
    fn add(&mut self, outputs: &Outputs, batch: &Batch) -> Result<(), TaskError> {
        let labels = batch.labels()?;
        self.classes = outputs.classes();
        let logits: Vec<f32> = outputs.logits()?.clone().inner().into_data().iter().collect();
        self.hits.add(&logits, self.classes, &labels);
        let ranks = true_class_ranks(&logits, self.classes, &labels);
        let rows = logits.chunks_exact(self.classes).zip(&labels);
        self.loss += rows.clone().map(|(row, &label)| of_row(row, label)).sum::<f64>();
        for (((row, &label), rank), &index) in rows.zip(ranks).zip(&batch.indices) {
            self.look(row, label, rank, index);
        }
        Ok(())
    }

    fn finish(&self) -> Metrics {
        let mean = self.loss / self.hits.images.max(1) as f64;
        self.hits.metrics(self.classes).with(&LOSS, mean)
    }

    fn details(&self, worst: usize) -> Details {
        let mut wrong = self.wrong.clone();
        wrong.sort_by(|a, b| a.log_truth.total_cmp(&b.log_truth));
        Details {
            by_class: self.confusion.by_class(&self.names),
            confusion: self.confusion.matrix(&self.names),
            most_confused: self.confusion.most_confused(&self.names, CONFUSED),
            calibration: self.calibration.report(),
            agreement: None,
            worst: wrong
                .iter()
                .take(worst)
                .map(|wrong| self.mistake(wrong))
                .collect(),
        }
    }
}

/// The first class with the largest logit; `None` where no logit is a number.
fn likeliest(row: &[f32]) -> Option<u32> {
    let numbers = (0..).zip(row).filter(|(_, logit)| !logit.is_nan());
    let best = numbers.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(class, _)| class)
}
