//! FastestDet with its real weights gives what its author's gives, and SSDLite equals its namesake in torchvision.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use crate::formula::{fill, noise};
use burn::tensor::{DType, Device, Tensor};
use potstill_base::Digest;
use potstill_models::{
    BuildOptions, CellDetections, DefaultBoxDetections, Detections, Model, Outputs, find,
    weights::{Asked, TensorFile, WeightSet},
};
use potstill_ops::{Frozen, Mode, Pass, Point, Taps, count_trainable};
use potstill_settings::HeadWeights;
use potstill_testing::{
    command::shared,
    numbers::{assert_near, assert_summary, dense_vectors, map, nchw, numbers, scope, values},
};

fn fresh(name: &str) -> Model {
    find(name)
        .unwrap()
        .build(BuildOptions::default(), &scope())
        .unwrap()
}

/// FastestDet with the weights for COCO; `None`, with a word, where they are not there.
fn taught() -> Option<Model> {
    let file = TensorFile::read(&shared("data/coco-teacher/fastestdet-coco.pth")?).unwrap();
    let mut network = fresh("fastestdet");
    let set = WeightSet::choose(&file, &network, None, &Asked::Program).unwrap();
    assert_eq!(set.classes(), Some(80));
    let left_out = set.load(&mut network, HeadWeights::Kept).unwrap();
    assert!(left_out.is_empty());
    Some(network)
}

fn cells(outputs: Outputs) -> CellDetections {
    if let Outputs::Detections(detections) = outputs
        && let Detections::Cells(cells) = *detections
    {
        return cells;
    }
    panic!("no cells")
}

fn default_boxes(outputs: Outputs) -> DefaultBoxDetections {
    if let Outputs::Detections(detections) = outputs
        && let Detections::DefaultBoxes(boxes) = *detections
    {
        return boxes;
    }
    panic!("no default boxes")
}

/// Sum, sum of squares, the first four values and the last two in `[N, C, H, W]` order.
#[track_caller]
#[test]
fn fastestdet_has_the_published_numbers() {
    let network = fresh("fastestdet");
    assert_eq!(count_trainable(network.parameters()), 244_490);
    assert_eq!(find("fastestdet").unwrap().parameters, Some(244_490));
}

#[test]
fn fastestdet_says_what_its_authors_says() {
    let (Some(vectors), Some(network)) = (dense_vectors("fastestdet"), taught()) else {
        return;
    };
    let wanted = &vectors["synthetic_352"];
    let image = map([1, 3, 352, 352], |i| {
        let (c, y, x) = (i / (352 * 352), i / 352 % 352, i % 352);
        ((c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0
    });
    let neck = Point::post("SPP");
    let mut taps = Taps::at(std::slice::from_ref(&neck));
    let frozen = Frozen::new(&network);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let outputs = frozen.get().forward(image.cast(DType::F32), &mut pass);
    let raw = nchw(&cells(outputs).cells.published());
    assert_summary("outputs", &raw, &wanted["out"], 1e-4);
    let at_11_5: Vec<f64> = (0..8).map(|channel| raw[(channel * 22 + 11) * 22 + 5]).collect();
    assert_near("at 11, 5", &at_11_5, &numbers(&wanted["at_11_5"]), 1e-4);
    assert_summary("SPP", &nchw(&taps.map(&neck).unwrap()), &wanted["neck"], 1e-4);
}

#[test]
fn a_narrow_fastestdet_sees_as_many_cells() {
    let network = fresh("fastestdet_0_5");
    let image = Tensor::ones([2, 64, 96, 3], &Device::flex());
    let mut found = cells(network.forward(image, &mut Pass::new(Mode::Running)));
    assert_eq!(found.cells.published().dims(), [2, 4, 6, 85]);
    found.rule.threshold = 0.0;
    let detections = found.found(&[[64, 96]; 2]);
    assert!(detections.iter().all(|found| !found.is_empty()));
    assert!(detections[0].iter().all(|one| one.class < 80 && one.score <= 1.0));
}

#[test]
#[ignore = "a network in double precision"]
fn ssdlite_says_what_torchvisions_says() {
    let (Some(networks), Some(record)) = (dense_vectors("networks"), dense_vectors("formula_networks"))
    else {
        return;
    };
    let name = "ssdlite320_mobilenet_v3_large";
    let mut network = fresh(name);
    let mut lines = Vec::new();
    for entry in network.parameters().entries() {
        lines.push(format!("{} {:?}", entry.path, entry.shape));
        if let Some(norm) = entry.path.strip_suffix("running_var") {
            lines.push(format!("{norm}num_batches_tracked []"));
        }
    }
    assert_eq!(
        Digest::of(lines.join("\n"))[..16],
        *networks[name]["names_sha256_16"].as_str().unwrap()
    );
    assert_eq!(
        Some(count_trainable(network.parameters()) as u64),
        networks[name]["parameters"].as_u64()
    );

    fill(&mut network, noise, DType::F64);
    let image = map([1, 3, 128, 160], |i| {
        let (c, y, x) = (i / (128 * 160), i / 160 % 128, i % 160);
        (((c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    });
    let points: Vec<Point> = network.stage_ends().into_iter().map(|end| end.post).collect();
    let mut taps = Taps::at(&points);
    let found = network.forward(image, &mut Pass::visited(Mode::Running, &mut taps));
    let wanted = &record[name];
    for (level, point) in points.iter().enumerate() {
        let map = taps.map(point).unwrap();
        assert_summary(
            &point.to_string(),
            &nchw(&map),
            &wanted["maps"][level.to_string()],
            5e-6,
        );
    }
    let found = default_boxes(found);
    assert_summary(
        "boxes",
        &values(&found.codes()),
        &wanted["head"]["bbox_regression"],
        5e-6,
    );
    assert_summary(
        "logits",
        &values(&found.logits()),
        &wanted["head"]["cls_logits"],
        5e-6,
    );
    assert_eq!(found.default_boxes().len(), 660);
}
