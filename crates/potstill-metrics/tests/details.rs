//! What is told beyond metrics is that of independent computations.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_metrics::{Agreement, Calibration, Confusion, true_class_ranks};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    logits: Vec<Vec<f32>>,
    teacher: Vec<Vec<f32>>,
    labels: Vec<u32>,
    confusion: Vec<Vec<u64>>,
    recall: Vec<f64>,
    ece: f64,
    same: f64,
    divergence: f64,
}

fn cases() -> Vec<Case> {
    let record: Record = serde_json::from_str(include_str!("reference/details.json")).unwrap();
    assert!(record.cases.len() >= 2);
    record.cases
}

fn assert_near(what: &str, found: f64, expected: f64) {
    // Logits are rounded to single precision here.
    assert!((found - expected).abs() < 1e-6, "{what}: {found}, not {expected}");
}

/// The class of the largest logit; no two are equal in these records.
fn likeliest(row: &[f32]) -> u32 {
    let best = (0..).zip(row).max_by(|a, b| a.1.total_cmp(b.1));
    best.map(|(class, _)| class).unwrap()
}

#[test]
fn confusion_and_accuracy_by_class_are_those_of_scikit_learn() {
    for case in cases() {
        let names: Vec<String> = (0..case.logits[0].len())
            .map(|class| format!("class {class}"))
            .collect();
        let mut confusion = Confusion::default();
        for (row, &label) in case.logits.iter().zip(&case.labels) {
            confusion.add(label, likeliest(row));
        }
        assert_eq!(confusion.matrix(&names).unwrap().matrix, case.confusion);
        let by_class = confusion.by_class(&names);
        assert_eq!(
            by_class.len(),
            names.len(),
            "every class has an image in these records"
        );
        for (class, recall) in by_class.iter().zip(&case.recall) {
            assert_near(&class.class, class.accuracy.unwrap(), 100.0 * recall);
        }
    }
}

#[test]
fn the_calibration_error_is_that_of_guos_program() {
    for case in cases() {
        let mut calibration = Calibration::default();
        for (row, &label) in case.logits.iter().zip(&case.labels) {
            let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
            let confidence = f64::from(row[likeliest(row) as usize]).exp() / sum;
            let right = true_class_ranks(row, row.len(), &[label])[0] == 0;
            calibration.add(confidence, right);
        }
        let report = calibration.report().unwrap();
        assert_near("ECE", report.ece, 100.0 * case.ece);
        let images: u64 = report.bins.iter().map(|bin| bin.images).sum();
        assert_eq!(images as usize, case.labels.len());
    }
}

#[test]
fn agreement_with_a_teacher_is_that_of_numpy() {
    for case in cases() {
        let mut agreement = Agreement::default();
        for (row, teacher) in case.logits.iter().zip(&case.teacher) {
            agreement.add_exclusive(row, teacher);
        }
        let report = agreement.report().unwrap();
        assert_near("top-1", report.top1, 100.0 * case.same);
        assert_near("KL", report.divergence, case.divergence);
    }
}
