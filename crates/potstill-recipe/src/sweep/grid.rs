//! Which combinations of choices are cells.

use toml::{Table, Value};

use super::axes::{Axis, Choice};
use crate::error::Problem;
use crate::nearest::{did_you_mean, nearest, quoted};
use crate::origin::Origin;
use crate::validate::describe;

/// A set of combinations: for each of some axes the choices that are in it, by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Vec<(usize, Vec<usize>)>);

impl Filter {
    /// Whether a combination, a choice for each axis, is in the set.
    pub fn holds(&self, combination: &[usize]) -> bool {
        let mut axes = self.0.iter();
        axes.all(|(axis, choices)| choices.contains(&combination[*axis]))
    }
}

/// The sets that `key` lists.
pub(super) fn filters(
    table: &Table,
    key: &str,
    axes: &[Axis],
    root: &Origin,
    problems: &mut Vec<Problem>,
) -> Vec<Filter> {
    let entries = table.get(key).and_then(Value::as_array);
    let mut filters = Vec::new();
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        let at = root.at(key).at(&index.to_string());
        match entry {
            Value::Table(table) if !table.is_empty() => filters.push(filter(table, axes, &at, problems)),
            _ => {
                let text = format!(
                    "must be a table of axes and their choices, such as `{{ method = \"kd\" }}`, not {}",
                    match entry {
                        Value::Table(_) => "an empty one".to_owned(),
                        other => describe(other),
                    }
                );
                problems.push(at.problem("", text));
            }
        }
    }
    filters
}

fn filter(table: &Table, axes: &[Axis], at: &Origin, problems: &mut Vec<Problem>) -> Filter {
    let mut wanted = Vec::new();
    for (name, choices) in table {
        let Some(axis) = axes.iter().position(|axis| axis.name == *name) else {
            let names = axes.iter().map(|axis| axis.name.as_str());
            let text = format!("is no axis of the sweep{}", others(name, names));
            problems.push(at.problem(name, text));
            continue;
        };
        let listed = match choices {
            Value::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut numbers = Vec::new();
        for value in listed {
            match axes[axis].choices.iter().position(|choice| choice.is(value)) {
                Some(number) => numbers.push(number),
                None => problems.push(at.problem(name, unknown(value, &axes[axis]))),
            }
        }
        wanted.push((axis, numbers));
    }
    Filter(wanted)
}

fn unknown(value: &Value, axis: &Axis) -> String {
    let names = axis.choices.iter().map(|choice| choice.name.as_str());
    let written = value.as_str().unwrap_or_default();
    format!("has no choice like {}{}", describe(value), others(written, names))
}

/// What was meant, or what there is.
fn others<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, names.clone()) {
        Some(meant) => did_you_mean(Some(meant)),
        None => format!("; there are {}", quoted(names)),
    }
}

impl Choice {
    /// Whether this names the choice, or is its value.
    fn is(&self, value: &Value) -> bool {
        value.as_str() == Some(&self.name) || self.value.as_ref() == Some(value)
    }
}

/// Every combination that is wanted, a choice for each axis; the last axis changes first.
pub(super) fn combinations(axes: &[Axis], exclude: &[Filter], only: &[Filter]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        all = all
            .iter()
            .flat_map(|before| {
                (0..axis.choices.len()).map(move |choice| {
                    let mut next: Vec<usize> = before.clone();
                    next.push(choice);
                    next
                })
            })
            .collect();
    }
    all.retain(|combination| {
        let of = |filters: &[Filter]| filters.iter().any(|filter| filter.holds(combination));
        (only.is_empty() || of(only)) && !of(exclude)
    });
    all
}

/// How many combinations there are before any is left out; none where the number is beyond counting.
pub(super) fn count(axes: &[Axis]) -> Option<usize> {
    let mut counts = axes.iter().map(|axis| axis.choices.len());
    counts.try_fold(1_usize, usize::checked_mul)
}
