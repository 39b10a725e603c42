//! The ImageNet networks equal torchvision's and timm's: names and shapes of all tensors, logits, maps,
//! running statistics.
//!
//! The record holds no weights: a formula of each tensor's name gives them. It is made by
//! `tools/imagenet_reference.py`. The large networks take a minute together; they run with `--run-ignored
//! all` only.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test reports; how near a network came is worth a line"
)]

use crate::formula::digest;
use burn::tensor::{DType, Device, Tensor, TensorData};
use potstill_models::{BuildOptions, Model, StageEnd, find};
use potstill_ops::{BatchStatistics, Entry, Frozen, Mode, Pass, Point, Scope, Taps, count_trainable};
use potstill_random::Seed;
use potstill_testing::numbers::{nchw, numbers as all, recorded, values};
use serde_json::Value;

const FILE: &str = "potstill-models/tests/reference/imagenet.json";

/// Networks are evaluated in 32 bits, as users compute; the record is of 64.
const TOLERANCE: f64 = 1e-4;

fn record_of(part: &str, name: &str) -> Value {
    let file = recorded(FILE);
    let mut records = file[part].as_array().unwrap().iter();
    records.find(|record| record["name"] == name).unwrap().clone()
}

/// The value of the tensor at this flat index: see `fill` in the record.
fn value(entry: &Entry, phase: f64, i: usize) -> f64 {
    let x = 1e4 * (i as f64 + phase).sin();
    let w = 2.0 * (x - x.floor()) - 1.0;
    let name = entry.path.as_str();
    if name.ends_with("running_var") {
        1.0 + 0.5 * w * w
    } else if entry.shape.len() > 1 {
        (2.0 / entry.shape[1..].iter().product::<usize>() as f64).sqrt() * w
    } else if name.ends_with("weight") {
        1.0 + 0.1 * w
    } else {
        0.1 * w
    }
}

/// The network with the weights of the formula, as numbers of this kind.
fn filled(name: &str, kind: DType) -> Model {
    let scope = Scope::new(&Device::flex(), Seed::new(0), "test");
    let mut network = find(name)
        .unwrap()
        .build(BuildOptions::default(), &scope)
        .unwrap();
    network.parameters_mut().rewrite(&mut |entry, present| {
        let bytes = entry.path.bytes().enumerate();
        let weighted: usize = bytes.map(|(j, byte)| (j + 1) * byte as usize).sum();
        let phase = (weighted % 1000) as f64 / 100.0;
        let count = present.dims()[0];
        let values: Vec<f64> = (0..count).map(|i| value(entry, phase, i)).collect();
        let data = TensorData::new(values, [count]);
        Some(Tensor::from_data(data, (&present.device(), kind)))
    });
    network
}

/// The recorded input, `[N, S, S, 3]`.
fn images(count: usize, size: usize, kind: DType) -> Tensor<4> {
    let shape = [count, size, size, 3];
    let value = |i: usize| {
        let (n, y, x, c) = (i / (3 * size * size), i / (3 * size) % size, i / 3 % size, i % 3);
        (((n * 11 + c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    };
    let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), kind))
}

/// The largest difference, relative to the largest recorded value.
#[track_caller]
fn apart(what: &str, found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0f64, |scale, value| scale.max(value.abs()));
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let apart = differences.fold(0f64, f64::max) / scale;
    assert!(
        apart <= TOLERANCE,
        "{what} is {apart:e} apart: {found:?} is not {expected:?}"
    );
    apart
}

/// The stage end of a recorded module: a stage is a list of blocks, and ends with its last.
fn end_of<'a>(module: &str, ends: &'a [StageEnd]) -> &'a StageEnd {
    let inside = |end: &&StageEnd| {
        let rest = end.post.path.strip_prefix(module);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    ends.iter().find(inside).unwrap()
}

/// How far a map is from its recorded shape, mean and corner.
#[track_caller]
fn map_apart(what: &str, map: &Tensor<4>, glimpse: &Value) -> f64 {
    let [_, h, w, c] = map.dims();
    assert_eq!(
        all(&glimpse["shape"]),
        [c, h, w].map(|size| size as f64),
        "{what}"
    );
    let seen = nchw(map);
    let corner = [0, 1, h * w, h * w + 1].map(|at| seen[at]);
    let worst = apart(what, &corner, &all(&glimpse["values"]));
    // A mean near zero is known as well as the values that it is of.
    let (mean, expected) = (
        seen.iter().sum::<f64>() / seen.len() as f64,
        all(&glimpse["mean"])[0],
    );
    let spread = (seen.iter().map(|value| value * value).sum::<f64>() / seen.len() as f64).sqrt();
    let off = (mean - expected).abs() / spread;
    assert!(off <= TOLERANCE, "mean of {what}: {mean} is not {expected}");
    worst.max(off)
}

fn equals_its_namesake(name: &str) {
    let record = record_of("eval", name);
    let network = filled(name, DType::F32);
    let entries = network.parameters().entries();
    assert_eq!(
        entries.len() as u64,
        record["tensors"].as_u64().unwrap(),
        "tensors of {name}"
    );
    assert_eq!(digest(&entries), record["digest"], "names and shapes of {name}");
    let entry = find(name).unwrap();
    let told = (
        record["parameters"].as_u64().unwrap(),
        record["multiplications"].as_u64().unwrap(),
    );
    assert_eq!(entry.parameters.zip(entry.macs), Some(told), "{name}");
    assert_eq!(count_trainable(network.parameters()) as u64, told.0, "{name}");

    let ends = network.stage_ends();
    let of = |part: &str, side: fn(&StageEnd) -> &Point| -> Vec<(String, Point, Value)> {
        let glimpses = record[part].as_object().unwrap().iter();
        let point = |(module, glimpse): (&String, &Value)| {
            (
                module.clone(),
                side(end_of(module, &ends)).clone(),
                glimpse.clone(),
            )
        };
        glimpses.map(point).collect()
    };
    let glimpses = [of("ends", |end| &end.post), of("before", |end| &end.pre)].concat();
    let pool = Point::post("pool");
    let mut taps = Taps::at(glimpses.iter().map(|(_, point, _)| point).chain([&pool]));
    let [count, size] = [0, 1].map(|i| record["images"][i].as_u64().unwrap() as usize);
    let frozen = Frozen::new(&network);
    drop(network);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let logits = frozen.get().forward(images(count, size, DType::F32), &mut pass);
    let logits = logits.into_logits().unwrap();
    let mut worst = 0f64;
    for (module, point, glimpse) in &glimpses {
        worst = worst.max(map_apart(
            &format!("{module} of {name}"),
            &taps.map(point).unwrap(),
            glimpse,
        ));
    }
    let first = |rows: &[f64], width: usize, kept: usize| -> Vec<f64> {
        rows.chunks(width).flat_map(|row| row[..kept].to_vec()).collect()
    };
    let pooled = taps.map(&pool).unwrap();
    let found = first(&values(&pooled), pooled.dims()[3], 4);
    worst = worst.max(apart(
        &format!("pooled embedding of {name}"),
        &found,
        &all(&record["pooled"]),
    ));
    let found = first(&values(&logits), logits.dims()[1], 10);
    worst = worst.max(apart(
        &format!("logits of {name}"),
        &found,
        &all(&record["logits"]),
    ));
    println!("{name}: {worst:.0e} apart");
}

macro_rules! namesakes {
    ($($(#[$mark:meta])? $name:ident,)*) => {
        $(#[test] $(#[$mark])? fn $name() { equals_its_namesake(stringify!($name)); })*
    };
}

namesakes! {
    resnet18,
    #[ignore = "large"] resnet34,
    resnet50,
    #[ignore = "large"] resnet101,
    #[ignore = "large"] resnet152,
    #[ignore = "large"] wide_resnet50_2,
    #[ignore = "large"] wide_resnet101_2,
    resnext50_32x4d,
    #[ignore = "large"] resnext101_32x8d,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3_small,
    mobilenet_v3_large,
    shufflenet_v2_x0_5,
    shufflenet_v2_x1_0,
    shufflenet_v2_x1_5,
    shufflenet_v2_x2_0,
    efficientnet_b0,
    convnext_tiny,
    #[ignore = "large"] convnext_small,
    #[ignore = "large"] convnext_base,
    vit_tiny_patch16_224,
    #[ignore = "large"] vit_small_patch16_224,
    #[ignore = "large"] vit_base_patch16_224,
    deit_tiny_patch16_224,
    #[ignore = "large"] deit_small_patch16_224,
    #[ignore = "large"] deit_base_patch16_224,
    swin_tiny_patch4_window7_224,
    #[ignore = "large"] swin_small_patch4_window7_224,
    #[ignore = "large"] swin_base_patch4_window7_224,
    #[ignore = "large"] swin_large_patch4_window7_224,
}

/// A step in double precision, as recorded: a ReLU on the wrong side of zero would change gradients visibly.
fn trains_as_its_namesake(name: &str) {
    let record = record_of("train", name);
    let mut network = filled(name, DType::F64);
    let mut pass = Pass::new(Mode::Batch);
    let [count, size] = [0, 1].map(|i| record["images"][i].as_u64().unwrap() as usize);
    let logits = network.forward(images(count, size, DType::F64), &mut pass);
    let logits = logits.into_logits().unwrap();
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), network.parameters_mut());
    let classes = logits.dims()[1];
    let rows = values(&logits.clone().inner());
    let first: Vec<f64> = rows.chunks(classes).flat_map(|row| row[..10].to_vec()).collect();
    apart(
        &format!("training logits of {name}"),
        &first,
        &all(&record["logits"]),
    );
    let tape = (logits.powi_scalar(2).sum() * 1e-3).backward();
    let (buffers, gradients) = (&record["buffers"], &record["gradients"]);
    let mut met = 0;
    network.parameters().each(&mut |entry, tensor| {
        if let Some(expected) = buffers.get(&entry.path) {
            apart(
                &format!("{} of {name}", entry.path),
                &values(&tensor)[..4],
                &all(expected),
            );
            met += 1;
        }
    });
    network.parameters().each_gradient(&tape, &mut |entry, gradient| {
        if let Some(expected) = gradients.get(&entry.path) {
            let found = values(&gradient);
            let what = format!("gradient of {} of {name}", entry.path);
            let norm = found.iter().map(|value| value * value).sum::<f64>().sqrt();
            apart(&format!("norm of the {what}"), &[norm], &all(&expected["norm"]));
            apart(&what, &found[..4], &all(&expected["values"]));
            met += 1;
        }
    });
    let recorded = [buffers, gradients].map(|part| part.as_object().unwrap().len());
    assert_eq!(met, recorded.iter().sum::<usize>(), "{name}");
}

macro_rules! trained {
    ($($test:ident: $name:ident,)*) => {
        $(#[test] fn $test() { trains_as_its_namesake(stringify!($name)); })*
    };
}

trained! {
    resnet_trains: resnet18,
    resnext_trains: resnext50_32x4d,
    mobilenet_v1_trains: mobilenet_v1,
    mobilenet_v2_trains: mobilenet_v2,
    mobilenet_v3_trains: mobilenet_v3_small,
    shufflenet_v2_trains: shufflenet_v2_x0_5,
    efficientnet_trains: efficientnet_b0,
    convnext_trains: convnext_tiny,
    vit_trains: vit_tiny_patch16_224,
    swin_trains: swin_tiny_patch4_window7_224,
}
