//! `data.yaml`: where the images of each split are, and the names of the classes.

use super::yaml::{self, Value};
use crate::Split;

/// What a `data.yaml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// The folder that the other paths start from.
    pub root: Option<String>,
    /// Folders of images, or files with a list of images, of `train`, `val` and `test`.
    pub images: Vec<(String, Vec<String>)>,
    /// The names of the classes.
    pub names: Vec<String>,
    /// How many classes there are, where that is said.
    pub count: Option<usize>,
}

impl Config {
    /// Reads the text; or the line from 1 and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut read = Self::default();
        for (key, value) in yaml::parse(text)? {
            match (key.as_str(), value) {
                ("path", Value::Text(path)) if !path.is_empty() => read.root = Some(path),
                ("train" | "val" | "test", Value::Text(path)) if !path.is_empty() => {
                    read.images.push((key, vec![path]));
                }
                ("train" | "val" | "test", Value::List(paths)) => read.images.push((key, paths)),
                ("nc", Value::Text(count)) => {
                    let wrong = |_| (1, format!("`nc` is the number of classes, not `{count}`"));
                    read.count = Some(count.parse().map_err(wrong)?);
                }
                ("names", Value::List(names)) => read.names = names,
                ("names", Value::Map(pairs)) => {
                    read.names = in_order(&pairs).map_err(|problem| (1, problem))?;
                }
                _ => {}
            }
        }
        Ok(read)
    }

    /// What is said of a split. Where there is no `test`, `val` tests.
    pub fn images_of(&self, split: Split) -> Option<&[String]> {
        let keys: &[&str] = match split {
            Split::Train => &["train"],
            Split::Validation => &["val"],
            Split::Test => &["test", "val"],
        };
        let of = |key: &&str| self.images.iter().find(|(own, _)| own == key);
        keys.iter().find_map(of).map(|(_, paths)| paths.as_slice())
    }
}

/// Names with their numbers, which have to be 0, 1, 2, ...
fn in_order(pairs: &[(String, String)]) -> Result<Vec<String>, String> {
    let mut numbered = Vec::new();
    for (number, name) in pairs {
        let number: usize = number
            .parse()
            .map_err(|_| format!("`names` has the number `{number}`, which is no whole number"))?;
        numbered.push((number, name.clone()));
    }
    numbered.sort();
    match numbered.iter().enumerate().find(|(at, (number, _))| at != number) {
        Some((at, (number, name))) => Err(format!(
            "`names` has no class {at}, or one twice, before {number} (`{name}`); number the classes 0, 1, 2, ..."
        )),
        None => Ok(numbered.into_iter().map(|(_, name)| name).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::Config;
    use crate::Split;

    #[test]
    fn a_file_of_ultralytics_is_read() {
        let text =
            "path: coco8\ntrain: images/train\nval: [images/val, more]\ntest:\nnames:\n  1: dog\n  0: cat\n";
        let read = Config::parse(text).unwrap();
        assert_eq!(
            (read.root.as_deref(), read.names),
            (Some("coco8"), vec!["cat".to_owned(), "dog".to_owned()])
        );
        let read = Config::parse(text).unwrap();
        assert_eq!(read.images_of(Split::Test).unwrap(), ["images/val", "more"]);
        assert_eq!(read.images_of(Split::Train).unwrap(), ["images/train"]);
        assert!(
            Config::parse("names:\n  0: a\n  2: b\n")
                .unwrap_err()
                .1
                .contains("no class 1")
        );
        assert!(Config::parse("nc: many\n").is_err());
    }
}
