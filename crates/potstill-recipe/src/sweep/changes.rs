//! What a choice changes in a recipe.

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::document::{LineStarts, join};
use crate::error::Place;

/// A key of the recipe with the value that a sweep gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The dotted key.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
}

impl Change {
    /// The same as an override of a command line.
    pub fn as_override(&self) -> String {
        format!("{}={}", self.key, self.value)
    }
}

/// The text of a sweep, by which it is known what was written first, and what in braces.
pub struct Written<'a> {
    text: &'a str,
    file: std::sync::Arc<str>,
    lines: LineStarts,
}

/// The entries of a table in the order in which they were written, each with the byte where it begins.
pub fn entries<'t>(table: &'t DeTable<'_>) -> Vec<(&'t str, usize, &'t Spanned<DeValue<'t>>)> {
    let entries = table.iter();
    let mut entries: Vec<_> = entries
        .map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
        .collect();
    entries.sort_by_key(|(_, byte, _)| *byte);
    entries
}

impl<'a> Written<'a> {
    pub fn new(text: &'a str, file: &str) -> Self {
        Self {
            text,
            file: file.into(),
            lines: LineStarts::new(text),
        }
    }

    /// The line of a byte of the text.
    pub fn place(&self, byte: usize) -> Place {
        Place::Line(self.file.clone(), self.lines.line(byte))
    }

    /// Every key below `table` that has a value, in the order of the text. What stands in braces is a value, as in an override:
    /// `teacher = { run = "..." }` takes the place of the whole teacher, `teacher.run = "..."` changes one key of it.
    pub fn changes(&self, spans: &DeTable<'_>, table: &Table) -> Vec<Change> {
        let mut changes = Vec::new();
        self.collect("", spans, table, &mut changes);
        changes
    }

    fn collect(&self, at: &str, spans: &DeTable<'_>, table: &Table, changes: &mut Vec<Change>) {
        for (name, byte, spanned) in entries(spans) {
            let key = join(at, name);
            match (spanned.get_ref(), table.get(name)) {
                (DeValue::Table(inner), Some(Value::Table(table))) if !self.in_braces(spanned) => {
                    self.collect(&key, inner, table, changes);
                }
                (_, Some(value)) => changes.push(Change {
                    key,
                    value: value.clone(),
                    place: self.place(byte),
                }),
                (_, None) => {}
            }
        }
    }

    fn in_braces(&self, value: &Spanned<DeValue<'_>>) -> bool {
        let written = self.text.get(value.span().start..);
        written.is_some_and(|text| text.starts_with('{'))
    }
}
