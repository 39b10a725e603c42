//! Points: what a visitor sees is what it asked for, what it gives back is what the network goes on with; and
//! what a probe tells equals what is worked out here by hand.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::cell::RefCell;

use burn::tensor::{DType, Device, Tensor};
use potstill_models::{BuildOptions, Model, Shortcut, find, probe};
use potstill_ops::{Frozen, Mode, Pass, Point, PointSide, Taps, Visitor};
use potstill_testing::numbers::{assert_near, map, nchw, scope, values};

fn network(name: &str, shortcut: Option<Shortcut>) -> Model {
    let options = BuildOptions {
        classes: Some(10),
        shortcut,
        ..Default::default()
    };
    find(name).unwrap().build(options, &scope()).unwrap()
}

fn images() -> Tensor<4> {
    map([2, 3, 32, 32], |i| (0.1 * i as f64).sin()).cast(DType::F32)
}

/// Every point of ResNet-8, in the order of a pass.
fn all_points() -> Vec<Point> {
    let both = |path: &str| [Point::pre(path), Point::post(path)];
    let mut points: Vec<_> = ["conv1", "layer1.0", "layer2.0", "layer3.0"]
        .into_iter()
        .flat_map(both)
        .collect();
    points.push(Point::post("pool"));
    points
}

/// Gives its map at its points, or the network's own where it has none, and counts.
struct ShapeRecorder<'a> {
    points: &'a [Point],
    replacement: Option<fn(Tensor<4>) -> Tensor<4>>,
    asked: RefCell<Vec<Point>>,
    shown: Vec<Point>,
}

impl<'a> ShapeRecorder<'a> {
    fn of(points: &'a [Point], replacement: Option<fn(Tensor<4>) -> Tensor<4>>) -> Self {
        Self {
            points,
            replacement,
            asked: RefCell::default(),
            shown: Vec::new(),
        }
    }
}

impl Visitor for ShapeRecorder<'_> {
    fn wants(&self, path: &str, side: PointSide) -> bool {
        let point = Point {
            path: path.into(),
            side,
        };
        self.asked.borrow_mut().push(point.clone());
        self.points.contains(&point)
    }

    fn visit(&mut self, path: &str, side: PointSide, map: Tensor<4>) -> Tensor<4> {
        self.shown.push(Point {
            path: path.into(),
            side,
        });
        match self.replacement {
            Some(replacement) => replacement(map),
            None => map,
        }
    }
}

fn logits(network: &Model, witness: &mut ShapeRecorder<'_>) -> Vec<f64> {
    values(
        &Frozen::new(network)
            .get()
            .forward(images(), &mut Pass::visited(Mode::Running, witness))
            .into_logits()
            .unwrap(),
    )
}

#[test]
fn only_what_is_wanted_is_shown_and_nothing_changes_by_looking() {
    let network = network("cifar_resnet8", None);
    let unseen = values(&Model::logits(&Frozen::new(&network), images()).unwrap());
    let all = all_points();
    let some = [Point::post("layer1.0"), Point::pre("layer3.0")];
    for wanted in [&all[..0], &some, &all] {
        let mut witness = ShapeRecorder::of(wanted, None);
        assert_near("logits", &logits(&network, &mut witness), &unseen, 1e-6);
        assert_eq!(witness.shown, wanted, "each wanted point once, no other");
        let mut asked = witness.asked.into_inner();
        asked.dedup();
        asked.sort();
        asked.dedup();
        let mut expected = all.clone();
        expected.sort();
        assert_eq!(
            asked, expected,
            "the visitor is asked about every point, and about no other"
        );
    }
}

#[test]
fn taps_read_both_sides_of_an_activation() {
    let network = Frozen::new(&network("cifar_resnet8", None));
    let [pre, post, nowhere] = [
        Point::pre("layer2.0"),
        Point::post("layer2.0"),
        Point::post("layer9.0"),
    ];
    let mut taps = Taps::at([&pre, &post, &nowhere]);
    network
        .get()
        .forward(images(), &mut Pass::visited(Mode::Running, &mut taps));
    let [before, after] = [&pre, &post].map(|point| nchw(&taps.map(point).unwrap()));
    assert!(before.iter().any(|&x| x < 0.0));
    assert_eq!(after, before.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
    assert_eq!(taps.unmet().collect::<Vec<_>>(), [&nowhere]);
    assert!(taps.map(&nowhere).is_none());
}

/// The classifier's logits for an embedding that has the same value in every channel.
fn logits_of_constant(network: &Model, value: f64) -> Vec<f64> {
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    network
        .parameters()
        .each(&mut |entry, tensor| match entry.path.as_str() {
            "linear.weight" => weight = values(&tensor),
            "linear.bias" => bias = values(&tensor),
            _ => {}
        });
    let rows = weight
        .chunks(64)
        .zip(&bias)
        .map(|(row, bias)| row.iter().sum::<f64>() * value + bias);
    let row: Vec<f64> = rows.collect();
    [row.clone(), row].concat()
}

#[test]
fn a_replaced_map_is_what_the_network_goes_on_with() {
    let network = network("cifar_resnet8", None);
    let plain = logits(&network, &mut ShapeRecorder::of(&[], None));
    let put = |point: Point, map: fn(Tensor<4>) -> Tensor<4>| {
        logits(&network, &mut ShapeRecorder::of(&[point], Some(map)))
    };
    let two = |map: Tensor<4>| map.zeros_like() + 2.0;
    let minus_two = |map: Tensor<4>| map.zeros_like() - 2.0;
    for point in [
        Point::post("pool"),
        Point::post("layer3.0"),
        Point::pre("layer3.0"),
    ] {
        let what = format!("2 at {point}");
        assert_near(&what, &put(point, two), &logits_of_constant(&network, 2.0), 1e-5);
    }
    let through = put(Point::pre("layer3.0"), minus_two);
    assert_near(
        "-2 before the activation",
        &through,
        &logits_of_constant(&network, 0.0),
        1e-5,
    );
    let past = put(Point::post("layer3.0"), minus_two);
    assert_near(
        "-2 after the activation",
        &past,
        &logits_of_constant(&network, -2.0),
        1e-5,
    );
    for point in all_points() {
        assert_ne!(put(point.clone(), two), plain, "{point}");
    }
}

/// Blocks per stage, widths of stem and stages, and whether blocks that change the size project.
type Shape = (u64, [u64; 4], bool);

const SHAPES: [(&str, Option<Shortcut>, Shape); 5] = [
    ("cifar_resnet20", None, (3, [16, 16, 32, 64], false)),
    (
        "cifar_resnet20",
        Some(Shortcut::Projection),
        (3, [16, 16, 32, 64], true),
    ),
    ("cifar_resnet56", None, (9, [16, 16, 32, 64], false)),
    (
        "cifar_resnet56",
        Some(Shortcut::Projection),
        (9, [16, 16, 32, 64], true),
    ),
    ("cifar_resnet8x4", None, (1, [32, 64, 128, 256], true)),
];

/// Multiplications of one image: outputs of each convolution times the inputs that one output sees.
fn macs((blocks, widths, projects): Shape, [height, width]: [u64; 2], classes: u64) -> u64 {
    let mut total = height * width * widths[0] * 27;
    for stage in 1..4 {
        let (inputs, outputs) = (widths[stage - 1], widths[stage]);
        let positions = height.div_ceil(1 << (stage - 1)) * width.div_ceil(1 << (stage - 1));
        total += positions * outputs * 9 * (inputs + outputs * (2 * blocks - 1));
        if projects && inputs != outputs {
            total += positions * outputs * inputs;
        }
    }
    total + widths[3] * classes
}

#[test]
fn a_probe_counts_the_multiplications() {
    // The published 40.81 and 125.75 million are those of projecting networks.
    assert_eq!(macs(SHAPES[0].2, [32, 32], 10), 40_551_040);
    assert_eq!(macs(SHAPES[1].2, [32, 32], 10), 40_813_184);
    assert_eq!(macs(SHAPES[3].2, [32, 32], 10), 125_747_840);
    for (name, shortcut, shape) in SHAPES {
        for [height, width] in [[32, 32], [31, 45]] {
            let probe = probe(
                &network(name, shortcut),
                [height as usize, width as usize],
                &Device::flex(),
            )
            .unwrap();
            assert_eq!(
                probe.macs,
                macs(shape, [height, width], 10),
                "{name} {shortcut:?}"
            );
            assert_eq!(probe.classes, 10);
        }
    }
}

#[test]
fn a_probe_tells_the_size_at_every_point() {
    for (name, shortcut, (blocks, widths, _)) in SHAPES {
        let mut expected = vec![("conv1".to_owned(), [31, 45, widths[0] as usize])];
        for (stage, [height, width]) in [[31, 45], [16, 23], [8, 12]].into_iter().enumerate() {
            let size = [height, width, widths[stage + 1] as usize];
            expected.extend((0..blocks).map(|block| (format!("layer{}.{block}", stage + 1), size)));
        }
        let both = |(path, size): (String, _)| [(Point::pre(&path), size), (Point::post(&path), size)];
        let mut expected: Vec<_> = expected.into_iter().flat_map(both).collect();
        expected.push((Point::post("pool"), [1, 1, widths[3] as usize]));
        let probe = probe(&network(name, shortcut), [31, 45], &Device::flex()).unwrap();
        assert_eq!(probe.points, expected, "{name}");
        assert!(
            expected
                .iter()
                .all(|(point, size)| probe.size(point) == Some(*size))
        );
        assert_eq!(probe.size(&Point::pre("pool")), None);
    }
}

#[test]
fn a_deeper_network_starts_with_the_values_of_the_shallower() {
    let tensor = |network: &Model, path: &str| {
        let mut found = Vec::new();
        network.parameters().each(&mut |entry, tensor| {
            if entry.path == path {
                found = values(&tensor);
            }
        });
        assert!(!found.is_empty(), "{path}");
        found
    };
    let [shallow, deep] = ["cifar_resnet8", "cifar_resnet14"].map(|name| network(name, None));
    for path in [
        "conv1.weight",
        "layer1.0.conv2.weight",
        "layer3.0.conv1.weight",
        "linear.weight",
    ] {
        assert_eq!(tensor(&shallow, path), tensor(&deep, path), "{path}");
    }
}
