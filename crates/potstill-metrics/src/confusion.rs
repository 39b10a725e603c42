//! Which classes are taken for which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Up to so many classes a table of all pairs is worth writing down.
const TABLE: usize = 200;

/// Counts, for each class, what its images were taken for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Images by their class and what they were taken for; pairs that never happened are left out.
    counts: BTreeMap<(u32, u32), u64>,
}

/// Images of a class that were taken for another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confused {
    /// What they show.
    pub truth: String,
    /// What they were taken for.
    pub prediction: String,
    /// How many.
    pub images: u64,
}

/// A confusion matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    /// The names of rows and columns.
    pub classes: Vec<String>,
    /// A row for each true class, with a column for each class that its images were taken for.
    pub matrix: Vec<Vec<u64>>,
}

/// How one class was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassResult {
    /// Its name.
    pub class: String,
    /// Images that show it.
    pub images: u64,
    /// Percent of them that were told right, where each image has one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Its average precision in percent, where each image has a set of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Its intersection over union in percent, where each pixel has a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou: Option<f64>,
}

impl ClassResult {
    /// What the class is told by, and its name: the IoU where each pixel has a class, else the accuracy, else the average precision.
    pub fn headline(&self) -> (&'static str, f64) {
        match (self.iou, self.accuracy, self.average_precision) {
            (Some(iou), ..) => ("IoU", iou),
            (None, Some(accuracy), _) => ("accuracy", accuracy),
            (None, None, precision) => ("AP", precision.unwrap_or(f64::NAN)),
        }
    }
}

impl Confusion {
    /// Adds an image of class `truth` that was taken for `prediction`.
    pub fn add(&mut self, truth: u32, prediction: u32) {
        *self.counts.entry((truth, prediction)).or_default() += 1;
    }

    /// Images, and how many of them were told right, of every class that has any; the classes are called `names`.
    pub fn by_class(&self, names: &[String]) -> Vec<ClassResult> {
        let mut found: BTreeMap<u32, [u64; 2]> = BTreeMap::new();
        for (&(truth, prediction), &images) in &self.counts {
            let [all, right] = found.entry(truth).or_default();
            *all += images;
            *right += if truth == prediction { images } else { 0 };
        }
        let result = |(class, [all, right]): (u32, [u64; 2])| ClassResult {
            class: name(names, class),
            images: all,
            accuracy: Some(100.0 * right as f64 / all as f64),
            average_precision: None,
            iou: None,
        };
        found.into_iter().map(result).collect()
    }

    /// The whole table over the classes of these names; `None` where there are none, or more than 200.
    pub fn matrix(&self, names: &[String]) -> Option<ConfusionMatrix> {
        if names.is_empty() || names.len() > TABLE {
            return None;
        }
        let mut matrix = vec![vec![0; names.len()]; names.len()];
        for (&(truth, prediction), &images) in &self.counts {
            if let Some(cell) = matrix
                .get_mut(truth as usize)
                .and_then(|row: &mut Vec<u64>| row.get_mut(prediction as usize))
            {
                *cell = images;
            }
        }
        Some(ConfusionMatrix {
            classes: names.to_vec(),
            matrix,
        })
    }

    /// The `count` pairs of different classes that are confused most often, the most frequent first.
    pub fn most_confused(&self, names: &[String], count: usize) -> Vec<Confused> {
        let wrong = self
            .counts
            .iter()
            .filter(|((truth, prediction), _)| truth != prediction);
        let mut pairs: Vec<_> = wrong.collect();
        // Pairs of one number stay in the order of the classes.
        pairs.sort_by_key(|(_, images)| std::cmp::Reverse(**images));
        let confused = |(&(truth, prediction), &images): (&(u32, u32), &u64)| Confused {
            truth: name(names, truth),
            prediction: name(names, prediction),
            images,
        };
        pairs.into_iter().take(count).map(confused).collect()
    }
}

/// A class by its name, or by its number where it has none.
fn name(names: &[String], class: u32) -> String {
    names
        .get(class as usize)
        .cloned()
        .unwrap_or_else(|| class.to_string())
}

#[cfg(test)]
mod tests {
    use super::Confusion;

    #[test]
    fn counts_by_hand() {
        let names = ["ant", "cat", "dog"].map(String::from);
        let mut confusion = Confusion::default();
        for (truth, prediction) in [(1, 1), (1, 2), (1, 2), (2, 2), (2, 1), (2, 0), (2, 2)] {
            confusion.add(truth, prediction);
        }
        let found = confusion.by_class(&names);
        let found: Vec<_> = found
            .iter()
            .map(|class| (class.class.as_str(), class.images, class.accuracy))
            .collect();
        assert_eq!(
            found,
            [("cat", 3, Some(100.0 / 3.0)), ("dog", 4, Some(50.0))],
            "no image shows an ant"
        );
        let matrix = confusion.matrix(&names).unwrap();
        assert_eq!(matrix.matrix, [[0, 0, 0], [0, 1, 2], [1, 1, 2]]);
        let worst: Vec<_> = confusion.most_confused(&names, 2);
        let worst: Vec<_> = worst
            .iter()
            .map(|pair| (pair.truth.as_str(), pair.prediction.as_str(), pair.images))
            .collect();
        assert_eq!(worst, [("cat", "dog", 2), ("dog", "ant", 1)]);
        assert!(confusion.matrix(&vec![String::new(); 201]).is_none());
    }
}
