//! What a table of settings can hold: its keys, and what the value of each can be.

use crate::{Named, Range};

/// One key of a table. Made by [`settings!`](crate::settings!).
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name.
    pub name: &'static str,
    /// What its value can be.
    pub kind: Kind,
    /// Which numbers its value can be, or hold.
    pub range: Range,
    /// What stands for it where it is not written.
    pub presence: Presence,
    /// What it means, in a sentence or two.
    pub about: &'static str,
    /// A value in TOML, where the default is none.
    pub example: Option<&'static str>,
    /// What other tools call it.
    pub also: &'static [&'static str],
}

/// What stands for a key that is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing can: it must be written.
    Required,
    /// This value, in TOML.
    Default(&'static str),
    /// What this says.
    Optional(&'static str),
}

/// What the value of a key can be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text that is not empty.
    Text,
    /// One of these names.
    Choice(&'static [Named]),
    /// True or false.
    Flag,
    /// A whole number of at least 0.
    Whole,
    /// A number.
    Number,
    /// A number, or one of these names.
    NumberOr(&'static [Named]),
    /// An array.
    List {
        /// What each entry can be.
        of: &'static Kind,
        /// How many entries there must be, if that is fixed.
        length: Option<usize>,
    },
    /// One value, or an array of at least one.
    OneOrMore(&'static Kind),
    /// A value of the first kind or of the second, which TOML writes differently.
    Either(&'static Kind, &'static Kind),
    /// A table.
    Table {
        /// Its keys.
        keys: &'static [Key],
        /// More of its keys.
        beside: &'static [Key],
    },
    /// A table whose `kind` decides which other keys it has.
    Variants {
        /// The kinds.
        variants: &'static [Variant],
        /// The keys that all kinds have.
        beside: &'static [Key],
    },
    /// A table whose keys are names of the writer's choice, and whose values all are of one kind.
    Map(&'static Kind),
    /// A distillation method: a table with these keys, and those of the method that its `kind` names.
    Method(&'static [Key]),
    /// Something that this says, and that another program part reads.
    Verbatim(&'static str),
}

/// The keys that go with one `kind`.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// The kind, and what it is.
    pub kind: Named,
    /// Its own keys.
    pub keys: &'static [Key],
}

impl Key {
    /// The same key where it need not be written: `without` says what then stands for it.
    #[must_use]
    pub const fn optional(self, without: &'static str) -> Self {
        Self {
            presence: Presence::Optional(without),
            ..self
        }
    }

    /// What the value must be, as in "must be ...".
    pub fn phrase(&self) -> String {
        self.kind.phrase(&self.range)
    }
}

impl Kind {
    /// A table of these keys.
    pub const fn table(keys: &'static [Key]) -> Self {
        Self::Table { keys, beside: &[] }
    }

    /// The same table with these keys besides. What is no table stays as it is.
    #[must_use]
    pub const fn beside(self, beside: &'static [Key]) -> Self {
        match self {
            Self::Table { keys, .. } => Self::Table { keys, beside },
            Self::Variants { variants, .. } => Self::Variants { variants, beside },
            other => other,
        }
    }

    /// What the value must be, as in "must be ...", where its numbers are in `range`.
    pub fn phrase(&self, range: &Range) -> String {
        let with = |what: &str| format!("{what} {}", range.phrase()).trim_end().to_owned();
        match self {
            Self::Text => "text".to_owned(),
            Self::Choice([only]) => format!("`{}`", only.name),
            Self::Choice(names) => format!("one of {}", quoted(names)),
            Self::Flag => "true or false".to_owned(),
            Self::Whole if range.low.is_none() => Self::Whole.phrase(&Range {
                low: crate::at_least(0.0).low,
                ..*range
            }),
            Self::Whole => with("a whole number"),
            Self::Number => with("a number"),
            Self::NumberOr(names) => format!("{} or {}", with("a number"), quoted(names)),
            Self::List {
                of,
                length: Some(length),
            } => format!("an array of {length} values, each {}", of.phrase(range)),
            Self::List { of, .. } => format!("an array, each entry {}", of.phrase(range)),
            Self::OneOrMore(of) => format!("{0}, or an array, each entry {0}", of.phrase(range)),
            Self::Either(one, other) => format!("{}, or {}", one.phrase(range), other.phrase(range)),
            Self::Table { .. } | Self::Method(_) => "a table".to_owned(),
            Self::Map(of) => format!("a table of names, each {}", of.phrase(range)),
            Self::Variants { variants, .. } => {
                let kinds: Vec<Named> = variants.iter().map(|variant| variant.kind).collect();
                format!("a table with `kind` one of {}", quoted(&kinds))
            }
            Self::Verbatim(what) => (*what).to_owned(),
        }
    }
}

fn quoted(names: &[Named]) -> String {
    let names: Vec<String> = names.iter().map(|named| format!("`{}`", named.name)).collect();
    names.join(", ")
}
