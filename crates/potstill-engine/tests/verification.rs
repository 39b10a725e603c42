//! Verification of pairs by whole networks.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Dataset, LoaderConfig, Normalise, Pairs, Split, open};
use potstill_engine::{NetworkInput, Predictor, Source};
use potstill_metrics::Verification;
use potstill_ops::Point;
use potstill_random::Seed;
use potstill_recipe::{Enlarge, LowResolution};

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
    let normalise = Normalise {
        mean: vec![0.5; 3],
        std: vec![0.25; 3],
    };
    let input = NetworkInput {
        low_resolution,
        ..normalise.into()
    };
    let point: Point = point.parse().unwrap();
    let config = LoaderConfig {
        batch: 32,
        ..LoaderConfig::default()
    };
    let predictor = Predictor::from(&network.with_input(input));
    let prepared = predictor.prepare_pairs(data).map_err(|error| error.to_string())?;
    predictor
        .verify(&prepared, &pairs, &point, config)
        .map_err(|error| error.to_string())
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
