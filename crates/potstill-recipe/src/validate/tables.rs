//! Tables: keys that are unknown, keys that are missing, and tables whose `kind` decides which keys they have.

use potstill_settings::{Described, Key, Kind, Presence, Variant};
use toml::{Table, Value};

use super::words::{describe, shown};
use super::{RECIPE, Validator};
use crate::document::join;
use crate::nearest::{did_you_mean, nearest, nearest_key, quoted};
use crate::schema::paths;
use crate::tables::recipe::Recipe;

impl Validator<'_> {
    /// A table whose keys all are known; `of` is its kind if that decides which they are.
    pub(super) fn table(&mut self, at: &str, table: &Table, keys: &[&Key], of: &str) {
        let meant = self.unknown_keys(at, table, keys, of);
        self.keys(at, table, keys, &meant);
    }

    /// Reports every key that is not among `keys`, and gives back those that were probably meant.
    pub(super) fn unknown_keys<'k>(
        &mut self,
        at: &str,
        table: &Table,
        keys: &[&'k Key],
        of: &str,
    ) -> Vec<&'k str> {
        let unknown = table
            .keys()
            .filter(|name| keys.iter().all(|key| key.name != **name));
        let mut meant = Vec::new();
        for name in unknown {
            if self.has_enough() {
                break;
            }
            meant.extend(self.unknown(at, name, keys, of));
        }
        meant
    }

    /// The values of known keys. Those that were `meant` by a misspelled one are not missed as well.
    pub(super) fn keys(&mut self, at: &str, table: &Table, keys: &[&Key], meant: &[&str]) {
        for key in keys {
            match table.get(key.name) {
                Some(value) => self.value(&join(at, key.name), value, &key.kind, &key.range),
                None if meant.contains(&key.name) => {}
                None => self.missing(at, key),
            }
        }
    }

    pub(super) fn variant(&mut self, at: &str, table: &Table, variants: &[Variant], beside: &'static [Key]) {
        let all = || variants.iter().map(|variant| variant.kind.name);
        let path = join(at, "kind");
        match table.get("kind") {
            None => self.missing_kind(at, &path, &quoted(all())),
            Some(Value::String(kind)) => match variants.iter().find(|variant| variant.kind.name == kind) {
                None => {
                    let meant = did_you_mean(nearest(kind, all()));
                    let text = format!("must be one of {}, not \"{}\"{meant}", quoted(all()), shown(kind));
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
    pub(super) fn method(&mut self, at: &str, table: &Table, own: &'static [Key]) {
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
            let text = format!("is \"{}\", and no method has that name{meant}", shown(kind));
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
        // Keys of a recipe have no place of their own in a file of another kind.
        let elsewhere = || (self.whole == RECIPE).then(|| elsewhere(name, at))?;
        let owner = owner(at, of, self.whole);
        let help = match meant.map(|name| join(at, name)).or_else(elsewhere) {
            Some(meant) => did_you_mean(Some(&meant)),
            None if keys.is_empty() => format!("; {owner} has no other keys"),
            None => format!("; {owner} has {}", quoted(keys.iter().map(|key| key.name))),
        };
        let foreign = if of.is_empty() {
            String::new()
        } else {
            format!(" for kind `{of}`")
        };
        self.problems.push(
            self.root
                .sentence(&path, format!("unknown key `{}`{foreign}{help}", shown(&path))),
        );
        meant
    }
}

/// The key of this name outside the table `at`, for a key that was written in the wrong one: inside one of
/// its own tables, if there. None where the table itself has such a key, of another kind.
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

fn owner(at: &str, of: &str, whole: &str) -> String {
    match (at, of) {
        ("", _) => whole.to_owned(),
        (_, "") => format!("`{at}`"),
        _ => format!("`{of}`"),
    }
}
