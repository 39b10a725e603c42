//! A comparison as a table for terminals and as one for Markdown.

use std::fmt::{self, Display, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use indexmap::IndexSet;
use potstill_metrics::Unit;

use super::{Comparison, Role, Row, Setup};
use crate::human::{self, MISSING};
use crate::{MeasuredOn, Network, Spread};

/// The first columns are words and stand on the left; numbers stand on the right.
const WORDS: usize = 2;

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
        let lines = self.notes.iter().cloned().chain(self.legend());
        lines.fold(String::new(), |text, line| text + bullet + &line + "\n")
    }

    /// What the columns hold, for all tables together; nothing without a table.
    fn legend(&self) -> Vec<String> {
        if self.setups.is_empty() {
            return Vec::new();
        }
        let labels: IndexSet<&str> = self
            .setups
            .iter()
            .map(|setup| setup.headline.label.as_ref())
            .collect();
        let headline = labels.into_iter().collect::<Vec<_>>().join(", ");
        let points = self
            .setups
            .iter()
            .any(|setup| setup.headline.unit == Unit::Percent);
        let points = if points { ", in percentage points" } else { "" };
        let chosen_on = |part: MeasuredOn| self.setups.iter().any(|setup| setup.data.chosen_on() == part);
        let chosen = match (chosen_on(MeasuredOn::Validation), chosen_on(MeasuredOn::Test)) {
            (true, true) => {
                "chosen on the validation images, or on the test images where there are no others"
            }
            (true, false) => "which is chosen on the validation images",
            (false, _) => "which is chosen on the test images",
        };
        let has_both = self.setups.iter().any(Setup::has_both);
        let on = if has_both { " on the test images" } else { "" };
        let mut lines = vec![
            format!("{headline}: after the last epoch{on}, mean ± sample standard deviation over the seeds"),
            format!("best: mean of each run's best epoch, {chosen}"),
            format!("gain: how much better {headline} is than that of the student alone{points}"),
        ];
        if has_both {
            let line = format!("validation: {headline} after the last epoch on the validation images");
            lines.insert(1, line);
        }
        lines
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
        write!(
            out,
            "{model} ({} MACs) on {}: {}, {} classes, {epochs} epochs",
            human::magnitude(*macs),
            data.label(),
            data.counts(),
            human::count(data.classes as u64),
        )
    }
}

/// `91.93 ± 0.21`, or `91.93` for a single run.
fn spread(spread: Spread, unit: Unit) -> String {
    let mean = unit.number(spread.mean);
    match spread.std {
        Some(std) => format!("{mean} ± {}", unit.number(std)),
        None => mean,
    }
}

fn header(setup: &Setup) -> Vec<String> {
    let headline = &setup.headline;
    let symbol = headline.unit.symbol();
    let with_unit = |label: &str| format!("{label} {symbol}").trim_end().to_owned();
    let words = |text: &str| text.to_owned();
    let measured = match setup.measured_on() {
        MeasuredOn::Test => with_unit(&headline.label),
        MeasuredOn::Validation => with_unit(&format!("validation {}", headline.label)),
    };
    let mut header = vec![words("run"), words("methods"), words("seeds"), measured];
    header.extend(setup.has_both().then(|| with_unit("validation")));
    header.extend([
        with_unit("best"),
        words("gain"),
        words("parameters"),
        words("time"),
    ]);
    header
}

fn cells(row: &Row, setup: &Setup) -> Vec<String> {
    let headline = &setup.headline;
    let or_missing = |text: Option<String>| text.unwrap_or_else(|| MISSING.to_owned());
    let (last, unit) = (row.last(headline), headline.unit);
    let seeds = last.map_or(0, |last| last.n);
    let mut cells = vec![
        row.name.clone(),
        match row.role {
            Role::Alone => "none: student alone".to_owned(),
            Role::Distilled => row.methods.join(" + "),
            Role::Teacher => "teacher".to_owned(),
        },
        or_missing((row.role != Role::Teacher).then(|| seeds.to_string())),
        or_missing(last.map(|last| spread(last, unit))),
    ];
    let validated = || or_missing(row.validation.map(|found| spread(found, unit)));
    cells.extend(setup.has_both().then(validated));
    cells.extend([
        or_missing(row.best.map(|best| unit.number(best.mean))),
        or_missing(row.gain.map(|gain| human::gain(gain, unit))),
        human::count(row.params),
        or_missing(row.seconds.map(human::duration)),
    ]);
    cells
}

fn text_table(setup: &Setup) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(header(setup))
        .add_rows(setup.rows.iter().map(|row| cells(row, setup)));
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
    let header = header(setup);
    let rules = (0..header.len()).map(|column| if column < WORDS { "---" } else { "---:" }.to_owned());
    let mut text = markdown_line(header.clone()) + &markdown_line(rules);
    for row in &setup.rows {
        text += &markdown_line(cells(row, setup).iter().map(|cell| escape_markdown(cell)));
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
