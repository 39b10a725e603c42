//! The cells of a table, which every form of it has in common, and what its columns hold.

use indexmap::IndexSet;
use potstill_metrics::Unit;

use super::paired::FEWEST_PAIRS;
use super::{Comparison, Paired, Role, Row, Setup};
use crate::human::{self, MISSING};
use crate::published::source_of;
use crate::{MeasuredOn, Spread};

/// The first columns are words and stand on the left; numbers stand on the right.
pub(super) const WORDS: usize = 2;

/// The table of a setup, cell by cell.
pub(super) struct Cells {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Which columns a table has besides those that every table has.
#[derive(Clone, Copy)]
struct Columns {
    validation: bool,
    paired: bool,
    published: bool,
}

impl Setup {
    /// The table for a terminal: the student alone first, and the test only where it says something.
    pub(super) fn for_terminal(&self) -> Cells {
        self.cells_of(self.rows.iter(), self.columns(|paired| paired.p.is_some()))
    }

    /// The table as papers have it: the teacher, the student alone, each method.
    pub(super) fn on_paper(&self) -> Cells {
        self.cells_of(self.paper_rows().into_iter(), self.columns(|_| true))
    }

    /// The rows in the order of papers.
    pub(super) fn paper_rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.role != Role::Teacher);
        rows
    }

    fn columns(&self, says: impl Fn(&Paired) -> bool) -> Columns {
        Columns {
            validation: self.has_both(),
            paired: self.rows.iter().filter_map(|row| row.paired.as_ref()).any(says),
            published: self.rows.iter().any(|row| row.published.is_some()),
        }
    }

    fn cells_of<'a>(&self, rows: impl Iterator<Item = &'a Row>, columns: Columns) -> Cells {
        Cells {
            header: self.header(columns),
            rows: rows.map(|row| self.row(row, columns)).collect(),
        }
    }

    fn header(&self, columns: Columns) -> Vec<String> {
        let headline = &self.headline;
        let symbol = headline.unit.symbol();
        let with_unit = |label: &str| format!("{label} {symbol}").trim_end().to_owned();
        let words = |text: &str| text.to_owned();
        let measured = match self.measured_on() {
            MeasuredOn::Test => with_unit(&headline.label),
            MeasuredOn::Validation => with_unit(&format!("validation {}", headline.label)),
        };
        let mut header = vec![words("run"), words("methods"), words("seeds"), measured];
        header.extend(columns.validation.then(|| with_unit("validation")));
        header.extend([with_unit("best"), words("gain")]);
        header.extend(columns.paired.then(|| words("p (pairs)")));
        header.extend(columns.published.then(|| with_unit("published")));
        header.extend([words("parameters"), words("time")]);
        header
    }

    fn row(&self, row: &Row, columns: Columns) -> Vec<String> {
        let headline = &self.headline;
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
        cells.extend(columns.validation.then(validated));
        cells.push(or_missing(row.best.map(|best| unit.number(best.mean))));
        cells.push(or_missing(row.gain.map(|gain| human::gain(gain, unit))));
        cells.extend(
            columns
                .paired
                .then(|| or_missing(row.paired.as_ref().map(paired))),
        );
        let published = || or_missing(row.published.as_ref().map(|found| found.text(unit)));
        cells.extend(columns.published.then(published));
        cells.push(human::count(row.params));
        cells.push(or_missing(row.seconds.map(human::duration)));
        cells
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

/// `0.031 (3)`; without a probability how many pairs there are.
fn paired(paired: &Paired) -> String {
    match (paired.pairs, paired.p) {
        (0, _) => "unpaired".to_owned(),
        (pairs, None) => format!("{MISSING} ({pairs})"),
        (pairs, Some(p)) if p < 0.001 => format!("< 0.001 ({pairs})"),
        (pairs, Some(p)) => format!("{p:.3} ({pairs})"),
    }
}

impl Comparison {
    /// What is to be said below the tables: notes, and what the columns hold.
    pub(super) fn footer(&self, on_paper: bool) -> Vec<String> {
        self.notes.iter().cloned().chain(self.legend(on_paper)).collect()
    }

    /// What the columns hold, for all tables together; nothing without a table.
    fn legend(&self, on_paper: bool) -> Vec<String> {
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
        let has_both = self.setups.iter().any(Setup::has_both);
        let on = if has_both { " on the test images" } else { "" };
        let mut lines = vec![format!(
            "{headline}: after the last epoch{on}, mean ± sample standard deviation over the seeds"
        )];
        lines.extend(
            has_both.then(|| format!("validation: {headline} after the last epoch on the validation images")),
        );
        lines.push(format!("best: mean of each run's best epoch, {}", self.chosen()));
        lines.push(format!(
            "gain: how much better {headline} is than that of the student alone{points}"
        ));
        lines.extend(self.legend_of_pairs(on_paper));
        lines.extend(self.legend_of_figures());
        lines
    }

    /// By which images the best epochs are chosen.
    fn chosen(&self) -> &'static str {
        let on = |part: MeasuredOn| self.setups.iter().any(|setup| setup.data.chosen_on() == part);
        match (on(MeasuredOn::Validation), on(MeasuredOn::Test)) {
            (true, true) => {
                "chosen on the validation images, or on the test images where there are no others"
            }
            (true, false) => "which is chosen on the validation images",
            (false, _) => "which is chosen on the test images",
        }
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.setups.iter().flat_map(|setup| &setup.rows)
    }

    fn legend_of_pairs(&self, on_paper: bool) -> Option<String> {
        let mut pairs = self.rows().filter_map(|row| row.paired.as_ref());
        let says = pairs.any(|paired| on_paper || paired.p.is_some());
        says.then(|| {
            format!(
                "p (pairs): paired t-test against the student alone, two-sided, over the seeds that both have, of which it needs \
                 {FEWEST_PAIRS}; not corrected for the number of rows"
            )
        })
    }

    fn legend_of_figures(&self) -> Vec<String> {
        let figures: Vec<_> = self.rows().filter_map(|row| row.published.as_ref()).collect();
        if figures.is_empty() {
            return Vec::new();
        }
        let sources: IndexSet<&str> = figures.iter().map(|figure| source_of(&figure.source)).collect();
        let mut lines = vec![format!(
            "published: under the papers' own protocol, mostly the best epoch on the test images, so to be compared with `best`; from {}",
            sources.into_iter().collect::<Vec<_>>().join("; ")
        )];
        let doubts: IndexSet<&str> = figures
            .iter()
            .filter_map(|figure| figure.doubt.as_deref())
            .collect();
        lines.extend(doubts.into_iter().map(|doubt| format!("?: {doubt}")));
        lines
    }
}
