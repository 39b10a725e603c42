//! Made-up runs for the tests.

#![allow(dead_code, reason = "each test file uses a part")]

use potstill_report::{
    BestEpoch, Data, EpochRow, Evaluation, IndexMap, LastEpoch, Network, Summary, Teacher, Training,
};

/// A finished run of two epochs that ends at this accuracy; with methods it has a teacher.
pub fn run(name: &str, methods: &[&str], seed: u64, top1: f64) -> Summary {
    let teacher = Teacher {
        network: network("cifar_resnet56", 855_770, 126_545_536),
        top1: Some(94.37),
    };
    Summary {
        name: name.to_owned(),
        seed,
        task: "classification".to_owned(),
        potstill: "0.1.0".to_owned(),
        recipe_hash: "3f9a1c07".to_owned(),
        student: network("cifar_resnet20", 269_722, 40_813_184),
        teacher: (!methods.is_empty()).then_some(teacher),
        methods: methods.iter().map(ToString::to_string).collect(),
        data: Data {
            train: "data/cifar10/train.tar".to_owned(),
            test: "data/cifar10/test.tar".to_owned(),
            train_images: 50_000,
            test_images: 10_000,
            classes: 10,
        },
        epochs: 2,
        best: BestEpoch {
            epoch: 1,
            top1: top1 + 0.25,
        },
        last: LastEpoch {
            epoch: 2,
            top1,
            top5: Some(99.5),
            loss: 0.3125,
        },
        seconds: 3720.0,
        finished: true,
        threads: 2,
        step_ms_median: Some(123.44),
        peak_rss_mb: Some(1434.2),
        loader_wait_percent: Some(0.42),
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
        step: 156 * epoch as u64,
        lr: 0.1,
        seconds: 12.5,
        images_per_second: 520.0,
        train: Training {
            loss: 1.25,
            top1: Some(55.5),
            terms: terms
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
            weights: IndexMap::new(),
        },
        test: Some(Evaluation {
            loss: 1.5,
            top1: 60.25,
            top5: Some(95.0),
        }),
        teacher: None,
        notes: IndexMap::new(),
    }
}
