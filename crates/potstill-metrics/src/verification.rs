//! Verification: do two images show the same identity? Told by the cosine of their embeddings and a threshold.
//!
//! The protocol of LFW (Huang et al. 2007, view 2): the pairs are in folds; the threshold of a fold is the one with the best accuracy
//! on all the others, and the result is the mean over the folds.

use serde::Serialize;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Pairs of all folds.
    pub pairs: usize,
    /// Folds.
    pub folds: usize,
    /// Percent of a fold's pairs that were told right, mean over the folds.
    pub accuracy: f64,
    /// The standard deviation over the folds (divided by one less than their number).
    pub deviation: f64,
    /// The mean of the folds' thresholds: cosines from here on are taken for the same identity.
    pub threshold: f64,
}

/// How alike a pair is, and whether it shows one identity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairScore {
    /// The cosine.
    pub score: f64,
    /// The truth.
    pub same: bool,
}

/// The cosine of two embeddings; 0 if one of them is.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| {
        let terms = a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y));
        terms.sum::<f64>()
    };
    let norms = (product(a, a) * product(b, b)).sqrt();
    if norms > 0.0 { product(a, b) / norms } else { 0.0 }
}

/// What pairs in folds say whose scores are known: each fold is judged by the threshold of all the others.
pub fn verification(folds: &[Vec<PairScore>]) -> Verification {
    let frozen_logits: Vec<(f64, f64)> = (0..folds.len())
        .map(|held_out| {
            let others = folds.iter().enumerate().filter(|&(fold, _)| fold != held_out);
            let threshold = best_threshold(others.flat_map(|(_, pairs)| pairs.iter().copied()).collect());
            (threshold, accuracy(&folds[held_out], threshold))
        })
        .collect();
    let count = frozen_logits.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| frozen_logits.iter().map(of).sum::<f64>() / count;
    let accuracy = mean(|&(_, accuracy)| accuracy);
    let squares: f64 = frozen_logits
        .iter()
        .map(|(_, own)| (own - accuracy).powi(2))
        .sum();
    Verification {
        pairs: folds.iter().map(Vec::len).sum(),
        folds: folds.len(),
        accuracy,
        deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
        threshold: mean(|&(threshold, _)| threshold),
    }
}

/// Percent of the pairs that are told right where scores from `threshold` on mean the same identity.
fn accuracy(pairs: &[PairScore], threshold: f64) -> f64 {
    let right = pairs.iter().filter(|pair| (pair.score >= threshold) == pair.same);
    100.0 * right.count() as f64 / pairs.len().max(1) as f64
}

/// The threshold that tells most pairs right, the smallest such among the scores themselves and the number just above them all.
fn best_threshold(mut pairs: Vec<PairScore>) -> f64 {
    pairs.sort_by(|a, b| a.score.total_cmp(&b.score));
    let (Some(lowest), Some(highest)) = (pairs.first(), pairs.last()) else {
        return 0.0;
    };
    let (lowest, above) = (lowest.score, highest.score.next_up());
    // From the lowest score on every pair is taken for the same; each pair left below changes its verdict.
    let mut right = pairs.iter().filter(|pair| pair.same).count() as i64;
    let (mut best, mut threshold) = (right, lowest);
    for (at, pair) in pairs.iter().enumerate() {
        right += if pair.same { -1 } else { 1 };
        let next = pairs.get(at + 1).map_or(above, |next| next.score);
        if next > pair.score && right > best {
            (best, threshold) = (right, next);
        }
    }
    threshold
}
