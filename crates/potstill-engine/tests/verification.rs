//! Verification on pairs: against an independent computation, and of whole networks.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Dataset, LoaderConfig, Normalise, Pairs, Split, open};
use potstill_engine::{NetworkInput, PairScore, Source, Verification, verification, verify};
use potstill_models::FrozenModel;
use potstill_ops::Point;
use potstill_random::Seed;
use potstill_recipe::{Enlarge, LowResolution};
use potstill_testing::numbers::{assert_near, numbers as all, recorded};

#[test]
fn results_are_the_recorded_ones() {
    let record = recorded("potstill-engine/tests/reference/verification.json");
    for case in record["cases"].as_array().unwrap() {
        let fold = |fold: &serde_json::Value| -> Vec<PairScore> {
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
        let (ours, name) = ([found.accuracy, found.deviation], case["name"].as_str().unwrap());
        let theirs = [
            case["accuracy"].as_f64().unwrap(),
            case["deviation"].as_f64().unwrap(),
        ];
        assert_near(name, &ours, &theirs, 1e-11);
        let threshold = case["threshold"].as_f64().unwrap();
        assert!(
            (found.threshold - threshold).abs() < 1e-11,
            "{name}: {}",
            found.threshold
        );
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

/// An untrained network's verification of drawn shapes.
fn verified(low_resolution: Option<LowResolution>, point: &str) -> Result<Verification, String> {
    let data: Arc<dyn Dataset> = open("shapes:size=16,classes=6,train=6,test=120", Split::Test)
        .unwrap()
        .into();
    let source = Source {
        model: Some("cifar_resnet8".into()),
        ..Source::default()
    };
    let network = source.open(&Device::flex(), Seed::new(1), "test").unwrap();
    let pairs = Pairs::draw(&data, 4, 30, Seed::new(2)).unwrap();
    let input = NetworkInput {
        low_resolution,
        normalise: Normalise {
            mean: vec![0.5; 3],
            std: vec![0.25; 3],
        },
    };
    let point: Point = point.parse().unwrap();
    let config = LoaderConfig {
        batch: 32,
        ..LoaderConfig::default()
    };
    let network = FrozenModel::from(&network.network);
    verify(&network, data, &pairs, &point, &input, config).map_err(|error| error.to_string())
}

#[test]
fn a_network_verifies_whole_and_degraded_images() {
    let whole = verified(None, "pool").unwrap();
    assert_eq!((whole.pairs, whole.folds), (240, 4));
    assert!(
        (30.0..=100.0).contains(&whole.accuracy) && whole.threshold.abs() <= 1.0,
        "{whole:?}"
    );
    assert_eq!(whole, verified(None, "pool").unwrap());
    let low = |enlarge| Some(LowResolution { size: 4, enlarge });
    assert_ne!(whole, verified(low(Enlarge::Nearest), "pool").unwrap());
    assert_ne!(whole, verified(low(Enlarge::None), "pool").unwrap());
    assert_ne!(whole, verified(None, "layer3.0").unwrap());
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let message = verified(None, "layer9").unwrap_err();
    assert!(
        message.contains("`layer9`") && message.contains("did you mean"),
        "{message}"
    );
    let five = LowResolution {
        size: 5,
        enlarge: Enlarge::Nearest,
    };
    let message = verified(Some(five), "pool").unwrap_err();
    assert!(message.contains("5x5"), "{message}");
}
