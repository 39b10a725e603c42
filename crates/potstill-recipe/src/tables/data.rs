//! `[data]`: what to learn from.

use potstill_settings::{Described, Kind, settings};
use serde::{Deserialize, Serialize};

use crate::Verbatim;

settings! {
    /// `[data]`: what to learn from.
    pub struct Data {
        /// The training images: a data set's name, or a path from the current folder.
        pub train: String = example "cifar10",
        /// The images to measure with: their test split.
        pub test: Option<String> = without "the test split of `data.train`" like "images/",
        /// The images by which the best epoch is chosen, so that the test images are seen once, at the end: a share of
        /// each class, held back from the training images, or a data set's name or path, whose test split is meant.
        pub validation: Option<Validation> [above(0.0).below(1.0)]
            = without "the best epoch is chosen on the test images; where there are none, `0.1`" like 0.1,
        /// The seed that chooses which images are held back, and those of `validation_limit`, independent of the
        /// recipe's seed.
        pub validation_seed: Option<u64> = without "0" like 1,
        /// Validate with this many images, as many of each class.
        pub validation_limit: Option<usize> [at_least(1.0)] = without "all" like 1000,
        /// Train on this many images, as many of each class.
        pub train_limit: Option<usize> [at_least(1.0)] = without "all" like 5000,
        /// Train on this share of each class, rounded down, at least one image. Not beside `train_limit`.
        pub few_samples: Option<f64> [above(0.0).at_most(1.0)] = without "all" like 0.1,
        /// The seed that chooses the images of `few_samples`, independent of the recipe's seed. Smaller shares are
        /// parts of larger ones.
        pub few_samples_seed: Option<u64> = without "0" like 1,
        /// The task's own loss learns from this share of the training images only, chosen as those of `few_samples`; the methods
        /// learn from all of them. Without a method the others are left out.
        pub labelled: Option<f64> [above(0.0).at_most(1.0)] = without "all have labels" like 0.25,
        /// The seed that chooses the images of `labelled`, independent of the recipe's seed. Smaller shares are parts of
        /// larger ones.
        pub labelled_seed: Option<u64> = without "0" like 1,
        /// Measure with this many images, as many of each class.
        pub test_limit: Option<usize> [at_least(1.0)] = without "all" like 1000,
        /// In which order class folders are numbered: `natural` (2 before 10), `ascii` as torchvision's
        /// `ImageFolder` (10 before 2), or a text file with the name of a class in each line.
        pub class_order: Option<String> = without "natural, and a word where torchvision's is another" like "ascii",
        /// A CSV file with the class of each image, columns `file` and `label` and perhaps `split`, in place of class
        /// folders.
        pub labels: Option<String> = without "the names of the class folders" like "labels.csv",
        /// The same for the images of `data.test`, where that has a source of its own.
        pub test_labels: Option<String> = without "`data.labels`" like "test_labels.csv",
        /// Images of more pixels are refused by their header, before memory is taken for them.
        pub max_pixels: Option<u64> [at_least(1.0)] = without "178956970, as Pillow" like 400000000,
        /// Leave out up to so many images that cannot be decoded; each is decoded once to know.
        pub skip_unreadable: Option<usize> = without "0: the first one is an error" like 10,
        /// Turn images upright as their EXIF orientation says. torchvision's loader does not.
        pub exif_orientation: Option<bool> = without "false: as they are stored" like true,
        /// How training images are varied.
        pub augment: Option<Verbatim> = without "no augmentation" like [{ pad-crop = { pad = 4 } }, "flip"]
            (also "transforms"),
        /// The fixed steps that test images take instead, and every image that the student is shown later.
        pub test_augment: Option<Verbatim> = without "the fixed steps of `data.augment`"
            like [{ resize-shorter = { size = 256 } }, { centre-crop = { size = 224 } }]
            (also "preprocess", "test_transforms"),
        /// How the second view of each training image is varied, for methods that look at two (`mlkd`).
        pub second_augment: Option<Verbatim> = without "the steps of `data.augment`, and `fix-match` behind them"
            like [{ pad-crop = { pad = 4 } }, "flip", "fix-match"],
        /// The share of an object that must be left in an augmented image, in tasks with objects; one with
        /// less is dropped.
        pub min_visible: Option<f64> [at_least(0.0).at_most(1.0)] = without "0.3 of it" like 0.5,
        /// Leave out training images without an object (larger than a pixel, and no crowd), in tasks with objects.
        pub skip_empty: Option<bool> = without "false: they are images of background" like true,
        /// Batches of upright training images alone or of lying ones alone, which need less padding.
        pub aspect_groups: Option<bool> = without "false" like true,
        /// The seed of the augmentation. Runs with the same one see the same images.
        pub augment_seed: Option<u64> = without "`seed`" like 0,
        /// How many augmented views of each image there are: epoch `e`, from 0, sees view `e % views`.
        pub views: Option<usize> [at_least(1.0)] = without "a new view in every epoch" like 8,
        /// Threads that read and augment images.
        pub workers: usize [at_least(1.0).because("at least one thread must read the images")] = default 1,
    }
}

/// Where the images come from by which the best epoch is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Validation {
    /// This share of each class of the training images.
    Share(f64),
    /// A data set's name, or a path; its test split is meant.
    Source(String),
}

impl Described for Validation {
    const KIND: Kind = Kind::Either(&Kind::Number, &Kind::Text);
}

impl Described for Verbatim {
    const KIND: Kind = Kind::Verbatim("the steps of an augmentation");
}

impl Data {
    /// The source of the images to measure with; its test split is meant.
    pub fn test_source(&self) -> &str {
        self.test.as_deref().unwrap_or(&self.train)
    }
}
