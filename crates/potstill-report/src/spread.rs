//! Mean and spread over the runs of several seeds.

use serde::Serialize;

/// Mean and sample standard deviation of `n` values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation, with `n - 1` in its denominator; none for a single value.
    pub std: Option<f64>,
    /// How many values.
    pub n: usize,
}

impl Spread {
    /// The spread of these values, or none where there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            mean,
            std: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_spread_is_the_sample_standard_deviation() {
        // By hand: mean 91, deviations -1, 0, 1, squares 2, 2 / (3 - 1) = 1.
        let spread = Spread::of(&[90.0, 91.0, 92.0]);
        assert_eq!(
            spread,
            Some(Spread {
                mean: 91.0,
                std: Some(1.0),
                n: 3
            })
        );
        // By hand: mean 5, squares 9+1+1+1+0+0+4+16 = 32, 32 / 7, its root 2.138090.
        let std = Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).and_then(|spread| spread.std);
        assert!((std.unwrap() - 2.138_090).abs() < 1e-6, "{std:?}");
    }

    #[test]
    fn one_value_has_no_spread_and_none_has_no_mean() {
        assert_eq!(
            Spread::of(&[7.0]),
            Some(Spread {
                mean: 7.0,
                std: None,
                n: 1
            })
        );
        assert_eq!(Spread::of(&[]), None);
    }
}
