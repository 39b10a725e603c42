//! Checkpoints as users bring them: the same tensors under other names.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, path::Path};

use crate::formula::{fill, images, noise};
use burn::tensor::DType;
use potstill_models::{BuildOptions, Model, Shortcut, find, weights};
use potstill_ops::Frozen;
use potstill_testing::numbers::{assert_near, numbers as all, recorded, scope, values};
use weights::{Asked, StoredTensor, TensorFile, WeightSet};

fn fresh(model: &str, shortcut: Option<Shortcut>, classes: usize) -> Model {
    let options = BuildOptions {
        classes: Some(classes),
        shortcut,
        ..BuildOptions::default()
    };
    find(model).unwrap().build(options, &scope()).unwrap()
}

/// The network filled by the formula, as a file under the published names.
fn published(network: &mut Model) -> TensorFile {
    fill(network, noise, DType::F32);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights::save(network, &BTreeMap::new(), &path).unwrap();
    TensorFile::read(&path).unwrap()
}

/// The same file with other names, under a prefix, with the counters of batch norms, and with what training
/// scripts store beside a network that has a prefix.
fn renamed(file: &TensorFile, prefix: &str, rename: impl Fn(&str) -> String) -> TensorFile {
    let one = StoredTensor {
        shape: vec![1],
        values: vec![1.0],
    };
    let mut tensors: BTreeMap<String, StoredTensor> = file
        .tensors
        .iter()
        .map(|(name, tensor)| (format!("{prefix}{}", rename(name)), tensor.clone()))
        .collect();
    tensors.insert(format!("{prefix}bn1.num_batches_tracked"), one.clone());
    if !prefix.is_empty() {
        tensors.insert("optimizer.state.0.momentum_buffer".into(), one);
    }
    TensorFile {
        tensors,
        ..file.clone()
    }
}

fn classes(file: &TensorFile, network: &Model) -> Option<usize> {
    let set = WeightSet::choose(file, network, None, &Asked::Program);
    set.unwrap().classes()
}

fn logits(network: &Model) -> Vec<f64> {
    values(&Model::logits(&Frozen::new(network), images(2, 32, DType::F32)).unwrap())
}

const PREFIXES: [&str; 7] = [
    "",
    "module.",
    "state_dict.",
    "model.",
    "state_dict.module.",
    "model.module.",
    "net.",
];

#[test]
fn projecting_networks_are_loaded_under_every_name() {
    let shortcut = Some(Shortcut::Projection);
    let mut original = fresh("cifar_resnet20", shortcut, 10);
    let file = published(&mut original);
    let recorded = recorded("potstill-models/tests/reference/cifar_resnet_noise.json");
    let records = recorded["eval"].as_array().unwrap();
    let record = records
        .iter()
        .find(|record| record["name"] == "cifar_resnet20" && record["shortcut"] == "b")
        .unwrap();
    for prefix in PREFIXES {
        for head in ["linear", "fc", "classifier", "head"] {
            for projection in ["shortcut", "downsample"] {
                let what = format!("{prefix}…{head}, {projection}");
                let file = renamed(&file, prefix, |name| {
                    name.replace("linear", head).replace("shortcut", projection)
                });
                let mut network = fresh("cifar_resnet20", shortcut, 10);
                assert_eq!(classes(&file, &network), Some(10), "{what}");
                weights::load(&mut network, &file).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(logits(&network), logits(&original), "{what}");
                assert_near(&what, &logits(&network), &all(&record["logits"]), 1e-4);
            }
        }
    }
}

#[test]
fn every_family_is_loaded_under_its_published_names_and_prefixes() {
    for model in [
        "cifar_wrn_16_1",
        "cifar_vgg8",
        "cifar_mobilenetv2_x0_5",
        "cifar_shufflenetv1",
        "cifar_shufflenetv2",
        "cifar_resnet8x4",
    ] {
        let mut original = fresh(model, None, 7);
        let file = published(&mut original);
        let expected = logits(&original);
        for prefix in PREFIXES {
            let file = renamed(&file, prefix, str::to_owned);
            let mut network = fresh(model, None, 7);
            assert_eq!(classes(&file, &network), Some(7), "{prefix}{model}");
            weights::load(&mut network, &file).unwrap_or_else(|error| panic!("{prefix}{model}: {error}"));
            assert_eq!(logits(&network), expected, "{prefix}{model}");
        }
    }
}

#[test]
fn a_file_of_the_other_shortcut_is_refused_with_the_way_out() {
    let file = published(&mut fresh("cifar_resnet8", Some(Shortcut::Projection), 10));
    let refusal = |shortcut, file: &TensorFile| {
        weights::load(&mut fresh("cifar_resnet8", Some(shortcut), 10), file)
            .unwrap_err()
            .to_string()
    };
    let said = refusal(Shortcut::Subsample, &file);
    assert!(said.contains("projections: set shortcut \"b\""), "{said}");
    let file = published(&mut fresh("cifar_resnet8", Some(Shortcut::Subsample), 10));
    let said = refusal(Shortcut::Projection, &file);
    assert!(
        said.contains("no shortcut projections: set shortcut \"a\""),
        "{said}"
    );
}

#[test]
fn only_the_classifier_differs() {
    let file = published(&mut fresh("cifar_wrn_16_1", None, 10));
    let said = weights::load(&mut fresh("cifar_wrn_16_1", None, 100), &file)
        .unwrap_err()
        .to_string();
    assert!(said.contains("fc.weight: [10, 64] in the file"), "{said}");
    assert!(said.contains("only the classifier differs"), "{said}");
}

#[test]
fn nested_checkpoints_are_read_with_their_paths() {
    for name in ["nested.pth", "nested-legacy.pth"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/reference")
            .join(name);
        let file = TensorFile::read(&path).unwrap();
        let conv = &file.tensors["state_dict.module.conv1.weight"];
        assert_eq!(
            (&conv.shape[..], &conv.values[..]),
            (&[2, 2, 1, 1][..], &[0.0, 1.0, 2.0, 3.0][..])
        );
        assert_eq!(
            file.tensors["state_dict.module.bn1.running_var"].values,
            [0.5, 2.0]
        );
        assert!(
            file.tensors
                .keys()
                .all(|name| !name.ends_with("num_batches_tracked")),
            "counters are no floating-point tensors"
        );
    }
}
