//! Verification on pairs is that of an independent computation.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_metrics::{PairScore, cosine, verification};
use serde_json::Value;

fn all(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap();
    list.iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn results_are_the_recorded_ones() {
    let record: Value = serde_json::from_str(include_str!("reference/verification.json")).unwrap();
    for case in record["cases"].as_array().unwrap() {
        let fold = |fold: &Value| -> Vec<PairScore> {
            let scores = all(&fold["scores"]).into_iter().zip(all(&fold["same"]));
            scores
                .map(|(score, same)| PairScore {
                    score,
                    same: same == 1.0,
                })
                .collect()
        };
        let folds: Vec<_> = case["folds"].as_array().unwrap().iter().map(fold).collect();
        let found = verification(&folds);
        for (name, found) in [
            ("accuracy", found.accuracy),
            ("deviation", found.deviation),
            ("threshold", found.threshold),
        ] {
            let expected = case[name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-9,
                "{} {name}: {found}, not {expected}",
                case["name"]
            );
        }
        assert_eq!(
            (found.folds, found.pairs),
            (folds.len(), folds.iter().map(Vec::len).sum())
        );
    }
}

#[test]
fn of_several_best_thresholds_the_smallest_is_taken() {
    let pair = |score, same| PairScore { score, same };
    // From 0.2 on and from 0.6 on, three of four are told right.
    let fold = || {
        vec![
            pair(0.1, false),
            pair(0.2, true),
            pair(0.4, false),
            pair(0.6, true),
        ]
    };
    let found = verification(&[fold(), fold()]);
    assert_eq!(
        (found.threshold, found.accuracy, found.deviation),
        (0.2, 75.0, 0.0)
    );
    // Where nothing is the same, no score may be enough.
    let strangers = || vec![pair(0.5, false), pair(0.7, false)];
    let found = verification(&[strangers(), strangers()]);
    assert!(found.threshold > 0.7 && found.accuracy == 100.0);
}

#[test]
fn a_cosine_does_not_depend_on_lengths() {
    assert!((cosine(&[1.0, 1.0], &[3.0, 3.0]) - 1.0).abs() < 1e-12);
    assert!((cosine(&[1.0, 0.0], &[-2.0, 0.0]) + 1.0).abs() < 1e-12);
    assert_eq!(
        (cosine(&[1.0, 0.0], &[0.0, 5.0]), cosine(&[0.0, 0.0], &[1.0, 2.0])),
        (0.0, 0.0)
    );
}
