//! `potstill list`: what there is, for people and for programs.

use clap::{Args, ValueEnum};
use potstill_data::DatasetEntry;
use potstill_methods::MethodEntry;
use potstill_models::{ModelEntry, StageEnd};
use potstill_ops::Point;
use potstill_report::human;
use serde_json::{Value, json};

use crate::{
    commands::{print, print_json},
    failure::Failure,
    recipes::RECIPES,
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
}

/// Prints the list.
pub fn run(arguments: &ListArguments) -> Result<(), Failure> {
    let entries = match arguments.what {
        Listed::Models => models(),
        Listed::Methods => methods(),
        Listed::Datasets => datasets(),
        Listed::Recipes => recipes(),
    };
    if arguments.json {
        return print_json(&entries);
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
        let serves = serves(entry).map_or(String::new(), |serves| format!("{:width$}  {serves}\n", ""));
        format!("{name:<width$}  {size}{about}\n{serves}")
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
        "source": entry.source,
        "tasks": entry.tasks,
        "limits": entry.limits,
    })
}

fn datasets() -> Vec<Value> {
    potstill_data::registry().iter().map(describe_dataset).collect()
}

/// The tasks that a method serves, in a line with what it does not do on them; none of another entry.
fn serves(entry: &Value) -> Option<String> {
    let tasks = entry["tasks"].as_array()?.iter().filter_map(Value::as_str);
    let tasks = tasks.collect::<Vec<_>>().join(", ");
    Some(match entry["limits"].as_str() {
        None | Some("") => tasks,
        Some(limits) => format!("{tasks} ({limits})"),
    })
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
