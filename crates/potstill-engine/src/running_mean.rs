//! Means over an epoch, gathered step by step, exact across an interruption.

use potstill_metrics::{MetricSet, Metrics};
use serde::{Deserialize, Serialize};

/// What the training steps of an epoch add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningMean {
    /// Images seen.
    pub images: u64,
    /// Sum over images of the weighted loss.
    pub loss: f64,
    /// Sum over images of each unweighted term, in the order of the first step.
    pub terms: Vec<(String, f64)>,
    /// Sum over images of what the task counts in its training steps, by the name of the metric.
    pub counts: Metrics,
}

impl RunningMean {
    /// Adds one step of `images` images.
    pub fn add(&mut self, images: usize, loss: f64, terms: &[(String, f64)], counts: &Metrics) {
        self.images += images as u64;
        self.loss += loss * images as f64;
        for (name, value) in terms {
            let summed = value * images as f64;
            match self.terms.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += summed,
                None => self.terms.push((name.clone(), summed)),
            }
        }
        for (name, count) in counts.iter() {
            let sum = self.counts.get(name).unwrap_or_default() + count;
            self.counts.insert(name, sum);
        }
    }

    /// A sum over images as a mean.
    pub fn mean(&self, sum: f64) -> f64 {
        sum / self.images.max(1) as f64
    }

    /// The means of what the task counts, in the units of its metrics.
    pub fn metrics(&self, metrics: &MetricSet) -> Metrics {
        let of = |(name, sum): (&str, f64)| {
            let metric = metrics.get(name)?;
            Some((name.to_owned(), metric.unit.of_mean(self.mean(sum))))
        };
        self.counts.iter().filter_map(of).collect()
    }
}
