//! A tree of values against the table of keys: finds everything that is wrong with names, types and ranges at
//! once.

mod letters;
mod tables;
mod words;

use potstill_settings::{Described, Key, Kind, Named, Presence, Range};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::document::join;
use crate::error::{Problem, RecipeError};
use crate::nearest::{did_you_mean, nearest};
use crate::origin::Origin;
use crate::schema::{Schema, all_keys};
use crate::{defaults, read};

pub(crate) use self::letters::orders;
pub(crate) use self::words::describe;
use self::words::{hint, is_written_as, shown};

/// Everything that is wrong with `table`, which is of this kind and was written at `root`; `whole` is what the file is, as in "a recipe".
pub(crate) fn validate(
    table: &Table,
    kind: &Kind,
    root: &Origin,
    schema: &Schema,
    whole: &'static str,
) -> Vec<Problem> {
    let mut check = Validator {
        root,
        schema,
        whole,
        problems: Vec::new(),
    };
    check.table("", table, &all_keys(kind), "");
    check.problems
}

/// The options of a method, written at `origin`, as the type whose table of keys they have. `own` are the
/// keys that every method has: they are no options, but may have been meant.
pub(crate) fn read_options<T: Described + DeserializeOwned>(
    options: &Table,
    origin: &Origin,
    own: &'static [Key],
) -> Result<T, RecipeError> {
    let root = origin.whole();
    let schema = Schema::default();
    let mut check = Validator {
        root: &root,
        schema: &schema,
        whole: RECIPE,
        problems: Vec::new(),
    };
    let keys = all_keys(&T::KIND);
    let also: Vec<&Key> = own.iter().chain(keys.iter().copied()).collect();
    let meant = check.unknown_keys(origin.key(), options, &also, "");
    check.keys(origin.key(), options, &keys, &meant);
    if !check.problems.is_empty() {
        return Err(RecipeError::invalid(check.problems));
    }
    let mut complete = options.clone();
    defaults::fill(&mut complete, &T::KIND);
    read::read(origin, Value::Table(complete))
}

/// What is wrong with the sentences, defaults and examples of a key itself, which is at `path`.
pub(crate) fn mistakes_of(key: &Key, path: &str, schema: &Schema) -> Vec<Problem> {
    let root = Origin::default();
    let mut check = Validator {
        root: &root,
        schema,
        whole: RECIPE,
        problems: Vec::new(),
    };
    let default = match key.presence {
        Presence::Default(text) => Some(text),
        Presence::Required | Presence::Optional(_) => None,
    };
    if default.is_none() && key.example.is_none() {
        check.wrong(path, "has neither a default nor an example");
    }
    if !key.about.ends_with('.') {
        check.wrong(path, "is not explained in a sentence");
    }
    for text in default.into_iter().chain(key.example) {
        match text.parse::<Value>() {
            Ok(value) => check.value(path, &value, &key.kind, &key.range),
            Err(error) => check.wrong(
                path,
                &format!("has a default or an example that is not TOML: {error}"),
            ),
        }
    }
    check.problems
}

/// What most files are.
pub(crate) const RECIPE: &str = "a recipe";

struct Validator<'a> {
    root: &'a Origin,
    schema: &'a Schema,
    /// What the whole file is.
    whole: &'static str,
    problems: Vec<Problem>,
}

/// Methods, phases or steps of an augmentation: each is compared with the others.
const MOST_TABLES: usize = 1000;

/// A text of so many mistakes is no recipe: the rest is not looked for.
const ENOUGH: usize = 100;

impl Validator<'_> {
    /// Whether enough is wrong to stop.
    fn has_enough(&self) -> bool {
        self.problems.len() >= ENOUGH
    }

    fn wrong(&mut self, at: &str, problem: &str) {
        self.problems.push(self.root.problem(at, problem));
    }

    fn value(&mut self, at: &str, value: &Value, kind: &Kind, range: &Range) {
        if self.has_enough() {
            return;
        }
        match (kind, value) {
            (Kind::Text, Value::String(text)) if text.trim().is_empty() => {
                self.wrong(at, "must not be empty");
            }
            (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Boolean(_)) | (Kind::Verbatim(_), _) => {}
            (Kind::Choice(names) | Kind::NumberOr(names), Value::String(text)) => {
                self.choice(at, text, names, &kind.phrase(range));
            }
            (Kind::Whole | Kind::Number | Kind::NumberOr(_), Value::Integer(whole)) => {
                self.range(at, *whole as f64, value, kind, range);
            }
            (Kind::Number | Kind::NumberOr(_), Value::Float(number)) => {
                self.range(at, *number, value, kind, range);
            }
            (Kind::List { .. } | Kind::OneOrMore(_), Value::Array(array)) => {
                self.list(at, array, kind, range);
            }
            (Kind::OneOrMore(of), _) => self.value(at, value, of, range),
            (Kind::Either(one, _), _) if is_written_as(one, value) => self.value(at, value, one, range),
            (Kind::Either(_, other), _) if is_written_as(other, value) => self.value(at, value, other, range),
            (Kind::Map(of), Value::Table(table)) => {
                for (name, entry) in table {
                    self.value(&join(at, name), entry, of, range);
                }
            }
            (Kind::Table { .. }, Value::Table(table)) => self.table(at, table, &all_keys(kind), ""),
            (Kind::Method(own), Value::Table(table)) => self.method(at, table, own),
            (Kind::Variants { variants, beside }, Value::Table(table)) => {
                self.variant(at, table, variants, beside);
            }
            _ => self.wrong(
                at,
                &format!(
                    "must be {}, not {}{}",
                    kind.phrase(range),
                    describe(value),
                    hint(kind, value)
                ),
            ),
        }
    }

    fn choice(&mut self, at: &str, text: &str, names: &[Named], phrase: &str) {
        if names.iter().all(|named| named.name != text) {
            let meant = did_you_mean(nearest(text, names.iter().map(|named| named.name)));
            self.wrong(at, &format!("must be {phrase}, not \"{}\"{meant}", shown(text)));
        }
    }

    fn range(&mut self, at: &str, number: f64, value: &Value, kind: &Kind, range: &Range) {
        if !number.is_finite() {
            self.wrong(at, &format!("must be a finite number, not {}", describe(value)));
        } else if !range.holds(number) || (matches!(kind, Kind::Whole) && number < 0.0) {
            let why = if range.why.is_empty() {
                String::new()
            } else {
                format!(": {}", range.why)
            };
            let phrase = kind.phrase(range);
            self.wrong(at, &format!("must be {phrase}, not {}{why}", describe(value)));
        }
    }

    fn list(&mut self, at: &str, array: &[Value], kind: &Kind, range: &Range) {
        let (of, length, not_empty) = match kind {
            Kind::List { of, length } => (of, *length, range.not_empty),
            Kind::OneOrMore(of) => (of, None, true),
            _ => return,
        };
        let of_tables = matches!(of, Kind::Method(_) | Kind::Table { .. } | Kind::Variants { .. });
        if of_tables && array.len() > MOST_TABLES {
            let count = array.len();
            return self.wrong(
                at,
                &format!("has {count} entries, and at most {MOST_TABLES} are read"),
            );
        }
        if array.is_empty() && not_empty {
            self.wrong(at, "must not be an empty array");
        } else if length.is_some_and(|length| array.len() != length) {
            let phrase = kind.phrase(range);
            self.wrong(at, &format!("must be {phrase}, not an array of {}", array.len()));
        }
        for (index, entry) in array.iter().enumerate() {
            self.value(&join(at, &index.to_string()), entry, of, range);
        }
    }
}
