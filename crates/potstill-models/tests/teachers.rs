//! Real PyTorch checkpoints (legacy pickles of 2018) give the logits that were recorded with PyTorch.
//!
//! The files live outside the repository; without them the tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::{BuildOptions, Model, Shortcut, find, weights};
use potstill_ops::{Frozen, Scope};
use potstill_random::Seed;

const TEACHERS: [(&str, &str); 4] = [
    ("cifar_resnet20", "resnet20-12fca82f.th"),
    ("cifar_resnet32", "resnet32-d509ac18.th"),
    ("cifar_resnet44", "resnet44-014dd654.th"),
    ("cifar_resnet56", "resnet56-4bfd9763.th"),
];

fn teachers() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cifar10-teachers");
    if !folder.is_dir() {
        println!("skipped: {} is not here", folder.display());
        return None;
    }
    Some(folder)
}

fn fresh(model: &str, shortcut: Option<Shortcut>) -> Model {
    let options = BuildOptions {
        classes: Some(10),
        shortcut,
        ..Default::default()
    };
    find(model)
        .unwrap()
        .build(options, &Scope::new(&Device::flex(), Seed::new(0), "test"))
        .unwrap()
}

/// The recorded ramp, channels last and normalised.
fn ramp() -> Tensor<4> {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let mut values = Vec::new();
    for y in 0..32 {
        for x in 0..32 {
            for c in 0..3 {
                let raw = ((c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0;
                values.push(((raw - mean[c]) / std[c]) as f32);
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 32, 32, 3]), &Device::flex())
}

#[test]
fn logits_of_the_ramp_are_the_recorded_ones() {
    let Some(folder) = teachers() else { return };
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    for (model, file) in TEACHERS {
        let mut network = fresh(model, None);
        let stored = weights::TensorFile::read(&folder.join(file)).unwrap();
        let set = weights::WeightSet::choose(&stored, &network, None, &weights::Asked::Program).unwrap();
        assert_eq!(set.classes(), Some(10));
        weights::load(&mut network, &stored).unwrap();
        let logits = Model::logits(&Frozen::new(&network), ramp())
            .unwrap()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let recorded = expected["models"][file]["ramp_logits"].as_array().unwrap();
        for (ours, theirs) in logits.iter().zip(recorded) {
            let theirs = theirs.as_f64().unwrap() as f32;
            assert!((ours - theirs).abs() < 1e-3, "{model}: {ours} is not {theirs}");
        }
    }
}

#[test]
fn a_file_for_another_network_is_refused_with_the_whole_list() {
    let Some(folder) = teachers() else { return };
    let stored = weights::TensorFile::read(&folder.join(TEACHERS[0].1)).unwrap();
    let deeper = weights::load(&mut fresh("cifar_resnet32", None), &stored)
        .unwrap_err()
        .to_string();
    assert!(deeper.contains("60 missing in the file"), "{deeper}");
    assert!(deeper.contains("… and 48 more"), "{deeper}");
    let projected = weights::load(&mut fresh("cifar_resnet20", Some(Shortcut::Projection)), &stored);
    let message = projected.unwrap_err().to_string();
    assert!(message.contains("layer2.0.downsample.0.weight"), "{message}");
    assert!(message.contains("set shortcut \"a\""), "{message}");
}
