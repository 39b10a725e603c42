//! Classifiers that are linear in the mean of a map: of networks of the registry and of files, they say the network's own logits of that mean.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use burn::tensor::{Device, Tensor};
use potstill_models::{BuildOptions, FrozenModel, Model, OnnxModel, OnnxOutputs, find};
use potstill_ops::{Insertion, LayerConfig, Mode, Pass, Point, Scope, Taps};
use potstill_random::Seed;

use crate::onnx_students::{NETWORKS, file, images, network, values};

fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(2), "test")
}

fn built(name: &str) -> Model {
    let options = BuildOptions {
        classes: Some(5),
        ..BuildOptions::default()
    };
    find(name).unwrap().build(options, &scope()).unwrap()
}

/// Fails if the classifier says other logits of the mean of its map than the network does of the images.
fn assert_says_the_logits(what: &str, network: &FrozenModel, images: Tensor<4>) {
    let head = network.linear_head().unwrap_or_else(|| panic!("{what} has none"));
    let mut taps = Taps::at([&head.map]);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let logits = network.forward(images, &mut pass).unwrap().into_logits().unwrap();
    let map = taps.get(&head.map).unwrap();
    let [n, h, w, c] = map.dims();
    let means = map.reshape([n, h * w, c]).mean_dim(1).reshape([n, c]);
    let (found, wanted) = (values(head.logits(means)), values(logits));
    let largest = wanted
        .iter()
        .fold(1e-3, |largest: f64, value| largest.max(value.abs()));
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!(
            (found - wanted).abs() < 1e-4 * largest,
            "{what}: {found} is not {wanted}"
        );
    }
}

#[test]
fn networks_of_the_registry_say_their_logits() {
    let images = Tensor::<4>::ones([2, 32, 32, 3], &Device::flex()) * 0.4;
    for name in [
        "cifar_resnet8",
        "cifar_wrn_16_1",
        "cifar_vgg8",
        "cifar_mobilenetv2_x0_5",
        "cifar_shufflenetv1",
        "cifar_shufflenetv2",
        "resnet18",
        "mobilenet_v2",
        "shufflenet_v2_x0_5",
    ] {
        let network = FrozenModel::from(&built(name));
        assert_says_the_logits(name, &network, images.clone());
    }
}

#[test]
fn networks_that_end_otherwise_have_none() {
    // A hidden layer, a norm behind the mean, an embedding; a segmenter.
    for name in ["mobilenet_v3_small", "convnext_tiny", "fcn_cifar_resnet8"] {
        assert!(built(name).linear_head().is_none(), "{name}");
    }
    let mut network = built("cifar_resnet8");
    let layer = |path: &str, point: &str| Insertion {
        path: path.into(),
        point: Point::post(point),
        layer: LayerConfig::KdLayer {
            templates: 4,
            alpha: 1.0,
        },
    };
    network
        .insert(&layer("inside", "layer3.0"), [32, 32], &scope())
        .unwrap();
    assert!(network.linear_head().is_some());
    network
        .insert(&layer("behind", "pool"), [32, 32], &scope())
        .unwrap();
    assert!(network.linear_head().is_none());
}

#[test]
fn files_say_their_logits_as_networks_that_train_and_as_they_are() {
    let mut found = [Vec::new(), Vec::new()];
    for name in NETWORKS {
        let mut forms = vec![(0, FrozenModel::from(&network(name)))];
        // As it is this file cannot run: rten has no Selu.
        if name != "blurred" {
            let path = file(name);
            let as_it_is = OnnxModel::open(Path::new(&path), &OnnxOutputs::default(), [16, 16, 3]).unwrap();
            forms.push((1, FrozenModel::Onnx(as_it_is)));
        }
        for (form, network) in forms {
            if network.linear_head().is_some() {
                assert_says_the_logits(name, &network, images(2, 0.0));
                found[form].push(name);
            }
        }
    }
    // What the file keeps with its channels last is no map where it runs as it is.
    let [trained, as_it_is] = &found;
    assert!(
        trained.contains(&"residual") && as_it_is.contains(&"residual"),
        "{found:?}"
    );
    assert!(as_it_is.iter().all(|name| trained.contains(name)), "{found:?}");
    assert!(!trained.contains(&"tokens"), "{found:?}");
}
