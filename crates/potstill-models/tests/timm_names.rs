//! Files with timm's names for networks that are built with torchvision's.
//!
//! The names are written down here from timm's tables of blocks (`timm/models/efficientnet.py`,
//! `_gen_mobilenet_v2` and `_gen_efficientnet`) in the order in which timm registers its layers. torchvision
//! registers the same layers in the same order, so that the n-th tensor of one is the n-th of the other.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::tensor::Device;
use potstill_models::{
    BuildOptions, Model, find,
    weights::{self, StoredTensor, TensorFile},
};
use potstill_ops::Scope;
use potstill_random::Seed;

/// Blocks of each stage, and whether they squeeze.
const MOBILENET_V2: ([usize; 7], bool) = ([1, 2, 3, 4, 3, 3, 1], false);
const EFFICIENTNET_B0: ([usize; 7], bool) = ([1, 2, 2, 3, 3, 4, 1], true);

fn timm_names((stages, squeezes): ([usize; 7], bool)) -> Vec<String> {
    let mut names = Vec::new();
    let conv = |names: &mut Vec<String>, at: String| names.push(format!("{at}.weight"));
    let norm = |names: &mut Vec<String>, at: String| {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            names.push(format!("{at}.{part}"));
        }
    };
    conv(&mut names, "conv_stem".into());
    norm(&mut names, "bn1".into());
    for (stage, blocks) in stages.into_iter().enumerate() {
        for block in 0..blocks {
            let at = |layer: &str| format!("blocks.{stage}.{block}.{layer}");
            // `DepthwiseSeparableConv` in the first stage, `InvertedResidual` in the others.
            let [first, second, last] = ["conv_pw", "conv_dw", "conv_pwl"];
            let mut norms = ["bn1", "bn2", "bn3"].into_iter().map(at);
            let mut next = |names: &mut Vec<String>, layer: &str| {
                conv(names, at(layer));
                norm(names, norms.next().unwrap());
            };
            if stage == 0 {
                next(&mut names, "conv_dw");
            } else {
                next(&mut names, first);
                next(&mut names, second);
            }
            for layer in ["se.conv_reduce", "se.conv_expand"]
                .into_iter()
                .filter(|_| squeezes)
            {
                names.push(at(layer) + ".weight");
                names.push(at(layer) + ".bias");
            }
            next(&mut names, if stage == 0 { "conv_pw" } else { last });
        }
    }
    conv(&mut names, "conv_head".into());
    norm(&mut names, "bn2".into());
    names.extend(["classifier.weight".into(), "classifier.bias".into()]);
    names
}

fn fresh(model: &str) -> Model {
    let scope = Scope::new(&Device::flex(), Seed::new(1), "test");
    find(model)
        .unwrap()
        .build(BuildOptions::default(), &scope)
        .unwrap()
}

fn file(network: &Model, names: &[String]) -> TensorFile {
    let entries = network.parameters().entries();
    assert_eq!(entries.len(), names.len());
    let tensors = entries
        .iter()
        .zip(names)
        .enumerate()
        .map(|(place, (entry, name))| {
            let shape = entry.shape.clone();
            let values = vec![place as f32; shape.iter().product()];
            (format!("state_dict.{name}"), StoredTensor { shape, values })
        });
    TensorFile {
        path: "timm.pth".into(),
        tensors: tensors.collect(),
        others: BTreeMap::new(),
        metadata: BTreeMap::new(),
    }
}

#[test]
fn mobilenet_v2_and_efficientnet_b0_are_loaded_layer_by_layer() {
    for (model, blocks) in [
        ("mobilenet_v2", MOBILENET_V2),
        ("efficientnet_b0", EFFICIENTNET_B0),
    ] {
        let mut network = fresh(model);
        let file = file(&network, &timm_names(blocks));
        weights::load(&mut network, &file).unwrap_or_else(|error| panic!("{model}: {error}"));
        let mut place = 0.0;
        network.parameters().each(&mut |entry, tensor| {
            let values = tensor.into_data().try_to_vec::<f32>().unwrap();
            assert!(
                values.iter().all(|value| *value == place),
                "{model}: {} is not tensor {place}",
                entry.path
            );
            place += 1.0;
        });
    }
}

#[test]
fn mobilenet_v3_of_timm_is_another_network() {
    let mut network = fresh("mobilenet_v3_large");
    let one = StoredTensor {
        shape: vec![1],
        values: vec![1.0],
    };
    let names = ["conv_stem.weight", "blocks.0.0.conv_dw.weight"];
    let file = TensorFile {
        path: "timm.pth".into(),
        tensors: names.map(|name| (name.to_owned(), one.clone())).into(),
        others: BTreeMap::new(),
        metadata: BTreeMap::new(),
    };
    let said = weights::load(&mut network, &file).unwrap_err().to_string();
    assert!(
        said.contains("timm's MobileNetV3") && said.contains("1e-5"),
        "{said}"
    );
}
