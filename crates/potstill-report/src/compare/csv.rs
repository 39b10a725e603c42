//! A comparison as comma-separated values: one line for each row of all tables, numbers as they are.

use super::{Comparison, Role, Row, Setup};
use crate::Spread;

/// The columns. `seeds` is a count; times are seconds; the metric's own unit holds for all that is measured by it.
const COLUMNS: [&str; 28] = [
    "task",
    "data",
    "classes",
    "train_images",
    "validation_images",
    "test_images",
    "epochs",
    "student",
    "role",
    "run",
    "teacher",
    "methods",
    "metric",
    "seeds",
    "mean",
    "std",
    "validation_mean",
    "validation_std",
    "best_mean",
    "best_std",
    "gain",
    "pairs",
    "paired_gain",
    "p",
    "published",
    "parameters",
    "macs",
    "seconds",
];

impl Comparison {
    /// All tables as one, for a spreadsheet or a program, by RFC 4180. What is not known is empty.
    pub fn csv(&self) -> String {
        let mut text = line(COLUMNS.map(str::to_owned));
        for setup in &self.setups {
            for row in setup.paper_rows() {
                text += &line(fields(setup, row));
            }
        }
        text
    }
}

fn fields(setup: &Setup, row: &Row) -> [String; 28] {
    let data = &setup.data;
    let last = row.last(&setup.headline);
    let mean = |spread: Option<Spread>| number(spread.map(|spread| spread.mean));
    let std = |spread: Option<Spread>| number(spread.and_then(|spread| spread.std));
    let paired = row.paired.as_ref();
    [
        setup.task.clone(),
        data.label().to_owned(),
        data.classes.to_string(),
        data.train_images.to_string(),
        data.validation_images.to_string(),
        data.test_images.to_string(),
        setup.epochs.to_string(),
        setup.student.model.clone(),
        match row.role {
            Role::Alone => "alone",
            Role::Distilled => "distilled",
            Role::Teacher => "teacher",
        }
        .to_owned(),
        row.name.clone(),
        row.teachers.join(" + "),
        row.methods.join(" + "),
        setup.headline.name.clone().into_owned(),
        last.map_or_else(String::new, |last| last.n.to_string()),
        mean(last),
        std(last),
        mean(row.validation),
        std(row.validation),
        mean(row.best),
        std(row.best),
        number(row.gain),
        paired.map_or_else(String::new, |paired| paired.pairs.to_string()),
        number(paired.and_then(|paired| paired.mean)),
        number(paired.and_then(|paired| paired.p)),
        number(row.published.as_ref().map(|published| published.value)),
        row.params.to_string(),
        row.macs.to_string(),
        number(row.seconds),
    ]
}

fn number(value: Option<f64>) -> String {
    let finite = value.filter(|value| value.is_finite());
    finite.map_or_else(String::new, |value| value.to_string())
}

/// A line, ended as RFC 4180 wants it; a cell with a comma, a quote or a line break stands in quotes.
fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(&cell)).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
