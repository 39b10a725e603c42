//! The text that names a data set: `NAME`, `NAME:key=value,key=value`, or `[FORMAT:]PATH[?key=value&key=value]`.

use std::path::Path;
use std::str::FromStr;

use potstill_settings::UnknownName;

use crate::formats::Format;
use crate::{DataError, DatasetEntry, Split};

/// A source, told apart but not yet looked up.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// A file or folder, of a format that may be named in front of it, with what stands behind a `?`.
    Path(Option<Format>, &'a Path, Query<'a>),
    /// A name with its options.
    Named(&'a str, Options<'a>),
}

impl<'a> Source<'a> {
    /// A text with a separator or a dot is a path, and so is what stands behind the name of a format; anything else is a name.
    pub fn parse(text: &'a str) -> Result<Self, DataError> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let format = Format::named(name).filter(|_| text.contains(':') && DatasetEntry::of(name).is_none());
        let is_path = name.contains(['/', '\\', '.']) || text.contains(":\\");
        if format.is_none() && !is_path {
            return Ok(Self::Named(name, Options::parse(name, options)?));
        }
        let rest = if format.is_some() { options } else { text };
        // A file may have a question mark in its name.
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) if !Path::new(rest).exists() => (path, Query::parse(text, query)?),
            _ => (rest, Query::default()),
        };
        Ok(Self::Path(format, Path::new(path), query))
    }
}

/// The `key=value` pairs behind a path: `?images=train2017&ignore=255`.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    source: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Query<'a> {
    /// What may stand behind a path.
    const KEYS: [&'static str; 3] = ["images", "ignore", "split"];

    fn parse(source: &'a str, text: &'a str) -> Result<Self, DataError> {
        let mut pairs = Vec::new();
        for option in text.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            if value.is_empty() || !Self::KEYS.contains(&key) {
                return Err(DataError::DatasetOption {
                    dataset: source.to_owned(),
                    option: option.to_owned(),
                    problem: format!("is written `key=value`, with one of {}", Self::KEYS.join(", ")),
                    nearest: potstill_base::nearest(key, Self::KEYS).map(str::to_owned),
                });
            }
            pairs.push((key, value));
        }
        Ok(Self { source, pairs })
    }

    /// Refuses what a source of this kind does not read; a split may always be named.
    pub fn only(&self, keys: &[&str], kind: &str) -> Result<(), DataError> {
        let unread = |(key, _): &&(&str, &str)| *key != "split" && !keys.contains(key);
        let Some((key, value)) = self.pairs.iter().find(unread) else {
            return Ok(());
        };
        let known: Vec<&str> = ["split"].into_iter().chain(keys.iter().copied()).collect();
        Err(DataError::DatasetOption {
            dataset: self.source.to_owned(),
            option: format!("{key}={value}"),
            problem: format!(
                "says nothing to {kind}, which reads {} behind a path",
                known.join(" and ")
            ),
            nearest: None,
        })
    }

    /// The text given for `key`, if one is.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let given = self.pairs.iter().find(|(given, _)| *given == key);
        given.map(|(_, text)| *text)
    }

    /// The split that is named, or else this one.
    pub fn split(&self, split: Split) -> Result<Split, DataError> {
        let Some(text) = self.text("split") else {
            return Ok(split);
        };
        text.parse()
            .map_err(|error: UnknownName| DataError::DatasetOption {
                dataset: self.source.to_owned(),
                option: format!("split={text}"),
                problem: error.to_string(),
                nearest: None,
            })
    }
}

/// The `key=value` pairs behind a name.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    dataset: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    pub fn parse(dataset: &'a str, text: &'a str) -> Result<Self, DataError> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            let wrong = |problem: &str| DataError::DatasetOption {
                dataset: dataset.to_owned(),
                option: option.to_owned(),
                problem: problem.to_owned(),
                nearest: None,
            };
            let (key, value) = option
                .split_once('=')
                .ok_or_else(|| wrong("is written `key=value`"))?;
            if pairs.iter().any(|(earlier, _)| *earlier == key.trim()) {
                return Err(wrong("is given twice"));
            }
            pairs.push((key.trim(), value.trim()));
        }
        Ok(Self { dataset, pairs })
    }

    /// Every key must be one of these.
    pub fn only(&self, keys: &[&str]) -> Result<(), DataError> {
        let unknown = self.pairs.iter().find(|(key, _)| !keys.contains(key));
        let Some((key, _)) = unknown else { return Ok(()) };
        let problem = match keys {
            [] => "is unknown; this data set has no options".to_owned(),
            _ => format!("is unknown; there are {}", keys.join(", ")),
        };
        let nearest = potstill_base::nearest(key, keys.iter().copied());
        Err(DataError::DatasetOption {
            dataset: self.dataset.to_owned(),
            option: (*key).to_owned(),
            problem,
            nearest: nearest.map(str::to_owned),
        })
    }

    /// The text given for `key`, if one is.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let given = self.pairs.iter().find(|(given, _)| *given == key);
        given.map(|(_, text)| *text)
    }

    /// What is wrong with what is given for `key`.
    pub fn wrong(&self, key: &str, problem: &str) -> DataError {
        DataError::DatasetOption {
            dataset: self.dataset.to_owned(),
            option: format!("{key}={}", self.text(key).unwrap_or_default()),
            problem: problem.to_owned(),
            nearest: None,
        }
    }

    /// Puts the number given for `key`, if one is, into `target`.
    pub fn number<T: FromStr>(&self, key: &str, target: &mut T) -> Result<(), DataError> {
        if let Some(text) = self.text(key) {
            let parsed = text.parse();
            *target = parsed.map_err(|_| self.wrong(key, "needs a whole number that is not negative"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Source};
    use crate::Split;
    use crate::formats::Format;

    #[test]
    fn names_and_paths_are_told_apart() {
        let is_path = |text| matches!(Source::parse(text).unwrap(), Source::Path(..));
        assert!(
            ["./x", "data/x", "x.tar", "C:\\x", "..", "/a:b=c"]
                .into_iter()
                .all(is_path)
        );
        assert!(
            !["cifar10", "shapes:size=9", "shapes:", "coco"]
                .into_iter()
                .any(is_path)
        );
    }

    #[test]
    fn a_format_stands_in_front_of_a_path_and_options_behind() {
        let source = Source::parse("coco:annotations/a.json?images=train2017&split=val").unwrap();
        let Source::Path(Some(Format::Coco), path, query) = source else {
            panic!("{source:?}");
        };
        assert_eq!(
            (path, query.text("images")),
            ("annotations/a.json".as_ref(), Some("train2017"))
        );
        assert_eq!(query.split(Split::Train).unwrap(), Split::Validation);
        assert!(matches!(
            Source::parse("yolo:pets").unwrap(),
            Source::Path(Some(Format::Yolo), ..)
        ));
        let refused = Source::parse("a.json?image=x").unwrap_err().to_string();
        assert!(refused.contains("did you mean `images`"), "{refused}");
        let Source::Path(None, _, query) = Source::parse("./a?split=half").unwrap() else {
            panic!("no path");
        };
        assert!(
            query
                .split(Split::Train)
                .unwrap_err()
                .to_string()
                .contains("split=half")
        );
    }

    #[test]
    fn options_are_checked() {
        let options = Options::parse("shapes", "size=48, seed = 3").unwrap();
        let (mut size, mut seed, mut train) = (32usize, 0u64, 10usize);
        options.number("size", &mut size).unwrap();
        options.number("seed", &mut seed).unwrap();
        options.number("train", &mut train).unwrap();
        assert_eq!((size, seed, train), (48, 3, 10));

        let message = |text| {
            let options = Options::parse("shapes", text)?;
            options.only(&["size", "seed"])?;
            options.number("size", &mut 0usize)
        };
        let message = |text| message(text).unwrap_err().to_string();
        assert_eq!(
            message("size"),
            "option `size` of data set `shapes`: is written `key=value`"
        );
        assert!(message("size=1,size=2").contains("given twice"));
        assert!(message("sise=1").ends_with("there are size, seed; did you mean `size`?"));
        assert!(message("size=-1").contains("`size=-1`"));
    }
}
