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
