//! The metrics are those of independent computations.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_metrics::{
    CLASSES_LEFT_OUT, F1, Hits, MEAN_AVERAGE_PRECISION, Ranking, TOP1, TOP5, average_precision,
    true_class_ranks,
};
use serde_json::Value;

fn recorded() -> Value {
    serde_json::from_str(include_str!("reference/metrics.json")).unwrap()
}

fn floats(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap();
    list.iter().map(|value| value.as_f64().unwrap()).collect()
}

fn rows(table: &Value) -> Vec<Vec<f64>> {
    table.as_array().unwrap().iter().map(floats).collect()
}

fn assert_near(what: &str, found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-10 * expected.abs().max(1.0),
        "{what}: {found}, not {expected}"
    );
}

#[test]
fn average_precisions_are_those_of_scikit_learn() {
    let record = recorded();
    let cases = record["multi_label"].as_array().unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (scores, truth) = (rows(&case["logits"]), rows(&case["truth"]));
        let classes = scores[0].len();
        let mut ranking = Ranking::new(classes);
        for (scores, truth) in scores.iter().zip(&truth) {
            let logits: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
            let own: Vec<u32> = (0..classes as u32)
                .filter(|&class| truth[class as usize] == 1.0)
                .collect();
            ranking.add(&logits, &own);
        }
        let found = ranking.average_precisions();
        let expected = case["average_precisions"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (class, (found, expected)) in found.iter().zip(expected).enumerate() {
            match (found, expected.as_f64()) {
                (Some(found), Some(expected)) => {
                    assert_near(&format!("{name}, class {class}"), *found, expected);
                }
                (found, expected) => assert_eq!(*found, expected, "{name}, class {class}"),
            }
        }
        let metrics = ranking.metrics();
        assert_near(
            name,
            metrics[&MEAN_AVERAGE_PRECISION.name],
            100.0 * case["map"].as_f64().unwrap(),
        );
        assert_near(
            name,
            metrics[&F1.name],
            100.0 * case["micro_f1"].as_f64().unwrap(),
        );
        let left_out = expected.iter().filter(|value| value.is_null()).count();
        assert_eq!(
            metrics.of(&CLASSES_LEFT_OUT),
            (left_out > 0).then_some(left_out as f64),
            "{name}"
        );
    }
    let left_out = cases.iter().filter(|case| {
        case["average_precisions"]
            .as_array()
            .unwrap()
            .contains(&Value::Null)
    });
    assert!(left_out.count() > 0, "one case has a class without an image");
}

#[test]
fn the_order_of_the_images_does_not_matter() {
    let record = recorded();
    let case = &record["multi_label"][1];
    let (scores, truth) = (rows(&case["logits"]), rows(&case["truth"]));
    let column = |table: &[Vec<f64>]| table.iter().map(|row| row[0]).collect::<Vec<_>>();
    let scores: Vec<f32> = column(&scores).into_iter().map(|score| score as f32).collect();
    let positives: Vec<bool> = column(&truth).into_iter().map(|value| value == 1.0).collect();
    let found = average_precision(&scores, &positives);
    let turned = |index: usize| (7 * index + 3) % scores.len();
    assert!(!scores.len().is_multiple_of(7));
    let again = average_precision(
        &(0..scores.len())
            .map(|index| scores[turned(index)])
            .collect::<Vec<_>>(),
        &(0..scores.len())
            .map(|index| positives[turned(index)])
            .collect::<Vec<_>>(),
    );
    assert!(found.is_some());
    assert_eq!(found, again);
}

#[test]
fn ranks_and_hits_are_those_of_a_sort() {
    let record = recorded();
    let cases = record["single_label"].as_array().unwrap();
    assert!(cases.len() >= 2);
    for case in cases {
        let table = rows(&case["logits"]);
        let classes = table[0].len();
        let logits: Vec<f32> = table.into_iter().flatten().map(|value| value as f32).collect();
        let labels: Vec<u32> = floats(&case["labels"])
            .into_iter()
            .map(|label| label as u32)
            .collect();
        let ranks: Vec<f64> = true_class_ranks(&logits, classes, &labels)
            .into_iter()
            .map(|rank| rank as f64)
            .collect();
        assert_eq!(ranks, floats(&case["ranks"]));
        let mut hits = Hits::default();
        let half = labels.len() / 2;
        hits.add(&logits[..half * classes], classes, &labels[..half]);
        hits.add(&logits[half * classes..], classes, &labels[half..]);
        let metrics = hits.metrics(classes);
        assert_near("top-1", metrics[&TOP1.name], case["top1"].as_f64().unwrap());
        assert_near("top-5", metrics[&TOP5.name], case["top5"].as_f64().unwrap());
    }
}
