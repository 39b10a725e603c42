//! The key that was probably meant, also under the name that another tool has for it.

use potstill_settings::Key;

pub(crate) use potstill_base::{did_you_mean, nearest, quoted};

/// The one of these keys that is meant: under the name that another tool has for it, or by its spelling.
pub(crate) fn nearest_key<'k>(name: &str, keys: &[&'k Key]) -> Option<&'k str> {
    let plain = name.to_lowercase().replace('-', "_");
    let known = keys.iter().find(|key| key.also.contains(&plain.as_str()));
    known
        .map(|key| key.name)
        .or_else(|| nearest(name, keys.iter().map(|key| key.name)))
}

#[cfg(test)]
mod tests {
    use potstill_settings::Key;

    use super::nearest_key;
    use crate::{Sgd, Train};

    #[test]
    fn names_from_other_tools_are_known() {
        let keys: Vec<&Key> = Sgd::KEYS.iter().chain(Train::KEYS).collect();
        let meant = [
            ("learning_rate", "lr"),
            ("Learning-Rate", "lr"),
            ("decay", "weight_decay"),
            ("epoch", "epochs"),
            ("batch_size", "batch"),
        ];
        for (name, key) in meant {
            assert_eq!(nearest_key(name, &keys), Some(key), "{name}");
        }
    }

    #[test]
    fn a_name_from_another_tool_means_nothing_where_its_key_is_not() {
        let keys: Vec<&Key> = Train::KEYS.iter().collect();
        assert_eq!(nearest_key("learning_rate", &keys), None);
    }
}
