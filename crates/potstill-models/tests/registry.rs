//! What the registry says about a network is what building it gives.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeSet;

use burn::tensor::Device;
use potstill_models::{BuildOptions, ModelEntry, ModelError, Stage, find, outline, probe, registry};
use potstill_ops::{PointSide, Scope};
use potstill_random::Seed;

fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(0), "test")
}

#[test]
fn names_are_unique_and_every_field_is_filled() {
    let mut names = BTreeSet::new();
    for entry in registry() {
        assert!(names.insert(entry.name), "{} is there twice", entry.name);
        assert!(!entry.about.is_empty() && entry.classes > 1, "{}", entry.name);
    }
}

/// Multiply-accumulates from which building and running a network takes more than a moment.
const LARGE: u64 = 2_000_000_000;

#[test]
fn sizes_costs_points_and_the_head_are_those_of_the_built_network() {
    told_is_seen(registry().filter(|entry| entry.macs < Some(LARGE)));
}

/// As `cargo nextest run --run-ignored all` finds it.
#[test]
#[ignore = "large"]
fn sizes_costs_points_and_the_head_are_those_of_the_built_large_network() {
    told_is_seen(registry().filter(|entry| entry.macs >= Some(LARGE)));
}

#[track_caller]
fn told_is_seen(entries: impl Iterator<Item = &'static ModelEntry>) {
    let mut wrong = Vec::new();
    for entry in entries {
        let network = entry.build(BuildOptions::default(), &scope()).unwrap();
        let probe = probe(&network, entry.input, &Device::flex()).unwrap();
        let told = (entry.parameters, entry.macs, entry.classes);
        let seen = (Some(probe.parameters as u64), Some(probe.macs), probe.classes);
        if told != seen {
            wrong.push(format!("{}: {told:?} is told, {seen:?} is seen", entry.name));
        }
        let ends = entry.stage_ends();
        let ends = ends.iter().flat_map(|end| [&end.post, &end.pre]);
        for point in ends.chain([&entry.stem()]) {
            if probe.size(point).is_none() {
                wrong.push(format!("{}: no point {point}", entry.name));
            }
        }
        if probe
            .points
            .iter()
            .find(|(point, _)| point.side == PointSide::Post)
            .map(|(point, _)| point)
            != Some(&entry.stem())
        {
            wrong.push(format!("{}: {} is not the first map", entry.name, entry.stem()));
        }
        for Stage {
            end,
            channels,
            stride,
        } in entry.stages()
        {
            let [rows, columns] = entry.input.map(|size| size.div_ceil(stride));
            let told = Some([rows, columns, channels]);
            let seen = probe.size(&end.post);
            if told != seen {
                wrong.push(format!(
                    "{}: {told:?} is told of {}, {seen:?} is seen",
                    entry.name, end.post
                ));
            }
        }
        let head = format!("{}.weight", entry.names.head);
        let rows = network
            .parameters()
            .entries()
            .into_iter()
            .find(|entry| entry.path == head)
            .and_then(|found| entry.names.classes_of(found.shape[entry.names.class_axis]));
        if rows != Some(entry.classes) {
            wrong.push(format!("{}: {head} is no classifier: {rows:?}", entry.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_outline_adds_up() {
    let network = find("cifar_resnet8")
        .unwrap()
        .build(BuildOptions::default(), &scope())
        .unwrap();
    let probe = probe(&network, [32, 32], &Device::flex()).unwrap();
    let rows = outline(&network, &probe);
    let top = || rows.iter().filter(|row| row.depth == 0);
    let names: Vec<_> = top().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        ["conv1", "bn1", "layer1", "layer2", "layer3", "pool", "linear"]
    );
    assert_eq!(
        top().map(|row| row.parameters).sum::<u64>(),
        probe.parameters as u64
    );
    assert_eq!(top().map(|row| row.macs).sum::<u64>(), probe.macs);
    let block = rows.iter().find(|row| row.path == "layer2.0").unwrap();
    assert_eq!(
        (block.depth, block.name.as_str(), block.size),
        (1, "0", Some([16, 16, 32]))
    );
    assert_eq!(block.parameters, 9 * (16 * 32 + 32 * 32) + 4 * 32);
    assert_eq!(block.macs, 16 * 16 * 32 * 9 * (16 + 32));
}

#[test]
fn images_that_a_network_cannot_take_are_refused_with_the_reason() {
    let build = |channels| {
        let options = BuildOptions {
            channels: Some(channels),
            ..BuildOptions::default()
        };
        find("cifar_resnet8").unwrap().build(options, &scope()).unwrap()
    };
    let refusal = |channels, image| {
        let error = build(channels).check(image).unwrap_err();
        assert!(matches!(error, ModelError::Input { .. }), "{error}");
        error.to_string()
    };
    assert_eq!(
        refusal(3, [32, 32, 1]),
        "`cifar_resnet8` cannot take images of 32x32x1 (height, width, channels): it was built for images of 3 channels"
    );
    assert!(refusal(1, [32, 32, 3]).ends_with("images of 1 channel"));
    assert!(refusal(3, [0, 32, 3]).ends_with("there is not one pixel in it"));
    assert!(build(3).check([1, 1, 3]).is_ok());
}
