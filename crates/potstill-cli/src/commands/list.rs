//! `potstill list`: what there is, for people and for programs.

use clap::{Args, ValueEnum};
use potstill_data::DatasetEntry;
use potstill_methods::{Group, MethodEntry};
use potstill_models::{ModelEntry, StageEnd};
use potstill_ops::Point;
use potstill_recipe::TaskKind;
use potstill_report::human;
use potstill_settings::Choice;
use serde_json::{Value, json};

use crate::{
    commands::{print, print_json},
    failure::Failure,
    recipes::{RECIPES, SWEEPS},
};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// What to name.
    pub what: Listed,
    /// Print an array of objects.
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Listed {
    /// Networks.
    Models,
    /// Distillation methods.
    Methods,
    /// Data sets with a name.
    Datasets,
    /// Recipes that come with the binary.
    Recipes,
    /// Sweeps that come with the binary.
    Sweeps,
}

/// Prints the list.
pub fn run(arguments: &ListArguments) -> Result<(), Failure> {
    let entries = match arguments.what {
        Listed::Models => models(),
        Listed::Methods => methods(),
        Listed::Datasets => datasets(),
        Listed::Recipes => recipes(),
        Listed::Sweeps => sweeps(),
    };
    if arguments.json {
        return print_json(&entries);
    }
    if let Listed::Methods = arguments.what {
        return print(&in_groups(potstill_methods::registry()));
    }
    let width = entries
        .iter()
        .filter_map(|entry| entry["name"].as_str())
        .map(str::len)
        .max()
        .unwrap_or(0);
    let lines = entries.iter().map(|entry| {
        let (name, about) = (
            entry["name"].as_str().unwrap_or(""),
            entry["about"].as_str().unwrap_or(""),
        );
        let size = entry["params"]
            .as_u64()
            .map_or(String::new(), |params| format!("{:>11}  ", human::count(params)));
        format!("{name:<width$}  {size}{about}\n")
    });
    print(&lines.collect::<String>())
}

fn models() -> Vec<Value> {
    potstill_models::registry().map(describe_model).collect()
}

/// A network as its registry entry tells it; nothing is built.
pub(super) fn describe_model(entry: &ModelEntry) -> Value {
    let points = |side: fn(&StageEnd) -> &Point| -> Vec<String> {
        entry
            .stage_ends()
            .iter()
            .map(|end| side(end).to_string())
            .collect()
    };
    json!({
        "name": entry.name,
        "about": entry.about,
        "task": entry.output_kind().task(),
        "params": entry.parameters,
        "macs": entry.macs,
        "flops": entry.macs.map(|macs| 2 * macs),
        "classes": entry.classes,
        "input": [entry.input[0], entry.input[1], 3],
        "stage_ends": { "after": points(|end| &end.post), "before": points(|end| &end.pre) },
        "weight_names": entry.names.scheme.to_string(),
        "head": entry.names.head,
        "public_weights": entry.weights,
    })
}

fn methods() -> Vec<Value> {
    potstill_methods::registry().iter().map(describe_method).collect()
}

/// A method as its registry entry tells it.
pub(super) fn describe_method(entry: &MethodEntry) -> Value {
    json!({
        "name": entry.name,
        "about": entry.about,
        "group": entry.group.name(),
        "paper": entry.paper,
        "year": entry.year,
        "source": entry.source,
        "needs": entry.needs,
        "cost": entry.cost,
        "weight": entry.weight,
        "usual_weight": entry.usual_weight,
        "tasks": entry.tasks,
        "limits": entry.limits,
    })
}

/// The methods by what they compare, each with its paper, what it needs and costs, and what it serves.
fn in_groups(methods: &[MethodEntry]) -> String {
    let width = methods.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let lines = |entry: &MethodEntry| {
        [
            format!("{:<width$}  {}", entry.name, entry.about),
            format!("{:width$}  {} ({})", "", entry.source, entry.paper),
            format!("{:width$}  needs {}; costs {}", "", entry.needs, entry.cost),
            format!("{:width$}  usual weight {}", "", entry.weight),
            format!("{:width$}  {}", "", tasks(entry)),
        ]
        .map(|line| format!("  {line}\n"))
        .concat()
    };
    let groups = Group::ALL.iter().zip(Group::NAMES).map(|(group, named)| {
        let own = methods.iter().filter(|entry| entry.group == *group);
        format!(
            "{}: {}\n{}",
            named.name,
            named.about,
            own.map(lines).collect::<String>()
        )
    });
    groups.collect::<Vec<_>>().join("\n")
}

/// The tasks that a method serves, and what it does not do on them.
pub(super) fn tasks(entry: &MethodEntry) -> String {
    let tasks: Vec<_> = entry.tasks.iter().map(TaskKind::to_string).collect();
    let limits = match entry.limits {
        "" => String::new(),
        limits => format!(" ({limits})"),
    };
    format!("{}{limits}", tasks.join(", "))
}

fn datasets() -> Vec<Value> {
    potstill_data::registry().iter().map(describe_dataset).collect()
}

/// A data set as its registry entry tells it.
pub(super) fn describe_dataset(entry: &DatasetEntry) -> Value {
    json!({
        "name": entry.name,
        "about": entry.description,
        "targets": entry.targets,
        "classes": entry.classes,
        "licence": entry.licence,
    })
}

fn recipes() -> Vec<Value> {
    let describe = |(name, text): &(&str, &str)| {
        // The recipes are checked by a test; one that could not be read would only lose its line here.
        let about = potstill_recipe::Recipe::from_text(text, name, &[])
            .ok()
            .and_then(|recipe| recipe.about);
        json!({ "name": name, "about": about })
    };
    RECIPES.iter().map(describe).collect()
}

fn sweeps() -> Vec<Value> {
    let describe = |(name, text): &(&str, &str)| {
        // They are checked by a test, as the recipes are.
        let about = potstill_recipe::Sweep::from_text(text, name)
            .ok()
            .and_then(|sweep| sweep.about);
        json!({ "name": name, "about": about })
    };
    SWEEPS.iter().map(describe).collect()
}
