//! The measurements of a set of classes per image.

use potstill_data::Batch;
use potstill_metrics::{ClassResult, Details, LOSS, Metrics, Mistake, Ranking};
use potstill_models::Outputs;

use super::{binary_cross_entropy::of_row, class_sets, rows};
use crate::{Evaluator, TaskError, task::names};

/// Gathers the scores of every class and adds up the binary cross-entropy.
#[derive(Debug)]
pub(super) struct Precision {
    names: Vec<String>,
    ranking: Ranking,
    images: usize,
    loss: f64,
    wrong: Vec<Wrong>,
}

/// An image for which another set of classes was told.
#[derive(Debug, Clone)]
struct Wrong {
    index: usize,
    truth: Vec<u32>,
    prediction: Vec<u32>,
    /// What the network pays for both.
    loss_of_truth: f64,
    loss_of_prediction: f64,
}

impl Precision {
    /// Of classes that are called so.
    pub fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            ranking: Ranking::new(names.len()),
            images: 0,
            loss: 0.0,
            wrong: Vec::new(),
        }
    }

    fn set(&self, classes: &[u32]) -> String {
        match classes {
            [] => "nothing".into(),
            classes => names(&self.names, classes),
        }
    }

    fn mistake(&self, wrong: &Wrong) -> Mistake {
        Mistake {
            index: wrong.index,
            file: String::new(),
            truth: self.set(&wrong.truth),
            prediction: self.set(&wrong.prediction),
            probability: (-wrong.loss_of_prediction).exp(),
            probability_of_truth: (-wrong.loss_of_truth).exp(),
        }
    }

    fn by_class(&self) -> Vec<ClassResult> {
        let counts = self.ranking.positives();
        let precisions = self.ranking.average_precisions();
        let of_class = self.names.iter().zip(counts).zip(precisions);
        let result = |((name, images), precision): ((&String, usize), Option<f64>)| {
            let precision = 100.0 * precision?;
            Some(ClassResult {
                class: name.clone(),
                images: images as u64,
                accuracy: None,
                average_precision: Some(precision),
                iou: None,
            })
        };
        of_class.filter_map(result).collect()
    }
}

impl Evaluator for Precision {
    fn add(&mut self, outputs: &Outputs, batch: &Batch) -> Result<(), TaskError> {
        let logits = rows(outputs)?;
        let images = logits.chunks_exact(outputs.classes()).zip(class_sets(batch)?);
        for ((row, own), &index) in images.zip(&batch.indices) {
            self.ranking.add(row, own);
            let loss = of_row(row, |class| own.contains(&class));
            self.loss += loss;
            // The logit of a probability of one half is zero.
            let told = (0..).zip(row).filter(|(_, logit)| **logit >= 0.0);
            let prediction: Vec<u32> = told.map(|(class, _)| class).collect();
            if prediction != own {
                self.wrong.push(Wrong {
                    index,
                    truth: own.to_vec(),
                    loss_of_truth: loss,
                    loss_of_prediction: of_row(row, |class| prediction.contains(&class)),
                    prediction,
                });
            }
        }
        self.images += batch.len();
        Ok(())
    }

    fn finish(&self) -> Metrics {
        let mean = self.loss / self.images.max(1) as f64;
        self.ranking.metrics().with(&LOSS, mean)
    }

    fn details(&self, worst: usize) -> Details {
        let mut wrong: Vec<&Wrong> = self.wrong.iter().collect();
        wrong.sort_by(|a, b| b.loss_of_truth.total_cmp(&a.loss_of_truth));
        Details {
            by_class: self.by_class(),
            worst: wrong
                .into_iter()
                .take(worst)
                .map(|wrong| self.mistake(wrong))
                .collect(),
            ..Details::default()
        }
    }
}
