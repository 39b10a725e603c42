//! The axes of a sweep, and their choices.

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::changes::{Change, Written, entries};
use crate::check::bad_folder_name;
use crate::document::join;
use crate::error::{Place, Problem};
use crate::origin::Origin;
use crate::validate::describe;

/// What varies between cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its choices in the order of the file, at least one.
    pub choices: Vec<Choice>,
}

/// One choice of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name, which becomes a part of the cell's.
    pub name: String,
    /// What it changes in the recipe.
    pub changes: Vec<Change>,
    /// Its value, of an axis that is a key with values.
    pub value: Option<Value>,
}

/// The key of a choice that names another recipe.
pub(super) const RECIPE: &str = "recipe";

/// Keys of a recipe that are the sweep's own to set, and what sets them.
const OWN: [(&str, &str); 3] = [
    ("name", "the choices make it"),
    ("seed", "`seeds` of the sweep says it"),
    ("version", "it is the recipe's own"),
];

/// Reads the tables of a sweep whose keys are names of the writer's choice.
pub(super) struct Reader<'a> {
    pub root: &'a Origin,
    written: Written<'a>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, file: &str, root: &'a Origin) -> Self {
        Self {
            root,
            written: Written::new(text, file),
        }
    }

    /// What every cell changes.
    pub fn set(&self, table: &Table, spans: &DeTable<'_>, problems: &mut Vec<Problem>) -> Vec<Change> {
        let Some((table, spans)) = self.inner("set", table, spans, problems) else {
            return Vec::new();
        };
        let changes = self.written.changes(spans, table);
        problems.extend(refused(&changes));
        if let Some(recipe) = changes.iter().find(|change| change.key == RECIPE) {
            let text = "`set.recipe` does nothing: `recipe` of the sweep is the recipe of every cell";
            problems.push(problem(recipe, text));
        }
        changes
    }

    /// The axes in the order of the text.
    pub fn axes(&self, table: &Table, spans: &DeTable<'_>, problems: &mut Vec<Problem>) -> Vec<Axis> {
        let Some((table, spans)) = self.inner("axes", table, spans, problems) else {
            return Vec::new();
        };
        let mut axes = Vec::new();
        for (name, _, _) in entries(spans) {
            let at = join("axes", name);
            problems.extend(bad_folder_name(name).map(|text| self.root.problem(&at, text)));
            if let Some((table, spans)) = self.inner_of(&at, name, table, spans, problems) {
                let choices = match table.get("values") {
                    Some(Value::Array(values)) => self.values(name, &at, table, values, problems),
                    _ => self.choices(&at, table, spans, problems),
                };
                if choices.is_empty() && problems.is_empty() {
                    problems.push(self.root.problem(&at, "has no choices"));
                }
                axes.push(Axis {
                    name: name.to_owned(),
                    choices,
                });
            }
        }
        axes
    }

    /// The choices of an axis that names them.
    fn choices(
        &self,
        at: &str,
        table: &Table,
        spans: &DeTable<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Choice> {
        let mut choices = Vec::new();
        for (name, _, _) in entries(spans) {
            let path = join(at, name);
            problems.extend(bad_folder_name(name).map(|text| self.root.problem(&path, text)));
            if let Some((table, spans)) = self.inner_of(&path, name, table, spans, problems) {
                let changes = self.written.changes(spans, table);
                problems.extend(refused(&changes));
                choices.push(Choice {
                    name: name.to_owned(),
                    changes,
                    value: None,
                });
            }
        }
        choices
    }

    /// The choices of an axis that is a key with values.
    fn values(
        &self,
        axis: &str,
        at: &str,
        table: &Table,
        values: &[Value],
        problems: &mut Vec<Problem>,
    ) -> Vec<Choice> {
        let mut wrong = |key: &str, text: &str| problems.push(self.root.at(at).problem(key, text));
        for other in table
            .keys()
            .filter(|key| !["key", "values"].contains(&key.as_str()))
        {
            wrong(
                other,
                "has no place beside `values`: an axis is a `key` with `values`, or a table of named choices",
            );
        }
        let Some(Value::String(key)) = table.get("key") else {
            wrong("key", "must name the key of the recipe that takes these values");
            return Vec::new();
        };
        let mut choices: Vec<Choice> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let path = format!("values.{index}");
            let Some(text) = short(value) else {
                let what = describe(value);
                wrong(
                    &path,
                    &format!("is {what}: give such choices names (`[axes.{axis}]` with `NAME = {{ ... }}`)"),
                );
                continue;
            };
            let name = format!("{axis}-{text}");
            if choices.iter().any(|choice| choice.name == name) {
                wrong(
                    &path,
                    &format!("becomes `{name}` in the names of runs, as another value does"),
                );
                continue;
            }
            choices.push(Choice {
                name,
                changes: vec![Change {
                    key: key.clone(),
                    value: value.clone(),
                    place: self.root.at(at).at(&path).place(),
                }],
                value: Some(value.clone()),
            });
        }
        let changes: Vec<Change> = choices
            .iter()
            .take(1)
            .flat_map(|choice| choice.changes.clone())
            .collect();
        problems.extend(refused(&changes));
        choices
    }

    fn inner<'t>(
        &self,
        name: &str,
        table: &'t Table,
        spans: &'t DeTable<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<(&'t Table, &'t DeTable<'t>)> {
        table.get(name)?;
        self.inner_of(name, name, table, spans, problems)
    }

    /// The table `name` in this one; reports what is none.
    fn inner_of<'t>(
        &self,
        at: &str,
        name: &str,
        table: &'t Table,
        spans: &'t DeTable<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<(&'t Table, &'t DeTable<'t>)> {
        let spanned = entries(spans).into_iter().find(|entry| entry.0 == name);
        match (table.get(name)?, spanned?.2.get_ref()) {
            (Value::Table(table), DeValue::Table(spans)) => Some((table, spans)),
            (value, _) => {
                let what = describe(value);
                let text =
                    format!("must be a table of what is changed, such as `{{ methods = [] }}`, not {what}");
                problems.push(self.root.problem(at, text));
                None
            }
        }
    }
}

/// What is wrong with changes, whatever the recipe: keys that the sweep itself sets.
pub(super) fn refused(changes: &[Change]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for change in changes {
        if let Some((key, why)) = OWN.iter().find(|(key, _)| *key == change.key) {
            problems.push(problem(change, &format!("a sweep does not set `{key}`: {why}")));
        }
        if change.key == RECIPE && !change.value.is_str() {
            problems.push(problem(change, "`recipe` names a recipe, in text"));
        }
    }
    problems
}

/// A problem with a change; `text` is a whole sentence.
pub(super) fn problem(change: &Change, text: &str) -> Problem {
    Problem {
        place: change.place.clone(),
        key: change.key.clone(),
        text: text.to_owned(),
    }
}

/// A value in the letters of a folder's name; none of what has no short form.
fn short(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.to_lowercase(),
        // `1e-5` where TOML has `0.00001`.
        Value::Float(number) => format!("{number:?}"),
        Value::Integer(_) | Value::Boolean(_) => value.to_string(),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => return None,
    };
    let allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter);
    let text: String = text
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '-' })
        .collect();
    (!text.is_empty()).then_some(text)
}

/// Where a choice was written first.
impl Choice {
    pub(super) fn place(&self) -> Option<&Place> {
        self.changes.first().map(|change| &change.place)
    }
}
