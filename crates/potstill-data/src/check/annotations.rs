//! What is strange about the annotations of all images together.

use super::ClassCount;
use super::records::Record;
use crate::{Dataset, Finding, Findings, Severity, TargetKind};

/// Above this share of images without an object something may be missing.
const MANY: f64 = 0.5;

/// Tells classes that no image shows, and sets of which most images have no object. Of images with one class each this is told elsewhere.
pub(super) fn report(
    dataset: &dyn Dataset,
    records: &[Record],
    classes: &[ClassCount],
    findings: &mut Findings,
) {
    let is_dense = matches!(
        dataset.info().target,
        TargetKind::Boxes | TargetKind::Instances | TargetKind::Map
    );
    if !is_dense || records.is_empty() {
        return;
    }
    let mut warn = |kind, value: String, problem: String, fix: &str| {
        findings.add(Finding {
            severity: Severity::Warning,
            kind,
            file: dataset.name().to_owned(),
            place: String::new(),
            line: None,
            value,
            problem,
            fix: fix.to_owned(),
        });
    };
    let unused: Vec<&str> = classes
        .iter()
        .filter(|class| class.images == 0)
        .map(|class| class.name.as_str())
        .collect();
    if !unused.is_empty() {
        warn(
            "class-never-used",
            unused.join(", "),
            format!("{} of {} classes are never used", unused.len(), classes.len()),
            "add images that show them, or remove them from the names",
        );
    }
    let empty = records
        .iter()
        .filter(|record| record.objects.as_ref().is_some_and(Vec::is_empty));
    let empty = empty.count();
    if empty as f64 > MANY * records.len() as f64 {
        warn(
            "many-empty-images",
            String::new(),
            format!("{empty} of {} images have no objects", records.len()),
            "see whether annotations are missing; images that are meant to be empty are fine, and can be left out (`data.skip_empty`)",
        );
    }
}
