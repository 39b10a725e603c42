//! The headline, the loss and the learning rate over the epochs.

use std::fmt::Write;

use potstill_metrics::{LOSS, MetricInfo};

use crate::chart::{Chart, STYLE, Series, WIDTH};
use crate::{EpochRow, IndexMap, human};

/// The rows of one run under the name it has in the legend. Runs of one name, such as the seeds of one
/// recipe, share a colour.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// The name.
    pub name: &'a str,
    /// The run's epochs in order.
    pub rows: &'a [EpochRow],
}

/// One SVG file with the headline beside the loss, both on the test images.
///
/// A single run is shown with its training curves and what its methods have learned as well.
pub fn curves_svg(curves: &[Curve<'_>], headline: &MetricInfo) -> String {
    let charts = match curves {
        [only] => [of_headline(only.rows, headline), loss(only.rows)]
            .into_iter()
            .chain(notes(only.rows))
            .collect(),
        _ => vec![
            tested(format!("Test {}", titled(headline)), curves, headline),
            tested("Test loss".to_owned(), curves, &LOSS),
        ],
    };
    let gap = 24.0;
    let width = (WIDTH + gap) * charts.len() as f64;
    let height = charts.iter().map(Chart::height).fold(0.0, f64::max) + gap;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (index, chart) in charts.iter().enumerate() {
        let x = gap / 2.0 + index as f64 * (WIDTH + gap);
        let _ = write!(
            svg,
            "<g transform=\"translate({x} {})\">\n{}</g>\n",
            gap / 2.0,
            chart.drawing()
        );
    }
    svg + "</svg>\n"
}

/// Every chart of one run that has something to show.
pub(crate) fn run_charts(rows: &[EpochRow], headline: &MetricInfo) -> Vec<Chart> {
    let rate = Chart {
        title: "Learning rate".to_owned(),
        series: vec![Series {
            name: String::new(),
            color: 7,
            faint: false,
            points: points(rows, |row| (!row.search).then_some(row.lr)),
        }],
    };
    let charts = [of_headline(rows, headline), loss(rows), terms(rows), rate];
    let charts = charts.into_iter().chain(notes(rows));
    charts.filter(|chart| !chart.is_empty()).collect()
}

fn of_headline(rows: &[EpochRow], headline: &MetricInfo) -> Chart {
    train_and_test(
        &human::heading(&titled(headline)),
        ["test", "train, augmented"],
        points(rows, |row| of_test(row, headline)),
        points(rows, |row| row.train.metrics.of(headline)),
    )
}

/// A metric with its unit: `top-1, %`.
fn titled(metric: &MetricInfo) -> String {
    match metric.unit.symbol() {
        "" => metric.label.clone().into_owned(),
        symbol => format!("{}, {symbol}", metric.label),
    }
}

fn of_test(row: &EpochRow, metric: &MetricInfo) -> Option<f64> {
    row.test.as_ref().and_then(|test| test.of(metric))
}

/// The two losses differ by more than the images: training minimises the sum of all terms, the test has the
/// task's own.
fn loss(rows: &[EpochRow]) -> Chart {
    train_and_test(
        "Loss",
        ["test, the task's own", "train, all terms"],
        points(rows, |row| of_test(row, &LOSS)),
        points(rows, |row| (!row.search).then_some(row.train.loss)),
    )
}

fn train_and_test(title: &str, names: [&str; 2], test: Vec<(f64, f64)>, train: Vec<(f64, f64)>) -> Chart {
    let [test_name, train_name] = names.map(str::to_owned);
    let series = [
        Series {
            name: train_name,
            color: 1,
            faint: true,
            points: train,
        },
        Series {
            name: test_name,
            color: 0,
            faint: false,
            points: test,
        },
    ];
    let series = series
        .into_iter()
        .filter(|series| !series.points.is_empty())
        .collect();
    Chart {
        title: title.to_owned(),
        series,
    }
}

/// The terms of the training loss before their weights, in the order in which the run first names them.
fn terms(rows: &[EpochRow]) -> Chart {
    let mut lines: IndexMap<&str, Vec<(f64, f64)>> = IndexMap::new();
    for row in rows {
        for (name, value) in &row.train.terms {
            lines.entry(name).or_default().push((row.epoch as f64, *value));
        }
    }
    let series = lines
        .into_iter()
        .enumerate()
        .map(|(color, (name, points))| Series {
            name: name.to_owned(),
            // The first two colours mean test and training in the charts beside this one.
            color: color + 2,
            faint: false,
            points,
        });
    Chart {
        title: "Terms of the training loss, unweighted".to_owned(),
        series: series.collect(),
    }
}

/// Points by the name of their line.
type Lines<'a> = IndexMap<&'a str, Vec<(f64, f64)>>;

/// What methods learned besides weights: a chart for each kind, which is a note's name up to its last dot, with a line for each
/// note of the kind.
fn notes(rows: &[EpochRow]) -> Vec<Chart> {
    let mut kinds: IndexMap<&str, Lines<'_>> = IndexMap::new();
    for row in rows {
        for (name, value) in &row.notes {
            let (kind, line) = name.rsplit_once('.').unwrap_or(("", name));
            let lines = kinds.entry(kind).or_default();
            lines.entry(line).or_default().push((row.epoch as f64, *value));
        }
    }
    let chart = |(kind, lines): (&str, Lines<'_>)| {
        let series = lines
            .into_iter()
            .enumerate()
            .map(|(color, (name, points))| Series {
                name: name.to_owned(),
                color,
                faint: false,
                points,
            });
        Chart {
            title: format!("Learned: {kind}").trim_end_matches(": ").to_owned(),
            series: series.collect(),
        }
    };
    kinds.into_iter().map(chart).collect()
}

fn tested(title: String, curves: &[Curve<'_>], metric: &MetricInfo) -> Chart {
    let mut names: Vec<&str> = Vec::new();
    let series = curves.iter().map(|curve| {
        let known = names.iter().position(|name| *name == curve.name);
        let color = known.unwrap_or_else(|| {
            names.push(curve.name);
            names.len() - 1
        });
        Series {
            name: curve.name.to_owned(),
            color,
            faint: false,
            points: points(curve.rows, |row| of_test(row, metric)),
        }
    });
    Chart {
        series: series.collect(),
        title,
    }
}

fn points(rows: &[EpochRow], value: impl Fn(&EpochRow) -> Option<f64>) -> Vec<(f64, f64)> {
    rows.iter()
        .filter_map(|row| Some((row.epoch as f64, value(row)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use potstill_metrics::TOP1;

    use super::run_charts;
    use crate::EpochRow;

    #[test]
    fn notes_of_a_kind_share_a_chart() {
        let row = |epoch: usize| {
            let notes = ["strength.a", "strength.b", "chance.a", "alone"];
            let notes = notes.into_iter().zip([0.5, 0.25, 0.125, 1.0]);
            EpochRow {
                epoch,
                notes: notes
                    .map(|(name, value)| (name.to_owned(), value * epoch as f64))
                    .collect(),
                ..EpochRow::default()
            }
        };
        let charts = run_charts(&[row(1), row(2)], &TOP1);
        let chart = |title: &str| charts.iter().find(|chart| chart.title == title).unwrap();
        let strength = chart("Learned: strength");
        assert_eq!(strength.series.len(), 2);
        assert_eq!(strength.series[1].name, "b");
        assert_eq!(strength.series[1].points, [(1.0, 0.25), (2.0, 0.5)]);
        assert_eq!(
            chart("Learned: chance").series[0].points,
            [(1.0, 0.125), (2.0, 0.25)]
        );
        assert_eq!(chart("Learned").series[0].name, "alone");
    }
}
