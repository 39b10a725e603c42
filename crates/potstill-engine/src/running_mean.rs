//! Means over an epoch, gathered step by step, exact across an interruption.

use std::collections::BTreeMap;

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
    /// Images of the steps that lacked a term which others had, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without_term: BTreeMap<String, u64>,
    /// Images of the steps in which the task counted nothing, where it counted in others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncounted: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RunningMean {
    /// Adds one step of `images` images.
    pub fn add(&mut self, images: usize, loss: f64, terms: &[(String, f64)], counts: &Metrics) {
        let before = self.images;
        self.images += images as u64;
        self.loss += loss * images as f64;
        let is_missing = |known: &&(String, f64)| terms.iter().all(|(name, _)| *name != known.0);
        for (name, _) in self.terms.iter().filter(is_missing) {
            *self.without_term.entry(name.clone()).or_default() += images as u64;
        }
        for (name, value) in terms {
            let summed = value * images as f64;
            if let Some((_, sum)) = self.terms.iter_mut().find(|(known, _)| known == name) {
                *sum += summed;
                continue;
            }
            if before > 0 {
                self.without_term.insert(name.clone(), before);
            }
            self.terms.push((name.clone(), summed));
        }
        if counts.is_empty() {
            self.uncounted += images as u64;
        }
        for (name, count) in counts.iter() {
            let sum = self.counts.get(name).unwrap_or_default() + count;
            self.counts.insert(name, sum);
        }
    }

    /// The mean of the weighted loss over all images.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// The mean of each term over the images of the steps that had it.
    pub fn mean_terms(&self) -> impl Iterator<Item = (String, f64)> {
        self.terms.iter().map(|(name, sum)| {
            let without = self.without_term.get(name).copied().unwrap_or_default();
            (name.clone(), sum / self.images_but(without))
        })
    }

    /// The means of what the task counts, in the units of its metrics.
    pub fn metrics(&self, metrics: &MetricSet) -> Metrics {
        let images = self.images_but(self.uncounted);
        let of = |(name, sum): (&str, f64)| {
            let metric = metrics.get(name)?;
            Some((name.to_owned(), metric.unit.of_mean(sum / images)))
        };
        self.counts.iter().filter_map(of).collect()
    }

    fn images_but(&self, without: u64) -> f64 {
        self.images.saturating_sub(without).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use potstill_metrics::{Metrics, TOP1};

    use super::RunningMean;

    #[test]
    fn a_mean_is_over_the_steps_that_had_the_term() {
        let mut totals = RunningMean::default();
        let term = |name: &str, value: f64| (name.to_owned(), value);
        totals.add(4, 2.0, &[term("kd", 2.0)], &Metrics::new());
        let hits = Metrics::new().with(&TOP1, 3.0);
        totals.add(4, 5.0, &[term("cross_entropy", 3.0), term("kd", 1.0)], &hits);
        totals.add(2, 1.0, &[term("cross_entropy", 6.0)], &Metrics::new());
        let terms: Vec<_> = totals.mean_terms().collect();
        assert_eq!(terms, [term("kd", 1.5), term("cross_entropy", 4.0)]);
        assert_eq!((totals.mean_loss(), totals.uncounted), (3.0, 6));
    }
}
