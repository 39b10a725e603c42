//! Whether a method is better than the student alone, by the seeds that both were run with.

use std::collections::BTreeMap;

use serde::Serialize;

/// A paired t-test: the differences of two recipes over the seeds that both have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// How many seeds both have.
    pub pairs: usize,
    /// The mean difference; positive where the method is better. None without a pair.
    pub mean: Option<f64>,
    /// The statistic `mean / (s / sqrt(n))`, with the sample standard deviation `s` of the differences; none below 3 pairs, and where
    /// all differences are equal.
    pub t: Option<f64>,
    /// How likely a statistic as far from 0, on either side, is between two recipes of which neither is better.
    pub p: Option<f64>,
}

/// Fewer pairs say nothing about their own spread.
pub const FEWEST_PAIRS: usize = 3;

impl Paired {
    /// The test of these values by seed against those of the student alone; `gain` says by how much the first value is better.
    pub fn of(
        values: &BTreeMap<u64, f64>,
        alone: &BTreeMap<u64, f64>,
        gain: impl Fn(f64, f64) -> f64,
    ) -> Self {
        let both = values.iter();
        let differences: Vec<f64> = both
            .filter_map(|(seed, value)| Some(gain(*value, *alone.get(seed)?)))
            .filter(|difference| difference.is_finite())
            .collect();
        let n = differences.len();
        let mean = (n > 0).then(|| differences.iter().sum::<f64>() / n as f64);
        let t = mean.filter(|_| n >= FEWEST_PAIRS).and_then(|mean| {
            let squares: f64 = differences.iter().map(|value| (value - mean).powi(2)).sum();
            let error = (squares / (n - 1) as f64 / n as f64).sqrt();
            // What rounding leaves of differences that are all equal is no spread.
            let scale = differences
                .iter()
                .fold(0.0_f64, |most, value| most.max(value.abs()));
            (error > 1e-12 * scale).then(|| mean / error)
        });
        Self {
            pairs: n,
            mean,
            t,
            p: t.map(|t| two_sided(t, n - 1)),
        }
    }
}

/// The probability that Student's t with so many degrees of freedom is at least as far from 0 as `t`: one minus the finite sums of
/// Abramowitz and Stegun, 26.7.3 and 26.7.4.
fn two_sided(t: f64, freedom: usize) -> f64 {
    let angle = (t.abs() / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    // 1 + (1/2) c^2 + (1 3)/(2 4) c^4 + ..., or c + (2/3) c^3 + (2 4)/(3 5) c^5 + ...
    let (mut term, mut sum) = if freedom.is_multiple_of(2) {
        (1.0, 1.0)
    } else {
        (cosine, cosine)
    };
    let first = if freedom.is_multiple_of(2) { 2 } else { 3 };
    for below in (first..freedom.saturating_sub(1)).step_by(2) {
        term *= cosine * cosine * (below - 1) as f64 / below as f64;
        sum += term;
    }
    let within = match freedom {
        1 => angle / std::f64::consts::FRAC_PI_2,
        _ if freedom.is_multiple_of(2) => sine * sum,
        _ => (angle + sine * sum) / std::f64::consts::FRAC_PI_2,
    };
    (1.0 - within).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Paired, two_sided};

    #[test]
    fn the_two_sided_probability_is_that_of_the_tables() {
        // Quantiles of the usual table of Student's t, at 0.975 and 0.995.
        for (freedom, t, p) in [
            (1, 12.706_205, 0.05),
            (2, 4.302_653, 0.05),
            (3, 3.182_446, 0.05),
            (4, 2.776_445, 0.05),
            (5, 2.570_582, 0.05),
            (9, 2.262_157, 0.05),
            (10, 2.228_139, 0.05),
            (29, 2.045_230, 0.05),
            (2, 9.924_843, 0.01),
            (7, 3.499_483, 0.01),
        ] {
            assert!(
                (two_sided(t, freedom) - p).abs() < 1e-6,
                "{freedom}: {}",
                two_sided(t, freedom)
            );
            assert!((two_sided(-t, freedom) - p).abs() < 1e-6);
        }
        assert!((two_sided(0.0, 4) - 1.0).abs() < 1e-12);
    }

    fn values(all: &[(u64, f64)]) -> BTreeMap<u64, f64> {
        all.iter().copied().collect()
    }

    #[test]
    fn differences_are_taken_by_seed() {
        let alone = values(&[(0, 90.0), (1, 91.0), (2, 92.0), (7, 50.0)]);
        let kd = values(&[(0, 91.5), (1, 92.0), (2, 92.5), (8, 99.0)]);
        let found = Paired::of(&kd, &alone, |value, other| value - other);
        // By hand: 1.5, 1, 0.5: mean 1, s 0.5, t = 1 / (0.5 / sqrt 3) = 2 sqrt 3; with two degrees of freedom p = 1 - t / sqrt(2 + t^2).
        let t = 2.0 * 3.0_f64.sqrt();
        assert_eq!((found.pairs, found.mean), (3, Some(1.0)));
        assert!((found.t.unwrap() - t).abs() < 1e-12);
        assert!((found.p.unwrap() - (1.0 - t / 14.0_f64.sqrt())).abs() < 1e-12);
        // Where less is better the sign turns and the probability stays.
        let less = Paired::of(&kd, &alone, |value, other| other - value);
        assert_eq!((less.mean, less.p), (Some(-1.0), found.p));
    }

    #[test]
    fn there_is_no_probability_without_pairs_or_without_spread() {
        let of = |own: &[(u64, f64)], alone: &[(u64, f64)]| {
            Paired::of(&values(own), &values(alone), |value, other| value - other)
        };
        let two = of(&[(0, 2.0), (1, 3.0)], &[(0, 1.0), (1, 1.0)]);
        assert_eq!((two.pairs, two.mean, two.t, two.p), (2, Some(1.5), None, None));
        let none = of(&[(3, 2.0)], &[(0, 1.0)]);
        assert_eq!((none.pairs, none.mean, none.p), (0, None, None));
        let same = of(&[(0, 0.3), (1, 0.5), (2, 0.7)], &[(0, 0.1), (1, 0.3), (2, 0.5)]);
        assert_eq!((same.pairs, same.t, same.p), (3, None, None));
        let lost = of(&[(0, f64::NAN), (1, 2.0)], &[(0, 1.0), (1, 1.0)]);
        assert_eq!(lost.pairs, 1);
    }
}
