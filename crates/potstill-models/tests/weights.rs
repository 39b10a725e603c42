//! Weight files: written and read back, and refused when they do not fit.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::{collections::BTreeMap, fs, path::Path};

use burn::tensor::Device;
use potstill_models::{BuildOptions, Model, ModelError, find, weights};
use potstill_ops::Scope;
use potstill_random::Seed;

fn fresh(model: &str, classes: usize, seed: u64) -> Model {
    let options = BuildOptions {
        classes: Some(classes),
        ..Default::default()
    };
    find(model)
        .unwrap()
        .build(options, &Scope::new(&Device::flex(), Seed::new(seed), "test"))
        .unwrap()
}

fn values(network: &Model) -> Vec<f32> {
    let mut values = Vec::new();
    network
        .parameters()
        .each(&mut |_, tensor| values.extend(tensor.into_data().try_to_vec::<f32>().unwrap()));
    values
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for model in ["cifar_resnet8", "cifar_resnet8x4"] {
        let original = fresh(model, 7, 1);
        weights::save(&original, &BTreeMap::new(), &path).unwrap();
        let mut other = fresh(model, 7, 2);
        assert_ne!(values(&original), values(&other));
        weights::load(&mut other, &weights::TensorFile::read(&path).unwrap()).unwrap();
        assert_eq!(values(&original), values(&other));
    }
}

#[test]
fn prefixes_and_renamed_parts_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let original = fresh("cifar_resnet8x4", 5, 1);
    weights::save(&original, &BTreeMap::new(), &path).unwrap();
    let mut file = weights::TensorFile::read(&path).unwrap();
    assert!(
        file.tensors.contains_key("fc.weight"),
        "the benchmark's networks call their classifier fc"
    );
    file.tensors = file
        .tensors
        .into_iter()
        .map(|(name, tensor)| {
            (
                format!("state_dict.module.{}", name.replace("downsample", "shortcut")),
                tensor,
            )
        })
        .collect();
    let counter = weights::StoredTensor {
        shape: vec![1],
        values: vec![1.0],
    };
    file.tensors.insert(
        "state_dict.module.bn1.num_batches_tracked".into(),
        counter.clone(),
    );
    file.tensors
        .insert("optimizer.state.0.momentum_buffer".into(), counter);
    let mut other = fresh("cifar_resnet8x4", 5, 2);
    weights::load(&mut other, &file).unwrap();
    assert_eq!(values(&original), values(&other));
}

#[test]
fn a_misfit_is_listed_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights::save(&fresh("cifar_resnet8", 7, 1), &BTreeMap::new(), &path).unwrap();
    let mut file = weights::TensorFile::read(&path).unwrap();
    file.tensors.remove("bn1.bias");
    file.tensors.insert(
        "bn9.bias".into(),
        weights::StoredTensor {
            shape: vec![2],
            values: vec![0.0; 2],
        },
    );
    let mut network = fresh("cifar_resnet8", 10, 3);
    let before = values(&network);
    let error = weights::load(&mut network, &file).unwrap_err();
    let ModelError::WeightMismatch(mismatch) = &error else {
        panic!("{error}")
    };
    assert_eq!(mismatch.missing, ["bn1.bias"]);
    assert_eq!(mismatch.extra, ["bn9.bias"]);
    let shapes: Vec<_> = mismatch
        .wrong_shape
        .iter()
        .map(|one| (one.name.as_str(), one.file[0], one.network[0]))
        .collect();
    assert_eq!(shapes, [("linear.weight", 7, 10), ("linear.bias", 7, 10)]);
    assert_eq!(values(&network), before);
    let set = weights::WeightSet::choose(&file, &network, None, &weights::Asked::Program).unwrap();
    assert_eq!(set.classes(), Some(7));
}

#[test]
fn broken_files_are_errors_that_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.safetensors");
    weights::save(&fresh("cifar_resnet8", 10, 1), &BTreeMap::new(), &whole).unwrap();
    let bytes = fs::read(&whole).unwrap();
    let truncated = folder.path().join("truncated.safetensors");
    fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
    let noise = folder.path().join("noise.pth");
    fs::write(&noise, b"this is no checkpoint at all, only some words").unwrap();
    for path in [
        truncated.as_path(),
        noise.as_path(),
        Path::new("no/such/file.pth"),
    ] {
        let message = weights::TensorFile::read(path).unwrap_err().to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
}

#[test]
fn a_save_into_no_folder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = weights::save(
        &fresh("cifar_resnet8", 10, 1),
        &BTreeMap::new(),
        &folder.path().join("no/model.safetensors"),
    );
    assert!(matches!(error, Err(ModelError::Unwritable { .. })));
}
