//! The table of epochs.

use indexmap::IndexSet;
use potstill_metrics::{MetricInfo, Metrics};

use crate::human::{self, MISSING};
use crate::xml::escape;
use crate::{EpochRow, Summary};

/// Longer tables are folded away until asked for.
const OPEN_ROWS: usize = 30;

/// One column: its title, whether it holds words, and what it shows of a row.
struct Column<'a> {
    title: String,
    words: bool,
    cell: Box<dyn Fn(&EpochRow) -> String + 'a>,
}

/// Every epoch in a row, with a column only for what some row has. The best epoch is marked.
pub(super) fn table(summary: &Summary, rows: &[EpochRow]) -> String {
    let columns = columns(summary, rows);
    let class = |column: &Column<'_>| if column.words { " class=\"word\"" } else { "" };
    let head = columns
        .iter()
        .map(|column| format!("<th{}>{}</th>", class(column), escape(&column.title)));
    let lines = rows.iter().map(|row| {
        let cells = columns.iter().map(|column| {
            let cell = (column.cell)(row);
            format!("<td{}>{}</td>", class(column), escape(&cell))
        });
        let best = if row.epoch == summary.best.epoch && row.chosen_by().is_some() {
            " class=\"best\""
        } else {
            ""
        };
        format!("<tr{best}>{}</tr>\n", cells.collect::<String>())
    });
    let table = format!(
        "<div class=\"card scroll\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        head.collect::<String>(),
        lines.collect::<String>()
    );
    if rows.len() <= OPEN_ROWS {
        return table;
    }
    format!(
        "<details><summary>All {} epochs</summary>\n{table}</details>\n",
        rows.len()
    )
}

fn columns<'a>(summary: &'a Summary, rows: &'a [EpochRow]) -> Vec<Column<'a>> {
    let mut columns = vec![number("epoch", |row| row.epoch.to_string())];
    if rows.windows(2).any(|pair| pair[0].phase != pair[1].phase) {
        columns.push(Column {
            words: true,
            ..number("phase", |row| row.phase.clone())
        });
    }
    columns.push(number("learning rate", |row| human::rate(row.lr)));
    columns.push(number("train loss", |row| human::decimals(row.train.loss, 4)));
    let names = rows
        .iter()
        .flat_map(|row| row.train.terms.keys())
        .map(String::as_str);
    let names: IndexSet<&str> = names.collect();
    // A single term says what the loss says, but for its weight.
    for name in names.iter().filter(|_| names.len() > 1) {
        columns.push(number(name, |row| {
            or_missing(row.train.terms.get(*name).copied(), 4)
        }));
    }
    let sides: [(&str, Found); 3] = [
        ("train", |row| Some(&row.train.metrics)),
        ("validation", |row| row.validation.as_ref()),
        ("test", |row| row.test.as_ref()),
    ];
    for (side, of) in sides {
        columns.extend(
            summary
                .metrics
                .iter()
                .filter_map(|metric| measured(rows, side, of, metric)),
        );
    }
    columns.push(number("time", |row| human::duration(row.seconds)));
    columns
}

/// What a row holds of the images of one part.
type Found = fn(&EpochRow) -> Option<&Metrics>;

/// The column of a metric, if some row has it.
fn measured<'a>(rows: &[EpochRow], side: &str, of: Found, metric: &'a MetricInfo) -> Option<Column<'a>> {
    let value = move |row: &EpochRow| of(row).and_then(|metrics| metrics.of(metric));
    let title = format!("{side} {}", metric.label);
    rows.iter().any(|row| value(row).is_some()).then(|| {
        number(&title, move |row| match value(row) {
            Some(value) => metric.unit.number(value),
            None => MISSING.to_owned(),
        })
    })
}

fn number<'a>(title: &str, cell: impl Fn(&EpochRow) -> String + 'a) -> Column<'a> {
    Column {
        title: title.to_owned(),
        words: false,
        cell: Box::new(cell),
    }
}

fn or_missing(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| human::decimals(value, places))
}
