//! **Multi-label classification**: every image has a set of classes, which may be empty.
//!
//! Each class is a question of its own, answered by the sigmoid of its logit. The loss is the binary cross-entropy, the headline the
//! mean average precision.

mod binary_cross_entropy;
mod evaluator;

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::{Batch, DataError, Target, TargetKind};
use potstill_metrics::{CLASSES_LEFT_OUT, F1, LOSS, MEAN_AVERAGE_PRECISION, MetricSet};
use potstill_models::{OutputKind, Outputs};

pub use self::binary_cross_entropy::binary_cross_entropy;
use self::evaluator::Precision;
use crate::{
    Evaluator, LossTerm, Prediction, Probabilities, Targets, Task, TaskError, TaskKind, TaskOptions,
    TermContext, task::names,
};

/// The task of naming every class that each image has.
#[derive(Debug, Clone, Default)]
pub struct MultiLabel {
    options: TaskOptions,
}

impl MultiLabel {
    /// Multi-label classification into these classes.
    pub fn new(options: TaskOptions) -> Self {
        Self { options }
    }
}

impl Task for MultiLabel {
    fn kind(&self) -> TaskKind {
        TaskKind::MultiLabel
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Classes
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::Logits
    }

    fn probabilities(&self) -> Probabilities {
        Probabilities::Sigmoid
    }

    fn metrics(&self) -> MetricSet {
        MetricSet {
            headline: MEAN_AVERAGE_PRECISION,
            others: vec![F1, LOSS, CLASSES_LEFT_OUT],
        }
    }

    fn targets(&self, batch: &Batch, device: &Device) -> Result<Targets, TaskError> {
        let classes = self.options.classes.len();
        let mut has = vec![0.0_f32; batch.len() * classes];
        for (row, own) in has.chunks_exact_mut(classes.max(1)).zip(class_sets(batch)?) {
            for &class in own {
                let has = row.get_mut(class as usize);
                *has.ok_or(TaskError::Class { class, classes })? = 1.0;
            }
        }
        let has = TensorData::new(has, [batch.len(), classes]);
        Ok(Targets::Classes(Tensor::from_data(has, device)))
    }

    fn terms(
        &self,
        outputs: &Outputs,
        targets: &Targets,
        _: &TermContext<'_>,
    ) -> Result<Vec<LossTerm>, TaskError> {
        let (logits, has) = (outputs.logits()?.clone(), targets.classes()?.clone());
        let loss = binary_cross_entropy(logits, has, self.options.label_smoothing);
        Ok(vec![LossTerm::loss("binary_cross_entropy", loss)])
    }

    fn evaluator(&self) -> Box<dyn Evaluator> {
        Box::new(Precision::of(&self.options.classes))
    }

    /// The probability of the very set that the image has.
    fn confidence(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<f64>, TaskError> {
        let sets = class_sets(batch)?;
        let losses = rows(outputs)?;
        let losses = losses.chunks_exact(outputs.classes()).zip(sets);
        Ok(losses
            .map(|(row, own)| (-binary_cross_entropy::of_row(row, |class| own.contains(&class))).exp())
            .collect())
    }

    /// The classes of each image whose probability is at least one half.
    fn predictions(&self, outputs: &Outputs, _: &Batch) -> Result<Vec<Prediction>, TaskError> {
        let logits = rows(outputs)?;
        let of_image = |row: &[f32]| {
            // The logit of a probability of one half is zero.
            let told = (0..).zip(row).filter(|(_, logit)| **logit >= 0.0);
            let (classes, scores) = told
                .map(|(class, logit)| (class, 1.0 / (1.0 + (-logit).exp())))
                .unzip();
            Prediction {
                target: Target::Classes(classes),
                scores,
            }
        };
        Ok(logits
            .chunks_exact(outputs.classes().max(1))
            .map(of_image)
            .collect())
    }

    /// Scores that say nothing have the share of a class as its average precision. Classes that no image shows do not count.
    fn chance(&self, shown: &[usize], images: usize) -> f64 {
        let found: Vec<usize> = shown.iter().copied().filter(|&count| count > 0).collect();
        let pairs = images * found.len();
        100.0 * found.iter().sum::<usize>() as f64 / pairs.max(1) as f64
    }

    fn describe(&self, target: &Target) -> String {
        match &target.classes()[..] {
            [] => "nothing".into(),
            classes => names(&self.options.classes, classes),
        }
    }
}

/// The logits of a batch, row by row.
fn rows(outputs: &Outputs) -> Result<Vec<f32>, TaskError> {
    Ok(outputs.logits()?.clone().inner().into_data().iter().collect())
}

/// The classes of each image.
fn class_sets(batch: &Batch) -> Result<Vec<&[u32]>, TaskError> {
    batch.targets.iter().map(class_set).collect()
}

fn class_set(target: &Target) -> Result<&[u32], TaskError> {
    match target {
        Target::Classes(classes) => Ok(classes),
        other => Err(TaskError::Data(DataError::TargetKind {
            wanted: TargetKind::Classes,
            found: other.kind(),
        })),
    }
}
