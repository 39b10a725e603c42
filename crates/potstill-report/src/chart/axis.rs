//! Round numbers along an axis.

use crate::human;

/// A range of values with ticks at round numbers.
pub(crate) struct Axis {
    low: f64,
    high: f64,
    step: f64,
    first_tick: f64,
}

impl Axis {
    /// An axis that begins and ends at a round number and holds all values.
    pub(crate) fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = bounds(values);
        let step = round_step((high - low) / 5.0);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self {
            low,
            high,
            step,
            first_tick: low,
        }
    }

    /// An axis of whole numbers that begins and ends with the values.
    pub(crate) fn counting(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = bounds(values);
        let step = round_step((high - low) / 8.0).max(1.0);
        Self {
            low,
            high,
            step,
            first_tick: (low / step).ceil() * step,
        }
    }

    /// Where the value lies, 0 at the low end and 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// The values of the ticks with their labels.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let count = ((self.high - self.first_tick) / self.step + 1e-9) as usize;
        (0..=count.min(20)).map(|tick| {
            let value = self.first_tick + tick as f64 * self.step;
            (value, self.label(value))
        })
    }

    fn label(&self, value: f64) -> String {
        let places = (-self.step.log10().floor()).max(0.0);
        match value {
            v if v.abs() < self.step / 2.0 => "0".to_owned(),
            v if places > 3.0 || v.abs() >= 1e5 => human::rate(v),
            v => human::decimals(v, places as usize),
        }
    }
}

/// The smallest and largest value, pulled apart where they are the same, and 0 to 1 where there is none.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    match high - low {
        range if !range.is_finite() => (0.0, 1.0),
        range if range <= high.abs() * 1e-9 => {
            let half = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low - half, high + half)
        }
        _ => (low, high),
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let leading = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|leading| step <= leading * power * (1.0 + 1e-9));
    leading.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::Axis;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        let axis = Axis::around([43.1, 91.9, f64::NAN].into_iter());
        assert_eq!(labels(&axis), ["40", "50", "60", "70", "80", "90", "100"]);
        assert_eq!(axis.place(70.0), 0.5);
        assert_eq!(
            labels(&Axis::around([0.31, 1.2].into_iter())),
            ["0.2", "0.4", "0.6", "0.8", "1.0", "1.2"]
        );
        assert_eq!(
            labels(&Axis::around([0.0, 9e-4].into_iter())),
            ["0", "2e-4", "4e-4", "6e-4", "8e-4", "0.001"]
        );
        assert_eq!(
            labels(&Axis::around([0.0, 9e5].into_iter())),
            ["0", "2e5", "4e5", "6e5", "8e5", "1e6"]
        );
    }

    #[test]
    fn epochs_have_whole_ticks() {
        assert_eq!(labels(&Axis::counting([1.0, 3.0].into_iter())), ["1", "2", "3"]);
        assert_eq!(
            labels(&Axis::counting([1.0, 90.0].into_iter())),
            ["20", "40", "60", "80"]
        );
    }

    #[test]
    fn odd_values_still_make_an_axis() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![0.0],
            vec![7.0, 7.0],
            vec![-1e30, 1e30],
            vec![f64::MAX, f64::MIN],
        ] {
            let axis = Axis::around(values.iter().copied());
            assert!(axis.ticks().count() >= 2, "{values:?}");
            for value in values.into_iter().filter(|value| value.abs() < 1e300) {
                assert!((-1e-9..=1.0 + 1e-9).contains(&axis.place(value)), "{value}");
            }
        }
    }
}
