//! **Classification**: every image has one class.
//!
//! The loss is the cross-entropy of the softmax of the logits; the headline is the top-1 accuracy.

mod cross_entropy;
mod evaluator;

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use potstill_data::{Batch, Target, TargetKind};
use potstill_metrics::{Hits, LOSS, MetricSet, Metrics, TOP1, TOP5};
use potstill_models::{OutputKind, Outputs};

pub(crate) use self::cross_entropy::of_row;
pub use self::cross_entropy::{cross_entropy, weighted_cross_entropy};
use self::evaluator::Accuracy;
use crate::{
    Evaluator, LossTerm, Prediction, Probabilities, Targets, Task, TaskError, TaskKind, TaskOptions,
    TermContext, task::names,
};

/// The task of naming the one class of each image.
#[derive(Debug, Clone, Default)]
pub struct Classification {
    options: TaskOptions,
}

impl Classification {
    /// Classification into these classes.
    pub fn new(options: TaskOptions) -> Self {
        Self { options }
    }
}

impl Task for Classification {
    fn kind(&self) -> TaskKind {
        TaskKind::Classification
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Class
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Logits
    }

    fn probabilities(&self) -> Probabilities {
        Probabilities::Softmax
    }

    fn metrics(&self) -> MetricSet {
        MetricSet {
            headline: TOP1,
            others: vec![TOP5, LOSS],
        }
    }

    fn targets(&self, batch: &Batch, device: &Device) -> Result<Targets, TaskError> {
        let labels: Vec<i32> = batch.labels()?.into_iter().map(|label| label as i32).collect();
        let count = labels.len();
        let labels = Tensor::from_data(TensorData::new(labels, [count]), device);
        Ok(Targets::Class(labels))
    }

    fn terms(
        &self,
        outputs: &Outputs,
        targets: &Targets,
        _: &TermContext<'_>,
    ) -> Result<Vec<LossTerm>, TaskError> {
        let (logits, labels) = (outputs.logits()?.clone(), targets.class()?.clone());
        let smoothing = self.options.label_smoothing;
        let loss = match &self.options.class_weights {
            Some(weights) => weighted_cross_entropy(logits, labels, smoothing, weights),
            None => cross_entropy(logits, labels, smoothing),
        };
        Ok(vec![LossTerm::loss("cross_entropy", loss)])
    }

    /// [`TOP1`]: the images whose true class has the largest logit.
    fn counts(&self, outputs: &Outputs, batch: &Batch) -> Result<Metrics, TaskError> {
        let labels = batch.labels()?;
        let logits = outputs.logits()?;
        let classes = logits.dims()[1];
        let logits: Vec<f32> = logits.clone().inner().into_data().iter().collect();
        let clean = logits.len().saturating_sub(labels.len() * classes);
        let mut hits = Hits::default();
        hits.add(&logits[clean..], classes, &labels);
        Ok(Metrics::new().with(&TOP1, hits.top1 as f64))
    }

    fn evaluator(&self) -> Box<dyn Evaluator> {
        Box::new(Accuracy::of(&self.options.classes))
    }

    fn confidence(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<f64>, TaskError> {
        let logits = outputs.logits()?;
        let classes = logits.dims()[1];
        let chances: Vec<f64> = softmax(logits.clone().inner(), 1).into_data().iter().collect();
        let labels = batch.labels()?;
        let of_image = chances.chunks_exact(classes).zip(labels);
        Ok(of_image.map(|(row, label)| row[label as usize]).collect())
    }

    /// The likeliest class of each image.
    fn predictions(&self, outputs: &Outputs, _: &Batch) -> Result<Vec<Prediction>, TaskError> {
        let logits = outputs.logits()?;
        let classes = logits.dims()[1];
        let chances: Vec<f32> = softmax(logits.clone().inner(), 1).into_data().iter().collect();
        let of_image = |row: &[f32]| {
            let class = (0..)
                .zip(row)
                .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
            let (class, score) = class.map_or((0, f32::NAN), |(class, &score)| (class, score));
            Prediction {
                target: Target::Class(class),
                scores: vec![score],
            }
        };
        Ok(chances.chunks_exact(classes.max(1)).map(of_image).collect())
    }

    /// The accuracy of always naming the most frequent class.
    fn chance(&self, shown: &[usize], images: usize) -> f64 {
        let most = shown.iter().copied().max().unwrap_or_default();
        100.0 * most as f64 / images.max(1) as f64
    }

    fn describe(&self, target: &Target) -> String {
        names(&self.options.classes, &target.classes())
    }
}
