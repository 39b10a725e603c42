//! A recipe's text as a tree of values, and the place of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use potstill_base::printable;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

use crate::error::{Place, RecipeError};

/// Where each dotted key was written; entries of arrays are counted from 0, as in `methods.0.kind`.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    file: Arc<str>,
    of: BTreeMap<String, Place>,
}

/// The places of a recipe made in code: there are none.
impl Default for Places {
    fn default() -> Self {
        Self {
            file: "the recipe".into(),
            of: BTreeMap::new(),
        }
    }
}

impl Places {
    /// The place of `key`, or of the nearest table around it if it was not written.
    pub fn of(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some(place) = self.of.get(key) {
                return place.clone();
            }
            let Some((around, _)) = key.rsplit_once('.') else {
                return Place::File(self.file.clone());
            };
            key = around;
        }
    }

    /// From now on `key`, and all that is in it, comes from `place`.
    pub fn replace(&mut self, key: &str, place: &Place) {
        let inside = format!("{key}.");
        self.of.retain(|written, _| !written.starts_with(&inside));
        self.of.insert(key.to_owned(), place.clone());
    }

    pub fn has(&self, key: &str) -> bool {
        self.of.contains_key(key)
    }
}

/// The tree of `text` and the places in it.
pub(crate) fn parse(text: &str, file: &str) -> Result<(Table, Places), RecipeError> {
    let file: Arc<str> = file.into();
    let lines = LineStarts::new(text);
    let syntax = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| lines.line(span.start));
        let written = text.lines().nth(line - 1).unwrap_or_default();
        RecipeError::Syntax {
            place: Place::Line(file.clone(), line),
            problem: parser_words(&error, written),
        }
    };
    let spans = DeTable::parse(text).map_err(syntax)?;
    let table = toml::from_str(text).map_err(syntax)?;
    let mut of = BTreeMap::new();
    record(spans.get_ref(), "", &mut |key, byte| {
        of.insert(key, Place::Line(file.clone(), lines.line(byte)));
    });
    Ok((
        table,
        Places {
            file: file.clone(),
            of,
        },
    ))
}

/// As much of a wrong line is shown.
const MOST_WRITTEN: usize = 200;

/// What the parser says, in one line, with the text it says it of.
pub(crate) fn parser_words(error: &toml::de::Error, written: &str) -> String {
    let message = error.message().trim().replace('\n', ", ");
    // The parser speaks of its own integer type when a number has more than 63 bits.
    let message = if message.contains("i128") {
        "this whole number is too large".to_owned()
    } else {
        message
    };
    let written = written.trim();
    if written.is_empty() {
        message
    } else {
        let start: String = written.chars().take(MOST_WRITTEN).collect();
        let dots = if start.len() < written.len() { "..." } else { "" };
        printable(&format!("{message}: {start}{dots}")).into_owned()
    }
}

/// Tells `note` the dotted key and the byte of everything in `table`.
fn record(table: &DeTable<'_>, at: &str, note: &mut impl FnMut(String, usize)) {
    for (key, value) in table {
        let path = join(at, key.get_ref());
        note(path.clone(), key.span().start);
        record_inside(value, &path, note);
    }
}

fn record_inside(value: &Spanned<DeValue<'_>>, at: &str, note: &mut impl FnMut(String, usize)) {
    match value.get_ref() {
        DeValue::Table(table) => record(table, at, note),
        DeValue::Array(array) => {
            for (index, entry) in array.iter().enumerate() {
                let path = join(at, &index.to_string());
                note(path.clone(), entry.span().start);
                record_inside(entry, &path, note);
            }
        }
        _ => {}
    }
}

/// `at.key`, or `key` at the top.
pub(crate) fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

/// The bytes at which lines start.
pub(crate) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub fn new(text: &str) -> Self {
        Self(
            std::iter::once(0)
                .chain(text.match_indices('\n').map(|(byte, _)| byte + 1))
                .collect(),
        )
    }

    /// The line, from 1, that holds this byte.
    pub fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_key_has_its_line() {
        let text = "a = 1\n[b]\nc = [\n  1,\n  { d = 2 },\n]\n\n[[e]]\nf = 1\n[[e]]\nf = 2\n[g.h]\ni.j = 3\n";
        let (_, places) = parse(text, "x.toml").unwrap();
        let line = |key| places.of(key).to_string();
        for (key, number) in [
            ("a", 1),
            ("b", 2),
            ("b.c", 3),
            ("b.c.0", 4),
            ("b.c.1", 5),
            ("b.c.1.d", 5),
            ("e.0", 8),
            ("e.0.f", 9),
            ("e.1", 10),
            ("e.1.f", 11),
            ("g.h", 12),
            ("g.h.i", 13),
            ("g.h.i.j", 13),
        ] {
            assert_eq!(line(key), format!("x.toml:{number}"), "{key}");
        }
    }

    #[test]
    fn what_was_not_written_is_where_its_table_is() {
        let (_, places) = parse("\n[b]\nc = 1\n", "x.toml").unwrap();
        assert_eq!(places.of("b.d.e").to_string(), "x.toml:2");
        assert_eq!(places.of("z").to_string(), "x.toml");
    }

    #[test]
    fn text_that_is_not_toml_says_on_which_line() {
        let message = |text| parse(text, "x.toml").unwrap_err().to_string();
        let not = "this is not valid TOML";
        assert!(
            message("a = 1\nb = \n").starts_with(&format!("x.toml:2: {not}: string values must be quoted"))
        );
        assert_eq!(
            message("a = 1\na = 2\n"),
            format!("x.toml:2: {not}: duplicate key: a = 2")
        );
        assert!(message("a = 1\n\nb = [1, 2\n").starts_with(&format!("x.toml:3: {not}: unclosed array")));
        let large = "a = 99999999999999999999";
        assert_eq!(
            message(large),
            format!("x.toml:1: {not}: this whole number is too large: {large}")
        );
    }
}
