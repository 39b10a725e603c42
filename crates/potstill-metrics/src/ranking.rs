//! Metrics where every image has a set of classes: each class is a question of its own.

use std::borrow::Cow;

use crate::{MetricInfo, Metrics, Unit, average_precision};

/// The mean over classes of their average precision, percent: "macro" in scikit-learn, "mAP" in the literature on multi-label
/// classification. Classes that no image has are left out, see [`CLASSES_LEFT_OUT`].
pub const MEAN_AVERAGE_PRECISION: MetricInfo = MetricInfo::percent("map", "mAP", "mean_average_precision");

/// F1 over all pairs of an image and a class ("micro" in scikit-learn, "OF1" in the literature), where a class is predicted if its
/// probability is at least one half; percent.
pub const F1: MetricInfo = MetricInfo::percent("f1", "F1", "f1");

/// How many classes no image has, over which [`MEAN_AVERAGE_PRECISION`] says nothing. Measured only where there are any.
pub const CLASSES_LEFT_OUT: MetricInfo = MetricInfo {
    name: Cow::Borrowed("classes_left_out"),
    label: Cow::Borrowed("classes without an image"),
    family: Cow::Borrowed("count"),
    unit: Unit::Count,
    higher_is_better: false,
};

/// Gathers the logits of images over classes that do not exclude each other, and which of them each image has.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// For each class, the logit of each image.
    scores: Vec<Vec<f32>>,
    /// For each class, whether each image has it.
    positives: Vec<Vec<bool>>,
}

impl Ranking {
    /// No image yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            scores: vec![Vec::new(); classes],
            positives: vec![Vec::new(); classes],
        }
    }

    /// Adds an image: the logit of each class, and the classes that it has. Classes that are not among the logits are passed over.
    pub fn add(&mut self, logits: &[f32], classes: &[u32]) {
        let of_class = self.scores.iter_mut().zip(&mut self.positives).zip(logits);
        for (class, ((scores, positives), &logit)) in (0..).zip(of_class) {
            scores.push(logit);
            positives.push(classes.contains(&class));
        }
    }

    /// How many images have each class.
    pub fn positives(&self) -> Vec<usize> {
        let count = |of_class: &Vec<bool>| of_class.iter().filter(|positive| **positive).count();
        self.positives.iter().map(count).collect()
    }

    /// The average precision of each class, in `[0, 1]`; none for a class that no image has.
    pub fn average_precisions(&self) -> Vec<Option<f64>> {
        let of_class = self.scores.iter().zip(&self.positives);
        of_class
            .map(|(scores, positives)| average_precision(scores, positives))
            .collect()
    }

    /// F1 over all classes and images, in `[0, 1]`; none where nothing is there and nothing is predicted.
    pub fn f1(&self) -> Option<f64> {
        let (mut both, mut either) = (0, 0);
        for (&score, &positive) in self.scores.iter().flatten().zip(self.positives.iter().flatten()) {
            // The logit of a probability of one half is zero.
            let predicted = score >= 0.0;
            both += usize::from(predicted && positive);
            either += usize::from(predicted) + usize::from(positive);
        }
        (either > 0).then(|| 2.0 * both as f64 / either as f64)
    }

    /// [`MEAN_AVERAGE_PRECISION`], [`F1`], and [`CLASSES_LEFT_OUT`] where there are any.
    pub fn metrics(&self) -> Metrics {
        let each = self.average_precisions();
        let known: Vec<f64> = each.iter().copied().flatten().collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let left_out = each.len() - known.len();
        let percent = |value: Option<f64>| 100.0 * value.unwrap_or(f64::NAN);
        Metrics::new()
            .with(&MEAN_AVERAGE_PRECISION, percent(Some(mean)))
            .with(&F1, percent(self.f1()))
            .with_any(&CLASSES_LEFT_OUT, (left_out > 0).then_some(left_out as f64))
    }
}
