//! Everything that a recipe can say: the keys of its tables, and those of the methods.

mod entries;
mod explain;
mod json;

use potstill_settings::{Described, Key, Kind, Variant};
use toml::{Table, Value};

pub use entries::SchemaEntry;

use crate::Problem;
use crate::document::join;
use crate::tables::recipe::Recipe;
use crate::validate::mistakes_of;

/// Everything that a recipe can say. By default without the options of methods, which are then left to
/// whoever plans them.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    methods: Option<Vec<Variant>>,
}

impl Schema {
    /// What a recipe can say where these are the methods: the name of each, what it does, and the keys of its
    /// options.
    pub fn new(methods: impl IntoIterator<Item = Variant>) -> Self {
        Self {
            methods: Some(methods.into_iter().collect()),
        }
    }

    /// What is wrong with the tables of keys themselves: a default or an example that is not a value of its
    /// key, a sentence that is missing. A test of whoever writes a table asks this; nothing else needs to.
    pub fn mistakes(&self) -> Vec<Problem> {
        let mut all = paths(&Recipe::KIND);
        for method in self.methods().unwrap_or_default() {
            let options = paths(&Kind::table(method.keys)).into_iter();
            all.extend(options.map(|(path, key)| (join(method.kind.name, &path), key)));
        }
        all.iter()
            .flat_map(|(path, key)| mistakes_of(key, path, self))
            .collect()
    }

    /// The methods, if they are known.
    pub fn methods(&self) -> Option<&[Variant]> {
        self.methods.as_deref()
    }
}

/// The keys that `table` can have, if it is of this kind; none if its own `kind` is none of those that there
/// are. Options of methods are not among them.
pub(crate) fn keys_for(kind: &Kind, table: &Table) -> Vec<&'static Key> {
    match *kind {
        Kind::Table { keys, beside } => keys.iter().chain(beside).collect(),
        Kind::Method(keys) => keys.iter().collect(),
        Kind::Either(one, other) => [one, other]
            .into_iter()
            .flat_map(|kind| keys_for(kind, table))
            .collect(),
        Kind::Variants { variants, beside } => {
            let named = table.get("kind").and_then(Value::as_str);
            let variant = variants.iter().find(|variant| Some(variant.kind.name) == named);
            variant.map_or_else(Vec::new, |variant| variant.keys.iter().chain(beside).collect())
        }
        _ => Vec::new(),
    }
}

/// Every key that a table of this kind can have, whatever its own `kind`. A name comes twice if it has
/// different defaults or meanings for different kinds of table.
pub(crate) fn all_keys(kind: &Kind) -> Vec<&'static Key> {
    match *kind {
        Kind::Table { keys, beside } => keys.iter().chain(beside).collect(),
        Kind::Method(keys) => keys.iter().collect(),
        Kind::Either(one, other) => [one, other].into_iter().flat_map(all_keys).collect(),
        Kind::Variants { variants, beside } => {
            let mut all: Vec<&'static Key> = Vec::new();
            for key in variants.iter().flat_map(|variant| variant.keys) {
                if all.iter().all(|earlier| !same(earlier, key)) {
                    all.push(key);
                }
            }
            all.extend(beside);
            all
        }
        _ => Vec::new(),
    }
}

/// Whether two keys of different variants are the same for a reader.
pub(crate) fn same(one: &Key, other: &Key) -> bool {
    one.name == other.name && one.presence == other.presence && one.about == other.about
}

/// Every key below a table of this kind with its dotted path, each table before what is in it; `N` stands for
/// the number of an entry. What is below names of the writer's choice is left out.
pub(crate) fn paths(kind: &Kind) -> Vec<(String, &'static Key)> {
    fn list(kind: &Kind, at: &str, found: &mut Vec<(String, &'static Key)>) {
        if let Kind::List { of, .. } = kind {
            return list(of, &join(at, "N"), found);
        }
        for key in all_keys(kind) {
            let path = join(at, key.name);
            found.push((path.clone(), key));
            list(&key.kind, &path, found);
        }
    }
    let mut found = Vec::new();
    list(kind, "", &mut found);
    found
}

/// What `path` (dotted, entries of arrays by number) can be; none if there is no such key or a method reads
/// it.
pub(crate) fn kind_of(path: &str) -> Option<&'static Kind> {
    let mut kind: &'static Kind = &Recipe::KIND;
    for segment in path.split('.') {
        kind = match kind {
            Kind::List { of, .. } | Kind::OneOrMore(of) => segment.parse::<usize>().is_ok().then_some(*of)?,
            Kind::Map(of) => of,
            _ => all_keys(kind)
                .into_iter()
                .find(|key| key.name == segment)
                .map(|key| &key.kind)?,
        };
    }
    Some(kind)
}
