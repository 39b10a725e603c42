//! The text that names a data set: `NAME`, `NAME:key=value,key=value`, or a path.

use std::path::Path;
use std::str::FromStr;

use crate::DataError;

/// A source, told apart but not yet looked up.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    /// A file or folder.
    Path(&'a Path),
    /// A name with its options.
    Named(&'a str, Options<'a>),
}

impl<'a> Source<'a> {
    /// A text with a separator or a dot is a path; anything else is a name.
    pub fn parse(text: &'a str) -> Result<Self, DataError> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        if name.contains(['/', '\\', '.']) || text.contains(":\\") {
            return Ok(Self::Path(Path::new(text)));
        }
        Ok(Self::Named(name, Options::parse(name, options)?))
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

    /// Puts the number given for `key`, if one is, into `target`.
    pub fn number<T: FromStr>(&self, key: &str, target: &mut T) -> Result<(), DataError> {
        if let Some(text) = self.text(key) {
            *target = text.parse().map_err(|_| DataError::DatasetOption {
                dataset: self.dataset.to_owned(),
                option: format!("{key}={text}"),
                problem: "needs a whole number that is not negative".to_owned(),
                nearest: None,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Source};

    #[test]
    fn names_and_paths_are_told_apart() {
        let is_path = |text| matches!(Source::parse(text).unwrap(), Source::Path(_));
        assert!(
            ["./x", "data/x", "x.tar", "C:\\x", "..", "/a:b=c"]
                .into_iter()
                .all(is_path)
        );
        assert!(!["cifar10", "shapes:size=9", "shapes:"].into_iter().any(is_path));
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
