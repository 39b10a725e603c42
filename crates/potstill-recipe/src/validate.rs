//! A tree of values against the table of keys: finds everything that is wrong with names, types and ranges at
//! once.

use toml::{Table, Value};

use crate::document::join;
use crate::error::Problem;
use crate::keys;
use crate::nearest::{did_you_mean, nearest, quoted};
use crate::origin::Origin;
use crate::schema::{Key, Kind, Presence, Range, Variant, schema};

/// Everything that is wrong with the recipe `table`.
pub(crate) fn validate(table: &Table, root: &Origin) -> Vec<Problem> {
    let mut check = Validator {
        root,
        problems: Vec::new(),
    };
    check.table("", table, &keys::RECIPE.keys(), "");
    check.problems
}

struct Validator<'a> {
    root: &'a Origin,
    problems: Vec<Problem>,
}

impl Validator<'_> {
    fn wrong(&mut self, at: &str, problem: &str) {
        self.problems.push(self.root.problem(at, problem));
    }

    fn value(&mut self, at: &str, value: &Value, kind: &Kind) {
        match (kind, value) {
            (Kind::Text, Value::String(text)) if text.trim().is_empty() => {
                self.wrong(at, "must not be empty");
            }
            (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Boolean(_)) | (Kind::Verbatim(_), _) => {}
            (Kind::Choice(names), Value::String(text)) => self.choice(at, text, names, kind),
            (Kind::Whole(range) | Kind::Number(range), Value::Integer(whole)) => {
                self.range(at, *whole as f64, value, kind, range);
            }
            (Kind::Number(range), Value::Float(number)) => self.range(at, *number, value, kind, range),
            (Kind::List { of, .. }, Value::Array(array)) => {
                self.length(at, array.len(), kind);
                for (index, entry) in array.iter().enumerate() {
                    self.value(&join(at, &index.to_string()), entry, of);
                }
            }
            (Kind::OneOrMore(_), Value::Array(array)) if array.is_empty() => {
                self.wrong(at, "must not be an empty array");
            }
            (Kind::OneOrMore(of), Value::Array(array)) => {
                for (index, entry) in array.iter().enumerate() {
                    self.value(&join(at, &index.to_string()), entry, of);
                }
            }
            (Kind::OneOrMore(of), _) => self.value(at, value, of),
            (Kind::Map(of), Value::Table(table)) => {
                for (name, entry) in table {
                    self.value(&join(at, name), entry, of);
                }
            }
            (Kind::Table(_), Value::Table(table)) => self.table(at, table, &kind.keys(), ""),
            (Kind::Open(_), Value::Table(table)) => self.keys(at, table, &kind.keys(), &[]),
            (Kind::Variants(variants), Value::Table(table)) => self.variant(at, table, variants),
            _ => self.wrong(
                at,
                &format!(
                    "must be {}, not {}{}",
                    kind.phrase(),
                    describe(value),
                    hint(kind, value)
                ),
            ),
        }
    }

    fn choice(&mut self, at: &str, text: &str, names: &[&str], kind: &Kind) {
        if !names.contains(&text) {
            let meant = did_you_mean(nearest(text, names.iter().copied()));
            self.wrong(at, &format!("must be {}, not \"{text}\"{meant}", kind.phrase()));
        }
    }

    fn range(&mut self, at: &str, number: f64, value: &Value, kind: &Kind, range: &Range) {
        if !number.is_finite() {
            self.wrong(at, &format!("must be a finite number, not {}", describe(value)));
        } else if !(range.holds)(number) {
            let why = if range.why.is_empty() {
                String::new()
            } else {
                format!(": {}", range.why)
            };
            self.wrong(
                at,
                &format!("must be {}, not {}{why}", kind.phrase(), describe(value)),
            );
        }
    }

    fn length(&mut self, at: &str, length: usize, kind: &Kind) {
        let &Kind::List { least, most, .. } = kind else {
            return;
        };
        if length < least && least != most {
            self.wrong(at, "must not be an empty array");
        } else if length < least || length > most {
            self.wrong(
                at,
                &format!("must be {}, not an array of {length}", kind.phrase()),
            );
        }
    }

    /// A table whose keys all are known; `of` is its kind if that decides which they are.
    fn table(&mut self, at: &str, table: &Table, keys: &[&Key], of: &str) {
        let unknown = table
            .keys()
            .filter(|name| keys.iter().all(|key| key.name != **name));
        let meant: Vec<&str> = unknown
            .filter_map(|name| self.unknown(at, name, keys, of))
            .collect();
        self.keys(at, table, keys, &meant);
    }

    /// The values of known keys. Those that were `meant` by a misspelled one are not missed as well.
    fn keys(&mut self, at: &str, table: &Table, keys: &[&Key], meant: &[&str]) {
        for key in keys {
            match table.get(key.name) {
                Some(value) => self.value(&join(at, key.name), value, &key.kind),
                None if meant.contains(&key.name) => {}
                None => self.missing(at, key),
            }
        }
    }

    fn variant(&mut self, at: &str, table: &Table, variants: &[Variant]) {
        let all = || variants.iter().map(|variant| variant.kind);
        let path = join(at, "kind");
        match table.get("kind") {
            None => self.missing_kind(at, &path, &quoted(all())),
            Some(Value::String(kind)) => match variants.iter().find(|variant| variant.kind == kind) {
                None => {
                    let meant = did_you_mean(nearest(kind, all()));
                    self.wrong(
                        &path,
                        &format!("must be one of {}, not \"{kind}\"{meant}", quoted(all())),
                    );
                }
                Some(variant) => {
                    let mut rest = table.clone();
                    rest.remove("kind");
                    self.table(at, &rest, &variant.keys().collect::<Vec<_>>(), variant.kind);
                }
            },
            Some(other) => {
                self.wrong(
                    &path,
                    &format!("must be one of {}, not {}", quoted(all()), describe(other)),
                );
            }
        }
    }

    fn missing_kind(&mut self, at: &str, path: &str, kinds: &str) {
        self.problems.push(
            self.root
                .sentence(at, format!("missing key `{path}`; it is one of {kinds}")),
        );
    }

    fn missing(&mut self, at: &str, key: &Key) {
        let Presence::Required(example) = key.presence else {
            return;
        };
        let path = join(at, key.name);
        let text = match key.kind {
            Kind::Table(_) => {
                format!("missing table `[{path}]`; write for example `[{path}]` and below it `{example}`")
            }
            _ => format!(
                "missing key `{path}`; write for example `{} = {example}`",
                key.name
            ),
        };
        self.problems.push(self.root.sentence(at, text));
    }

    /// Reports a key that is unknown, and gives back the one of these `keys` that was probably meant.
    fn unknown<'k>(&mut self, at: &str, name: &str, keys: &[&'k Key], of: &str) -> Option<&'k str> {
        let path = join(at, name);
        let meant = nearest(name, keys.iter().map(|key| key.name));
        let help = match meant.map(|name| join(at, name)).or_else(|| elsewhere(name, at)) {
            Some(meant) => did_you_mean(Some(&meant)),
            None => format!(
                "; {} has {}",
                owner(at, of),
                quoted(keys.iter().map(|key| key.name))
            ),
        };
        let foreign = if of.is_empty() {
            String::new()
        } else {
            format!(" for kind `{of}`")
        };
        self.problems.push(
            self.root
                .sentence(&path, format!("unknown key `{path}`{foreign}{help}")),
        );
        meant
    }
}

/// The key of this name outside the table `at`, for a key that was written in the wrong one: inside one of its own tables, if
/// there. None where the table itself has such a key, of another kind.
fn elsewhere(name: &str, at: &str) -> Option<String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let keys: Vec<String> = schema()
        .into_iter()
        .map(|entry| entry.key)
        .filter(|key| !key.contains(".N"))
        .collect();
    let names: Vec<String> = keys.iter().map(|key| last(key)).collect();
    let meant = nearest(name, names.iter().map(String::as_str))?;
    if keys.contains(&join(at, meant)) {
        return None;
    }
    let within = format!("{at}.");
    let mut found = keys.iter().filter(|key| last(key) == meant);
    let first = found.clone().next();
    found.find(|key| key.starts_with(&within)).or(first).cloned()
}

fn owner(at: &str, of: &str) -> String {
    match (at, of) {
        ("", _) => "a recipe".to_owned(),
        (_, "") => format!("`{at}`"),
        _ => format!("`{of}`"),
    }
}

/// What a user would call this value.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > 40 => {
            format!("the text \"{}...\"", text.chars().take(40).collect::<String>())
        }
        Value::String(text) => format!("the text \"{text}\""),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(date) => format!("the date {date}"),
        Value::Array(_) => "an array".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// What to change where a value is almost of the right type.
fn hint(kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Whole(_) | Kind::Number(_), Value::String(text)) if text.trim().parse::<f64>().is_ok() => {
            "; take away the quotes".to_owned()
        }
        (Kind::Flag, Value::String(text)) if ["true", "false"].contains(&text.as_str()) => {
            "; take away the quotes".to_owned()
        }
        (Kind::Variants(variants), Value::String(text))
            if variants.iter().any(|variant| variant.kind == text) =>
        {
            format!("; write `{{ kind = \"{text}\", ... }}`")
        }
        (
            Kind::List {
                of: Kind::Table(_) | Kind::Open(_),
                ..
            },
            Value::Table(_),
        ) => "; write the name of the table in two pairs of brackets, `[[...]]`".to_owned(),
        (Kind::Table(_) | Kind::Variants(_), Value::Array(_)) => {
            "; write the name of the table in one pair of brackets, `[...]`".to_owned()
        }
        _ => String::new(),
    }
}
