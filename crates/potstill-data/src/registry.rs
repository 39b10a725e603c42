//! The data sets that have names.

use crate::{DatasetEntry, named};

/// All data sets that have names.
pub fn registry() -> &'static [DatasetEntry] {
    &REGISTRY
}

impl DatasetEntry {
    /// The entry that a source such as `mnist:channels=3` names; `None` for a path.
    pub fn of(source: &str) -> Option<&'static Self> {
        let name = source.split_once(':').map_or(source, |(name, _)| name);
        REGISTRY.iter().find(|entry| entry.name == name)
    }
}

static REGISTRY: [DatasetEntry; 7] = [
    named::shapes::SHAPES,
    named::shapes::SHAPES_SCENES,
    named::cifar::CIFAR10,
    named::cifar::CIFAR100,
    named::mnist::MNIST,
    named::small_dense::COCO_MINI,
    named::small_dense::CAMVID_SMALL,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::registry;

    #[test]
    fn every_entry_says_what_a_program_needs() {
        for entry in registry() {
            assert!(!entry.targets.is_empty(), "{}", entry.name);
            let channels = entry.shape[2];
            assert_eq!(
                [entry.mean.len(), entry.std.len()],
                [channels; 2],
                "{}",
                entry.name
            );
        }
        let names: BTreeSet<&str> = registry().iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), registry().len());
        assert!(names.contains("shapes"), "{names:?}");
    }
}
