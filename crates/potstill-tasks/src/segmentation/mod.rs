//! **Semantic segmentation**: every pixel has a class, or none that counts.
//!
//! The loss is the cross-entropy of the pixels that have a label, at the size of the images; an auxiliary head has the same loss with a
//! weight of 0.4, as in `PSPNet` (Zhao et al. 2017, section 3.3). The headline is the mean intersection over union.

mod answer;
mod cross_entropy;
mod evaluator;
mod rows;

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use potstill_data::{Batch, DataError, LabelMap, Target, TargetKind};
use potstill_metrics::{CLASS_ACCURACY, FREQUENCY_WEIGHTED_IOU, LOSS, MEAN_IOU, MetricSet, PIXEL_ACCURACY};
use potstill_models::{OutputKind, Outputs};

use self::{
    answer::{class_map, logits_of},
    evaluator::Pixels,
    rows::Labels,
};
pub use self::{
    cross_entropy::{inverted_pixel_cross_entropy, pixel_cross_entropy},
    rows::labels_at_places,
};
use crate::{
    Evaluator, LossTerm, Prediction, Probabilities, RowSet, Sense, Targets, Task, TaskError, TaskKind,
    TaskOptions, TermContext, task::names,
};

/// How much the loss of an auxiliary head counts.
const AUXILIARY: f64 = 0.4;

/// The task of naming the class of every pixel.
#[derive(Debug, Clone, Default)]
pub struct Segmentation {
    options: TaskOptions,
}

impl Segmentation {
    /// Segmentation into these classes.
    pub fn new(options: TaskOptions) -> Self {
        Self { options }
    }
}

impl Task for Segmentation {
    fn kind(&self) -> TaskKind {
        TaskKind::Segmentation
    }

    fn target_kind(&self) -> TargetKind {
        TargetKind::Map
    }

    fn output_kind(&self) -> OutputKind {
        OutputKind::DenseLogits
    }

    fn pads_to(&self) -> Option<usize> {
        Some(1)
    }

    fn probabilities(&self) -> Probabilities {
        Probabilities::Softmax
    }

    fn metrics(&self) -> MetricSet {
        MetricSet {
            headline: MEAN_IOU,
            others: vec![PIXEL_ACCURACY, CLASS_ACCURACY, FREQUENCY_WEIGHTED_IOU, LOSS],
        }
    }

    /// Labels in the left upper corner of the padded images; what is padding has no label.
    fn targets(&self, batch: &Batch, device: &Device) -> Result<Targets, TaskError> {
        let [count, height, width, _] = batch.shape;
        let mut labels = vec![i32::from(LabelMap::IGNORE); count * height * width];
        let images = labels.chunks_exact_mut((height * width).max(1));
        for (image, target) in images.zip(&batch.targets) {
            let map = label_map(target)?;
            self.check_classes(map)?;
            let lines = image.chunks_exact_mut(width.max(1));
            for (line, known) in lines.zip(map.labels.chunks_exact(map.width.max(1))) {
                let pixels = line.iter_mut().zip(known);
                pixels.for_each(|(pixel, &label)| *pixel = i32::from(label));
            }
        }
        let labels = TensorData::new(labels, [count, height, width]);
        Ok(Targets::Map(Tensor::from_data(labels, device)))
    }

    fn terms(
        &self,
        outputs: &Outputs,
        targets: &Targets,
        context: &TermContext<'_>,
    ) -> Result<Vec<LossTerm>, TaskError> {
        let (dense, labels) = (outputs.dense_logits()?, targets.map()?);
        let smoothing = self.options.label_smoothing;
        let weights = self.options.class_weights.as_deref();
        let loss = |logits| match context.sense {
            Sense::Usual => pixel_cross_entropy(logits, labels.clone(), smoothing, weights),
            Sense::Inverted => inverted_pixel_cross_entropy(logits, labels.clone()),
        };
        let mut terms = vec![LossTerm::loss("cross_entropy", loss(dense.full()))];
        if let Some(logits) = dense.full_auxiliary() {
            terms.push(LossTerm::loss("auxiliary_cross_entropy", loss(logits)).scaled(AUXILIARY));
        }
        Ok(terms)
    }

    fn rows(
        &self,
        student: &Outputs,
        teachers: &[&Outputs],
        targets: &Targets,
        _: &TermContext<'_>,
    ) -> Result<Vec<RowSet>, TaskError> {
        let teachers = teachers.iter().map(|teacher| teacher.dense_logits());
        let teachers: Vec<_> = teachers.collect::<Result<_, _>>()?;
        let labels = match targets {
            Targets::Partial(partial) => Labels::Counting(partial.map()?),
            targets => Labels::Of(targets.map()?.clone()),
        };
        let classes = self.options.classes.len();
        Ok(vec![rows::rows(
            student.dense_logits()?,
            &teachers,
            labels,
            classes,
        )?])
    }

    fn evaluator(&self) -> Box<dyn Evaluator> {
        Box::new(Pixels::of(&self.options.classes))
    }

    /// The mean over the labelled pixels of an image of the probability of their class; NaN for an image without such pixels.
    fn confidence(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<f64>, TaskError> {
        let chances = softmax(outputs.dense_logits()?.full().inner(), 3);
        let [_, height, width, classes] = chances.dims();
        let chances: Vec<f32> = chances.into_data().iter().collect();
        let images = chances.chunks_exact((height * width * classes).max(1));
        let of_image = |(chances, target): (&[f32], &Target)| {
            let map = label_map(target)?;
            let labelled = map
                .labels
                .iter()
                .enumerate()
                .filter(|(_, label)| **label != LabelMap::IGNORE);
            let own = labelled.filter_map(|(place, &label)| {
                let (row, column) = (place / map.width, place % map.width);
                chances.get((row * width + column) * classes + usize::from(label))
            });
            let (sum, count) = own.fold((0.0, 0.0), |(sum, count), &chance| {
                (sum + f64::from(chance), count + 1.0)
            });
            Ok(sum / count)
        };
        images.zip(&batch.targets).map(of_image).collect()
    }

    /// The class of every pixel, as it is measured.
    fn predictions(&self, outputs: &Outputs, batch: &Batch) -> Result<Vec<Prediction>, TaskError> {
        let full = outputs.dense_logits()?.full().inner();
        let classes = self.options.classes.len();
        let of_image = |image| {
            let logits = logits_of(&full, batch, image);
            Prediction {
                target: Target::Map(class_map(logits, classes)),
                scores: Vec::new(),
            }
        };
        Ok((0..batch.len()).map(of_image).collect())
    }

    /// One class for all pixels has an IoU of at most 1, the others have 0.
    fn chance(&self, _: &[usize], _: usize) -> f64 {
        100.0 / self.options.classes.len().max(1) as f64
    }

    fn describe(&self, target: &Target) -> String {
        names(&self.options.classes, &target.classes())
    }
}

impl Segmentation {
    fn check_classes(&self, map: &LabelMap) -> Result<(), TaskError> {
        let classes = self.options.classes.len();
        match map.classes().last() {
            Some(&class) if class as usize >= classes => Err(TaskError::Class { class, classes }),
            _ => Ok(()),
        }
    }
}

fn label_map(target: &Target) -> Result<&LabelMap, TaskError> {
    match target {
        Target::Map(map) => Ok(map),
        other => Err(TaskError::Data(DataError::TargetKind {
            wanted: TargetKind::Map,
            found: other.kind(),
        })),
    }
}
