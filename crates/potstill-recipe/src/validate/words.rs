//! How a value is spoken of.

use potstill_settings::Kind;
use toml::Value;

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

/// A name as it was written, in a line and not at any length.
pub(super) fn shown(name: &str) -> String {
    const MOST: usize = 80;
    let start: String = name.chars().take(MOST).collect();
    let dots = if start.len() < name.len() { "..." } else { "" };
    format!("{}{dots}", potstill_base::printable(&start))
}

/// Whether TOML writes a value of this kind as it writes `value`.
pub(super) fn is_written_as(kind: &Kind, value: &Value) -> bool {
    match value {
        Value::String(_) => matches!(kind, Kind::Text | Kind::Choice(_) | Kind::NumberOr(_)),
        Value::Integer(_) | Value::Float(_) => {
            matches!(kind, Kind::Whole | Kind::Number | Kind::NumberOr(_))
        }
        Value::Boolean(_) => matches!(kind, Kind::Flag),
        Value::Array(_) => matches!(kind, Kind::List { .. } | Kind::OneOrMore(_)),
        Value::Table(_) => matches!(kind, Kind::Table { .. } | Kind::Variants { .. } | Kind::Map(_)),
        Value::Datetime(_) => false,
    }
}

/// What to change where a value is almost of the right type.
pub(super) fn hint(kind: &Kind, value: &Value) -> String {
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
