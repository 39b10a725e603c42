//! The data sets that have names.

use serde::Serialize;

/// A data set that [`crate::open`] knows by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetEntry {
    /// What to write in a recipe.
    pub name: &'static str,
    /// What is to be predicted.
    pub task: &'static str,
    /// How many classes it has (by default, where that is an option).
    pub classes: usize,
    /// Height, width and channels of its images (by default, where that is an option).
    pub shape: [usize; 3],
    /// One line on what it is and where it is looked for.
    pub description: &'static str,
    /// Mean of the training pixels in `[0, 1]`, one value a channel.
    pub mean: &'static [f32],
    /// Standard deviation of the training pixels, one value a channel.
    pub std: &'static [f32],
    /// Terms of use as its authors state them.
    pub licence: &'static str,
}

/// All data sets that have names.
pub fn registry() -> &'static [DatasetEntry] {
    REGISTRY
}

impl DatasetEntry {
    /// The entry that a source such as `mnist:channels=3` names; none for a path.
    pub fn of(source: &str) -> Option<&'static Self> {
        let name = source.split_once(':').map_or(source, |(name, _)| name);
        REGISTRY.iter().find(|entry| entry.name == name)
    }
}

static REGISTRY: &[DatasetEntry] = &[
    DatasetEntry {
        name: "shapes",
        task: "classification",
        classes: 12,
        shape: [32, 32, 3],
        description: "drawn shapes on clutter, made on the fly; options size, classes, train, test, seed",
        mean: &[0.5, 0.5, 0.5],
        std: &[0.24, 0.24, 0.24],
        licence: "none needed: the pictures are computed",
    },
    DatasetEntry {
        name: "cifar10",
        task: "classification",
        classes: 10,
        shape: [32, 32, 3],
        description: "CIFAR-10, 50,000 and 10,000 photographs; binary or Python version, folder or tar.gz",
        mean: &[0.4914, 0.4822, 0.4465],
        std: &[0.2470, 0.2435, 0.2616],
        licence: "none stated; for research, with a citation of Krizhevsky (2009)",
    },
    DatasetEntry {
        name: "cifar100",
        task: "classification",
        classes: 100,
        shape: [32, 32, 3],
        description: "CIFAR-100 (fine labels), 50,000 and 10,000 photographs; binary or Python version, folder or tar.gz",
        mean: &[0.5071, 0.4865, 0.4409],
        std: &[0.2673, 0.2564, 0.2762],
        licence: "none stated; for research, with a citation of Krizhevsky (2009)",
    },
    DatasetEntry {
        name: "mnist",
        task: "classification",
        classes: 10,
        shape: [28, 28, 1],
        description: "MNIST, 60,000 and 10,000 digits; IDX files, also gzipped; option channels (1 or 3)",
        mean: &[0.1307],
        std: &[0.3081],
        licence: "CC BY-SA 3.0 (as commonly given)",
    },
];
