//! Figures that others have published: top-1 of the classic methods on the pairs of networks that everybody compares with.
//!
//! They are facts, kept in `figures.json` beside this file with their sources. Most of them are means of three to five runs of the *best*
//! epoch on the test images, under the protocol of their benchmark (CIFAR-100: 240 epochs; ImageNet: 100): a run of ours is to be
//! compared with them by its best epoch, and only under that protocol.

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::Data;

/// The figures of one teacher and one student on one data set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedPair {
    /// The data set: `cifar100` or `imagenet`.
    pub data: String,
    /// The teacher, by its name in the list of models.
    pub teacher: String,
    /// The student, likewise.
    pub student: String,
    /// Top-1 of the teacher, percent.
    pub teacher_top1: f64,
    /// Top-1 of the student that is trained alone, percent.
    pub student_top1: f64,
    /// The figures by the name of the method, as in `dkd`, `kd + ls` (standardised logits) or `ickd + kd`.
    pub figures: IndexMap<String, PublishedFigure>,
}

/// A published figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PublishedFigure {
    /// Top-1 on the test images, percent.
    pub top1: f64,
    /// Where it was published: a key of [`source_of`].
    pub source: String,
    /// Top-1 of the student alone in that source, where it started from another one.
    #[serde(default)]
    pub student_top1: Option<f64>,
    /// Why it should be confirmed before it is relied on.
    #[serde(default)]
    pub doubt: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Published {
    sources: IndexMap<String, String>,
    pairs: Vec<PublishedPair>,
}

/// A file of this crate, which a test reads: it cannot be broken where the program runs.
static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
    serde_json::from_str(include_str!("figures.json")).unwrap_or_else(|_| Published {
        sources: IndexMap::new(),
        pairs: Vec::new(),
    })
});

/// Every pair of which there are figures.
pub fn published_pairs() -> &'static [PublishedPair] {
    &PUBLISHED.pairs
}

/// The words of a source; the key itself if it is unknown.
pub fn source_of(key: &str) -> &str {
    PUBLISHED.sources.get(key).map_or(key, String::as_str)
}

/// The pairs that train on these images: whole data sets are known by their name and their classes.
pub(crate) fn pairs_on(data: &Data) -> impl Iterator<Item = &'static PublishedPair> {
    let name: String = data
        .label()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase();
    let known = match data.classes {
        100 if name.starts_with("cifar100") => "cifar100",
        1000 if name.starts_with("imagenet") || name.starts_with("ilsvrc") => "imagenet",
        _ => "",
    };
    published_pairs().iter().filter(move |pair| pair.data == known)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{PUBLISHED, pairs_on, published_pairs};
    use crate::Data;

    #[test]
    fn every_figure_is_a_percentage_with_a_source() {
        let pairs = published_pairs();
        assert_eq!(pairs.len(), 19);
        assert_eq!(pairs.iter().map(|pair| pair.figures.len()).sum::<usize>(), 483);
        for pair in pairs {
            for (name, figure) in &pair.figures {
                let place = format!("{} to {}, {name}", pair.teacher, pair.student);
                assert!((50.0..85.0).contains(&figure.top1), "{place}");
                assert!(PUBLISHED.sources.contains_key(&figure.source), "{place}");
            }
        }
    }

    #[test]
    fn a_network_has_one_figure_as_a_teacher_and_one_as_a_student_alone() {
        let mut known: HashMap<(&str, &str, &str), f64> = HashMap::new();
        for pair in published_pairs() {
            for (role, name, top1) in [
                ("teacher", &pair.teacher, pair.teacher_top1),
                ("student", &pair.student, pair.student_top1),
            ] {
                let earlier = *known.entry((&pair.data, role, name)).or_insert(top1);
                assert!((earlier - top1).abs() < 1e-9, "{role} {name}");
            }
        }
    }

    #[test]
    fn data_sets_are_known_by_name_and_classes() {
        let count = |train: &str, classes| {
            let data = Data {
                train: train.to_owned(),
                classes,
                ..Data::default()
            };
            pairs_on(&data).count()
        };
        assert_eq!(count("cifar100", 100), 17);
        assert_eq!(count("data/CIFAR-100/train.tar", 100), 17);
        assert_eq!(count("cifar100", 20), 0);
        assert_eq!(count("/data/imagenet/train", 1000), 2);
        assert_eq!(count("cifar10", 10), 0);
    }
}
