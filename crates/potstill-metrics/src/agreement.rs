//! How far two networks say the same of the same images, whatever is true.

use serde::{Deserialize, Serialize};

use crate::number::or_nan;

/// Gathers what a network and its teacher say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Agreement {
    images: u64,
    /// Verdicts: one an image, or one for each class of it.
    verdicts: u64,
    alike: u64,
    divergence: f64,
}

/// How far a network says the same as its teacher.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct AgreementReport {
    /// Percent of the images to which both give the same class, be it right or wrong. Where classes do not exclude each other, percent
    /// of all pairs of an image and a class that both tell alike.
    #[serde(deserialize_with = "or_nan")]
    pub top1: f64,
    /// The mean over the images of the Kullback-Leibler divergence of the network's probabilities from the teacher's,
    /// `KL(teacher || network)` in nats; summed over the classes where they do not exclude each other.
    #[serde(deserialize_with = "or_nan")]
    pub divergence: f64,
}

impl Agreement {
    /// Adds an image by the logits of both, over classes that exclude each other.
    pub fn add_exclusive(&mut self, network: &[f32], teacher: &[f32]) {
        let [ours, theirs] = [network, teacher].map(log_softmax);
        self.images += 1;
        self.verdicts += 1;
        self.alike += u64::from(largest(network) == largest(teacher));
        self.divergence += ours
            .iter()
            .zip(&theirs)
            .map(|(q, p)| divergence(*q, *p))
            .sum::<f64>();
    }

    /// Adds an image by the logits of both, over classes that are questions of their own.
    pub fn add_independent(&mut self, network: &[f32], teacher: &[f32]) {
        self.images += 1;
        for (&ours, &theirs) in network.iter().zip(teacher) {
            self.verdicts += 1;
            // The logit of a probability of one half is zero.
            self.alike += u64::from((ours >= 0.0) == (theirs >= 0.0));
            let [ours, theirs] = [ours, theirs].map(f64::from);
            self.divergence += divergence(log_sigmoid(ours), log_sigmoid(theirs))
                + divergence(log_sigmoid(-ours), log_sigmoid(-theirs));
        }
    }

    /// What was found; `None` without an image.
    pub fn report(&self) -> Option<AgreementReport> {
        (self.images > 0).then(|| AgreementReport {
            top1: 100.0 * self.alike as f64 / self.verdicts.max(1) as f64,
            divergence: self.divergence / self.images as f64,
        })
    }
}

/// `p (log p - log q)`; nothing where p is 0.
fn divergence(log_q: f64, log_p: f64) -> f64 {
    if log_p == f64::NEG_INFINITY {
        return 0.0;
    }
    log_p.exp() * (log_p - log_q)
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = row.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    let log = sum.ln() + largest;
    row.iter().map(|&logit| f64::from(logit) - log).collect()
}

fn log_sigmoid(logit: f64) -> f64 {
    logit.min(0.0) - (-logit.abs()).exp().ln_1p()
}

/// The first class with the largest logit.
fn largest(row: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (class, &logit) in row.iter().enumerate() {
        if best.is_none_or(|(_, most)| logit > most) {
            best = Some((class, logit));
        }
    }
    best.map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::Agreement;

    #[test]
    fn two_images_by_hand() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.report(), None);
        // Probabilities 3/4, 1/4 against 1/4, 3/4, and the same twice.
        let three = 3.0_f32.ln();
        agreement.add_exclusive(&[three, 0.0], &[0.0, three]);
        agreement.add_exclusive(&[1.0, 5.0], &[101.0, 105.0]);
        let report = agreement.report().unwrap();
        assert!((report.top1 - 50.0).abs() < 1e-12);
        // KL = 1/4 log(1/3) + 3/4 log 3 = log(3) / 2 of the first image, 0 of the second.
        assert!(
            (report.divergence - 3.0_f64.ln() / 4.0).abs() < 1e-7,
            "{report:?}"
        );
    }

    #[test]
    fn questions_of_their_own_by_hand() {
        let mut agreement = Agreement::default();
        let three = 3.0_f32.ln();
        agreement.add_independent(&[three, -4.0], &[-three, -4.0]);
        let report = agreement.report().unwrap();
        assert!((report.top1 - 50.0).abs() < 1e-12);
        assert!(
            (report.divergence - 3.0_f64.ln() / 2.0).abs() < 1e-7,
            "{report:?}"
        );
    }
}
