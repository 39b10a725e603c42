//! Overrides: `train.epochs=3` on a command line wins over what a file says.

use toml::{Table, Value};

use crate::document::{Places, join, parser_words};
use crate::error::{Place, Problem};
use crate::schema::kind_of;
use crate::validate::describe;
use potstill_settings::Kind;

/// Puts every override into the tree, in their order; those that cannot be put there come back as problems.
pub(crate) fn apply(table: &mut Table, places: &mut Places, overrides: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for text in overrides {
        let place = Place::Override(text.as_str().into());
        match put(table, text) {
            Ok(key) => places.replace(key, &place),
            Err(text) => problems.push(Problem {
                place,
                key: String::new(),
                text,
            }),
        }
    }
    problems
}

/// Sets what one override says and gives back its key; the tree stays as it was if that cannot be.
fn put<'a>(table: &mut Table, text: &'a str) -> Result<&'a str, String> {
    let (key, value) = split(text)?;
    put_value(table, key, value)?;
    Ok(key)
}

/// Sets the value at a dotted key; the tree stays as it was if that cannot be.
pub(crate) fn put_value(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let mut changed = table.clone();
    let (first, rest) = head(key);
    set(
        changed.entry(first).or_insert_with(|| nothing_yet(first)),
        first,
        rest,
        value,
    )?;
    *table = changed;
    Ok(())
}

/// The first name of a dotted key, and the others.
fn head(key: &str) -> (&str, Option<&str>) {
    key.split_once('.')
        .map_or((key, None), |(first, rest)| (first, Some(rest)))
}

/// The dotted key and the value of an override.
pub(crate) fn split(text: &str) -> Result<(&str, Value), String> {
    let form = "an override is written `key=value`, for example `train.epochs=3`";
    let (key, value) = text.split_once('=').ok_or(form)?;
    let key = key.trim();
    if key.split('.').any(str::is_empty) {
        return Err(form.to_owned());
    }
    Ok((key, typed(key, value.trim())?))
}

/// The value as TOML; a word that is not TOML is text, and so is anything for a key that takes text.
fn typed(key: &str, text: &str) -> Result<Value, String> {
    let quoted_or_bracketed = text.starts_with(['"', '\'', '[', '{']);
    let takes_text = matches!(
        kind_of(key),
        Some(Kind::Text | Kind::Choice(_) | Kind::OneOrMore(Kind::Text) | Kind::Either(Kind::Text, _))
    );
    if takes_text && !quoted_or_bracketed {
        return Ok(Value::String(text.to_owned()));
    }
    match text.parse::<Value>() {
        Ok(value) => Ok(value),
        Err(error) if quoted_or_bracketed => Err(format!(
            "the value of `{key}` is not valid TOML: {}",
            parser_words(&error, text)
        )),
        Err(_) if text.is_empty() => Err(format!(
            "`{key}` has no value; write text that is empty as `\"\"`"
        )),
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Sets `key` within `slot`, which is at `at`, or `slot` itself; makes the tables on the way.
fn set(slot: &mut Value, at: &str, key: Option<&str>, value: Value) -> Result<(), String> {
    let Some(key) = key else {
        *slot = value;
        return Ok(());
    };
    let (first, rest) = head(key);
    let path = join(at, first);
    let inner = match slot {
        Value::Table(table) => table.entry(first).or_insert_with(|| nothing_yet(&path)),
        Value::Array(array) => entry(array, at, first)?,
        other => return Err(format!("`{at}` is {}, so there is no `{path}`", describe(other))),
    };
    set(inner, &path, rest, value)
}

/// What a key that is not written yet holds before something is put into it.
fn nothing_yet(path: &str) -> Value {
    match kind_of(path) {
        Some(Kind::List { .. }) => Value::Array(Vec::new()),
        _ => Value::Table(Table::new()),
    }
}

fn entry<'a>(array: &'a mut [Value], at: &str, index: &str) -> Result<&'a mut Value, String> {
    let count = array.len();
    let wrong = || match count {
        0 => format!("`{at}` is empty, so there is no `{at}.{index}`; give the whole array, `{at}=[...]`"),
        1 => format!("`{at}` has one entry, `{at}.0`; there is no `{at}.{index}`"),
        _ => format!(
            "`{at}` has {count} entries, `{at}.0` to `{at}.{}`; there is no `{at}.{index}`",
            count - 1
        ),
    };
    index
        .parse::<usize>()
        .ok()
        .and_then(|index| array.get_mut(index))
        .ok_or_else(wrong)
}
