//! Reads a value into any type that serde knows, and turns serde's complaint into ours: place, key, nearest
//! valid name.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use toml::Value;

use crate::document::join;
use crate::error::{Problem, RecipeError};
use crate::nearest::{did_you_mean, nearest, quoted};
use crate::origin::Origin;
use crate::validate::describe;

/// Reads `value`, written at `origin`.
///
/// Serde stops at the first thing wrong; a wrong key of a table is then left out and the rest read again, so
/// that all wrong keys are reported.
pub(crate) fn read<T: DeserializeOwned>(origin: &Origin, mut value: Value) -> Result<T, RecipeError> {
    let mut problems: Vec<Problem> = Vec::new();
    loop {
        let (path, message) = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => (error.path().clone(), error.inner().message().to_owned()),
        };
        let first = first_key(&path);
        // A key that is missing because it was just left out is no second mistake.
        if first.is_none() && !problems.is_empty() {
            break;
        }
        problems.push(problem(origin, &value, &path, &message));
        let left_out = first.and_then(|key| value.as_table_mut()?.remove(&key));
        if left_out.is_none() {
            break;
        }
    }
    Err(RecipeError::invalid(problems))
}

fn first_key(path: &Path) -> Option<String> {
    match path.iter().next() {
        Some(Segment::Map { key }) => Some(key.clone()),
        _ => None,
    }
}

fn problem(origin: &Origin, value: &Value, path: &Path, message: &str) -> Problem {
    let key = dotted(path, value);
    let names = backticked(message);
    let [named, valid @ ..] = names.as_slice() else {
        return type_problem(origin, value, &key, message);
    };
    if message.starts_with("unknown field") {
        let around = key
            .strip_suffix(named)
            .map_or(key.as_str(), |around| around.trim_end_matches('.'));
        return unknown_key(origin, &join(around, named), named, valid);
    }
    if message.starts_with("unknown variant") {
        let meant = did_you_mean(nearest(named, valid.iter().copied()));
        return origin.problem(
            &key,
            format!(
                "must be one of {}, not \"{named}\"{meant}",
                quoted(valid.iter().copied())
            ),
        );
    }
    if message.starts_with("missing field") {
        let missing = origin.at(&join(&key, named));
        return origin.sentence(&key, format!("missing key `{}`", missing.key()));
    }
    type_problem(origin, value, &key, message)
}

fn unknown_key(origin: &Origin, key: &str, name: &str, valid: &[&str]) -> Problem {
    let whole = origin.at(key);
    let around = whole.key().strip_suffix(name).unwrap_or_default();
    let help = match nearest(name, valid.iter().copied()) {
        Some(meant) => did_you_mean(Some(&format!("{around}{meant}"))),
        None if valid.is_empty() => "; there are no such options".to_owned(),
        None => format!("; there are {}", quoted(valid.iter().copied())),
    };
    origin.sentence(key, format!("unknown key `{}`{help}", whole.key()))
}

/// `invalid type: string "x", expected f64` and the like, in plain words.
fn type_problem(origin: &Origin, value: &Value, key: &str, message: &str) -> Problem {
    let expected = message
        .split_once("expected ")
        .map(|(_, expected)| in_plain_words(expected));
    let is_type = message.starts_with("invalid type") || message.starts_with("invalid value");
    match (expected, lookup(value, key)) {
        (Some(expected), Some(found)) if is_type => {
            origin.problem(key, format!("must be {expected}, not {}", describe(found)))
        }
        _ => origin.problem(key, format!("is wrong: {message}")),
    }
}

fn in_plain_words(expected: &str) -> String {
    let plain = match expected {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a boolean" => "true or false",
        "a string" | "string" | "str" | "a borrowed string" => "text",
        "a sequence" => "an array",
        other if other == "a map" || other.starts_with("struct ") => "a table",
        other => other,
    };
    plain.to_owned()
}

/// The path in the form of our keys: entries of arrays by number, names of variants where they were written
/// as keys.
fn dotted(path: &Path, value: &Value) -> String {
    path.iter().fold(String::new(), |key, segment| match segment {
        Segment::Seq { index } => join(&key, &index.to_string()),
        Segment::Map { key: name } => join(&key, name),
        Segment::Enum { variant } if lookup(value, &join(&key, variant)).is_some() => join(&key, variant),
        Segment::Enum { .. } | Segment::Unknown => key,
    })
}

fn lookup<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.')
        .filter(|segment| !segment.is_empty())
        .try_fold(value, |value, segment| match value {
            Value::Table(table) => table.get(segment),
            Value::Array(array) => array.get(segment.parse::<usize>().ok()?),
            _ => None,
        })
}

/// The words of serde's message that are in backticks.
fn backticked(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}
