//! `potstill explain`: what a name means, wherever it stands in a recipe.

use std::fmt::Write;

use clap::Args;
use potstill_data::DatasetEntry;
use potstill_methods::{MethodEntry, registry as methods, schema};
use potstill_models::ModelEntry;
use potstill_recipe::SchemaEntry;
use potstill_report::human;
use serde_json::{Value, json};

use crate::{
    commands::{
        list::{describe_dataset, describe_method, describe_model, tasks},
        print, print_json,
    },
    failure::Failure,
};

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArguments {
    /// A key (`train.optimizer.lr`, or the end of it), a method, an option (`kd.temperature`), a network or a
    /// data set; every key if not given.
    pub name: Option<String>,
    /// Print an array of objects.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  potstill explain train.optimizer.momentum
  potstill explain precision
  potstill explain review-kd
  potstill explain tst.bank --json";

/// One meaning of a name.
enum Meaning {
    Key(SchemaEntry),
    Method(&'static MethodEntry),
    Model(&'static ModelEntry),
    Dataset(&'static DatasetEntry),
}

/// Prints every meaning of the name.
pub fn run(arguments: &ExplainArguments) -> Result<(), Failure> {
    let Some(name) = &arguments.name else {
        return list(arguments.json);
    };
    let meanings = meanings(name)?;
    if arguments.json {
        return print_json(&meanings.iter().map(Meaning::json).collect::<Vec<_>>());
    }
    let texts: Vec<String> = meanings.iter().map(Meaning::text).collect();
    print(&texts.join("\n"))
}

/// Every key with its sentence.
fn list(as_json: bool) -> Result<(), Failure> {
    let entries = schema().entries();
    if as_json {
        return print_json(&entries);
    }
    let mut text = String::new();
    for entry in &entries {
        let kinds = match entry.only_for.as_slice() {
            [] => String::new(),
            kinds => format!(" ({})", kinds.join(", ")),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}{kinds}: {}", entry.key, entry.about);
    }
    print(&text)
}

fn meanings(name: &str) -> Result<Vec<Meaning>, Failure> {
    let mut found = Vec::new();
    found.extend(
        methods()
            .iter()
            .filter(|entry| entry.name == name)
            .map(Meaning::Method),
    );
    found.extend(
        potstill_models::registry()
            .filter(|entry| entry.name == name)
            .map(Meaning::Model),
    );
    let datasets = potstill_data::registry().iter();
    found.extend(datasets.filter(|entry| entry.name == name).map(Meaning::Dataset));
    let nearest_key = match schema().explain(name) {
        Ok(entries) => {
            found.extend(entries.into_iter().map(Meaning::Key));
            None
        }
        Err(nearest) => nearest,
    };
    if found.is_empty() {
        return Err(unknown(name, nearest_key.as_deref()));
    }
    Ok(found)
}

fn unknown(name: &str, nearest_key: Option<&str>) -> Failure {
    let mut known: Vec<&str> = methods().iter().map(|entry| entry.name).collect();
    known.extend(potstill_models::registry().map(|entry| entry.name));
    known.extend(potstill_data::registry().iter().map(|entry| entry.name));
    known.extend(nearest_key);
    let help = match potstill_base::nearest(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "`potstill explain` lists every key, `potstill list` methods, models and data sets".to_owned()
        }
    };
    Failure::Usage(format!(
        "no key, method, network or data set is called `{name}`; {help}"
    ))
}

impl Meaning {
    fn json(&self) -> Value {
        let (what, mut value) = match self {
            Self::Key(entry) => ("key", json!(entry)),
            Self::Method(entry) => {
                let mut value = describe_method(entry);
                value["options"] = json!(schema().options(entry.name));
                ("method", value)
            }
            Self::Model(entry) => ("model", describe_model(entry)),
            Self::Dataset(entry) => ("dataset", describe_dataset(entry)),
        };
        value["what"] = what.into();
        value
    }

    fn text(&self) -> String {
        match self {
            Self::Key(entry) => entry.to_string(),
            Self::Method(entry) => {
                let options: Vec<String> = schema()
                    .options(entry.name)
                    .iter()
                    .map(|entry| indented(&entry.to_string()))
                    .collect();
                format!("{}\n  Options\n\n{}", facts(entry), options.join("\n"))
            }
            Self::Model(entry) => {
                let [height, width] = entry.input;
                format!(
                    "{}, a network: {}\n  {} parameters, {} multiply-accumulates of an image of {height}x{width}, {} classes unless told \
                     otherwise\n  `potstill inspect {}` shows its modules and points\n",
                    entry.name,
                    entry.about,
                    entry
                        .parameters
                        .map_or("an unknown number of".into(), human::count),
                    entry.macs.map_or("an unknown number of".into(), human::count),
                    entry.classes,
                    entry.name,
                )
            }
            Self::Dataset(entry) => format!(
                "{}, a data set: {}\n  Licence: {}\n",
                entry.name, entry.description, entry.licence
            ),
        }
    }
}

/// What the lists say of a method, a line for each.
fn facts(entry: &MethodEntry) -> String {
    let MethodEntry {
        name,
        about,
        paper,
        source,
        needs,
        cost,
        weight,
        ..
    } = entry;
    let tasks = tasks(entry);
    format!(
        "{name}, a method: {about}\n  {paper}\n  {source}\n  Needs         {needs}\n  Costs         {cost}\n  Usual weight  {weight}\n  Tasks         \
         {tasks}\n"
    )
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| {
        let line = format!("    {line}");
        text + line.trim_end() + "\n"
    })
}
