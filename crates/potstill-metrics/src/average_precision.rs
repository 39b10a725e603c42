//! Average precision: how well scores put the positives before the rest.

use std::cmp::Ordering;

/// The average precision of `scores` whose `positives` are known, in `[0, 1]`: the sum over distinct scores, from the highest down, of
/// the precision there times the recall won there. None without a positive.
///
/// This is `average_precision_score` of scikit-learn: no interpolation, and equal scores stand or fall together. Without equal scores it
/// is the mean of the precisions at the ranks of the positives. A score that is no number is the lowest.
pub fn average_precision(scores: &[f32], positives: &[bool]) -> Option<f64> {
    let mut ranked: Vec<(f32, bool)> = scores
        .iter()
        .map(|&score| lowest_if_none(score))
        .zip(positives.iter().copied())
        .collect();
    ranked.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal));
    let all = ranked.iter().filter(|(_, positive)| *positive).count();
    if all == 0 {
        return None;
    }
    let (mut found, mut seen, mut sum) = (0, 0, 0.0);
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let won = tied.iter().filter(|(_, positive)| *positive).count();
        found += won;
        seen += tied.len();
        sum += won as f64 * found as f64 / seen as f64;
    }
    Some(sum / all as f64)
}

fn lowest_if_none(score: f32) -> f32 {
    if score.is_nan() { f32::NEG_INFINITY } else { score }
}

#[cfg(test)]
mod tests {
    use super::average_precision;

    #[test]
    fn values_by_hand() {
        // Positives at ranks 1 and 3: (1/1 + 2/3) / 2.
        let scores = [0.9, 0.8, 0.7, 0.1];
        assert_eq!(
            average_precision(&scores, &[true, false, true, false]),
            Some(f64::midpoint(1.0, 2.0 / 3.0))
        );
        assert_eq!(average_precision(&scores, &[true, true, false, false]), Some(1.0));
        // Both positives last: (1/3 + 2/4) / 2.
        assert_eq!(
            average_precision(&scores, &[false, false, true, true]),
            Some(f64::midpoint(1.0 / 3.0, 0.5))
        );
    }

    #[test]
    fn equal_scores_tell_no_more_than_the_share_of_positives() {
        assert_eq!(
            average_precision(&[0.5; 4], &[true, false, false, false]),
            Some(0.25)
        );
        assert_eq!(
            average_precision(&[f32::NAN; 4], &[true, false, false, false]),
            Some(0.25)
        );
        assert_eq!(average_precision(&[f32::NAN, -9.0], &[true, false]), Some(0.5));
    }

    #[test]
    fn without_a_positive_there_is_none() {
        assert_eq!(average_precision(&[0.5, 0.1], &[false, false]), None);
        assert_eq!(average_precision(&[], &[]), None);
    }
}
