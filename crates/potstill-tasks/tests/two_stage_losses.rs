//! The losses of two-stage detectors, and what their mask heads learn, are those of torchvision.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor};
use potstill_data::{BoundingBox, Instance, InstanceShape, Mask};
use potstill_tasks::{
    Sense,
    detection::{
        ImageObjects, ObjectTargets,
        regions::{SampledAnchors, SampledRegions, anchor_losses, mask_loss, mask_targets, region_losses},
    },
};
use potstill_testing::numbers::{assert_near, dense_vectors as record, map, number, numbers, tensor, values};
use serde_json::{Value, from_value};

/// The vectors have six digits.
const SIX_DIGITS: f64 = 5e-6;

/// `ar(n, 0.3 cos(0.7 i))` in rows of four.
fn codes(rows: impl IntoIterator<Item = usize>) -> Vec<[f32; 4]> {
    let code = |row: usize| std::array::from_fn(|at| (0.3 * (0.7 * (4 * row + at) as f64).cos()) as f32);
    rows.into_iter().map(code).collect()
}

/// The deltas of the vectors, `0.3 sin(0.6 i)`.
fn deltas(i: usize) -> f64 {
    0.3 * (0.6 * i as f64).sin()
}

fn anchors() -> SampledAnchors {
    // Labels 1, 0, -1, 0, 1, 0, -1, 0.
    SampledAnchors {
        rows: vec![0, 1, 3, 4, 5, 7],
        is_object: vec![true, false, false, true, false, false],
        codes: codes([0, 4]),
    }
}

fn regions() -> SampledRegions {
    SampledRegions {
        boxes: vec![vec![[0.0; 4]; 5]],
        columns: vec![0, 2, 1, 0, 3],
        objects: vec![None, Some(0), Some(1), None, Some(2)],
        codes: codes([1, 2, 4]),
    }
}

#[test]
fn losses_of_proposals_are_the_recorded_ones() {
    let Some(record) = record("losses") else { return };
    let objectness = tensor([1, 8], |i| (0.8 * i as f64).sin());
    let found = anchor_losses(objectness, tensor([1, 8, 4], deltas), &anchors(), Sense::Usual);
    for (found, name) in found.iter().zip(["objectness", "box_reg"]) {
        assert_near(name, &values(found), &numbers(&record["rpn"][name]), SIX_DIGITS);
    }
}

#[test]
fn losses_of_regions_are_the_recorded_ones() {
    let Some(record) = record("losses") else { return };
    let logits = tensor([5, 4], |i| (0.8 * i as f64).sin());
    let found = region_losses(logits, tensor([5, 4, 4], deltas), &regions(), Sense::Usual);
    for (found, name) in found.iter().zip(["classifier", "box_reg"]) {
        assert_near(
            name,
            &values(found),
            &numbers(&record["fastrcnn"][name]),
            SIX_DIGITS,
        );
    }
}

/// The two objects of the vector in an image of 20x24.
fn objects() -> ObjectTargets {
    let object = |is_inside: fn(usize, usize) -> bool| {
        let inside = (0..20 * 24).map(|i| is_inside(i / 24, i % 24)).collect();
        let mask = Mask {
            height: 20,
            width: 24,
            inside,
        };
        Instance::new(
            0,
            BoundingBox::new(0.0, 0.0, 24.0, 20.0),
            InstanceShape::Mask(mask),
        )
    };
    let instances = vec![
        object(|row, column| {
            let is_hole = (8..10).contains(&row) && (8..12).contains(&column);
            (4..15).contains(&row) && (3..18).contains(&column) && !is_hole
        }),
        object(|row, column| (10..20).contains(&row) && column < 9),
    ];
    ObjectTargets {
        images: vec![ImageObjects {
            instances,
            ..ImageObjects::default()
        }],
        valid: vec![[20, 24]],
        size: [32, 32],
    }
}

fn cut(record: &Value) -> Tensor<3> {
    let boxes: Vec<[f32; 4]> = from_value(record["mask_targets"]["boxes"].clone()).unwrap();
    let regions = boxes.into_iter().zip([0, 1, 0]).collect();
    mask_targets(&objects(), &[regions], 7, &Device::flex())
}

#[test]
fn masks_are_cut_out_as_recorded() {
    let Some(record) = record("masks") else { return };
    let wanted = numbers(&record["mask_targets"]["targets"]);
    assert_near("masks", &values(&cut(&record)), &wanted, 1e-5);
    let none = mask_targets(&objects(), &[Vec::new()], 7, &Device::flex());
    assert_eq!(none.dims(), [0, 7, 7]);
}

#[test]
fn the_loss_of_masks_is_the_recorded_one() {
    let Some(record) = record("masks") else { return };
    let targets = tensor([3, 7, 7], |i| numbers(&record["mask_targets"]["targets"])[i]);
    let logits = map([3, 4, 7, 7], |i| (0.23 * i as f64).sin());
    let found = mask_loss(logits, &[2, 3, 2], targets, Sense::Usual);
    let wanted = numbers(&record["mask_loss"]["loss"]);
    assert_near("loss", &values(&found), &wanted, SIX_DIGITS);
}

/// Every loss against differences of itself, in both senses.
#[test]
fn gradients_are_those_of_finite_differences() {
    for sense in [Sense::Usual, Sense::Inverted] {
        let of_anchors = |x: Tensor<1>| {
            let objectness = x.clone().narrow(0, 0, 8).reshape([1, 8]);
            let [there, boxes] = anchor_losses(
                objectness,
                x.narrow(0, 8, 32).reshape([1, 8, 4]),
                &anchors(),
                sense,
            );
            there * 1.3 + boxes
        };
        agree(40, of_anchors);
        let of_regions = |x: Tensor<1>| {
            let logits = x.clone().narrow(0, 0, 20).reshape([5, 4]);
            let [classes, boxes] =
                region_losses(logits, x.narrow(0, 20, 80).reshape([5, 4, 4]), &regions(), sense);
            classes * 0.7 + boxes
        };
        agree(100, of_regions);
        let masks = tensor([2, 2, 2], |i| [0.0, 1.0, 0.3, 0.8][i % 4]);
        let of_masks = |x: Tensor<1>| mask_loss(x.reshape([2, 2, 2, 3]), &[1, 2], masks.clone(), sense);
        agree(24, of_masks);
    }
}

fn agree(count: usize, loss: impl Fn(Tensor<1>) -> Tensor<1>) {
    let at = |moved: usize, by: f64| {
        tensor([count], |i| {
            0.9 * (0.83 * i as f64).sin() + if i == moved { by } else { 0.0 }
        })
    };
    let leaf = at(count, 0.0).autodiff().require_grad();
    let tape = loss(leaf.clone()).backward();
    let step = 1e-6;
    let differences: Vec<f64> = (0..count)
        .map(|i| (number(&loss(at(i, step))) - number(&loss(at(i, -step)))) / (2.0 * step))
        .collect();
    assert_near(
        "gradient",
        &values(&leaf.grad(&tape).unwrap()),
        &differences,
        1e-6,
    );
}

/// `tst.md` 7.10.
#[test]
fn inverted_losses_are_the_recorded_ones() {
    for (label, wanted) in [(0, 1.5399), (1, 0.039_898)] {
        let logits = tensor([1, 3], |i| [2.0, -1.0, 0.5][i]);
        let one = SampledRegions {
            boxes: vec![vec![[0.0; 4]]],
            columns: vec![label],
            objects: vec![None],
            codes: vec![[0.0; 4]; label.min(1)],
        };
        let [classes, _] = region_losses(logits, tensor([1, 3, 4], |_| 0.0), &one, Sense::Inverted);
        assert_near("softmax", &values(&classes), &[wanted], 2e-5);
    }
    for (is_object, wanted) in [(true, 1.1711), (false, 0.371_101)] {
        let one = SampledAnchors {
            rows: vec![0],
            is_object: vec![is_object],
            codes: vec![[0.0; 4]; usize::from(is_object)],
        };
        let zero = tensor([1, 1, 4], |_| 0.0);
        let [there, _] = anchor_losses(tensor([1, 1], |_| 0.8), zero, &one, Sense::Inverted);
        assert_near("sigmoid", &values(&there), &[wanted], 2e-5);
    }
}

#[test]
fn a_batch_without_objects_has_losses_that_are_numbers() {
    let zeros = |shape: [usize; 2]| tensor(shape, |_| 0.0).autodiff().require_grad();
    let codes = tensor([2, 3, 4], |_| 0.0).autodiff().require_grad();
    let empty = SampledAnchors::default();
    let [there, boxes] = anchor_losses(zeros([2, 3]), codes.clone(), &empty, Sense::Usual);
    assert_eq!((number(&there), number(&boxes)), (0.0, 0.0));
    let background = SampledRegions {
        boxes: vec![vec![[0.0; 4]; 2]],
        columns: vec![0, 0],
        objects: vec![None, None],
        codes: Vec::new(),
    };
    let [classes, boxes] = region_losses(zeros([2, 3]), codes, &background, Sense::Usual);
    assert!((number(&classes) - 3_f64.ln()).abs() < 1e-9);
    assert_eq!(number(&boxes), 0.0);
    (classes + boxes).backward();
    let none = mask_loss(
        Tensor::zeros([0, 7, 7, 3], &Device::flex()),
        &[],
        nothing_cut(),
        Sense::Usual,
    );
    assert_eq!(number(&none), 0.0);
}

fn nothing_cut() -> Tensor<3> {
    mask_targets(&objects(), &[Vec::new()], 7, &Device::flex())
}
