//! Networks that are written as ONNX files compute in `rten` what they compute here, in every form of the file.
//!
//! The large networks take minutes; they run with `--run-ignored all`. `tools/check_onnx.py` does the same in onnxruntime.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, path::Path};

use crate::formula::{fill, images, noise};
use burn::tensor::{DType, Tensor};
use potstill_models::{
    BuildOptions, Enlargement, Model, OnnxModel, OnnxOptions, OnnxOutputs, OutputKind, PixelInput, Shortcut,
    find, onnx_file, registry, tensor_name,
};
use potstill_onnx::{OnnxNetwork, write::Opset};
use potstill_ops::{Frozen, Insertion, LayerConfig, Mode, Pass, Point, Taps, normalise_pixels};
use potstill_testing::numbers::scope;

/// Of the largest logit.
const TOLERANCE: f32 = 1e-4;

pub(crate) fn filled(name: &str, shortcut: Option<Shortcut>) -> Model {
    let options = BuildOptions {
        classes: Some(10),
        shortcut,
        ..BuildOptions::default()
    };
    let mut network = find(name).unwrap().build(options, &scope()).unwrap();
    fill(&mut network, noise, DType::F32);
    network
}

pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().into_data().iter().collect()
}

#[track_caller]
pub(crate) fn near(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let apart = apart.fold(0.0f32, f32::max);
    assert!(
        largest > 1e-3 && largest.is_finite(),
        "{what}: numbers of {largest} tell nothing"
    );
    assert!(apart <= TOLERANCE * largest, "{what}: {apart} of {largest}");
}

pub(crate) fn write(network: &Model, size: usize, options: &OnnxOptions, file: &Path) {
    let written = onnx_file(network, [size, size, 3], options, BTreeMap::new()).unwrap();
    written.write(file).unwrap();
}

pub(crate) fn written(network: &Model, size: usize, options: &OnnxOptions, file: &Path) -> OnnxModel {
    write(network, size, options, file);
    let shown = options.pixels.as_ref().map_or([size; 2], |pixels| pixels.size);
    let asked = OnnxOutputs::of(OutputKind::Logits, Some(10));
    OnnxModel::open(file, &asked, [shown[0], shown[1], 3]).unwrap()
}

pub(crate) fn computes_the_same(network: &Model, size: usize, options: &OnnxOptions) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("network.onnx");
    let read = written(network, size, options, &file);
    // Another number of images than the file was looked at with.
    let images = images(3, size, DType::F32);
    let expected = Model::logits(&Frozen::new(network), images.clone()).unwrap();
    let found = read.forward(images, &mut Pass::new(Mode::Running)).unwrap();
    let what = format!("{}, {options:?}", network.name());
    near(&what, &values(found.logits().unwrap()), &values(&expected));
}

fn is_written(name: &str, size: usize) {
    let network = filled(name, None);
    for (keep_norms, opset) in [(false, Opset::V17), (true, Opset::V20)] {
        let options = OnnxOptions {
            keep_norms,
            opset,
            ..OnnxOptions::default()
        };
        computes_the_same(&network, size, &options);
    }
}

macro_rules! networks {
    ($($(#[$mark:meta])? $name:ident: $size:expr,)*) => {
        $(#[test] $(#[$mark])? fn $name() { is_written(stringify!($name), $size); })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

networks! {
    cifar_resnet8: 32,
    #[ignore = "large"] cifar_resnet14: 32,
    #[ignore = "large"] cifar_resnet20: 32,
    #[ignore = "large"] cifar_resnet32: 32,
    #[ignore = "large"] cifar_resnet44: 32,
    #[ignore = "large"] cifar_resnet56: 32,
    #[ignore = "large"] cifar_resnet110: 32,
    cifar_resnet8x4: 16,
    #[ignore = "large"] cifar_resnet32x4: 32,
    cifar_wrn_16_1: 32,
    #[ignore = "large"] cifar_wrn_16_2: 32,
    #[ignore = "large"] cifar_wrn_40_1: 32,
    #[ignore = "large"] cifar_wrn_40_2: 32,
    #[ignore = "large"] cifar_wrn_40_4: 32,
    #[ignore = "large"] cifar_wrn_28_10: 32,
    cifar_vgg8: 16,
    #[ignore = "large"] cifar_vgg11: 64,
    #[ignore = "large"] cifar_vgg13: 32,
    #[ignore = "large"] cifar_vgg16: 32,
    #[ignore = "large"] cifar_vgg19: 32,
    cifar_mobilenetv2_x0_5: 32,
    cifar_shufflenetv1: 32,
    cifar_shufflenetv2: 32,
    #[ignore = "large"] cifar_resnet50: 32,
    #[ignore = "large"] resnet18: 64,
    #[ignore = "large"] resnet34: 224,
    #[ignore = "large"] resnet50: 224,
    #[ignore = "large"] resnet101: 224,
    #[ignore = "large"] resnet152: 224,
    #[ignore = "large"] wide_resnet50_2: 224,
    #[ignore = "large"] wide_resnet101_2: 224,
    #[ignore = "large"] resnext50_32x4d: 224,
    #[ignore = "large"] resnext101_32x8d: 224,
    mobilenet_v1: 64,
    mobilenet_v2: 64,
    mobilenet_v3_small: 64,
    #[ignore = "large"] mobilenet_v3_large: 224,
    shufflenet_v2_x0_5: 64,
    #[ignore = "large"] shufflenet_v2_x1_0: 224,
    #[ignore = "large"] shufflenet_v2_x1_5: 224,
    #[ignore = "large"] shufflenet_v2_x2_0: 224,
    efficientnet_b0: 64,
    #[ignore = "large"] convnext_tiny: 96,
    #[ignore = "large"] convnext_small: 224,
    #[ignore = "large"] convnext_base: 224,
    vit_tiny_patch16_224: 224,
    #[ignore = "large"] vit_small_patch16_224: 224,
    #[ignore = "large"] vit_base_patch16_224: 224,
    #[ignore = "large"] deit_tiny_patch16_224: 224,
    #[ignore = "large"] deit_small_patch16_224: 224,
    #[ignore = "large"] deit_base_patch16_224: 224,
    #[ignore = "large"] swin_tiny_patch4_window7_224: 224,
    #[ignore = "large"] swin_small_patch4_window7_224: 224,
    #[ignore = "large"] swin_base_patch4_window7_224: 224,
    #[ignore = "large"] swin_large_patch4_window7_224: 224,
}

#[test]
fn every_classification_network_of_the_registry_is_tested() {
    let classifies = |name: &&str| {
        let entry = find(name).unwrap();
        entry.output_kind() == OutputKind::Logits
    };
    let all: Vec<&str> = registry().map(|entry| entry.name).filter(classifies).collect();
    assert_eq!(all.len(), 55);
    assert_eq!(TESTED, all);
}

#[test]
fn a_projecting_shortcut_is_written() {
    computes_the_same(
        &filled("cifar_resnet8", Some(Shortcut::Projection)),
        32,
        &OnnxOptions::default(),
    );
}

#[test]
fn inserted_layers_are_written() {
    for layer in [
        LayerConfig::KdLayer {
            templates: 8,
            alpha: 0.5,
        },
        // More templates than channels: the length is multiplied before the first convolution and behind the second.
        LayerConfig::KdLayer {
            templates: 80,
            alpha: 1.0,
        },
        LayerConfig::Projector {
            outputs: 96,
            reduction: 2,
            pooled: None,
        },
        LayerConfig::Projector {
            outputs: 48,
            reduction: 4,
            pooled: Some([4, 3]),
        },
    ] {
        let mut network = filled("cifar_resnet8", None);
        let insertion = Insertion {
            path: "letkd.penultimate".into(),
            point: Point::post("layer3.0"),
            layer,
        };
        network.insert(&insertion, [32, 32], &scope()).unwrap();
        fill(&mut network, noise, DType::F32);
        for opset in [Opset::V17, Opset::V20] {
            let options = OnnxOptions {
                opset,
                ..OnnxOptions::default()
            };
            computes_the_same(&network, 32, &options);
        }
    }
}

/// Maps at points of all kinds, and the form in which their tensors are.
#[test]
fn points_are_outputs() {
    for (name, size, points) in [
        (
            "cifar_resnet8",
            32,
            &["layer2.0", "layer2.0:pre", "pool", "conv1:pre"][..],
        ),
        (
            "cifar_wrn_16_1",
            32,
            &["block1.layer.1", "block2.layer.0.bn1:pre", "bn1:pre"],
        ),
        (
            "cifar_shufflenetv2",
            32,
            &["layer1.1:pre", "layer1.1", "conv2:pre"],
        ),
        ("vit_tiny_patch16_224", 224, &["patch_embed", "blocks.2", "pool"]),
    ] {
        let network = filled(name, None);
        let points: Vec<Point> = points.iter().map(|point| point.parse().unwrap()).collect();
        let options = OnnxOptions {
            points: points.clone(),
            ..OnnxOptions::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("network.onnx");
        let read = written(&network, size, &options, &file);
        let names: Vec<String> = points.iter().map(tensor_name).collect();
        let outputs: Vec<&str> = read.outputs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(outputs[0], "logits");
        assert_eq!(outputs[1..], names);

        let images = images(2, size, DType::F32);
        let mut taps = Taps::at(&points);
        let frozen = Frozen::new(&network);
        let mut pass = Pass::visited(Mode::Running, &mut taps);
        let expected = frozen.get().forward(images.clone(), &mut pass);
        let theirs: Vec<Point> = names.iter().map(Point::post).collect();
        let mut read_taps = Taps::at(&theirs);
        let found = read
            .forward(images, &mut Pass::visited(Mode::Running, &mut read_taps))
            .unwrap();
        near(
            name,
            &values(found.logits().unwrap()),
            &values(expected.logits().unwrap()),
        );
        for (point, of_file) in points.iter().zip(&theirs) {
            let (expected, found) = (taps.get(point).unwrap(), read_taps.get(of_file).unwrap());
            assert_eq!(found.dims(), expected.dims(), "{point} of {name}");
            near(&format!("{point} of {name}"), &values(&found), &values(&expected));
        }
    }
}

#[test]
fn a_point_that_is_not_there_is_refused_by_name() {
    let options = OnnxOptions {
        points: vec![Point::post("layer3.9")],
        ..OnnxOptions::default()
    };
    let network = filled("cifar_resnet8", None);
    let error = onnx_file(&network, [32, 32, 3], &options, BTreeMap::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`cifar_resnet8` cannot be written as an ONNX file: it has no point `layer3.9`; did you mean `layer3.0`?"
    );
}

/// Segmenters of each head on small backbones: logits of each place, before they are enlarged.
#[test]
fn segmenters_are_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in [
        ("fcn_cifar_resnet8", 32),
        ("deeplabv3_cifar_resnet8", 32),
        ("lraspp_mobilenet_v3_small", 64),
        // Maps of 8x8, which six bins do not divide.
        ("pspnet_cifar_resnet8", 32),
    ] {
        let network = filled(name, None);
        let file = folder.path().join("network.onnx");
        write(&network, size, &OnnxOptions::default(), &file);
        let asked = OnnxOutputs::of(OutputKind::DenseLogits, Some(10));
        let read = OnnxModel::open(&file, &asked, [size, size, 3]).unwrap();
        let images = images(2, size, DType::F32);
        let frozen = Frozen::new(&network);
        let expected = frozen
            .get()
            .forward(images.clone(), &mut Pass::new(Mode::Running));
        let found = read.forward(images, &mut Pass::new(Mode::Running)).unwrap();
        let [expected, found] = [expected, found].map(|outputs| outputs.into_dense_logits().unwrap().logits);
        assert_eq!(found.dims(), expected.dims(), "{name}");
        near(name, &values(&found), &values(&expected));
    }
}

#[test]
fn detectors_are_refused() {
    let entry = find("fastestdet").unwrap();
    let network = entry.build(BuildOptions::default(), &scope()).unwrap();
    let [height, width] = entry.input;
    let options = OnnxOptions::default();
    let error = onnx_file(&network, [height, width, 3], &options, BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("it gives boxes of objects"), "{error}");
}

/// Height and width are open where nothing depends on them, and the file computes the same at another size.
#[test]
fn sizes_are_open_where_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    for (name, size, is_open) in [
        ("cifar_resnet8", 32, true),
        ("shufflenet_v2_x0_5", 64, true),
        ("mobilenet_v3_small", 64, true),
        // It halves its maps once more from 64 rows on.
        ("cifar_vgg8", 16, false),
        ("vit_tiny_patch16_224", 224, false),
    ] {
        let network = filled(name, None);
        let file = folder.path().join("network.onnx");
        write(&network, size, &OnnxOptions::default(), &file);
        let opened = OnnxNetwork::open(&file, None).unwrap();
        let expected = if is_open { [None; 2] } else { [Some(size); 2] };
        assert_eq!(opened.size(), expected, "{name}");
        if is_open {
            let asked = OnnxOutputs::of(OutputKind::Logits, Some(10));
            let other = size + 16;
            let read = OnnxModel::open(&file, &asked, [other, other, 3]).unwrap();
            let images = images(1, other, DType::F32);
            let expected = Model::logits(&Frozen::new(&network), images.clone()).unwrap();
            let found = read.forward(images, &mut Pass::new(Mode::Running)).unwrap();
            near(name, &values(found.logits().unwrap()), &values(&expected));
        }
    }
}

/// What the network is shown of pixels, computed by the layers of this crate's floor below.
#[test]
fn files_take_pixels() {
    let network = filled("cifar_resnet8", None);
    let (mean, std) = (vec![0.4, 0.5, 0.3], vec![0.2, 0.3, 0.25]);
    let folder = tempfile::tempdir().unwrap();
    for (shrink, enlargement, reversed) in [
        (1, None, false),
        (1, None, true),
        (2, None, false),
        (2, Some(Enlargement::Nearest), false),
        (4, Some(Enlargement::Bilinear), true),
    ] {
        let pixels = PixelInput {
            size: [32, 32],
            shrink,
            enlargement,
            reversed,
            mean: mean.clone(),
            std: std.clone(),
        };
        let what = format!("{pixels:?}");
        let size = if shrink > 1 && enlargement.is_none() {
            32 / shrink
        } else {
            32
        };
        let options = OnnxOptions {
            pixels: Some(pixels),
            ..OnnxOptions::default()
        };
        let read = written(&network, size, &options, &folder.path().join("network.onnx"));
        let given = images(2, 32, DType::F32) * 0.125 + 0.5;
        let small = potstill_ops::adaptive_avg_pool(given.clone(), [32 / shrink; 2]);
        let shown = match enlargement {
            None => small,
            Some(Enlargement::Nearest) => potstill_ops::resize_nearest(small, [32, 32]),
            Some(Enlargement::Bilinear) => potstill_ops::resize_bilinear(small, [32, 32]),
        };
        let shown = if reversed { shown.flip([3]) } else { shown };
        let shown = normalise_pixels(shown, &mean, &std);
        let expected = Model::logits(&Frozen::new(&network), shown).unwrap();
        let found = read.forward(given, &mut Pass::new(Mode::Running)).unwrap();
        near(&what, &values(found.logits().unwrap()), &values(&expected));
    }
}
