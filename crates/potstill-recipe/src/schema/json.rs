//! The schema as a JSON Schema, by which an editor completes and checks a recipe while it is written.

use potstill_settings::{Bound, Described, Key, Kind, Named, Presence, Range, Variant};
use serde_json::{Map, Value, json};

use super::Schema;
use crate::tables::recipe::Recipe;

impl Schema {
    /// A JSON Schema, draft 2020-12, of a recipe as the value that TOML stands for. What keys must fit
    /// together is beyond it.
    pub fn json_schema(&self) -> Value {
        let mut schema = self.of_kind(&Recipe::KIND, &potstill_settings::ANY);
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        schema["title"] = "A recipe of Potstill".into();
        schema
    }

    fn of_kind(&self, kind: &Kind, range: &Range) -> Value {
        match *kind {
            Kind::Text => json!({ "type": "string", "pattern": "\\S" }),
            Kind::Choice(names) => one_of_names(names),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Whole => number("integer", &whole(range)),
            Kind::Number => number("number", range),
            Kind::NumberOr(names) => json!({ "anyOf": [number("number", range), one_of_names(names)] }),
            Kind::List { of, length } => {
                let mut list = json!({ "type": "array", "items": self.of_kind(of, range) });
                if let Some(length) = length {
                    list["minItems"] = length.into();
                    list["maxItems"] = length.into();
                } else if range.not_empty {
                    list["minItems"] = 1.into();
                }
                list
            }
            Kind::OneOrMore(of) => {
                let one = self.of_kind(of, range);
                let more = json!({ "type": "array", "items": one, "minItems": 1 });
                json!({ "anyOf": [one, more] })
            }
            Kind::Either(one, other) => {
                json!({ "anyOf": [self.of_kind(one, range), self.of_kind(other, range)] })
            }
            Kind::Table { keys, beside } => self.table(&[keys, beside], None),
            Kind::Map(of) => {
                json!({ "type": "object", "additionalProperties": self.of_kind(of, range) })
            }
            Kind::Variants { variants, beside } => self.variants(variants, beside),
            Kind::Method(own) => self.method(own),
            Kind::Verbatim(what) => json!({ "description": what }),
        }
    }

    fn method(&self, own: &[Key]) -> Value {
        if let Some(methods) = self.methods() {
            return self.variants(methods, own);
        }
        let mut open = self.table(&[own], None);
        open["additionalProperties"] = true.into();
        open
    }

    /// One of several tables, told apart by their `kind`.
    fn variants(&self, variants: &[Variant], beside: &[Key]) -> Value {
        let tables = variants
            .iter()
            .map(|variant| self.table(&[variant.keys, beside], Some(variant.kind)));
        json!({ "type": "object", "required": ["kind"], "oneOf": tables.collect::<Vec<_>>() })
    }

    fn table(&self, parts: &[&[Key]], kind: Option<Named>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for key in parts.iter().copied().flatten() {
            if key.presence == Presence::Required {
                required.push(key.name);
            }
            properties.insert(key.name.to_owned(), self.property(key));
        }
        if let Some(kind) = kind {
            let constant = json!({ "const": kind.name, "description": kind.about });
            properties.insert("kind".to_owned(), constant);
            if !required.contains(&"kind") {
                required.push("kind");
            }
        }
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }

    fn property(&self, key: &Key) -> Value {
        let mut property = self.of_kind(&key.kind, &key.range);
        property["description"] = match key.presence {
            Presence::Optional(without) => format!("{} Without it: {without}.", key.about).into(),
            Presence::Required | Presence::Default(_) => key.about.into(),
        };
        if let Presence::Default(text) = key.presence
            && let Some(default) = from_toml(text)
        {
            property["default"] = default;
        }
        if let Some(example) = key.example.and_then(from_toml) {
            property["examples"] = json!([example]);
        }
        property
    }
}

fn from_toml(text: &str) -> Option<Value> {
    serde_json::to_value(text.parse::<toml::Value>().ok()?).ok()
}

fn one_of_names(names: &[Named]) -> Value {
    let names: Vec<&str> = names.iter().map(|named| named.name).collect();
    json!({ "enum": names })
}

fn whole(range: &Range) -> Range {
    Range {
        low: range.low.or(Some(Bound::Inclusive(0.0))),
        ..*range
    }
}

fn number(of: &str, range: &Range) -> Value {
    // Whole bounds are written as whole numbers.
    let bound = |number: f64| {
        if of == "integer" {
            Value::from(number as i64)
        } else {
            Value::from(number)
        }
    };
    let mut number = json!({ "type": of });
    match range.low {
        Some(Bound::Inclusive(low)) => number["minimum"] = bound(low),
        Some(Bound::Exclusive(low)) => number["exclusiveMinimum"] = bound(low),
        None => {}
    }
    match range.high {
        Some(Bound::Inclusive(high)) => number["maximum"] = bound(high),
        Some(Bound::Exclusive(high)) => number["exclusiveMaximum"] = bound(high),
        None => {}
    }
    number
}
