//! `potstill inspect` of a checkpoint: where its run was, and what it holds.

use std::{fmt::Write, path::Path};

use potstill_engine::{CheckpointReport, TensorReport};
use potstill_report::human;

use crate::{
    commands::{print, print_json},
    failure::Failure,
};

/// Prints what a checkpoint is and holds.
pub fn run(file: &Path, json: bool) -> Result<(), Failure> {
    let report = CheckpointReport::read(file)?;
    if json {
        return print_json(&report);
    }
    print(&text(file, &report))
}

fn text(file: &Path, report: &CheckpointReport) -> String {
    let mut text = format!("{}: a checkpoint, version {}\n", file.display(), report.version);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    let steps = match report.step {
        0 => String::new(),
        step => format!(" and {step} steps"),
    };
    line("position", format!("after {} epochs{steps}", report.epoch));
    if let Some(best) = &report.best {
        let metrics = best
            .metrics
            .iter()
            .map(|(name, value)| format!("{name} {value:.4}"));
        let metrics: Vec<_> = metrics.collect();
        line("best", format!("epoch {} ({})", best.epoch, metrics.join(", ")));
    }
    line("time", human::duration(report.seconds));
    line(
        "student",
        report.student.clone().unwrap_or_else(|| "not said".into()),
    );
    line("recipe", report.recipe_hash.clone());
    let digest = report.sha256.as_deref();
    line(
        "SHA-256",
        digest.map_or("none".into(), |digest| format!("{digest}, as its bytes")),
    );
    for (name, digest) in &report.origin {
        line("from", format!("{name} {digest}"));
    }
    if !report.states.is_empty() {
        line("states", report.states.join(", "));
    }
    let _ = writeln!(
        text,
        "\n{:<24} {:>8} {:>14} {:>12} {:>12}",
        "part", "tensors", "numbers", "least", "largest"
    );
    for part in parts(&report.tensors) {
        let of = |number: Option<f32>| number.map_or(String::new(), |number| format!("{number:.5}"));
        let least = part.iter().filter_map(|tensor| tensor.least).reduce(f32::min);
        let largest = part.iter().filter_map(|tensor| tensor.largest).reduce(f32::max);
        let count: usize = part.iter().map(TensorReport::count).sum();
        let _ = writeln!(
            text,
            "{:<24} {:>8} {:>14} {:>12} {:>12}",
            part[0].part(),
            part.len(),
            human::count(count as u64),
            of(least),
            of(largest)
        );
    }
    for tensor in report.tensors.iter().filter(|tensor| tensor.not_finite > 0) {
        let _ = writeln!(
            text,
            "`{}`: {} of {} values are no finite numbers",
            tensor.name,
            tensor.not_finite,
            tensor.count()
        );
    }
    text
}

/// The tensors part by part. A checkpoint has them in the order of their names.
fn parts(tensors: &[TensorReport]) -> impl Iterator<Item = &[TensorReport]> {
    tensors.chunk_by(|one, next| one.part() == next.part())
}
