//! The metrics of a task, one of them the headline.

use std::iter;

use serde::{Deserialize, Serialize};

use crate::MetricInfo;

/// What is measured for a task, in the order of tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MetricSet {
    /// The one that chooses the best epoch and that runs are compared by.
    pub headline: MetricInfo,
    /// The others.
    pub others: Vec<MetricInfo>,
}

impl MetricSet {
    /// The headline, then the others.
    pub fn iter(&self) -> impl Iterator<Item = &MetricInfo> {
        iter::once(&self.headline).chain(&self.others)
    }

    /// The metric of this name.
    pub fn get(&self, name: &str) -> Option<&MetricInfo> {
        self.iter().find(|metric| metric.name == name)
    }
}
