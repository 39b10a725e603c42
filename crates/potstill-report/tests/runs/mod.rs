//! Made-up runs for the tests.

#![allow(dead_code, reason = "each test file uses a part")]

use potstill_metrics::{LOSS, MetricSet, Metrics, TOP1, TOP5};
use potstill_report::{Data, Details, EpochResult, EpochRow, IndexMap, Network, Summary, Teacher, Training};

/// What classification measures.
pub fn metrics() -> MetricSet {
    MetricSet {
        headline: TOP1,
        others: vec![TOP5, LOSS],
    }
}

/// A finished run of two epochs that ends at this accuracy; with methods it has a teacher.
pub fn run(name: &str, methods: &[&str], seed: u64, top1: f64) -> Summary {
    let teacher = Teacher {
        name: "teacher".to_owned(),
        network: network("cifar_resnet56", 855_770, 126_545_536),
        metrics: Metrics::new().with(&TOP1, 94.37),
        validation: Metrics::new(),
    };
    Summary {
        name: name.to_owned(),
        seed,
        task: "classification".to_owned(),
        licence: None,
        source: None,
        metrics: metrics(),
        potstill: "0.1.0".to_owned(),
        recipe_hash: "3f9a1c07".to_owned(),
        student: network("cifar_resnet20", 269_722, 40_813_184),
        teachers: if methods.is_empty() { vec![] } else { vec![teacher] },
        methods: methods.iter().map(ToString::to_string).collect(),
        data: Data {
            train: "data/cifar10/train.tar".to_owned(),
            validation: None,
            test: "data/cifar10/test.tar".to_owned(),
            train_images: 50_000,
            labelled_images: None,
            validation_images: 0,
            test_images: 10_000,
            classes: 10,
        },
        epochs: 2,
        best: EpochResult {
            epoch: 1,
            metrics: Metrics::new().with(&TOP1, top1 + 0.25),
        },
        last: EpochResult {
            epoch: 2,
            metrics: Metrics::new()
                .with(&TOP1, top1)
                .with(&TOP5, 99.5)
                .with(&LOSS, 0.3125),
        },
        validation: None,
        seconds: 3720.0,
        finished: true,
        threads: 2,
        step_ms_median: Some(123.44),
        peak_rss_mb: Some(1434.2),
        loader_wait_percent: Some(0.42),
        details: Details::default(),
    }
}

fn network(model: &str, params: u64, macs: u64) -> Network {
    Network {
        model: model.to_owned(),
        params,
        macs,
    }
}

/// The row of an epoch with two loss terms, the second of which comes first in the alphabet.
pub fn row(epoch: usize) -> EpochRow {
    let terms = [("kd", 0.2), ("cross_entropy", 1.0)];
    EpochRow {
        epoch,
        phase: "train".to_owned(),
        search: false,
        step: 156 * epoch as u64,
        lr: 0.1,
        seconds: 12.5,
        images_per_second: 520.0,
        train: Training {
            loss: 1.25,
            metrics: Metrics::new().with(&TOP1, 55.5),
            terms: terms
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
            weights: IndexMap::new(),
        },
        validation: None,
        test: Some(
            Metrics::new()
                .with(&TOP1, 60.25)
                .with(&TOP5, 95.0)
                .with(&LOSS, 1.5),
        ),
        teachers: IndexMap::new(),
        notes: IndexMap::new(),
    }
}
