//! How an operator works, by its attributes.

use std::collections::BTreeMap;

use rten_onnx::onnx::NodeProto;

/// Numbers of a node that states how its operator works.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    whole: BTreeMap<String, Vec<i64>>,
    numbers: BTreeMap<String, Vec<f64>>,
    texts: BTreeMap<String, String>,
}

impl Settings {
    /// The attributes of a node.
    pub fn of(node: &NodeProto) -> Self {
        let mut settings = Self::default();
        for attribute in &node.attribute {
            let name = attribute.name.clone().unwrap_or_default();
            let whole: Vec<i64> = attribute
                .i
                .into_iter()
                .chain(attribute.ints.iter().copied())
                .collect();
            if !whole.is_empty() {
                settings.whole.insert(name.clone(), whole);
            }
            if !attribute.floats.is_empty() {
                let numbers = attribute.floats.iter().map(|&number| f64::from(number));
                settings.numbers.insert(name.clone(), numbers.collect());
            }
            if let Some(text) = &attribute.s {
                settings.texts.insert(name, text.clone());
            }
        }
        settings
    }

    /// Whole numbers; none where nothing is said.
    pub fn list(&self, name: &str) -> &[i64] {
        self.whole.get(name).map_or(&[], Vec::as_slice)
    }

    /// A whole number.
    pub fn one(&self, name: &str, otherwise: i64) -> i64 {
        self.list(name).first().copied().unwrap_or(otherwise)
    }

    /// Floats; none where nothing is said.
    pub fn floats(&self, name: &str) -> &[f64] {
        self.numbers.get(name).map_or(&[], Vec::as_slice)
    }

    /// A text; empty where nothing is said.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    #[cfg(test)]
    pub fn with(mut self, name: &str, whole: &[i64]) -> Self {
        self.whole.insert(name.to_owned(), whole.to_vec());
        self
    }
}
