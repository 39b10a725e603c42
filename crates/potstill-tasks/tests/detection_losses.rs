//! The losses of detectors against torchvision's, and FastestDet's against its authors' (the shared vectors of dense tasks): values and gradients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_detection::{
    AnchorGrid, BoxCoder, BoxCoding, BoxLoss, Corners, Matcher, OverlapLoss, PointMatcher,
};
use potstill_models::CellMaps;
use potstill_ops::focal_loss;
use potstill_tasks::detection::{
    AnchorOutputs, ImageObjects, decoded_corners, default_box_losses, fcos_losses, one_scale_losses,
    overlap_losses, retinanet_losses, smooth_l1,
};
use potstill_testing::numbers::{assert_near, dense_vectors, map, number, numbers, tensor, values};
use serde_json::{Value, from_value};

/// For six recorded digits.
const SIX_DIGITS: f64 = 5.5e-6;
/// For six digits behind anchors, which are in single precision.
const SINGLE: f64 = 1e-5;
const MAPS: [[usize; 2]; 5] = [[8, 12], [4, 6], [2, 3], [1, 2], [1, 1]];

fn tracked<const D: usize>(shape: [usize; D], formula: impl Fn(f64) -> f64) -> Tensor<D> {
    tensor(shape, |i| formula(i as f64)).autodiff().require_grad()
}

fn near(what: &str, found: &Tensor<1>, wanted: &Value, tolerance: f64) {
    assert_near(what, &[number(found)], &numbers(wanted), tolerance);
}

fn squares<const D: usize>(gradient: &Tensor<D>) -> f64 {
    values(gradient).iter().map(|value| value * value).sum()
}

/// Two images: the first has two objects, of the classes 1 and 3, the second none.
fn objects() -> [ImageObjects; 2] {
    let some = ImageObjects {
        boxes: vec![[10.0, 10.0, 40.0, 50.0], [20.0, 5.0, 90.0, 60.0]],
        classes: vec![1, 3],
        ..ImageObjects::default()
    };
    [some, ImageObjects::default()]
}

#[test]
fn focal_losses_are_equal() {
    let Some(vectors) = dense_vectors("losses") else {
        return;
    };
    let x = tracked([6, 3], |i| 2.0 * (0.9 * i).sin());
    let columns = [Some(1), None, Some(2), None, None, Some(0)];
    let loss = focal_loss(x.clone(), &columns, &[1.0; 6]);
    near("sum", &loss, &vectors["focal sum"], SIX_DIGITS);
    let gradient = x.grad(&loss.backward()).unwrap();
    let wanted = numbers(&vectors["focal grad_of_sum"]);
    assert_near("gradient", &values(&gradient), &wanted, SIX_DIGITS);
    let each = numbers(&vectors["focal none"]);
    for (row, wanted) in each.chunks(3).enumerate() {
        let mut weights = [0.0; 6];
        weights[row] = 1.0;
        let own = focal_loss(x.clone().inner(), &columns, &weights);
        assert_near("row", &[number(&own)], &[wanted.iter().sum()], SIX_DIGITS);
    }
}

#[test]
fn smooth_l1_losses_are_equal() {
    let Some(vectors) = dense_vectors("losses") else {
        return;
    };
    for (name, beta) in [("smooth_l1 beta 0.111111", 1.0 / 9.0), ("smooth_l1 beta 1", 1.0)] {
        let (case, d) = (&vectors[name], numbers(&vectors[name]["d"]));
        let x = tracked([d.len()], |i| d[i as usize]);
        let loss = smooth_l1(x.clone(), beta);
        assert_near(name, &values(&loss), &numbers(&case["loss"]), SIX_DIGITS);
        let gradient = x.grad(&loss.sum().backward()).unwrap();
        assert_near(name, &values(&gradient), &numbers(&case["grad"]), SIX_DIGITS);
    }
    let plain = values(&smooth_l1(tracked([3], |i| i - 1.0), 0.0));
    assert_eq!(plain, [1.0, 0.0, 1.0]);
}

#[test]
fn overlap_losses_are_equal() {
    let Some(vectors) = dense_vectors("boxes") else {
        return;
    };
    let case = &vectors["giou_loss"];
    let rows = |value: &Value| {
        let all = numbers(value);
        tracked([all.len() / 4, 4], |i| all[i as usize])
    };
    let (boxes, objects) = (rows(&case["pred"]), rows(&case["target"]).inner());
    for (name, kind) in [
        ("loss", OverlapLoss::Generalized),
        ("diou", OverlapLoss::Distance),
        ("ciou", OverlapLoss::Complete),
    ] {
        let loss = overlap_losses(kind, &boxes, &objects);
        assert_near(name, &values(&loss), &numbers(&case[name]), SIX_DIGITS);
        if kind == OverlapLoss::Generalized {
            let gradient = boxes.grad(&loss.sum().backward()).unwrap();
            let wanted = numbers(&case["grad_pred_of_sum"]);
            assert_near("gradient", &values(&gradient), &wanted, SIX_DIGITS);
        }
    }
    let case = &vectors["iou"];
    let (ours, theirs) = (numbers(&case["a"]), numbers(&case["b"]));
    for (name, kind) in [
        ("giou", OverlapLoss::Generalized),
        ("diou", OverlapLoss::Distance),
        ("ciou", OverlapLoss::Complete),
    ] {
        let (a, b) = (ours.len() / 4, theirs.len() / 4);
        let one = tensor([a * b, 4], |i| ours[i / 4 / b * 4 + i % 4]);
        let two = tensor([a * b, 4], |i| theirs[i / 4 % b * 4 + i % 4]);
        let overlaps = values(&(-overlap_losses(kind, &one, &two) + 1.0));
        assert_near(name, &overlaps, &numbers(&case[name]), SIX_DIGITS);
    }
}

#[test]
fn decoded_corners_are_equal() {
    let Some(vectors) = dense_vectors("boxes") else {
        return;
    };
    for (name, coder) in [
        ("box_coder 1,1,1,1", BoxCoder::default()),
        ("box_coder 10,10,5,5", BoxCoder::weighted()),
    ] {
        let case = &vectors[name];
        let anchors: Vec<Corners> = from_value(case["proposals"].clone()).unwrap();
        let codes = numbers(&case["codes"]);
        let codes = tensor([anchors.len(), 4], |i| codes[i]);
        let corners = decoded_corners(&codes, BoxCoding::Differences(coder), &anchors);
        assert_near(name, &values(&corners), &numbers(&case["decoded"]), SINGLE);
    }
    let case = &vectors["fcos_coder"];
    let anchors: Vec<Corners> = from_value(case["anchors"].clone()).unwrap();
    let ways = numbers(&case["encoded_ltrb"]);
    let corners = decoded_corners(
        &tensor([anchors.len(), 4], |i| ways[i]),
        BoxCoding::Distances,
        &anchors,
    );
    assert_near("distances", &values(&corners), &numbers(&case["decoded"]), SINGLE);
}

#[test]
fn the_losses_of_retinanet_are_equal() {
    let Some(vectors) = dense_vectors("losses") else {
        return;
    };
    let case = &vectors["retinanet"];
    let anchors = AnchorGrid::retinanet().anchors([64, 96], &MAPS);
    let logits = tracked([2, 1161, 4], |i| -3.0 + 1.5 * (0.37 * i).sin());
    let codes = tracked([2, 1161, 4], |i| 0.2 * (0.51 * i).sin());
    let outputs = AnchorOutputs {
        logits: logits.clone(),
        codes: codes.clone(),
        centerness: None,
    };
    let coding = BoxCoding::Differences(BoxCoder::default());
    let losses = |loss| {
        retinanet_losses(
            outputs.clone(),
            &anchors,
            &objects(),
            (Matcher::retinanet(), coding, loss),
        )
    };
    let [classification, boxes] = losses(BoxLoss::L1);
    near("classes", &classification, &case["classification"], SINGLE);
    near("boxes", &boxes, &case["bbox_regression_l1"], SINGLE);
    let tape = (classification + boxes).backward();
    let of_logits = logits.grad(&tape).unwrap();
    near(
        "sum of gradients",
        &of_logits.clone().sum(),
        &case["grad_cls_sum"],
        SINGLE,
    );
    let found = [squares(&of_logits), squares(&codes.grad(&tape).unwrap())];
    let wanted = [&case["grad_cls_sq"], &case["grad_reg_sq"]].map(|value| numbers(value)[0]);
    assert_near("squares of gradients", &found[..1], &wanted[..1], SINGLE);
    assert_near("squares of gradients", &found[1..], &wanted[1..], SINGLE);
    let [_, boxes] = losses(BoxLoss::Overlap(OverlapLoss::Generalized));
    near("overlaps", &boxes, &case["bbox_regression_giou"], SINGLE);
}

#[test]
fn the_losses_of_fcos_are_equal() {
    let Some(vectors) = dense_vectors("losses") else {
        return;
    };
    let case = &vectors["fcos"];
    let anchors = AnchorGrid::fcos().anchors([64, 96], &MAPS);
    let codes = tracked([2, 129, 4], |i| 2.0 + 1.5 * (0.51 * i).sin());
    let outputs = AnchorOutputs {
        logits: tracked([2, 129, 4], |i| -3.0 + 1.5 * (0.37 * i).sin()),
        codes: codes.clone(),
        centerness: Some(tracked([2, 129, 1], |i| (0.7 * i).sin())),
    };
    let levels = MAPS.map(|[rows, columns]| rows * columns);
    let [classes, boxes, centerness] =
        fcos_losses(outputs, (&anchors, &levels), &objects(), PointMatcher::fcos());
    near("classes", &classes, &case["classification"], SINGLE);
    near("boxes", &boxes, &case["bbox_regression"], SINGLE);
    near("centre-ness", &centerness, &case["bbox_ctrness"], SINGLE);
    let tape = (classes + boxes + centerness).backward();
    let found = squares(&codes.grad(&tape).unwrap());
    assert_near("squares", &[found], &numbers(&case["grad_reg_sq"]), SINGLE);
}

#[test]
fn the_losses_of_default_boxes_are_equal() {
    let Some(vectors) = dense_vectors("losses") else {
        return;
    };
    let case = &vectors["ssd"];
    let all: Vec<Corners> = from_value(case["boxes"].clone()).unwrap();
    // The record's labels count the background.
    let objects = ImageObjects {
        boxes: vec![[4.0, 4.0, 19.0, 21.0], [28.0, 28.0, 64.0, 62.0]],
        classes: vec![1, 0],
        ..ImageObjects::default()
    };
    let logits = tracked([1, 10, 4], |i| (1.3 * i).sin());
    let codes = tracked([1, 10, 4], |i| 0.5 * (0.6 * i).sin());
    let [classes, boxes] = default_box_losses(logits, codes, &all, &[objects]);
    near("classes", &classes, &case["classification"], SINGLE);
    near("boxes", &boxes, &case["bbox_regression"], SINGLE);
}

/// What FastestDet says of the cells of a map: objectness, box and four classes.
fn cells(raw: &Tensor<4>) -> CellMaps {
    let part = |first, count| raw.clone().narrow(3, first, count);
    CellMaps {
        objectness: part(0, 1),
        codes: part(1, 4),
        logits: part(5, 4),
    }
}

/// The objects of FastestDet's record.
fn objects_of_the_record() -> [ImageObjects; 2] {
    // Middle and sides of each object, as shares of the image.
    let corners = |[x, y, width, height]: [f64; 4]| {
        let [across, down] = [0.5 * width, 0.5 * height];
        [x - across, y - down, x + across, y + down].map(|at| (at * 96.0) as f32)
    };
    let first = ImageObjects {
        boxes: vec![corners([0.4, 0.35, 0.5, 0.3]), corners([0.7, 0.75, 0.2, 0.4])],
        classes: vec![1, 3],
        ..ImageObjects::default()
    };
    let second = ImageObjects {
        boxes: vec![corners([0.52, 0.5, 0.9, 0.8])],
        classes: vec![0],
        ..ImageObjects::default()
    };
    [first, second]
}

#[test]
fn the_losses_of_fastestdet_are_equal() {
    let Some(vectors) = dense_vectors("fastestdet") else {
        return;
    };
    let case = &vectors["loss"];
    let raw = map([2, 9, 6, 6], |i| (0.37 * i as f64).sin())
        .cast(DType::F32)
        .autodiff()
        .require_grad();
    let losses = one_scale_losses(&cells(&raw), &objects_of_the_record(), [96, 96]);
    for (name, loss) in ["iou", "obj", "cls"].into_iter().zip(&losses) {
        near(name, loss, &case[name], SINGLE);
    }
    let [boxes, objectness, classes] = losses;
    let total = boxes * 8.0 + objectness * 16.0 + classes;
    near("total", &total, &case["total"], SINGLE);
    let gradient = raw.grad(&total.backward()).unwrap();
    assert!(values(&gradient).iter().all(|value| value.is_finite()));
    // Each loss moves its own columns, and that of the boxes those of the boxes alone.
    let moved = |which: usize| {
        let raw = raw.clone().inner().autodiff().require_grad();
        let losses = one_scale_losses(&cells(&raw), &objects_of_the_record(), [96, 96]);
        let gradient = raw.grad(&losses[which].clone().backward()).unwrap();
        let columns = |first, count| squares(&gradient.clone().narrow(3, first, count)) > 0.0;
        [columns(0, 1), columns(1, 4), columns(5, 4)]
    };
    assert_eq!(moved(0), [false, true, false]);
    assert!(moved(1)[0]);
    assert_eq!(moved(2), [false, false, true]);
}

#[test]
fn a_batch_without_objects_has_a_loss_with_gradients() {
    let none = [ImageObjects::default(), ImageObjects::default()];
    let anchors = AnchorGrid::fcos().anchors([64, 96], &MAPS);
    let levels = MAPS.map(|[rows, columns]| rows * columns);
    let wave = |shape| tracked(shape, |i: f64| (0.3 * i).sin());
    let outputs = AnchorOutputs {
        logits: wave([2, 129, 4]),
        codes: wave([2, 129, 4]),
        centerness: Some(wave([2, 129, 1])),
    };
    let logits = outputs.logits.clone();
    let check = |losses: Vec<Tensor<1>>, input: &Tensor<3>| {
        assert!(losses.iter().all(|loss| number(loss).is_finite()));
        let total = losses.into_iter().reduce(|sum, loss| sum + loss).unwrap();
        let gradient = input.grad(&total.backward()).unwrap();
        assert!(squares(&gradient).is_finite());
    };
    check(
        fcos_losses(outputs.clone(), (&anchors, &levels), &none, PointMatcher::fcos()).into(),
        &logits,
    );
    let coding = BoxCoding::Differences(BoxCoder::default());
    let losses = retinanet_losses(
        outputs.clone(),
        &anchors,
        &none,
        (Matcher::retinanet(), coding, BoxLoss::L1),
    );
    check(losses.into(), &logits);
    let losses = default_box_losses(outputs.logits, outputs.codes, &anchors, &none);
    assert!(losses.iter().all(|loss| number(loss) == 0.0));

    let raw = tracked([2, 6, 6, 9], |i| (0.37 * i).sin());
    let [boxes, objectness, classes] = one_scale_losses(&cells(&raw), &none, [96, 96]);
    assert_eq!([number(&boxes), number(&classes)], [0.0, 0.0]);
    assert!(number(&objectness) > 0.0);
    let gradient = raw.grad(&(boxes + objectness + classes).backward()).unwrap();
    assert!(squares(&gradient) > 0.0);
}
