//! The headline, the loss and the learning rate over the epochs.

use std::fmt::Write;

use potstill_metrics::{LOSS, MetricInfo};

use crate::chart::{Chart, STYLE, Series, WIDTH};
use crate::{EpochRow, IndexMap, MeasuredOn, human};

/// The rows of one run under the name it has in the legend. Runs of one name, such as the seeds of one
/// recipe, share a colour.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// The name.
    pub name: &'a str,
    /// The run's epochs in order.
    pub rows: &'a [EpochRow],
}

/// One SVG file with the headline beside the loss, both on the images that the best epoch is chosen by: the validation images, or
/// else the test images.
///
/// A single run is shown with its training curves and what its methods have learned as well.
pub fn curves_svg(curves: &[Curve<'_>], headline: &MetricInfo) -> String {
    let charts = if let [only] = curves {
        let of_run = [of_headline(only.rows, headline), loss(only.rows)];
        of_run.into_iter().chain(notes(only.rows)).collect()
    } else {
        let on = human::heading(measured_on(curves.iter().flat_map(|curve| curve.rows)));
        vec![
            measured(format!("{on} {}", titled(headline)), curves, headline),
            measured(format!("{on} loss"), curves, &LOSS),
        ]
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
    let on = measured_on(rows);
    let lines = [
        (
            "train, augmented",
            1,
            points(rows, |row| row.train.metrics.of(headline)),
        ),
        (on, 0, points(rows, |row| of_measured(row, headline))),
        ("test", 2, tested_at_the_end(rows, headline)),
    ];
    parts_chart(&human::heading(&titled(headline)), lines)
}

/// A metric with its unit: `top-1, %`.
fn titled(metric: &MetricInfo) -> String {
    match metric.unit.symbol() {
        "" => metric.label.clone().into_owned(),
        symbol => format!("{}, {symbol}", metric.label),
    }
}

/// Where the values of each epoch are from.
fn measured_on<'a>(rows: impl IntoIterator<Item = &'a EpochRow>) -> &'static str {
    let validated = rows.into_iter().any(|row| row.validation.is_some());
    let on = if validated {
        MeasuredOn::Validation
    } else {
        MeasuredOn::Test
    };
    on.word()
}

fn of_measured(row: &EpochRow, metric: &MetricInfo) -> Option<f64> {
    row.chosen_by()?.of(metric)
}

/// What a run with validation images measured on the test images: a point at its end.
fn tested_at_the_end(rows: &[EpochRow], metric: &MetricInfo) -> Points {
    points(rows, |row| {
        row.validation.as_ref().and(row.test.as_ref())?.of(metric)
    })
}

/// The two losses differ by more than the images: training minimises the sum of all terms, the others are the task's own.
fn loss(rows: &[EpochRow]) -> Chart {
    let own = format!("{}, the task's own", measured_on(rows));
    let lines = [
        (
            "train, all terms",
            1,
            points(rows, |row| (!row.search).then_some(row.train.loss)),
        ),
        (own.as_str(), 0, points(rows, |row| of_measured(row, &LOSS))),
        ("test, the task's own", 2, tested_at_the_end(rows, &LOSS)),
    ];
    parts_chart("Loss", lines)
}

/// Epochs and values.
type Points = Vec<(f64, f64)>;

/// A chart with a line for each part of the images: its name, its colour and its points.
fn parts_chart(title: &str, lines: [(&str, usize, Points); 3]) -> Chart {
    let series = lines.into_iter().map(|(name, color, points)| Series {
        name: name.to_owned(),
        color,
        // Training stands behind.
        faint: color == 1,
        points,
    });
    Chart {
        title: title.to_owned(),
        series: series.filter(|series| !series.points.is_empty()).collect(),
    }
}

/// The terms of the training loss before their weights, in the order in which the run first names them.
fn terms(rows: &[EpochRow]) -> Chart {
    let mut lines: Lines<'_> = IndexMap::new();
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
type Lines<'a> = IndexMap<&'a str, Points>;

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

fn measured(title: String, curves: &[Curve<'_>], metric: &MetricInfo) -> Chart {
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
            points: points(curve.rows, |row| of_measured(row, metric)),
        }
    });
    Chart {
        series: series.collect(),
        title,
    }
}

fn points(rows: &[EpochRow], value: impl Fn(&EpochRow) -> Option<f64>) -> Points {
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
