//! The order in which classes are numbered.

use std::path::{Path, PathBuf};

use crate::{DataError, natural_order};

/// The order in which the folders of classes are numbered.
///
/// ```
/// use potstill_data::ClassOrder;
/// assert_eq!(ClassOrder::read("ascii")?, ClassOrder::Ascii);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassOrder {
    /// Runs of digits count as numbers: 2 before 10.
    Natural,
    /// By the bytes of the names, as torchvision's `ImageFolder`: 10 before 2.
    Ascii,
    /// As a file lists them.
    Listed {
        /// The file.
        file: PathBuf,
        /// Its lines.
        names: Vec<String>,
    },
}

impl ClassOrder {
    /// The order that a key or a flag names: `natural`, `ascii`, or a text file with the name of a class in each line.
    ///
    /// # Errors
    /// A file that cannot be read, that is empty, or that has a name twice.
    pub fn read(text: &str) -> Result<Self, DataError> {
        match text {
            "natural" => Ok(Self::Natural),
            "ascii" => Ok(Self::Ascii),
            file => Self::listed(Path::new(file)),
        }
    }

    fn listed(file: &Path) -> Result<Self, DataError> {
        if !file.is_file() {
            return Err(DataError::Missing {
                path: file.to_owned(),
                advice: "the order of classes is `natural`, `ascii`, or a text file with the name of a class in each line".to_owned(),
            });
        }
        let text = potstill_base::read_text(file).map_err(DataError::io("read", file))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let names: Vec<String> = text
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        let wrong = |problem: String| DataError::format(file, "class names", problem);
        if names.is_empty() {
            return Err(wrong("there is none".to_owned()));
        }
        match names
            .iter()
            .enumerate()
            .find(|(at, name)| names[..*at].contains(name))
        {
            Some((_, twice)) => Err(wrong(format!("`{twice}` is there twice"))),
            None => Ok(Self::Listed {
                file: file.to_owned(),
                names,
            }),
        }
    }

    /// These classes in this order. A list may have more than there are.
    pub(crate) fn arranged(&self, mut found: Vec<String>) -> Result<Vec<String>, String> {
        match self {
            Self::Natural => found.sort_by(|a, b| natural_order::compare(a, b)),
            Self::Ascii => found.sort_unstable(),
            Self::Listed { file, names } => {
                if let Some(unknown) = found.iter().find(|name| !names.contains(name)) {
                    return Err(format!(
                        "there are images of the class `{unknown}`, which is none of the {} in {}",
                        names.len(),
                        file.display()
                    ));
                }
                found.clone_from(names);
            }
        }
        Ok(found)
    }
}

/// A word where torchvision would number these classes, which are in natural order, in another way.
pub(crate) fn difference(name: &str, natural: &[String]) -> Option<String> {
    let mut ascii: Vec<&String> = natural.iter().collect();
    ascii.sort_unstable();
    let (at, (own, other)) = natural
        .iter()
        .zip(ascii)
        .enumerate()
        .find(|(_, (own, other))| own != other)?;
    Some(format!(
        "{name}: the classes are in natural order, and class {at} is `{own}`; in torchvision's ImageFolder, which goes by bytes, it \
         is `{other}`. For networks from there take `data.class_order = \"ascii\"` (`--class-order ascii`)"
    ))
}

#[cfg(test)]
mod tests {
    use super::{ClassOrder, difference};

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn classes_are_ordered_as_asked_for() {
        let found = names(&["10", "2", "1", "b", "B"]);
        let arranged = |order: ClassOrder| order.arranged(found.clone()).unwrap().join(" ");
        assert_eq!(arranged(ClassOrder::Natural), "1 2 10 B b");
        // `sorted(["10", "2", "1", "b", "B"])` of Python.
        assert_eq!(arranged(ClassOrder::Ascii), "1 10 2 B b");
    }

    #[test]
    fn a_file_lists_the_classes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("classes.txt");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            ClassOrder::read(file.to_str().unwrap())
        };
        let order = read("\u{feff}dog\r\n\ncat\nbird\n").unwrap();
        let arranged = order.arranged(names(&["cat", "dog"])).unwrap();
        assert_eq!(
            arranged,
            ["dog", "cat", "bird"],
            "a class without images keeps its number"
        );
        let unknown = order.arranged(names(&["cat", "cow"])).unwrap_err();
        assert!(
            unknown.starts_with("there are images of the class `cow`, which is none of the 3 in "),
            "{unknown}"
        );
        assert!(
            read("a\nb\na\n")
                .unwrap_err()
                .to_string()
                .contains("`a` is there twice")
        );
        assert!(read("\n").unwrap_err().to_string().contains("there is none"));
        let missing = ClassOrder::read("alphabetical").unwrap_err().to_string();
        assert!(
            missing.contains("`natural`, `ascii`, or a text file"),
            "{missing}"
        );
    }

    #[test]
    fn a_word_is_said_only_where_the_orders_differ() {
        assert_eq!(difference("pets", &names(&["ant", "cat"])), None);
        let word = difference("pets", &names(&["1", "2", "10"])).unwrap();
        assert!(
            word.starts_with("pets: the classes are in natural order, and class 1 is `2`"),
            "{word}"
        );
        assert!(word.contains("it is `10`"), "{word}");
    }
}
