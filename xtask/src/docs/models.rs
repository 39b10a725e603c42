//! The tables of networks: all is the registry's, but for the last column of classifiers, which is measured by a test and kept as it
//! is.

use serde_json::Value;

use super::{Error, page};

/// The largest side of what counts as a small image.
const SMALL: u64 = 64;

/// The page with its tables.
pub fn page(page: &str, models: &[Value]) -> Result<String, Error> {
    let is_small = |model: &&Value| model["input"][0].as_u64().is_some_and(|side| side <= SMALL);
    let is_classifier = |model: &&Value| model["task"] == "classification";
    let (classifiers, dense): (Vec<&Value>, Vec<&Value>) = models.iter().partition(is_classifier);
    let (small, large): (Vec<&Value>, Vec<&Value>) = classifiers.into_iter().partition(is_small);
    let difference = |model: &Value| {
        let name = format!("`{}`", page::text(model, "name"));
        measured(page, &name).unwrap_or("not measured yet").to_owned()
    };
    let task = |model: &Value| page::text(model, "task").to_owned();
    let with_small = page::replace(page, "small networks", &table(&small, "difference", difference))?;
    let with_large = page::replace(
        &with_small,
        "imagenet networks",
        &table(&large, "difference", difference),
    )?;
    page::replace(&with_large, "dense networks", &table(&dense, "task", task))
}

fn table(models: &[&Value], last: &str, cell: impl Fn(&Value) -> String) -> String {
    let head = [
        "network",
        "parameters",
        "FLOPs",
        "input",
        "classes",
        "names",
        last,
    ];
    let mut table = page::row(&head) + "|---|---|---|---|---|---|---|\n";
    for model in models {
        let name = format!("`{}`", page::text(model, "name"));
        let number = |key: &str| model[key].as_u64().unwrap_or_default();
        let [height, width] = [0, 1].map(|side| model["input"][side].as_u64().unwrap_or_default());
        table += &page::row(&[
            &name,
            &grouped(number("params")),
            &format!("{:.3} G", 1e-9 * number("flops") as f64),
            &format!("{height}x{width}"),
            &number("classes").to_string(),
            page::text(model, "weight_names"),
            &cell(model),
        ]);
    }
    table
}

/// The last cell of the network's row in the page.
fn measured<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| {name} |")))?;
    row.trim_end_matches([' ', '|']).rsplit('|').next().map(str::trim)
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}
