//! The defaults of the tables of keys, put where a recipe says nothing.

use potstill_settings::{Described, Key, Kind, Presence};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::schema::keys_for;

/// Puts every default into `table`, and into the tables in it, that is not written there.
pub(crate) fn fill(table: &mut Table, kind: &Kind) {
    if let Kind::Map(of) = kind {
        return table.iter_mut().for_each(|(_, value)| fill_value(value, of));
    }
    for key in keys_for(kind, table) {
        if !table.contains_key(key.name)
            && let Some(value) = default_of(key)
        {
            table.insert(key.name.to_owned(), value);
        }
        if let Some(value) = table.get_mut(key.name) {
            fill_value(value, &key.kind);
        }
    }
}

fn fill_value(value: &mut Value, kind: &Kind) {
    match (kind, value) {
        (Kind::List { of, .. } | Kind::OneOrMore(of), Value::Array(entries)) => {
            for entry in entries {
                fill_value(entry, of);
            }
        }
        (Kind::OneOrMore(of), value) => fill_value(value, of),
        (_, Value::Table(table)) => fill(table, kind),
        _ => {}
    }
}

fn default_of(key: &Key) -> Option<Value> {
    let Presence::Default(text) = key.presence else {
        return None;
    };
    text.parse().ok()
}

/// The value of a table of which only these keys are written, each well.
///
/// # Panics
/// If a required key is not among them, or a default of the table is not one of its key: a mistake in the
/// table.
pub(crate) fn complete<T: Described + DeserializeOwned, const N: usize>(written: [(&str, Value); N]) -> T {
    let mut table: Table = written
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect();
    fill(&mut table, &T::KIND);
    Value::Table(table)
        .try_into()
        .expect("the defaults of a table are values of its keys")
}
