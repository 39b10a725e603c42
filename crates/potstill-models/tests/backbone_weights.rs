//! The weights of a classifier start the backbone of a detector or a segmenter.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::tensor::Device;
use potstill_models::{
    BuildOptions, HeadWeights, Model, ModelError, find,
    weights::{Asked, TensorFile, WeightSet, save},
};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_testing::numbers::values;

fn network(name: &str, seed: u64) -> Model {
    let scope = Scope::new(&Device::flex(), Seed::new(seed), "test");
    find(name)
        .unwrap()
        .build(BuildOptions::default(), &scope)
        .unwrap()
}

fn tensors(network: &Model) -> BTreeMap<String, Vec<f64>> {
    let mut all = BTreeMap::new();
    network
        .parameters()
        .each(&mut |entry, tensor| drop(all.insert(entry.path.clone(), values(&tensor))));
    all
}

#[test]
fn a_classifier_starts_the_backbone_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("classifier.safetensors");
    let classifier = network("cifar_resnet8", 1);
    save(&classifier, &BTreeMap::new(), &file).unwrap();
    let file = TensorFile::read(&file).unwrap();
    for (name, path) in [
        ("fcn_cifar_resnet8", "backbone."),
        ("fasterrcnn_cifar_resnet8", "backbone.body."),
    ] {
        let mut started = network(name, 2);
        let fresh = tensors(&started);
        let set = WeightSet::choose(&file, &started, None, &Asked::Program).unwrap();
        let left_out = set.load(&mut started, HeadWeights::New).unwrap();
        assert_eq!(left_out, ["linear.bias", "linear.weight"], "{name}");
        let known = tensors(&classifier);
        for (tensor, values) in tensors(&started) {
            match tensor.strip_prefix(path).and_then(|own| known.get(own)) {
                Some(theirs) => assert_eq!(&values, theirs, "{name}: {tensor}"),
                None => assert_eq!(values, fresh[&tensor], "{name}: {tensor}"),
            }
        }
        // Without a word that the head starts anew it is no file of this network.
        let set = WeightSet::choose(&file, &started, None, &Asked::Program).unwrap();
        let refused = set.load(&mut started, HeadWeights::Kept);
        assert!(matches!(refused, Err(ModelError::WeightMismatch(_))), "{name}");
    }
}

#[test]
fn a_detector_of_other_classes_starts_all_but_the_layers_of_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("detector.safetensors");
    let of_classes = |name: &str, classes, seed| {
        let scope = Scope::new(&Device::flex(), Seed::new(seed), "test");
        let options = BuildOptions {
            classes: Some(classes),
            ..BuildOptions::default()
        };
        find(name).unwrap().build(options, &scope).unwrap()
    };
    for (name, layers) in [
        ("fasterrcnn_cifar_resnet8", 2),
        ("maskrcnn_cifar_resnet8", 3),
        ("fcos_cifar_resnet8", 1),
        ("fastestdet_0_5", 2),
        ("ssdlite320_mobilenet_v3_large", 6),
    ] {
        let published = of_classes(name, 5, 1);
        save(&published, &BTreeMap::new(), &path).unwrap();
        let file = TensorFile::read(&path).unwrap();
        let mut own = of_classes(name, 3, 2);
        let fresh = tensors(&own);
        let set = WeightSet::choose(&file, &own, None, &Asked::Program).unwrap();
        let left_out = set.load(&mut own, HeadWeights::New).unwrap();
        let theirs = tensors(&published);
        let (mut started, mut anew) = (0, std::collections::BTreeSet::new());
        for (path, values) in tensors(&own) {
            if left_out.contains(&path) {
                assert_eq!(values, fresh[&path], "{name}: {path}");
                anew.insert(path.rsplit_once('.').unwrap().0.to_owned());
            } else {
                assert_eq!(values, theirs[&path], "{name}: {path}");
                started += 1;
            }
        }
        assert!(started > 20, "{name}");
        assert_eq!(anew.len(), layers, "{name}: {anew:?}");
    }
}
