//! The ImageNet networks equal torchvision's and timm's: names and shapes of all tensors, logits, maps, running statistics.
//!
//! The record holds no weights: a formula of each tensor's name gives them. It is made by `tools/imagenet_reference.py`. The large
//! networks take long; they are run by `cargo nextest run -p potstill-models --run-ignored all imagenet`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test reports; how near a network came is worth a line"
)]

#[path = "../../potstill-ops/tests/numbers/mod.rs"]
mod numbers;

use burn::tensor::{DType, Device, Tensor, TensorData};
use numbers::{nchw, numbers as all, recorded, values};
use potstill_models::{BuildOptions, Classifier, find};
use potstill_ops::{Entry, Frozen, Mode, Moments, Pass, Point, Scope, Taps, count_trainable};
use potstill_random::Seed;
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
fn filled(name: &str, kind: DType) -> Classifier {
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

/// FNV-1a of the lines `name [d0, d1]`, in the order of the names.
fn digest(entries: &[Entry]) -> String {
    let mut lines: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {:?}\n", entry.path, entry.shape))
        .collect();
    lines.sort();
    let hash = lines
        .concat()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
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

/// The path of the point at the end of a recorded module: a stage is a list of blocks, and ends with its last.
fn point_of(module: &str, points: &[String]) -> Point {
    let inside = |point: &&String| {
        point
            .strip_prefix(module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    Point::post(points.iter().rfind(inside).unwrap())
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
    assert_eq!((entry.parameters, entry.multiplications), told, "{name}");
    assert_eq!(count_trainable(network.parameters()) as u64, told.0, "{name}");

    let ends: Vec<String> = network
        .stage_ends()
        .into_iter()
        .map(|end| end.after.path)
        .collect();
    let modules = record["ends"].as_object().unwrap();
    let points: Vec<Point> = modules.keys().map(|module| point_of(module, &ends)).collect();
    let mut taps = Taps::at(&points);
    let [count, size] = [0, 1].map(|i| record["images"][i].as_u64().unwrap() as usize);
    let frozen = Frozen::new(&network);
    drop(network);
    let logits = frozen.get().forward(
        images(count, size, DType::F32),
        &mut Pass::visited(Mode::Running, &mut taps),
    );
    for ((module, glimpse), point) in modules.iter().zip(&points) {
        let map = taps.map(point).unwrap();
        let [_, h, w, c] = map.dims();
        assert_eq!(
            all(&glimpse["shape"]),
            [c, h, w].map(|size| size as f64),
            "{name} {module}"
        );
        let seen = nchw(&map);
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        let corner = [0, 1, h * w, h * w + 1].map(|at| seen[at.min(seen.len() - 1)]);
        let corner = if w > 1 {
            corner
        } else {
            [seen[0], seen[0], seen[1], seen[1]]
        };
        let expected = all(&glimpse["values"]);
        if expected.len() == 4 {
            apart(&format!("{module} of {name}"), &corner, &expected);
        }
        let expected = all(&glimpse["mean"])[0];
        let deviation =
            seen.iter().map(|value| value * value).sum::<f64>().sqrt() / (seen.len() as f64).sqrt();
        assert!(
            (mean - expected).abs() <= TOLERANCE * deviation,
            "mean of {module} of {name}: {mean} is not {expected}"
        );
    }
    let classes = logits.dims()[1];
    let logits = values(&logits);
    let first: Vec<f64> = logits
        .chunks(classes)
        .flat_map(|row| row[..10].to_vec())
        .collect();
    let worst = apart(&format!("logits of {name}"), &first, &all(&record["logits"]));
    println!("{name}: logits {worst:.1e} apart");
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
    Moments::absorb(&pass.into_moments(), network.parameters_mut());
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
