//! The keys of a recipe as a list, for people and for documentation.

use std::fmt;

use potstill_settings::{Described, Key, Kind, Named, Presence, Variant};
use serde::Serialize;

use super::{Schema, all_keys, same};
use crate::document::join;
use crate::tables::recipe::Recipe;

/// One key of a recipe, for documentation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SchemaEntry {
    /// The dotted key; `N` stands for the number of an entry, from 0, and `NAME` for a name of the writer's
    /// choice.
    pub key: String,
    /// The `kind`s of table that have this key; empty if the table has no kinds, or all have it. Of an
    /// option: its method.
    pub only_for: Vec<&'static str>,
    /// What it can be.
    pub value: String,
    /// The names that can be chosen, each with what it stands for; empty if it is no choice.
    pub choices: Vec<(&'static str, &'static str)>,
    /// Why other numbers make no sense, where that is not plain; else empty.
    pub why: &'static str,
    /// Whether it must be written.
    pub required: bool,
    /// Its default in TOML, if it has one.
    pub default: Option<&'static str>,
    /// What stands for it where it is not written and has no default.
    pub without: Option<&'static str>,
    /// A value in TOML.
    pub example: String,
    /// What it means, in a sentence or two.
    pub about: &'static str,
}

/// The key with its sentence, and below what it can be, its default and an example.
impl fmt::Display for SchemaEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if !self.only_for.is_empty() {
            write!(f, "  (of kind {})", self.only_for.join(", "))?;
        }
        writeln!(f, "\n  {}\n", self.about)?;
        let why = if self.why.is_empty() { "" } else { ": " };
        writeln!(f, "  value    {}{why}{}", self.value, self.why)?;
        let width = self.choices.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, about) in &self.choices {
            writeln!(f, "             {name:<width$}  {about}")?;
        }
        match (self.default, self.without) {
            (Some(default), _) => writeln!(f, "  default  {default}")?,
            (None, Some(without)) => writeln!(f, "  without  {without}")?,
            (None, None) => writeln!(f, "  required")?,
        }
        writeln!(
            f,
            "  example  {} = {}",
            self.key.rsplit('.').next().unwrap_or_default(),
            self.example
        )
    }
}

impl Schema {
    /// Every key, in the order of a recipe, then the options of each method. The keys of `teachers.NAME` are
    /// those of `teacher`.
    pub fn entries(&self) -> Vec<SchemaEntry> {
        let mut entries = Vec::new();
        list(&Recipe::KIND, "", &mut entries);
        for method in self.methods().unwrap_or_default() {
            entries.extend(self.options(method.kind.name));
        }
        entries
    }

    /// Every option of the method `kind`; none if there is no such method.
    pub fn options(&self, kind: &str) -> Vec<SchemaEntry> {
        let mut methods = self.methods().unwrap_or_default().iter();
        let Some(method) = methods.find(|method| method.kind.name == kind) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        list(&Kind::table(method.keys), "methods.N", &mut entries);
        for entry in &mut entries {
            entry.only_for.insert(0, method.kind.name);
        }
        entries
    }
}

fn list(kind: &Kind, at: &str, entries: &mut Vec<SchemaEntry>) {
    if let Kind::List { of, .. } = kind {
        return list(of, &join(at, "N"), entries);
    }
    if let Kind::Variants { variants, .. } = kind {
        entries.push(kind_entry(variants, at));
    }
    for key in all_keys(kind) {
        let path = join(at, key.name);
        entries.push(entry(key, path.clone(), only_for(kind, key)));
        list(&key.kind, &path, entries);
    }
}

fn entry(key: &Key, path: String, only_for: Vec<&'static str>) -> SchemaEntry {
    let (required, default, without) = match key.presence {
        Presence::Required => (true, None, None),
        Presence::Default(text) => (false, Some(text), None),
        Presence::Optional(text) => (false, None, Some(text)),
    };
    SchemaEntry {
        key: path,
        only_for,
        value: key.phrase(),
        choices: choices(&key.kind),
        why: key.range.why,
        required,
        default,
        without,
        example: key.example.or(default).unwrap_or_default().to_owned(),
        about: key.about,
    }
}

fn choices(kind: &Kind) -> Vec<(&'static str, &'static str)> {
    let (Kind::Choice(names) | Kind::NumberOr(names)) = kind else {
        return Vec::new();
    };
    names.iter().map(|named| (named.name, named.about)).collect()
}

fn kind_entry(variants: &'static [Variant], at: &str) -> SchemaEntry {
    let kinds: Vec<Named> = variants.iter().map(|variant| variant.kind).collect();
    let names = kinds.iter().map(|kind| format!("`{}`", kind.name));
    SchemaEntry {
        key: join(at, "kind"),
        only_for: Vec::new(),
        value: format!("one of {}", names.collect::<Vec<_>>().join(", ")),
        choices: kinds.iter().map(|kind| (kind.name, kind.about)).collect(),
        why: "",
        required: true,
        default: None,
        without: None,
        example: kinds
            .first()
            .map(|kind| format!("\"{}\"", kind.name))
            .unwrap_or_default(),
        about: "Which one it is. The other keys depend on it.",
    }
}

fn only_for(kind: &Kind, key: &Key) -> Vec<&'static str> {
    let Kind::Variants { variants, beside } = kind else {
        return Vec::new();
    };
    if beside.iter().any(|shared| same(shared, key)) {
        return Vec::new();
    }
    let having: Vec<_> = variants
        .iter()
        .filter(|variant| variant.keys.iter().any(|own| same(own, key)))
        .collect();
    if having.len() == variants.len() {
        Vec::new()
    } else {
        having.iter().map(|variant| variant.kind.name).collect()
    }
}
