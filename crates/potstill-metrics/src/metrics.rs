//! What an evaluation finds: values by name.

use std::ops::Index;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{MetricInfo, number};

/// Values of metrics by name, in the order in which they are shown. What a name means says its [`MetricInfo`].
///
/// In JSON it is a table; a value that is no number is `null` there.
///
/// ```
/// use potstill_metrics::{Metrics, TOP1};
///
/// let metrics = Metrics::new().with(&TOP1, 91.5);
/// assert_eq!(metrics.get("top1"), Some(91.5));
/// assert_eq!(metrics["top1"], 91.5);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Metrics(IndexMap<String, f64>);

impl Metrics {
    /// No metric yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of this name, if it was measured.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The value of this metric, if it was measured.
    pub fn of(&self, metric: &MetricInfo) -> Option<f64> {
        self.get(&metric.name)
    }

    /// Sets a value; a new one stands last.
    pub fn insert(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    /// The same with the value of a metric.
    #[must_use]
    pub fn with(mut self, metric: &MetricInfo, value: f64) -> Self {
        self.insert(metric.name.as_ref(), value);
        self
    }

    /// The same with the value of a metric, if there is one.
    #[must_use]
    pub fn with_any(self, metric: &MetricInfo, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(metric, value),
            None => self,
        }
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        number::map_or_nan(input).map(Self)
    }
}

impl<N: Into<String>> FromIterator<(N, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(values: I) -> Self {
        Self(
            values
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }
}

/// # Panics
/// Where nothing of this name was measured, as indexing a map does.
impl Index<&str> for Metrics {
    type Output = f64;

    fn index(&self, name: &str) -> &f64 {
        &self.0[name]
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn values_keep_their_order_and_what_is_no_number_is_null() {
        let metrics: Metrics = [("zero", 0.5), ("loss", f64::NAN), ("a", 1.0)]
            .into_iter()
            .collect();
        let json = serde_json::to_string(&metrics).unwrap();
        assert_eq!(json, r#"{"zero":0.5,"loss":null,"a":1.0}"#);
        let read: Metrics = serde_json::from_str(&json).unwrap();
        let names: Vec<_> = read.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["zero", "loss", "a"]);
        assert!(read["loss"].is_nan() && read["a"] == 1.0 && read.get("top1").is_none());
    }

    #[test]
    fn what_is_neither_a_number_nor_null_is_refused() {
        assert!(serde_json::from_str::<Metrics>(r#"{"top1":"91"}"#).is_err());
    }
}
