//! A tree of values against the table of keys: finds everything that is wrong with names, types and ranges at
//! once.

use potstill_settings::{Described, Key, Kind, Named, Presence, Range, Variant};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::document::join;
use crate::error::{Problem, RecipeError};
use crate::nearest::{did_you_mean, nearest, nearest_key, quoted};
use crate::origin::Origin;
use crate::schema::{Schema, all_keys, paths};
use crate::tables::recipe::Recipe;
use crate::{defaults, read};

/// Everything that is wrong with `table`, which is of this kind and was written at `root`.
pub(crate) fn validate(table: &Table, kind: &Kind, root: &Origin, schema: &Schema) -> Vec<Problem> {
    let mut check = Validator {
        root,
        schema,
        problems: Vec::new(),
    };
    check.table("", table, &all_keys(kind), "");
    check.problems
}

/// The options of a method, written at `origin`, as the type whose table of keys they have. `own` are the keys that every method has: they
/// are no options, but may have been meant.
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

struct Validator<'a> {
    root: &'a Origin,
    schema: &'a Schema,
    problems: Vec<Problem>,
}

impl Validator<'_> {
    fn wrong(&mut self, at: &str, problem: &str) {
        self.problems.push(self.root.problem(at, problem));
    }

    fn value(&mut self, at: &str, value: &Value, kind: &Kind, range: &Range) {
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
            self.wrong(at, &format!("must be {phrase}, not \"{text}\"{meant}"));
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

    /// A table whose keys all are known; `of` is its kind if that decides which they are.
    fn table(&mut self, at: &str, table: &Table, keys: &[&Key], of: &str) {
        let meant = self.unknown_keys(at, table, keys, of);
        self.keys(at, table, keys, &meant);
    }

    /// Reports every key that is not among `keys`, and gives back those that were probably meant.
    fn unknown_keys<'k>(&mut self, at: &str, table: &Table, keys: &[&'k Key], of: &str) -> Vec<&'k str> {
        let unknown = table
            .keys()
            .filter(|name| keys.iter().all(|key| key.name != **name));
        unknown
            .filter_map(|name| self.unknown(at, name, keys, of))
            .collect()
    }

    /// The values of known keys. Those that were `meant` by a misspelled one are not missed as well.
    fn keys(&mut self, at: &str, table: &Table, keys: &[&Key], meant: &[&str]) {
        for key in keys {
            match table.get(key.name) {
                Some(value) => self.value(&join(at, key.name), value, &key.kind, &key.range),
                None if meant.contains(&key.name) => {}
                None => self.missing(at, key),
            }
        }
    }

    fn variant(&mut self, at: &str, table: &Table, variants: &[Variant], beside: &'static [Key]) {
        let all = || variants.iter().map(|variant| variant.kind.name);
        let path = join(at, "kind");
        match table.get("kind") {
            None => self.missing_kind(at, &path, &quoted(all())),
            Some(Value::String(kind)) => match variants.iter().find(|variant| variant.kind.name == kind) {
                None => {
                    let meant = did_you_mean(nearest(kind, all()));
                    let text = format!("must be one of {}, not \"{kind}\"{meant}", quoted(all()));
                    self.wrong(&path, &text);
                }
                Some(variant) => {
                    let mut rest = table.clone();
                    rest.remove("kind");
                    let keys: Vec<&Key> = variant.keys.iter().chain(beside).collect();
                    self.table(at, &rest, &keys, variant.kind.name);
                }
            },
            Some(other) => {
                let text = format!("must be one of {}, not {}", quoted(all()), describe(other));
                self.wrong(&path, &text);
            }
        }
    }

    /// An entry of `[[methods]]`, whose options are checked if the methods are known.
    fn method(&mut self, at: &str, table: &Table, own: &'static [Key]) {
        let kind = table.get("kind").and_then(Value::as_str);
        let (Some(methods), Some(kind)) = (self.schema.methods(), kind) else {
            return self.keys(at, table, &own.iter().collect::<Vec<_>>(), &[]);
        };
        let Some(method) = methods.iter().find(|method| method.kind.name == kind) else {
            let names = || methods.iter().map(|method| method.kind.name);
            let meant = match nearest(kind, names()) {
                Some(meant) => did_you_mean(Some(meant)),
                None => format!("; there are {}", quoted(names())),
            };
            let text = format!("is \"{kind}\", and no method has that name{meant}");
            return self.wrong(&join(at, "kind"), &text);
        };
        let keys: Vec<&Key> = own.iter().chain(method.keys).collect();
        self.table(at, table, &keys, method.kind.name);
    }

    fn missing_kind(&mut self, at: &str, path: &str, kinds: &str) {
        self.problems.push(
            self.root
                .sentence(at, format!("missing key `{path}`; it is one of {kinds}")),
        );
    }

    fn missing(&mut self, at: &str, key: &Key) {
        if key.presence != Presence::Required {
            return;
        }
        let path = join(at, key.name);
        let what = match key.kind {
            Kind::Table { .. } => format!("table `[{path}]`"),
            _ => format!("key `{path}`"),
        };
        let example = key.example.unwrap_or_default();
        let text = format!("missing {what}; write for example `{} = {example}`", key.name);
        self.problems.push(self.root.sentence(at, text));
    }

    /// Reports a key that is unknown, and gives back the one of these `keys` that was probably meant.
    fn unknown<'k>(&mut self, at: &str, name: &str, keys: &[&'k Key], of: &str) -> Option<&'k str> {
        let path = join(at, name);
        let meant = nearest_key(name, keys);
        let help = match meant.map(|name| join(at, name)).or_else(|| elsewhere(name, at)) {
            Some(meant) => did_you_mean(Some(&meant)),
            None if keys.is_empty() => format!("; {} has no other keys", owner(at, of)),
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
    let mut all = paths(&Recipe::KIND);
    all.retain(|(path, _)| !path.contains(".N"));
    let keys: Vec<&Key> = all.iter().map(|(_, key)| *key).collect();
    let meant = nearest_key(name, &keys)?;
    let own = join(at, meant);
    if all.iter().any(|(path, _)| *path == own) {
        return None;
    }
    let within = format!("{at}.");
    let mut found = all
        .into_iter()
        .filter(|(_, key)| key.name == meant)
        .map(|(path, _)| path);
    let first = found.next()?;
    if first.starts_with(&within) {
        return Some(first);
    }
    Some(found.find(|path| path.starts_with(&within)).unwrap_or(first))
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
        (Kind::Whole | Kind::Number, Value::String(text)) if text.trim().parse::<f64>().is_ok() => {
            "; take away the quotes".to_owned()
        }
        (Kind::Flag, Value::String(text)) if ["true", "false"].contains(&text.as_str()) => {
            "; take away the quotes".to_owned()
        }
        (Kind::Variants { variants, .. }, Value::String(text))
            if variants.iter().any(|variant| variant.kind.name == text) =>
        {
            format!("; write `{{ kind = \"{text}\", ... }}`")
        }
        (
            Kind::List {
                of: Kind::Table { .. } | Kind::Method(_),
                ..
            },
            Value::Table(_),
        ) => "; write the name of the table in two pairs of brackets, `[[...]]`".to_owned(),
        (Kind::Table { .. } | Kind::Variants { .. }, Value::Array(_)) => {
            "; write the name of the table in one pair of brackets, `[...]`".to_owned()
        }
        _ => String::new(),
    }
}
