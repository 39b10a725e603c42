//! The mean of the negative part of a channel.

use std::f64::consts::{PI, SQRT_2};

/// From which chance on of being negative the margin is the mean.
const RARE: f64 = 0.001;

/// The mean of what is negative of a normal distribution with this deviation and mean, the scale and shift of a channel's batch norm:
/// `mean - deviation phi(mean / deviation) / Phi(-mean / deviation)`. Three deviations below 0 where it is hardly ever negative; of a
/// channel without variation its value, if that is negative.
pub(super) fn margin(deviation: f64, mean: f64) -> f64 {
    if deviation <= 0.0 {
        return mean.min(0.0);
    }
    let ratio = mean / deviation;
    // Phi(-x) is half the complementary error function of x / sqrt(2).
    let chance = 0.5 * libm::erfc(ratio / SQRT_2);
    if chance <= RARE {
        return -3.0 * deviation;
    }
    let density = (-0.5 * ratio * ratio).exp() / (2.0 * PI).sqrt();
    mean - deviation * density / chance
}

#[cfg(test)]
mod tests {
    use super::margin;

    #[test]
    fn margins_of_odd_channels_are_finite() {
        assert_eq!(margin(0.0, 0.5), 0.0);
        assert_eq!(margin(0.0, -0.5), -0.5);
        assert_eq!(margin(1.0, 100.0), -3.0);
        // Half of a standard normal distribution: minus the square root of 2 / pi.
        assert!((margin(1.0, 0.0) + (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
        // Nearly all of it is negative: the mean itself.
        assert!((margin(1.0, -40.0) + 40.0).abs() < 1e-9);
    }
}
