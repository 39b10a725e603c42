//! Segmenters equal their namesakes: names and shapes of all tensors, numbers of parameters, logits with the weights of a formula.
//!
//! The vectors come from torchvision and from a build of MMSegmentation's PSPNet; they lie outside the repository, and without
//! them the tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::{collections::BTreeMap, fs, path::Path};

use crate::formula::{fill, noise};
use burn::tensor::{DType, Tensor};
use potstill_base::Digest;
use potstill_models::weights::{Asked, WeightSet};
use potstill_models::{BuildOptions, DenseLogits, HeadWeights, Model, ModelError, find, weights::TensorFile};
use potstill_ops::{Entry, Frozen, Mode, Pass, Point, Taps, count_trainable};
use potstill_testing::numbers::{assert_near, map, nchw, numbers as all, scope};
use serde_json::Value;

/// For six recorded digits, the last of which may be half a unit off.
const SIX_DIGITS: f64 = 5e-6;

/// A file of the shared vectors; `None`, with a word, where it is not there.
fn shared(name: &str) -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

fn vectors(name: &str) -> Option<Value> {
    let file = shared(&format!("methods/dense/{name}"))?;
    Some(serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
}

fn built(name: &str, auxiliary: Option<bool>) -> Model {
    let options = BuildOptions {
        auxiliary,
        ..BuildOptions::default()
    };
    find(name).unwrap().build(options, &scope()).unwrap()
}

/// `name [shape]` of every entry of the state dictionary, counters of batch norms included.
fn lines(entries: &[Entry]) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        lines.push(format!("{} {:?}", entry.path, entry.shape));
        if let Some(norm) = entry.path.strip_suffix("running_var") {
            lines.push(format!("{norm}num_batches_tracked []"));
        }
    }
    lines
}

/// The names and shapes of a record, which leaves out the counters.
fn shapes(record: &Value) -> BTreeMap<String, Vec<usize>> {
    let sizes = |shape: &Value| all(shape).into_iter().map(|size| size as usize).collect();
    let record = record.as_object().unwrap().iter();
    record.map(|(name, shape)| (name.clone(), sizes(shape))).collect()
}

const TORCHVISION: [&str; 6] = [
    "fcn_resnet50",
    "fcn_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
];

#[test]
fn names_shapes_and_parameters_of_a_mobile_segmenter_are_torchvisions() {
    names_are_told([("lraspp_mobilenet_v3_large", None)]);
}

/// As `cargo nextest run --run-ignored all` finds it.
#[test]
#[ignore = "large"]
fn names_shapes_and_parameters_are_torchvisions() {
    let with_auxiliary = ["fcn_resnet50", "deeplabv3_resnet50"].map(|name| (name, Some(true)));
    names_are_told(
        TORCHVISION
            .map(|name| (name, None))
            .into_iter()
            .chain(with_auxiliary),
    );
}

fn names_are_told(cases: impl IntoIterator<Item = (&'static str, Option<bool>)>) {
    let Some(file) = vectors("networks.json") else {
        return;
    };
    for (name, auxiliary) in cases {
        let record = &file[if auxiliary == Some(true) {
            format!("{name}+aux")
        } else {
            name.into()
        }];
        let model = built(name, auxiliary);
        let entries = model.parameters().entries();
        let lines = lines(&entries);
        assert_eq!(lines.len() as u64, record["entries"].as_u64().unwrap(), "{name}");
        let digest = Digest::of(lines.join("\n"));
        assert_eq!(
            digest[..16],
            *record["names_sha256_16"].as_str().unwrap(),
            "{name}"
        );
        let parameters = count_trainable(model.parameters()) as u64;
        assert_eq!(parameters, record["parameters"].as_u64().unwrap(), "{name}");
    }
}

/// As `cargo nextest run --run-ignored all` finds it.
#[test]
#[ignore = "large"]
fn pspnets_are_mmsegmentations() {
    let Some(file) = vectors("pspnet.json") else {
        return;
    };
    for (name, theirs) in [
        ("pspnet_resnet18", "pspnet_r18-d8"),
        ("pspnet_resnet101", "pspnet_r101-d8"),
    ] {
        let record = &file[theirs];
        let model = built(name, None);
        let entries = model.parameters().entries();
        let ours: BTreeMap<String, Vec<usize>> = entries
            .iter()
            .map(|entry| (entry.path.clone(), entry.shape.clone()))
            .collect();
        for (path, shape) in shapes(&record["heads"]) {
            assert_eq!(ours.get(&path), Some(&shape), "{name}: {path}");
        }
        assert_eq!(
            count_trainable(model.parameters()) as u64,
            record["parameters"].as_u64().unwrap(),
            "{name}"
        );
        let counters = entries
            .iter()
            .filter(|entry| entry.path.ends_with("running_var"))
            .count() as u64;
        let told = record["entries"].as_u64().unwrap();
        assert!(
            [entries.len() as u64, entries.len() as u64 + counters].contains(&told),
            "{name}"
        );
        let without = count_trainable(built(name, Some(false)).parameters()) as u64;
        if let Some(auxiliary) = record["of_auxiliary_head"].as_u64() {
            assert_eq!(
                record["parameters"].as_u64().unwrap() - without,
                auxiliary,
                "{name}"
            );
        }
    }
}

/// The image of the records, `[N, H, W, 3]`.
fn image(shape: &Value) -> Tensor<4> {
    let sizes: Vec<usize> = all(shape).into_iter().map(|size| size as usize).collect();
    let [n, c, height, width] = sizes[..] else {
        panic!("{shape}")
    };
    map([n, c, height, width], |i| {
        let (n, channel) = (i / (c * height * width), i / (height * width) % c);
        let (y, x) = (i / width % height, i % width);
        (((n * 11 + channel * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    })
}

/// Compares a map with its recorded shape, sum, sum of squares, first and last values.
#[track_caller]
fn equals(what: &str, map: &Tensor<4>, summary: &Value, tolerance: f64) {
    let [n, h, w, c] = map.dims();
    assert_eq!(
        all(&summary["shape"]),
        [n, c, h, w].map(|size| size as f64),
        "{what}"
    );
    let found = nchw(map);
    let squares: f64 = found.iter().map(|value| value * value).sum();
    let sum: f64 = found.iter().sum();
    // A sum of terms that cancel is as exact as its terms.
    let scale = (found.len() as f64 * squares).sqrt();
    let told = all(&summary["sum"])[0];
    assert!(
        (sum - told).abs() <= tolerance * scale.max(told.abs()),
        "{what}: sum {sum}, told {told}"
    );
    assert_near(
        &format!("squares of {what}"),
        &[squares],
        &all(&summary["sum_of_squares"]),
        2.0 * tolerance,
    );
    let ends = [&found[..4], &found[found.len() - 2..]].concat();
    let told = [all(&summary["first"]), all(&summary["last"])].concat();
    assert_near(what, &ends, &told, tolerance);
}

/// The outputs for the record's image with the weights of the formula, and the maps at these points.
fn run(
    name: &str,
    auxiliary: Option<bool>,
    shape: &Value,
    dtype: DType,
    points: &[Point],
) -> (DenseLogits, Vec<Tensor<4>>) {
    let mut model = built(name, auxiliary);
    fill(&mut model, noise, dtype);
    let frozen = Frozen::new(&model);
    let mut taps = Taps::at(points);
    let outputs = frozen.get().forward(
        image(shape).cast(dtype),
        &mut Pass::visited(Mode::Running, &mut taps),
    );
    let maps = points.iter().map(|point| taps.map(point).unwrap()).collect();
    (outputs.into_dense_logits().unwrap(), maps)
}

#[track_caller]
fn is_torchvisions(name: &str, auxiliary: Option<bool>, dtype: DType, tolerance: f64) {
    let Some(file) = vectors("formula_networks.json") else {
        return;
    };
    let record = &file[name];
    let (outputs, _) = run(name, auxiliary, &record["image"], dtype, &[]);
    equals(name, &outputs.full(), &record["out"], tolerance);
    if auxiliary == Some(true) {
        equals(
            &format!("{name}, auxiliary"),
            &outputs.full_auxiliary().unwrap(),
            &record["aux"],
            tolerance,
        );
    }
}

#[test]
fn mobile_segmenters_give_the_recorded_logits() {
    for name in ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"] {
        is_torchvisions(name, None, DType::F64, SIX_DIGITS);
        is_torchvisions(name, None, DType::F32, 1e-4);
    }
}

/// As `cargo nextest run --run-ignored all` finds it.
#[test]
#[ignore = "large"]
fn segmenters_on_resnet_50_give_the_recorded_logits() {
    for name in ["fcn_resnet50", "deeplabv3_resnet50"] {
        is_torchvisions(name, Some(true), DType::F64, SIX_DIGITS);
        is_torchvisions(name, Some(true), DType::F32, 1e-4);
    }
}

#[test]
fn pspnet_gives_the_recorded_stages_and_logits() {
    let Some(file) = vectors("pspnet.json") else {
        return;
    };
    let record = &file["pspnet_r18-d8"];
    let entry = find("pspnet_resnet18").unwrap();
    let points: Vec<Point> = entry.stages().into_iter().map(|stage| stage.end.post).collect();
    for (dtype, tolerance) in [(DType::F64, SIX_DIGITS), (DType::F32, 1e-4)] {
        let (outputs, stages) = run("pspnet_resnet18", None, &record["image"], dtype, &points);
        for (stage, summary) in stages.iter().zip(record["stages"].as_array().unwrap()) {
            equals("stage", stage, summary, tolerance);
        }
        equals("logits", &outputs.logits, &record["decode"], tolerance);
        equals(
            "auxiliary",
            &outputs.auxiliary.unwrap(),
            &record["auxiliary"],
            tolerance,
        );
    }
}

#[test]
fn enet_with_its_published_weights_gives_the_recorded_logits() {
    let Some(folder) = shared("data/camvid-teacher") else {
        return;
    };
    let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let file = TensorFile::read(&folder.join("enet-camvid-rebn.safetensors")).unwrap();
    let mut model = built("enet", None);
    assert_eq!(count_trainable(model.parameters()), 353_916);
    let set = WeightSet::choose(&file, &model, None, &Asked::Program).unwrap();
    assert_eq!((set.classes(), set.channels()), (Some(12), Some(3)));
    assert!(set.load(&mut model, HeadWeights::Kept).unwrap().is_empty());
    let ramp = map([1, 3, 64, 96], |i| {
        let (c, y, x) = (i / (64 * 96), i / 96 % 64, i % 96);
        ((c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0
    });
    let frozen = Frozen::new(&model);
    let outputs = frozen
        .get()
        .forward(ramp.cast(DType::F32), &mut Pass::new(Mode::Running));
    let logits = nchw(&outputs.into_dense_logits().unwrap().full());
    let count = logits.len() as f64;
    let mean = logits.iter().sum::<f64>() / count;
    let variance = logits.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    assert_near(
        "moments",
        &[mean, variance.sqrt()],
        &[&expected["mean"], &expected["std"]].map(|x| all(x)[0]),
        1e-4,
    );
    let at: Vec<f64> = (0..12).map(|class| logits[(class * 64 + 10) * 96 + 20]).collect();
    assert_near("a pixel", &at, &all(&expected["output[0,:,10,20]"]), 1e-4);
}

#[test]
fn half_an_enet_has_half_of_every_width() {
    let halved = |entry: &Entry, other: &Entry| {
        entry.shape.iter().zip(&other.shape).all(|(half, whole)| {
            // The first map holds the image beside what a convolution makes; kernels, slopes and classes stay.
            2 * half == *whole || half == whole || (*half, *whole) == (5, 13)
        })
    };
    let (half, whole) = (built("enet_0_5", None), built("enet", None));
    let (half, whole) = (half.parameters().entries(), whole.parameters().entries());
    assert_eq!(half.len(), whole.len());
    for (half, whole) in half.iter().zip(&whole) {
        assert_eq!(half.path, whole.path);
        assert!(
            halved(half, whole),
            "{}: {:?} and {:?}",
            half.path,
            half.shape,
            whole.shape
        );
    }
    let count = |entries: &[Entry]| -> usize {
        entries
            .iter()
            .map(|entry| entry.shape.iter().product::<usize>())
            .sum()
    };
    assert!((80_000..110_000).contains(&count(&half)), "{}", count(&half));
}

#[test]
fn enet_takes_sides_of_multiples_of_eight() {
    let model = built("enet_0_5", None);
    assert!(model.check([16, 40, 3]).is_ok());
    let error = model.check([16, 36, 3]).unwrap_err();
    assert!(error.to_string().contains("must be multiples of 8"), "{error}");
    let options = BuildOptions {
        channels: Some(8),
        ..BuildOptions::default()
    };
    let error = find("enet_0_5").unwrap().build(options, &scope()).unwrap_err();
    assert!(matches!(error, ModelError::Impossible { .. }), "{error}");
}

#[test]
fn any_backbone_takes_any_head() {
    for (name, stride) in [
        ("lraspp_cifar_resnet8", 2),
        ("deeplabv3_mobilenet_v3_small", 16),
        ("pspnet_cifar_vgg8", 1),
        ("fcn_shufflenet_v2_x0_5", 32),
    ] {
        let model = built(name, None);
        assert_eq!(model.name(), name);
        let images = Tensor::zeros([2, 64, 96, 3], &burn::tensor::Device::flex());
        let frozen = Frozen::new(&model);
        let outputs = frozen.get().forward(images, &mut Pass::new(Mode::Running));
        let outputs = outputs.into_dense_logits().unwrap();
        let [n, h, w, classes] = outputs.logits.dims();
        assert_eq!([n, classes], [2, model.classes()], "{name}");
        let stages = find(name).unwrap().stages();
        if !name.starts_with("pspnet_cifar_vgg") {
            assert_eq!(
                [h, w],
                [64usize.div_ceil(stride), 96usize.div_ceil(stride)],
                "{name}: {stages:?}"
            );
        }
        assert_eq!(outputs.full().dims(), [2, 64, 96, model.classes()]);
    }
}

#[test]
fn new_heads_leave_out_every_layer_of_the_old_classes() {
    let mut model = built("lraspp_cifar_resnet8", Some(true));
    let folder = std::env::temp_dir().join(format!("potstill-heads-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("whole.safetensors");
    potstill_models::weights::save(&model, &BTreeMap::new(), &path).unwrap();
    let file = TensorFile::read(&path).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let set = WeightSet::choose(&file, &model, None, &Asked::Program).unwrap();
    assert_eq!(set.auxiliary(), Some(true));
    let left_out = set.load(&mut model, HeadWeights::New).unwrap();
    assert_eq!(
        left_out,
        [
            "aux_classifier.4.bias",
            "aux_classifier.4.weight",
            "classifier.high_classifier.bias",
            "classifier.high_classifier.weight",
            "classifier.low_classifier.bias",
            "classifier.low_classifier.weight",
        ]
    );
}
