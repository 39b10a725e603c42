//! The model card: `README.md` beside a student's weights, in the form that model hubs read.

mod front_matter;
mod onnx;
mod task;

use std::fmt::Write;

pub use onnx::{OnnxFacts, onnx_card};

use potstill_metrics::{LOSS, Metrics};

use crate::compare::escape_markdown as escape;
use crate::human::{self, MISSING};
use crate::{Comparison, Data, MeasuredOn, Summary};

/// What a card is made from. Licences are told apart, because those of weights, teacher and images often
/// differ.
#[derive(Debug, Clone, Copy)]
pub struct CardFacts<'a> {
    /// The run.
    pub summary: &'a Summary,
    /// The text of the resolved recipe, or what a program says that it made.
    pub recipe: &'a str,
    /// The command that repeats the run, with the recipe saved as `recipe.toml`; `None` for a run that a program made without one.
    pub command: Option<&'a str>,
    /// The licence of the student's weights, as a hub names it (`mit`, `apache-2.0`).
    pub license: Option<&'a str>,
    /// The licence of the teacher's weights.
    pub teacher_license: Option<&'a str>,
    /// The licence of the images.
    pub data_license: Option<&'a str>,
    /// What the images are called on a hub; without it, a name is taken from the training source.
    pub data_name: Option<&'a str>,
    /// This run's recipe beside others, if they were compared.
    pub comparison: Option<&'a Comparison>,
}

const NOT_STATED: &str = "not stated";

/// What holds the weights in a folder with safetensors.
const SAFETENSORS: &str = "`model.safetensors` holds the weights under the names that PyTorch uses";

/// The text of the card: YAML front matter, then Markdown.
pub fn model_card(facts: &CardFacts<'_>) -> String {
    card(facts, SAFETENSORS)
}

/// The text of a card, in which `weights` says where the weights are.
fn card(facts: &CardFacts<'_>, weights: &str) -> String {
    let sections = [
        front_matter::front_matter(facts),
        format!("# {}\n\n{}\n", escape(&facts.summary.name), about(facts)),
        format!("## Intended use\n\n{}\n", intended_use(facts, weights)),
        format!("## Results\n\n{}", results(facts)),
        format!("## How it was trained\n\n{}", training(facts)),
        format!("## How to reproduce it\n\n{}", reproduce(facts)),
        format!("## Licences\n\n{}", licenses(facts)),
        format!("## Limits\n\n{}", limits(facts)),
    ];
    sections.join("\n")
}

impl CardFacts<'_> {
    fn data_name(&self) -> &str {
        self.data_name.unwrap_or_else(|| self.summary.data.label())
    }
}

fn about(facts: &CardFacts<'_>) -> String {
    let Summary {
        student,
        teachers,
        methods,
        ..
    } = facts.summary;
    let (model, data) = (escape(&student.model), escape(facts.data_name()));
    let names: Vec<String> = teachers
        .iter()
        .map(|teacher| format!("a {}", escape(&teacher.network.model)))
        .collect();
    let taught = if names.is_empty() {
        ", trained without a teacher".to_owned()
    } else {
        format!(
            ", distilled from {} by {}",
            names.join(" and "),
            escape(&methods.join(" + "))
        )
    };
    let unfinished = if facts.summary.finished {
        String::new()
    } else {
        format!(
            "\n\n**The run is not finished**: these are the weights after epoch {} of {}.",
            facts.summary.last.epoch, facts.summary.epochs
        )
    };
    format!("A {model} for {data}{taught}.{unfinished}")
}

fn intended_use(facts: &CardFacts<'_>, weights: &str) -> String {
    let Summary { task, data, .. } = facts.summary;
    let name = escape(facts.data_name());
    let what = task::use_of(task, data.classes, &name);
    format!(
        "{what}, where a larger network is too slow or too big. {weights}; `config.json` holds the architecture, the names of the classes, the input's size and its \
         mean and standard deviation."
    )
}

fn results(facts: &CardFacts<'_>) -> String {
    let summary = facts.summary;
    let Summary {
        best,
        teachers,
        student,
        data,
        ..
    } = summary;
    let headline = &summary.metrics.headline;
    let text = |metrics: &Metrics| {
        headline
            .unit
            .text(summary.headline_of(metrics).unwrap_or(f64::NAN))
    };
    let label = &headline.label;
    let last = summary.last_metrics();
    let (on, chosen) = (summary.measured_on(), data.chosen_on());
    let which = if on == chosen { "these" } else { "the" };
    let mut lines = vec![
        (format!("{label}, last epoch"), text(last)),
        (
            format!("{label}, best epoch (chosen on {which} {} images)", chosen.word()),
            format!("{}, epoch {}", text(summary.best_metrics()), best.epoch),
        ),
    ];
    if let (Some(found), MeasuredOn::Test) = (&summary.validation, on) {
        let images = human::count(data.validation_images as u64);
        lines.push((
            format!("{label} on {images} validation images, best epoch"),
            text(&found.best),
        ));
    }
    // The loss says little to those who did not train the network.
    let others = summary.metrics.others.iter().filter(|metric| **metric != LOSS);
    lines.extend(others.filter_map(|metric| {
        let value = last.of(metric)?;
        Some((format!("{}, last epoch", metric.label), metric.unit.text(value)))
    }));
    lines.extend(teachers.iter().filter_map(|teacher| {
        let found = summary.teacher_metrics(teacher);
        summary.headline_of(found)?;
        let name = match teachers.len() {
            1 => "the teacher",
            _ => &teacher.name,
        };
        Some((format!("{label} of {name}"), text(found)))
    }));
    let mut line = |name: &str, value: String| lines.push((name.to_owned(), value));
    line("parameters", human::count(student.params));
    line(
        "multiply-accumulates for one image",
        human::magnitude(student.macs),
    );
    let images = match on {
        MeasuredOn::Test => data.test_images,
        MeasuredOn::Validation => data.validation_images,
    };
    let mut text = format!(
        "On the {} {} images of {}.\n\n{}",
        human::count(images as u64),
        on.word(),
        escape(facts.data_name()),
        table(&lines)
    );
    if let Some(comparison) = facts.comparison {
        let _ = write!(text, "\nBeside other runs:\n\n{}", comparison.markdown());
    }
    text
}

fn training(facts: &CardFacts<'_>) -> String {
    let summary = facts.summary;
    let teachers = summary.teachers.iter().map(|teacher| {
        let network = &teacher.network;
        format!(
            "{}, {} parameters",
            escape(&network.model),
            human::count(network.params)
        )
    });
    let teachers: Vec<String> = teachers.collect();
    let teacher = if teachers.is_empty() {
        "none".to_owned()
    } else {
        teachers.join("; ")
    };
    let methods = if summary.methods.is_empty() {
        "none".to_owned()
    } else {
        escape(&summary.methods.join(" + "))
    };
    let step = summary
        .step_ms_median
        .map_or_else(|| MISSING.to_owned(), |step| format!("{step:.1} ms (median)"));
    table(&[
        ("teacher", teacher),
        ("methods", methods),
        ("training images", training_images(&summary.data)),
        ("epochs", format!("{} of {}", summary.last.epoch, summary.epochs)),
        ("seed", summary.seed.to_string()),
        ("time", human::duration(summary.seconds)),
        ("training step", step),
        ("processor threads", summary.threads.to_string()),
        ("Potstill", escape(&summary.potstill)),
    ])
}

/// How many training images there are, and of how many the label is known, if not of all.
fn training_images(data: &Data) -> String {
    let all = human::count(data.train_images as u64);
    match data.labelled_images {
        Some(labelled) => format!("{all}, of which {} have labels", human::count(labelled as u64)),
        None => all,
    }
}

fn reproduce(facts: &CardFacts<'_>) -> String {
    let recipe = facts.recipe.trim_end();
    // The fence has to be longer than any row of backticks inside it.
    let longest = recipe
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let Summary {
        potstill,
        recipe_hash,
        ..
    } = facts.summary;
    let how = match facts.command {
        Some(command) => format!("Save this as `recipe.toml` and run `{command}` with Potstill {potstill}."),
        None => format!("A program that uses Potstill {potstill} made this run without a recipe."),
    };
    format!("{how} The recipe's hash is `{recipe_hash}`.\n\n{fence}toml\n{recipe}\n{fence}\n")
}

fn licenses(facts: &CardFacts<'_>) -> String {
    let stated = |license: Option<&str>| license.map_or_else(|| NOT_STATED.to_owned(), escape);
    let teacher = if facts.summary.teachers.is_empty() {
        "no teacher".to_owned()
    } else {
        stated(facts.teacher_license)
    };
    let mut lines = vec![
        ("these weights", stated(facts.license)),
        ("the teacher's weights", teacher),
        ("the images", stated(facts.data_license)),
    ];
    let source = facts.summary.source.as_deref();
    lines.extend(source.map(|source| ("where teacher and images come from", escape(source))));
    table(&lines) + "\nWhat the teacher and the images allow may limit what these weights may be used for.\n"
}

fn limits(facts: &CardFacts<'_>) -> String {
    let mut limits = vec![match facts.summary.measured_on() {
        MeasuredOn::Test => {
            "It was measured on these test images only; pictures of another kind can do much worse, and nothing here \
             measures bias or robustness."
        }
        MeasuredOn::Validation => {
            "It was measured on these validation images only, by which its best epoch was chosen, and on no test images; \
             pictures of another kind can do much worse, and nothing here measures bias or robustness."
        }
    }];
    if !facts.summary.teachers.is_empty() {
        limits.push("It learned from its teacher's answers and can have learned the teacher's mistakes.");
    }
    if facts.comparison.is_none() {
        limits.push("The numbers are those of one run with one seed, without a spread.");
    }
    limits
        .iter()
        .fold(String::new(), |text, limit| text + "- " + limit + "\n")
}

fn table<N: AsRef<str>>(lines: &[(N, String)]) -> String {
    lines
        .iter()
        .fold("| | |\n| --- | --- |\n".to_owned(), |text, (name, value)| {
            text + "| " + name.as_ref() + " | " + value + " |\n"
        })
}
