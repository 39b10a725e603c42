//! The form of a description of recipes: what a key can be. The keys themselves are in [`crate::keys`].
//!
//! One table serves the checks, the suggestions and the documentation.

use serde::Serialize;

use crate::document::join;
use crate::keys;
use crate::nearest::quoted;

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub presence: Presence,
    /// One line for the documentation.
    pub about: &'static str,
}

/// What stands for a key that is not written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Presence {
    /// Nothing can: it must be written, for example like this.
    Required(&'static str),
    /// This value, in TOML.
    Default(&'static str),
    /// What this says.
    Optional(&'static str),
}

/// What the value of a key can be.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    Choice(&'static [&'static str]),
    Flag,
    Whole(Range),
    Number(Range),
    List {
        of: &'static Kind,
        least: usize,
        most: usize,
    },
    /// One value, or an array of at least one.
    OneOrMore(&'static Kind),
    Table(&'static [Key]),
    /// A table whose keys are names, and whose values all are of one kind.
    Map(&'static Kind),
    /// A table whose `kind` decides which other keys it has.
    Variants(&'static [Variant]),
    /// A table with more keys than these, which a method reads.
    Open(&'static [Key]),
    /// A value that somebody else reads.
    Verbatim(&'static str),
}

/// The keys that go with one `kind`.
#[derive(Debug)]
pub(crate) struct Variant {
    pub kind: &'static str,
    pub keys: &'static [&'static [Key]],
}

/// The numbers that make sense.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    /// Follows "a number": `above 0`.
    pub phrase: &'static str,
    pub holds: fn(f64) -> bool,
    /// Why others make no sense, where that is not plain; else empty.
    pub why: &'static str,
}

impl Variant {
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }
}

impl Kind {
    /// What the value must be, as in "must be ...".
    pub fn phrase(&self) -> String {
        let with = |what: &str, range: &Range| format!("{what} {}", range.phrase).trim_end().to_owned();
        match self {
            Self::Text => "text".to_owned(),
            Self::Choice([only]) => format!("`{only}`"),
            Self::Choice(names) => format!("one of {}", quoted(names.iter().copied())),
            Self::Flag => "true or false".to_owned(),
            Self::Whole(range) => with("a whole number", range),
            Self::Number(range) => with("a number", range),
            Self::List { of, least, most } if least == most => {
                format!("an array of {least} values, each {}", of.phrase())
            }
            Self::List { of, .. } => format!("an array, each entry {}", of.phrase()),
            Self::OneOrMore(of) => format!("{0}, or an array, each entry {0}", of.phrase()),
            Self::Table(_) | Self::Open(_) => "a table".to_owned(),
            Self::Map(of) => format!("a table of names, each {}", of.phrase()),
            Self::Variants(variants) => {
                format!(
                    "a table with `kind` one of {}",
                    quoted(variants.iter().map(|variant| variant.kind))
                )
            }
            Self::Verbatim(what) => (*what).to_owned(),
        }
    }

    /// The keys of a table, of whatever kind; none for a plain value. A name comes twice if it has different
    /// defaults for different kinds of table.
    pub fn keys(&self) -> Vec<&'static Key> {
        match self {
            Self::Table(keys) | Self::Open(keys) => keys.iter().collect(),
            Self::Variants(variants) => {
                let mut keys: Vec<&'static Key> = Vec::new();
                for key in variants.iter().flat_map(Variant::keys) {
                    if keys.iter().all(|earlier| !earlier.same_as(key)) {
                        keys.push(key);
                    }
                }
                keys
            }
            _ => Vec::new(),
        }
    }
}

impl Key {
    fn same_as(&self, other: &Key) -> bool {
        self.name == other.name && self.presence == other.presence
    }
}

/// What `path` (dotted, entries of arrays by number) can be; none if there is no such key or a method reads
/// it.
pub(crate) fn kind_of(path: &str) -> Option<&'static Kind> {
    let mut kind = &keys::RECIPE;
    for segment in path.split('.') {
        kind = match kind {
            Kind::List { of, .. } | Kind::OneOrMore(of) => segment.parse::<usize>().is_ok().then_some(*of)?,
            Kind::Map(of) => of,
            _ => kind
                .keys()
                .into_iter()
                .find(|key| key.name == segment)
                .map(|key| &key.kind)?,
        };
    }
    Some(kind)
}

/// One key of a recipe, for documentation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SchemaEntry {
    /// The dotted key; `N` stands for the number of an entry, from 0.
    pub key: String,
    /// The `kind`s of table that have this key; empty if the table has no kinds, or all have it.
    pub only_for: Vec<&'static str>,
    /// What it can be.
    pub value: String,
    /// Whether it must be written.
    pub required: bool,
    /// Its default in TOML, or what happens without it, or an example if it is required.
    pub default: &'static str,
    /// One line on what it is.
    pub about: &'static str,
}

/// Every key of a recipe, in the order of a recipe.
pub fn schema() -> Vec<SchemaEntry> {
    let mut entries = Vec::new();
    list(&keys::RECIPE, "", &mut entries);
    entries
}

fn list(kind: &Kind, at: &str, entries: &mut Vec<SchemaEntry>) {
    if let Kind::List { of, .. } = kind {
        return list(of, &join(at, "N"), entries);
    }
    if let Kind::Variants(variants) = kind {
        entries.push(kind_entry(variants, at));
    }
    for key in kind.keys() {
        let path = join(at, key.name);
        let (required, default) = match key.presence {
            Presence::Required(example) => (true, example),
            Presence::Default(text) | Presence::Optional(text) => (false, text),
        };
        let only_for = only_for(kind, key);
        let value = key.kind.phrase();
        entries.push(SchemaEntry {
            key: path.clone(),
            only_for,
            value,
            required,
            default,
            about: key.about,
        });
        list(&key.kind, &path, entries);
    }
}

fn kind_entry(variants: &[Variant], at: &str) -> SchemaEntry {
    SchemaEntry {
        key: join(at, "kind"),
        only_for: Vec::new(),
        value: format!("one of {}", quoted(variants.iter().map(|variant| variant.kind))),
        required: true,
        default: variants.first().map_or("", |variant| variant.kind),
        about: "which one; the other keys depend on it",
    }
}

fn only_for(kind: &Kind, key: &Key) -> Vec<&'static str> {
    let Kind::Variants(variants) = kind else {
        return Vec::new();
    };
    let having: Vec<_> = variants
        .iter()
        .filter(|variant| variant.keys().any(|own| own.same_as(key)))
        .collect();
    if having.len() == variants.len() {
        Vec::new()
    } else {
        having.iter().map(|variant| variant.kind).collect()
    }
}
