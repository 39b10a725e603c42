//! `potstill eval --predictions`: a result file against its truth, whoever made it.

use std::path::Path;

use potstill_data::coco::{CocoAnnotations, CocoCategory, CocoResults, RegionKind};
use potstill_metrics::{
    Unit,
    coco::{ClassScores, CocoScores, average_precision},
};
use potstill_tasks::TaskKind;
use serde_json::{Value, json};

use crate::{
    commands::{print, print_json},
    failure::Failure,
    printed::tell,
};

/// By what the objects of a task's results are compared; `None` where results are no objects.
pub fn regions(task: TaskKind) -> Option<RegionKind> {
    match task {
        TaskKind::Detection => Some(RegionKind::Box),
        TaskKind::InstanceSegmentation => Some(RegionKind::Mask),
        _ => None,
    }
}

/// Measures the results in `predictions` against the annotations in `truth`, and prints COCO's numbers in percent.
pub fn run(
    kind: RegionKind,
    predictions: &Path,
    truth: &Path,
    as_json: bool,
    quiet: bool,
) -> Result<(), Failure> {
    let truth = CocoAnnotations::read(truth)?;
    let results = CocoResults::read(predictions)?;
    let unknown = results.unknown(&truth);
    if !unknown.is_empty() && unknown.values().sum::<usize>() == results.len() {
        return Err(no_common_category(&truth, &results));
    }
    if !quiet {
        for (category, count) in &unknown {
            tell!(
                "{count} results of category {category}, which {} does not have, are left out",
                truth.path.display()
            );
        }
    }
    let detections = results.detections(&truth, kind)?;
    let scores = average_precision(&truth.truth(kind)?, &detections, truth.categories.len());
    if as_json {
        return print_json(&in_json(&scores, &truth, detections.len()));
    }
    print(&in_text(&scores, &truth, detections.len()))
}

fn no_common_category(truth: &CocoAnnotations, results: &CocoResults) -> Failure {
    let listed = |ids: &mut dyn Iterator<Item = i64>| {
        let ids: Vec<String> = ids.take(8).map(|id| id.to_string()).collect();
        ids.join(", ")
    };
    Failure::Work(format!(
        "no result is of a category of the truth: {} has the ids {}, and {} has {}",
        results.path.display(),
        listed(&mut results.unknown(truth).into_keys()),
        truth.path.display(),
        listed(&mut truth.categories.iter().map(|category| category.id)),
    ))
}

fn percent(value: Option<f64>) -> Option<f64> {
    value.map(|value| 100.0 * value)
}

fn in_json(scores: &CocoScores, truth: &CocoAnnotations, detections: usize) -> Value {
    let mut value = json!({ "images": truth.images.len(), "detections": detections });
    for (name, score) in scores.named() {
        value[name] = json!(percent(score));
    }
    let classes = truth.categories.iter().zip(&scores.classes);
    let class = |(category, ClassScores { ap, ap50, ar100 }): (&CocoCategory, &ClassScores)| json!({ "class": category.name, "ap": percent(*ap), "ap50": percent(*ap50), "ar100": percent(*ar100) });
    value["classes"] = classes.map(class).collect();
    value
}

fn in_text(scores: &CocoScores, truth: &CocoAnnotations, detections: usize) -> String {
    let shown = |score: Option<f64>| Unit::Percent.number(percent(score).unwrap_or(f64::NAN));
    let mut lines = vec![format!(
        "{detections} detections in {} images",
        truth.images.len()
    )];
    for part in scores.named().chunks(6) {
        let values: Vec<String> = part
            .iter()
            .map(|(name, score)| format!("{} {}", name.replace('_', " "), shown(*score)))
            .collect();
        lines.push(values.join("  "));
    }
    let width = truth
        .categories
        .iter()
        .map(|category| category.name.len())
        .max()
        .unwrap_or(0);
    for (category, of_class) in truth.categories.iter().zip(&scores.classes) {
        if of_class.ap.is_some() {
            let (ap, ap50) = (shown(of_class.ap), shown(of_class.ap50));
            lines.push(format!("{:<width$}  ap {ap:>6}  ap50 {ap50:>6}", category.name));
        }
    }
    lines.join("\n")
}
