//! The images of a run: where they come from, how many there are, and which of them judge.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::human;

/// The images of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The training source, as the recipe names it.
    pub train: String,
    /// Where the validation images come from, in words; absent in a run without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// The test source, as the recipe names it; empty where there is none.
    pub test: String,
    /// Number of training images.
    pub train_images: usize,
    /// How many of them have a label, where not all have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labelled_images: Option<usize>,
    /// Number of validation images.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub validation_images: usize,
    /// Number of test images.
    pub test_images: usize,
    /// Number of classes.
    pub classes: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Which images results are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasuredOn {
    /// Images by which the best epoch was chosen, and which no network learned from.
    Validation,
    /// Test images.
    Test,
}

impl MeasuredOn {
    /// Its word: `validation` or `test`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Data {
    /// A short name for the images, from the training source: `cifar10` for `data/cifar10/train.tar`,
    /// `shapes` for
    /// `shapes:train=4000`.
    pub fn label(&self) -> &str {
        let mut names = self
            .train
            .rsplit(['/', '\\'])
            .filter(|name| !name.is_empty())
            .map(stem);
        let last = names.next().unwrap_or(&self.train);
        // The split says nothing about which images these are; the folder above it usually does.
        if last == "train" {
            names.next().unwrap_or(last)
        } else {
            last
        }
    }

    /// How many images there are of each part: `45,000 training, 5,000 validation and 10,000 test images`.
    pub fn counts(&self) -> String {
        let parts = [
            ("training", self.train_images),
            ("validation", self.validation_images),
            ("test", self.test_images),
        ];
        let parts = parts
            .iter()
            .filter(|(name, count)| *name == "training" || *count > 0);
        let mut parts: Vec<String> = parts
            .map(|(name, count)| format!("{} {name}", human::count(*count as u64)))
            .collect();
        if let (Some(labelled), Some(training)) = (self.labelled_images, parts.first_mut()) {
            let _ = write!(training, " ({} with labels)", human::count(labelled as u64));
        }
        match parts.split_last() {
            Some((last, before)) if !before.is_empty() => format!("{} and {last} images", before.join(", ")),
            _ => format!("{} images", parts.join("")),
        }
    }

    /// Which images choose the best epoch.
    pub fn chosen_on(&self) -> MeasuredOn {
        match self.validation {
            Some(_) => MeasuredOn::Validation,
            None => MeasuredOn::Test,
        }
    }

    /// Which images results are from in the end.
    pub fn measured_on(&self) -> MeasuredOn {
        match self.validation {
            Some(_) if self.test_images == 0 => MeasuredOn::Validation,
            _ => MeasuredOn::Test,
        }
    }
}

/// A file's name without what follows its first dot or colon, unless it begins with one.
fn stem(name: &str) -> &str {
    name.split(['.', ':'])
        .next()
        .filter(|stem| !stem.is_empty())
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::Data;

    #[test]
    fn the_label_of_images_is_the_part_of_the_source_that_names_them() {
        let label = |train: &str| {
            Data {
                train: train.to_owned(),
                ..Data::default()
            }
            .label()
            .to_owned()
        };
        assert_eq!(label("../shared/data/cifar10/train.tar"), "cifar10");
        assert_eq!(label("shapes:train=4000"), "shapes");
        assert_eq!(label("data/flowers.tar.gz"), "flowers");
        assert_eq!(label("data/flowers/train/"), "flowers");
        assert_eq!(label("train.tar"), "train");
        assert_eq!(label("..\\train"), "..");
        assert_eq!(label(""), "");
    }

    #[test]
    fn every_part_that_there_is_is_counted() {
        let counts = |validation_images, test_images| {
            let train_images = 45_000;
            let data = Data {
                train_images,
                validation_images,
                test_images,
                ..Data::default()
            };
            data.counts()
        };
        assert_eq!(counts(0, 10_000), "45,000 training and 10,000 test images");
        assert_eq!(
            counts(5_000, 10_000),
            "45,000 training, 5,000 validation and 10,000 test images"
        );
        assert_eq!(counts(5_000, 0), "45,000 training and 5,000 validation images");
        let few = Data {
            train_images: 184,
            labelled_images: Some(46),
            test_images: 78,
            ..Data::default()
        };
        assert_eq!(few.counts(), "184 training (46 with labels) and 78 test images");
    }
}
