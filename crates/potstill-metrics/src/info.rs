//! What a metric's name means: its unit and its direction.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unit {
    /// Parts of a hundred: 91.93 is 91.93 %.
    Percent,
    /// A logarithm to base e of a probability, as the cross-entropy is.
    Nats,
    /// Whole things: classes, images.
    Count,
    /// A plain number.
    #[default]
    None,
}

impl Unit {
    /// A value without its unit, with as many decimals as are worth reading: `91.93`, `0.3125`, `7`. A dash for one that is not finite.
    pub fn number(self, value: f64) -> String {
        let decimals = match self {
            Self::Percent => 2,
            Self::Count => 0,
            Self::Nats | Self::None => 4,
        };
        if value.is_finite() {
            format!("{value:.decimals$}")
        } else {
            MISSING.to_owned()
        }
    }

    /// A value with its unit: `91.93 %`, `0.3125`. A dash for one that is not finite.
    pub fn text(self, value: f64) -> String {
        let number = self.number(value);
        match self {
            Self::Percent if value.is_finite() => number + " %",
            _ => number,
        }
    }

    /// A mean of values in `[0, 1]`, or of counts, in this unit.
    pub fn of_mean(self, mean: f64) -> f64 {
        match self {
            Self::Percent => 100.0 * mean,
            Self::Nats | Self::Count | Self::None => mean,
        }
    }

    /// The sign behind a value or in a heading; empty where there is none.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Percent => "%",
            Self::Nats | Self::Count | Self::None => "",
        }
    }
}

/// What stands where there is no number.
pub const MISSING: &str = "–";

/// A metric: what it is called, what it counts in, and which way is better.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Its name in files and in JSON: `top1`.
    pub name: Cow<'static, str>,
    /// Its name in tables and charts: `top-1`.
    pub label: Cow<'static, str>,
    /// What it is a kind of, as model hubs name it: `accuracy`.
    pub family: Cow<'static, str>,
    /// What it counts in.
    pub unit: Unit,
    /// Whether more of it is better.
    pub higher_is_better: bool,
}

impl MetricInfo {
    /// A metric in percent of which more is better.
    pub const fn percent(name: &'static str, label: &'static str, family: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            label: Cow::Borrowed(label),
            family: Cow::Borrowed(family),
            unit: Unit::Percent,
            higher_is_better: true,
        }
    }

    /// Whether `value` is better than `other`. A value that is no number is worse than any number.
    pub fn is_better(&self, value: f64, other: f64) -> bool {
        if value.is_nan() || other.is_nan() {
            return other.is_nan() && !value.is_nan();
        }
        if self.higher_is_better {
            value > other
        } else {
            value < other
        }
    }

    /// By how much `value` is better than `other`; negative where it is worse.
    pub fn gain(&self, value: f64, other: f64) -> f64 {
        if self.higher_is_better {
            value - other
        } else {
            other - value
        }
    }
}

/// The mean of a task's own loss over the test images.
pub const LOSS: MetricInfo = MetricInfo {
    name: Cow::Borrowed("loss"),
    label: Cow::Borrowed("loss"),
    family: Cow::Borrowed("loss"),
    unit: Unit::Nats,
    higher_is_better: false,
};

#[cfg(test)]
mod tests {
    use super::{LOSS, MetricInfo, Unit};

    const AP: MetricInfo = MetricInfo::percent("ap", "AP", "ap");

    #[test]
    fn the_better_value_depends_on_the_direction_and_no_number_is_the_worst() {
        assert!(AP.is_better(2.0, 1.0) && !AP.is_better(1.0, 2.0) && !AP.is_better(1.0, 1.0));
        assert!(LOSS.is_better(1.0, 2.0) && !LOSS.is_better(2.0, 1.0));
        for metric in [AP, LOSS] {
            assert!(metric.is_better(1.0, f64::NAN) && !metric.is_better(f64::NAN, 1.0));
            assert!(!metric.is_better(f64::NAN, f64::NAN));
        }
    }

    #[test]
    fn a_gain_is_positive_where_something_got_better() {
        assert_eq!((AP.gain(3.0, 1.0), LOSS.gain(3.0, 1.0)), (2.0, -2.0));
    }

    #[test]
    fn values_are_written_in_their_unit() {
        let texts = [Unit::Percent, Unit::Nats, Unit::Count, Unit::None].map(|unit| unit.text(7.0));
        assert_eq!(texts, ["7.00 %", "7.0000", "7", "7.0000"]);
        assert_eq!(Unit::Percent.text(f64::NAN), "–");
        assert_eq!(
            (Unit::Percent.of_mean(0.25), Unit::Nats.of_mean(0.25)),
            (25.0, 0.25)
        );
    }

    #[test]
    fn a_metric_comes_back_from_json() {
        let json = serde_json::to_string(&AP).unwrap();
        assert_eq!(
            json,
            r#"{"name":"ap","label":"AP","family":"ap","unit":"percent","higher_is_better":true}"#
        );
        assert_eq!(serde_json::from_str::<MetricInfo>(&json).unwrap(), AP);
    }
}
