//! Means over an epoch, gathered step by step, exact across an interruption.

use serde::{Deserialize, Serialize};

/// What the training steps of an epoch add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningMean {
    /// Images seen.
    pub images: u64,
    /// Images whose true class had the largest logit.
    pub hits: u64,
    /// Sum over images of the weighted loss.
    pub loss: f64,
    /// Sum over images of each unweighted term, in the order of the first step.
    pub terms: Vec<(String, f64)>,
}

impl RunningMean {
    /// Adds one step of `images` images.
    pub fn add(&mut self, images: usize, hits: usize, loss: f64, terms: &[(String, f64)]) {
        self.images += images as u64;
        self.hits += hits as u64;
        self.loss += loss * images as f64;
        for (name, value) in terms {
            let summed = value * images as f64;
            match self.terms.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += summed,
                None => self.terms.push((name.clone(), summed)),
            }
        }
    }

    /// A sum over images as a mean.
    pub fn mean(&self, sum: f64) -> f64 {
        sum / self.images.max(1) as f64
    }

    /// Top-1 accuracy in percent.
    pub fn top1(&self) -> f64 {
        100.0 * self.mean(self.hits as f64)
    }
}
