//! One run as one HTML page: no script, no other file, light or dark as the reader likes it.

mod details;
mod epochs;

use potstill_metrics::Metrics;

use crate::chart;
use crate::curves::run_charts;
use crate::human::{self, MISSING};
use crate::xml::escape;
use crate::{EpochRow, MeasuredOn, Network, Summary};

const STYLE: &str = include_str!("report.css");

/// The page `report.html` of a run.
///
/// `recipe` is the text of the resolved recipe. Everything that comes from outside is escaped.
pub fn html_report(summary: &Summary, rows: &[EpochRow], recipe: &str) -> String {
    let name = escape(&summary.name);
    let charts = run_charts(rows, &summary.metrics.headline);
    let figures = charts
        .iter()
        .map(|chart| format!("<div class=\"card\">{}</div>\n", chart.element()));
    let parts = [
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{name} · Potstill</title>\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n",
            chart::STYLE
        ),
        header(summary),
        tiles(summary, rows),
        section("Curves", &div("charts", figures)),
        section("Epochs", &epochs::table(summary, rows)),
        details::sections(&summary.details),
        section(
            "Recipe",
            &format!("<pre class=\"card\">{}</pre>\n", escape(recipe.trim_end())),
        ),
        section("Facts", &facts(summary)),
        format!(
            "<footer>{}</footer>\n</main>\n</body>\n</html>\n",
            footer(summary)
        ),
    ];
    parts.concat()
}

/// How far the best epoch can be trusted.
fn footer(summary: &Summary) -> &'static str {
    match (summary.data.chosen_on(), summary.data.measured_on()) {
        (MeasuredOn::Test, _) => {
            "The best epoch is chosen on the test images, which flatters it; to compare runs, take their last epochs, and \
             several seeds."
        }
        (MeasuredOn::Validation, MeasuredOn::Test) => {
            "The best epoch is chosen on the validation images; the test images were seen once, at the end. To compare runs, \
             take several seeds."
        }
        (MeasuredOn::Validation, MeasuredOn::Validation) => {
            "There are no test images. The best epoch is chosen on the validation images, which flatters it; to compare runs, \
             take their last epochs, and several seeds."
        }
    }
}

fn header(summary: &Summary) -> String {
    let student = format!("<b>{}</b>", escape(&summary.student.model));
    let teachers = summary.teachers.iter();
    let teachers: Vec<String> = teachers
        .map(|teacher| format!("<b>{}</b>", escape(&teacher.network.model)))
        .collect();
    let how = if teachers.is_empty() {
        format!("{student} trained alone")
    } else {
        format!(
            "{student} distilled from {} by <b>{}</b>",
            teachers.join(" and "),
            escape(&summary.methods.join(" + "))
        )
    };
    let data = &summary.data;
    let warning = if summary.finished {
        String::new()
    } else {
        let Summary { last, epochs, .. } = summary;
        format!(
            "<p class=\"warning\">Not finished: epoch {} of {epochs}.</p>\n",
            last.epoch
        )
    };
    format!(
        "<header>\n<p class=\"kicker\">Potstill · {}</p>\n<h1>{}</h1>\n\
         <p class=\"lead\">{how} on <b>{}</b>: {}, {} classes, {} epochs, seed {}.</p>\n\
         {warning}</header>\n",
        escape(&summary.task),
        escape(&summary.name),
        escape(data.label()),
        data.counts(),
        human::count(data.classes as u64),
        summary.epochs,
        summary.seed
    )
}

/// The handful of numbers that one looks for first.
fn tiles(summary: &Summary, rows: &[EpochRow]) -> String {
    let Summary { best, student, .. } = summary;
    let headline = &summary.metrics.headline;
    let last = summary.last_metrics();
    let others = summary.metrics.others.iter();
    let mut others = others.filter_map(|metric| Some((metric, last.of(metric)?)));
    let beside_last = others.next().map_or_else(String::new, |(metric, value)| {
        format!("{} {}", metric.label, metric.unit.text(value))
    });
    let on = match (summary.data.chosen_on(), summary.measured_on()) {
        (MeasuredOn::Validation, on) => format!("{} ", on.word()),
        (MeasuredOn::Test, _) => String::new(),
    };
    let title = escape(&human::heading(&format!("{on}{}", headline.label)));
    let value = |metrics: &Metrics| {
        headline
            .unit
            .text(summary.headline_of(metrics).unwrap_or(f64::NAN))
    };
    let mut tiles = vec![
        tile(&format!("{title}, last epoch"), &value(last), &beside_last),
        tile(
            &format!("{title}, best epoch"),
            &value(summary.best_metrics()),
            &format!("epoch {}", best.epoch),
        ),
    ];
    if let (Some(found), MeasuredOn::Test) = (&summary.validation, summary.measured_on()) {
        tiles.push(tile(
            &format!("Validation {}, best epoch", escape(&headline.label)),
            &value(&found.best),
            &format!("last epoch {}", value(&found.last)),
        ));
    }
    for teacher in &summary.teachers {
        if let Some(measured) = summary.headline_of(summary.teacher_metrics(teacher)) {
            let gain = headline.gain(measured, summary.last_headline());
            let side = if gain < 0.0 { "behind" } else { "ahead" };
            tiles.push(tile(
                &format!(
                    "{}'s {}",
                    escape(&human::heading(&teacher.name)),
                    escape(&headline.label)
                ),
                &headline.unit.text(measured),
                &format!("{} {side}", human::distance(gain, headline.unit)),
            ));
        }
        tiles.push(ratio(&teacher.network, student));
    }
    let speed = rows.last().map(|row| human::decimals(row.images_per_second, 0));
    let speed = speed.map_or_else(String::new, |speed| format!("{speed} training images/s"));
    tiles.push(tile("Time", &human::duration(summary.seconds), &speed));
    div("tiles", tiles.into_iter())
}

fn ratio(teacher: &Network, student: &Network) -> String {
    let times = |teacher: u64, student: u64| match student {
        0 => MISSING.to_owned(),
        _ => format!("{:.1}×", teacher as f64 / student as f64),
    };
    let macs = format!("{} fewer MACs", times(teacher.macs, student.macs));
    tile("Fewer parameters", &times(teacher.params, student.params), &macs)
}

fn tile(title: &str, number: &str, below: &str) -> String {
    format!("<div class=\"card\"><span>{title}</span><strong>{number}</strong><span>{below}</span></div>\n")
}

fn facts(summary: &Summary) -> String {
    let network = |network: &Network| {
        let Network { model, params, macs } = network;
        format!(
            "{model}, {} parameters, {} MACs for one image",
            human::count(*params),
            human::magnitude(*macs)
        )
    };
    let or_missing = |text: Option<String>| text.unwrap_or_else(|| MISSING.to_owned());
    let teachers: Vec<String> = summary
        .teachers
        .iter()
        .map(|teacher| network(&teacher.network))
        .collect();
    let facts = [
        ("Student", network(&summary.student)),
        (
            "Teacher",
            or_missing((!teachers.is_empty()).then(|| teachers.join("; "))),
        ),
        ("Training images", summary.data.train.clone()),
        ("Validation images", or_missing(summary.data.validation.clone())),
        (
            "Test images",
            or_missing(Some(summary.data.test.clone()).filter(|source| !source.is_empty())),
        ),
        (
            "Training step",
            or_missing(summary.step_ms_median.map(|ms| format!("{ms:.1} ms (median)"))),
        ),
        (
            "Peak memory",
            or_missing(
                summary
                    .peak_rss_mb
                    .map(|mb| format!("{} MiB", human::count(mb as u64))),
            ),
        ),
        (
            "Waiting for data",
            or_missing(summary.loader_wait_percent.map(human::percent)),
        ),
        ("Threads", summary.threads.to_string()),
        ("Seed", summary.seed.to_string()),
        ("Recipe hash", summary.recipe_hash.clone()),
        ("Potstill", summary.potstill.clone()),
    ];
    let lines = facts
        .iter()
        .map(|(name, fact)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(fact)));
    format!("<dl class=\"card\">\n{}</dl>\n", lines.collect::<String>())
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

fn div(class: &str, children: impl Iterator<Item = String>) -> String {
    format!(
        "<div class=\"{class}\">\n{}</div>\n",
        children.collect::<String>()
    )
}
