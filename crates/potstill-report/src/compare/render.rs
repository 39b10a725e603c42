//! A comparison as a table for terminals and as one for Markdown.

use std::fmt::{self, Display, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};

use super::{Comparison, Role, Row, Setup};
use crate::human::{self, MISSING};
use crate::{Network, Spread};

const HEADER: [&str; 8] = [
    "run",
    "methods",
    "seeds",
    "top-1 %",
    "best %",
    "gain",
    "parameters",
    "time",
];
/// The first columns are words and stand on the left; numbers stand on the right.
const WORDS: usize = 2;

const LEGEND: [&str; 3] = [
    "top-1: after the last epoch, mean ± sample standard deviation over the seeds",
    "best: mean of each run's best epoch, which is chosen on the test images",
    "gain: top-1 less that of the student alone, in percentage points",
];

impl Comparison {
    /// Tables for a terminal, as wide as they need to be.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for setup in &self.setups {
            let _ = write!(text, "{setup}\n\n{}\n\n", text_table(setup));
        }
        text + &self.footer("")
    }

    /// Tables for Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for setup in &self.setups {
            let _ = write!(
                text,
                "**{}**\n\n{}\n",
                escape_markdown(&setup.to_string()),
                markdown_table(setup)
            );
        }
        text + &self.footer("- ")
    }

    fn footer(&self, bullet: &str) -> String {
        let lines = self.notes.iter().map(String::as_str).chain(LEGEND);
        lines.fold(String::new(), |text, line| text + bullet + line + "\n")
    }
}

impl Display for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            student: Network { model, macs, .. },
            data,
            epochs,
            ..
        } = self;
        let [train, test, classes] =
            [data.train_images, data.test_images, data.classes].map(|n| human::count(n as u64));
        write!(
            out,
            "{model} ({} MACs) on {}: {train} training and {test} test images, {classes} classes, {epochs} epochs",
            human::magnitude(*macs),
            data.label(),
        )
    }
}

impl Display for Spread {
    /// `91.93 ± 0.21`, or `91.93` for a single run.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&human::points(self.mean))?;
        match self.std {
            Some(std) => write!(out, " ± {}", human::points(std)),
            None => Ok(()),
        }
    }
}

fn cells(row: &Row) -> [String; 8] {
    let or_missing = |text: Option<String>| text.unwrap_or_else(|| MISSING.to_owned());
    let seeds = row.top1.map_or(0, |top1| top1.n);
    [
        row.name.clone(),
        match row.role {
            Role::Alone => "none: student alone".to_owned(),
            Role::Distilled => row.methods.join(" + "),
            Role::Teacher => "teacher".to_owned(),
        },
        or_missing((row.role != Role::Teacher).then(|| seeds.to_string())),
        or_missing(row.top1.map(|top1| top1.to_string())),
        or_missing(row.best.map(|best| human::points(best.mean))),
        or_missing(row.gain.map(human::gain)),
        human::count(row.params),
        or_missing(row.seconds.map(human::duration)),
    ]
}

fn text_table(setup: &Setup) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(HEADER)
        .add_rows(setup.rows.iter().map(cells));
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    for column in table.column_iter_mut().skip(WORDS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // comfy-table fills the last column with blanks; trailing blanks only hurt in logs and diffs.
    table
        .to_string()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

fn markdown_table(setup: &Setup) -> String {
    let rules = (0..HEADER.len()).map(|column| if column < WORDS { "---" } else { "---:" }.to_owned());
    let mut text = markdown_line(HEADER.map(str::to_owned)) + &markdown_line(rules);
    for row in &setup.rows {
        text += &markdown_line(cells(row).map(|cell| escape_markdown(&cell)));
    }
    text
}

fn markdown_line(cells: impl IntoIterator<Item = String>) -> String {
    cells
        .into_iter()
        .fold(String::from("|"), |line, cell| line + " " + &cell + " |")
        + "\n"
}

/// Keeps a name from being read as Markdown.
pub(crate) fn escape_markdown(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, character| {
            if matches!(character, '|' | '*' | '`' | '<' | '[' | '\\') {
                escaped.push('\\');
            }
            escaped.push(if character.is_control() { ' ' } else { character });
            escaped
        })
}
