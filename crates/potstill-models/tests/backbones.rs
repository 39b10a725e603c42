//! A backbone alone gives the maps of the whole network, with the channels and strides that the registry
//! tells.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use potstill_models::{BuildOptions, Stage, find};
use potstill_ops::{Frozen, Mode, Parameters, Pass, Point, Scope, Taps};
use potstill_random::Seed;

fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(0), "test")
}

fn values(map: &Tensor<4>) -> Vec<f32> {
    map.clone().into_data().iter().collect()
}

fn tensors(module: &dyn Parameters) -> BTreeMap<String, Vec<f32>> {
    let mut tensors = BTreeMap::new();
    module.each(&mut |entry, tensor| {
        tensors.insert(entry.path.clone(), tensor.into_data().iter().collect());
    });
    tensors
}

fn gives_the_maps_of_the_whole_network(name: &str) {
    let entry = find(name).unwrap();
    let stages = entry.stages();
    let [height, width] = entry.input;
    let images = || Tensor::<4>::ones([1, height, width, 3], &Device::flex());

    let network = entry.build(BuildOptions::default(), &scope()).unwrap();
    let points: Vec<Point> = stages.iter().map(|stage| stage.end.post.clone()).collect();
    let mut taps = Taps::at(&points);
    let frozen = Frozen::new(&network);
    frozen
        .get()
        .forward(images(), &mut Pass::visited(Mode::Running, &mut taps));

    let backbone = entry.backbone(3, &scope()).unwrap();
    let of_network = tensors(network.parameters());
    for (path, own) in tensors(backbone.parameters()) {
        assert_eq!(of_network[&path], own, "{path} of {name}");
    }
    let backbone = Frozen::new(&backbone);
    let maps = backbone.get().stages(images(), &mut Pass::new(Mode::Running));
    assert_eq!(maps.len(), stages.len());
    for (
        map,
        Stage {
            end,
            channels,
            stride,
        },
    ) in maps.iter().zip(&stages)
    {
        let [rows, columns] = [height, width].map(|size| size.div_ceil(*stride));
        assert_eq!(
            map.dims(),
            [1, rows, columns, *channels],
            "{} of {name}",
            end.post
        );
        let tapped = taps.map(&end.post).unwrap();
        assert_eq!(values(map), values(&tapped), "{} of {name}", end.post);
    }
    let strides: Vec<usize> = stages.iter().map(|stage| stage.stride).collect();
    assert!(strides.is_sorted(), "{name}: {strides:?}");
}

macro_rules! one_of_each_family {
    ($($(#[$mark:meta])? $name:ident,)*) => {
        $(#[test] $(#[$mark])? fn $name() { gives_the_maps_of_the_whole_network(stringify!($name)); })*
    };
}

one_of_each_family! {
    cifar_resnet8,
    cifar_wrn_16_1,
    cifar_vgg8,
    cifar_mobilenetv2_x0_5,
    cifar_shufflenetv1,
    cifar_shufflenetv2,
    resnet18,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3_small,
    shufflenet_v2_x0_5,
    efficientnet_b0,
    #[ignore = "large"] convnext_tiny,
    vit_tiny_patch16_224,
    #[ignore = "large"] swin_tiny_patch4_window7_224,
}

#[test]
fn a_backbone_has_no_layers_that_only_an_embedding_needs() {
    for (name, behind) in [
        ("mobilenet_v2", "features.18."),
        ("mobilenet_v3_small", "features.12."),
        ("efficientnet_b0", "features.8."),
        ("shufflenet_v2_x0_5", "conv5."),
        ("cifar_shufflenetv2", "conv2."),
    ] {
        let entry = find(name).unwrap();
        let network = entry.build(BuildOptions::default(), &scope()).unwrap();
        let is_behind = |path: &String| path.starts_with(behind);
        assert!(tensors(network.parameters()).keys().any(is_behind), "{name}");
        let backbone = entry.backbone(3, &scope()).unwrap();
        assert!(!tensors(backbone.parameters()).keys().any(is_behind), "{name}");
    }
}

#[test]
fn a_backbone_for_no_channels_is_refused() {
    let error = find("resnet18").unwrap().backbone(0, &scope()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`resnet18` cannot be built with 0 image channels"
    );
}
