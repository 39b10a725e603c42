//! The names of classes in a file beside the images.

use super::tree::Tree;
use crate::{ClassOrder, DataError, OpenOptions};

/// The classes of a file with a name a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassNames {
    pub names: Vec<String>,
    /// The value that counts for nothing, from a line `ignore = 255`.
    pub ignore: Option<u8>,
}

/// Files that hold names of classes.
const FILES: [&str; 4] = ["classes.txt", "labels.txt", "obj.names", "class_names.txt"];

impl ClassNames {
    /// The names that the user gives, or those of a file beside the images.
    pub fn find(tree: &Tree, options: &OpenOptions) -> Result<Option<Self>, DataError> {
        if let Some(ClassOrder::Listed { names, .. }) = &options.class_order {
            return Ok(Some(Self {
                names: names.clone(),
                ignore: None,
            }));
        }
        let Some(file) = FILES.iter().find_map(|name| tree.file(name)) else {
            return Ok(None);
        };
        let source = tree.source(file);
        let wrong = |(line, problem): (usize, String)| DataError::Format {
            file: source.clone(),
            place: format!("line {line}"),
            problem,
        };
        Self::parse(&tree.text(file)?).map(Some).map_err(wrong)
    }

    /// Reads lines: a name each, or `ignore = N`. Empty lines and comments are passed over.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut read = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((key, value)) = line.split_once('=').filter(|(key, _)| key.trim() == "ignore") {
                let number = value.trim().parse();
                let number = number.map_err(|_| {
                    (
                        at + 1,
                        format!("`{key}` is a number from 0 to 255, not `{}`", value.trim()),
                    )
                })?;
                read.ignore = Some(number);
                continue;
            }
            if let Some(earlier) = read.names.iter().position(|name| name == line) {
                return Err((
                    at + 1,
                    format!(
                        "the class `{line}` is name {earlier} (from 0) already; give each class its own name"
                    ),
                ));
            }
            read.names.push(line.to_owned());
        }
        if read.names.is_empty() {
            return Err((1, "there are no names of classes; write one a line".to_owned()));
        }
        Ok(read)
    }
}

/// Lines `NUMBER NAME`.
pub(crate) fn numbered(text: &str) -> Result<Vec<(i64, String)>, (usize, String)> {
    let mut read: Vec<(i64, String)> = Vec::new();
    for (at, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let wrong = |problem: &str| (at + 1, format!("`{}` {problem}", line.trim()));
        let (number, name) = line
            .trim()
            .split_once(char::is_whitespace)
            .ok_or_else(|| wrong("is no number and name"))?;
        let number = number
            .parse()
            .map_err(|_| wrong("does not start with a whole number"))?;
        if read.iter().any(|(own, _)| *own == number) {
            return Err(wrong("has a number that an earlier line has"));
        }
        read.push((number, name.trim().to_owned()));
    }
    read.sort_by_key(|(number, _)| *number);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::{ClassNames, numbered};

    #[test]
    fn names_and_the_ignored_value_are_read() {
        let read = ClassNames::parse("# CamVid\nsky\ntraffic light\n\nignore = 11\n").unwrap();
        assert_eq!(
            (read.names, read.ignore),
            (vec!["sky".to_owned(), "traffic light".to_owned()], Some(11))
        );
        let refused = |text| ClassNames::parse(text).unwrap_err();
        assert_eq!(refused("sky\nsky").0, 2);
        assert!(refused("sky\nignore = none").1.contains("from 0 to 255"));
        assert!(refused("\n").1.contains("no names"));
    }

    #[test]
    fn numbers_and_names_are_put_in_order() {
        let read = numbered("13 stop sign\n1 person\n").unwrap();
        assert_eq!(read, [(1, "person".to_owned()), (13, "stop sign".to_owned())]);
        assert_eq!(numbered("1 a\n1 b").unwrap_err().0, 2);
        assert!(numbered("person").is_err());
    }
}
