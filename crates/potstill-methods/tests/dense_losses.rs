//! The losses of dense distillation give the numbers of the shared vectors, which equal those of the published programs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use burn::tensor::{Int, Tensor, TensorData};
use potstill_methods::tskd::{MapNorm, attention_map};
use potstill_methods::{
    BoxMasks, ContextBlock, FgdWeights, Generator, ReviewChain, attention, channel_wise_divergence,
    correlation_loss, decoupled_divergences, fgd_terms, hierarchical_context_loss, hint_loss, summed_squares,
};
use potstill_ops::{Mode, Pass};
use potstill_tasks::{Probabilities, Rows};
use potstill_testing::numbers::{
    assert_near, dense_vectors, fill, map, nchw, number, numbers as all, scope, tensor, values,
};
use serde_json::Value;

/// Six recorded digits.
const SIX_DIGITS: f64 = 1e-5;

const SHAPE: [usize; 4] = [2, 3, 4, 6];

fn record() -> Option<Value> {
    dense_vectors("distill")
}

fn student() -> Tensor<4> {
    tensor(SHAPE, |i| 2.0 * (0.13 * i as f64).sin())
        .autodiff()
        .require_grad()
}

fn teacher() -> Tensor<4> {
    map(SHAPE, |i| 2.0 * (0.11 * i as f64).cos())
}

fn last(map: &Tensor<4>) -> Tensor<4> {
    map.clone().permute([0, 2, 3, 1])
}

fn near(what: &str, ours: f64, recorded: &Value) {
    assert_near(what, &[ours], &[recorded.as_f64().unwrap()], SIX_DIGITS);
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// The loss, the first three numbers of its gradient to the student's map, and the sum of their squares.
fn check(what: &str, loss: impl Fn(Tensor<4>) -> Tensor<1>, recorded: &Value) {
    let leaf = student();
    let value = loss(last(&leaf));
    near(what, number(&value), &recorded["loss"]);
    let gradient = values(&leaf.grad(&value.backward()).unwrap());
    if let Some(first) = recorded.get("grad_first3") {
        assert_near(what, &gradient[..3], &all(first), SIX_DIGITS);
    }
    if let Some(recorded) = recorded.get("grad_sq") {
        near(what, squares(&gradient), recorded);
    }
}

/// Shape, sum, sum of squares, first four and last two numbers of a map, in the order of PyTorch.
fn check_summary(what: &str, values: &[f64], recorded: &Value) {
    let ours = [values.iter().sum(), squares(values)];
    let theirs = ["sum", "sum_of_squares"].map(|key| recorded[key].as_f64().unwrap());
    assert_near(what, &ours[1..], &theirs[1..], SIX_DIGITS);
    assert!(
        (ours[0] - theirs[0]).abs() < 1e-4 * theirs[1].sqrt(),
        "{what}: {ours:?} {theirs:?}"
    );
    let first = all(&recorded["first"]);
    assert_near(what, &values[..first.len()], &first, SIX_DIGITS);
    let end = all(&recorded["last"]);
    assert_near(what, &values[values.len() - end.len()..], &end, SIX_DIGITS);
}

#[test]
fn channel_wise_divergences_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    for temperature in [1.0, 3.0, 4.0] {
        let recorded = &record[&format!("cwd tau {temperature}")];
        check(
            &format!("tau {temperature}"),
            |map| channel_wise_divergence(map, teacher(), temperature),
            recorded,
        );
    }
    // A map of one place has nothing to compare.
    let one = channel_wise_divergence(map([2, 3, 1, 1], |i| i as f64), map([2, 3, 1, 1], |_| 0.0), 4.0);
    assert_eq!(number(&one), 0.0);
}

fn rows(map: Tensor<4>) -> Tensor<2> {
    let [n, h, w, c] = map.dims();
    map.reshape([n * h * w, c])
}

#[test]
fn divergences_of_pixels_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    for temperature in [1.0, 2.0] {
        let recorded = &record[&format!("pixel_kl T {temperature}")];
        let loss =
            |map| Rows::alike(rows(map), Probabilities::Softmax).divergence(rows(teacher()), temperature);
        check(&format!("T {temperature}"), loss, recorded);
    }
    let counts = tensor([48], |i| f64::from(u8::from(i % 5 != 4)));
    let loss = |map, weights| {
        let rows_of_map = Rows {
            weights: Some(weights),
            ..Rows::alike(rows(map), Probabilities::Softmax)
        };
        rows_of_map.divergence(rows(teacher()), 1.0)
    };
    check(
        "ignored pixels",
        |map| loss(map, counts.clone()),
        &record["pixel_kl masked"],
    );
    let none = loss(last(&student()), tensor([48], |_| 0.0));
    assert_eq!(number(&none), 0.0, "no pixel counts");
}

#[test]
fn correlation_losses_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    check("pkd", |map| correlation_loss(map, teacher()), &record["pkd"]);
}

#[test]
fn a_channel_without_variation_teaches_nothing_and_breaks_nothing() {
    let constant = |i: usize| {
        if (i / 24) % 3 == 1 {
            0.75
        } else {
            (0.13 * i as f64).sin()
        }
    };
    let leaf = tensor(SHAPE, constant).autodiff().require_grad();
    let value = correlation_loss(last(&leaf), teacher());
    let gradient = values(&leaf.grad(&value.backward()).unwrap());
    assert!(gradient.iter().all(|value| value.is_finite()));
    for (i, value) in gradient.iter().enumerate() {
        assert_eq!((i / 24) % 3 == 1, *value == 0.0, "number {i}");
    }
    // One value a channel has no deviation.
    let one = map([1, 3, 1, 1], |i| i as f64).autodiff().require_grad();
    let value = correlation_loss(one, map([1, 3, 1, 1], |_| 1.0));
    assert_eq!(number(&value), 0.0);
    let _ = value.backward();
}

/// The generator of the record.
fn generator() -> Generator {
    let mut module = Generator::new(3, &scope());
    fill(&mut module, |entry, i| {
        let n = i as f64;
        match entry.path.as_str() {
            "conv1.weight" => Some(0.2 * (0.3 * n).sin()),
            "conv1.bias" => Some(0.1 * n.cos()),
            "conv2.weight" => Some(0.2 * (0.2 * n).cos()),
            "conv2.bias" => Some(0.1 * n.sin()),
            _ => None,
        }
    });
    module
}

#[test]
fn what_is_generated_of_a_masked_map_is_the_recorded_map() {
    let Some(record) = record() else { return };
    let recorded = &record["mgd"];
    let kept = map([2, 1, 4, 6], |i| f64::from(u8::from((5 * i) % 7 < 4)));
    assert_eq!(
        values(&kept).iter().sum::<f64>(),
        recorded["kept"].as_f64().unwrap()
    );
    let generated = |map: Tensor<4>| generator().forward(map * kept.clone(), &mut Pass::new(Mode::Batch));
    check_summary(
        "generated",
        &nchw(&generated(last(&student()))),
        &recorded["generated"],
    );
    check("mgd", |map| summed_squares(generated(map), teacher()), recorded);
}

fn boxes() -> Vec<Vec<[f64; 4]>> {
    vec![
        vec![[10.0, 4.0, 60.0, 40.0], [30.0, 20.0, 95.0, 63.0]],
        vec![[0.0, 0.0, 20.0, 20.0]],
    ]
}

#[test]
fn attention_and_masks_of_boxes_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    let recorded = &record["fgd"];
    let attention = attention(&teacher(), 0.5);
    check_summary("places", &values(&attention.spatial), &recorded["spatial_t"]);
    let channels = all(&recorded["channel_t"]);
    assert_near("channels", &values(&attention.channel), &channels, SIX_DIGITS);
    let masks = BoxMasks::of(&boxes(), [64, 96], &teacher());
    assert_near(
        "objects",
        &values(&masks.objects),
        &all(&recorded["fg_mask"]),
        SIX_DIGITS,
    );
    let background = values(&masks.background);
    let sums = [&background[..24], &background[24..]].map(|image| image.iter().sum::<f64>());
    // Boxes may cover the whole of an image's map.
    for (sum, recorded) in sums.iter().zip(all(&recorded["bg_sum"])) {
        assert!((sum - recorded).abs() < 1e-9, "{sums:?}");
    }
}

#[test]
fn the_terms_of_focal_and_global_distillation_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    let recorded = &record["fgd"];
    let mut blocks = [0, 1].map(|_| ContextBlock::new(3, &scope()));
    for block in &mut blocks {
        fill(block, |_, _| None);
    }
    let masks = BoxMasks::of(&boxes(), [64, 96], &teacher());
    let terms = |map: Tensor<4>| {
        let pair = [map, teacher()];
        fgd_terms(
            pair,
            &masks,
            (&blocks[0], &blocks[1]),
            0.5,
            &mut Pass::new(Mode::Batch),
        )
    };
    let found = terms(last(&student()));
    near("objects", number(&found.objects), &recorded["fg"]);
    near("background", number(&found.background), &recorded["bg"]);
    near("attention", number(&found.attention), &recorded["attention"]);
    near(
        "relation",
        number(&found.relation),
        &recorded["relation_at_start"],
    );
    let weights = FgdWeights {
        objects: 1e-3,
        background: 5e-4,
        attention: 5e-4,
        relation: 5e-6,
    };
    let leaf = student();
    let total = terms(last(&leaf)).weighted(&weights);
    near("total", number(&total), &recorded["total"]);
    let gradient = values(&leaf.grad(&total.backward()).unwrap());
    near("gradient", squares(&gradient), &recorded["grad_sq"]);
}

#[test]
fn an_image_without_boxes_is_all_background() {
    let masks = BoxMasks::of(&[vec![], boxes()[0].clone()], [64, 96], &teacher());
    let (objects, background) = (values(&masks.objects), values(&masks.background));
    assert!(objects[..24].iter().all(|&weight| weight == 0.0));
    assert!(
        background[..24]
            .iter()
            .all(|&weight| (weight - 1.0 / 24.0).abs() < 1e-12)
    );
    // A box outside of the image, and one of no size, break nothing.
    let odd = BoxMasks::of(
        &[vec![[200.0, 200.0, 300.0, 300.0]], vec![[5.0, 5.0, 5.0, 5.0]]],
        [64, 96],
        &teacher(),
    );
    assert!(values(&odd.objects)[..24].iter().all(|&weight| weight == 0.0));
    assert!(
        values(&odd.objects)[24..].iter().any(|&weight| weight > 0.0),
        "it covers a cell"
    );
}

#[test]
fn the_review_of_five_rectangular_levels_is_the_recorded_one() {
    let Some(record) = record() else { return };
    let recorded = &record["reviewkd_fpn"];
    let sizes = [[12, 16], [6, 8], [3, 4], [2, 2], [1, 1]];
    let mut chain = ReviewChain::new(&[(4, 4); 5], 4, &scope());
    fill(&mut chain, |entry, i| {
        let level: usize = entry.path.split('.').nth(1)?.parse().ok()?;
        let number = match entry.path.rsplit_once("levels.")?.1.split_once('.')?.1 {
            "conv1.weight" => 3 * level,
            "att.weight" => 3 * level + 1,
            "conv2.weight" => 3 * level + 2,
            "att.bias" => return Some(0.0),
            _ => return None,
        };
        Some(0.5 * (0.1 * (i as f64 + 1.0) + number as f64).sin())
    });
    let shape = |level: usize| [2, 4, sizes[level][0], sizes[level][1]];
    let leaves: Vec<Tensor<4>> = (0..5)
        .map(|l| {
            tensor(shape(l), |i| (0.1 * i as f64 + l as f64).sin())
                .autodiff()
                .require_grad()
        })
        .collect();
    let targets: Vec<_> = (0..5)
        .map(|l| map(shape(l), |i| (0.07 * i as f64 + l as f64).cos()))
        .collect();
    let outs = chain.forward(
        leaves.iter().map(last).collect(),
        &sizes,
        &mut Pass::new(Mode::Batch),
    );
    for (level, out) in outs.iter().enumerate() {
        check_summary(&format!("level {level}"), &nchw(out), &recorded["outs"][level]);
    }
    let losses: Vec<_> = outs
        .into_iter()
        .zip(targets)
        .map(|(out, target)| hierarchical_context_loss(out, target))
        .collect();
    for (level, loss) in losses.iter().enumerate() {
        near(
            &format!("level {level}"),
            number(loss),
            &recorded["hcl_by_level"][level],
        );
    }
    let total = losses.into_iter().reduce(|sum, loss| sum + loss).unwrap();
    near("total", number(&total), &recorded["total"]);
    let tape = total.backward();
    for (level, leaf) in leaves.iter().enumerate() {
        let gradient = squares(&values(&leaf.grad(&tape).unwrap()));
        near(
            &format!("gradient of level {level}"),
            gradient,
            &recorded["grad_of_total_to_F_sq"][level],
        );
    }
}

#[test]
fn attention_maps_of_rectangles_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    let map = attention_map(last(&student()), MapNorm::Column);
    check_summary("map", &values(&map), &record["attention_map_rect"]["map"]);
}

#[test]
fn decoupled_divergences_of_regions_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    let recorded = &record["dkd_roi"];
    let student = tensor([5, 4], |i| 2.0 * (0.8 * i as f64).sin())
        .autodiff()
        .require_grad();
    let teacher = tensor([5, 4], |i| 2.0 * (0.5 * i as f64).cos());
    let classes = TensorData::from([3i32, 2, 1, 3, 0]);
    let classes = Tensor::<1, Int>::from_data(classes, &teacher.device());
    let rows = Rows::alike(student.clone(), Probabilities::Softmax);
    let [target, others] = decoupled_divergences(rows.logits.clone(), teacher, classes, 1.0);
    let (target, others) = (rows.mean(target), rows.mean(others));
    near("true class", number(&target), &recorded["tckd"]);
    near("others", number(&others), &recorded["nckd"]);
    let loss = target + others * 0.25;
    near("loss", number(&loss), &recorded["loss"]);
    let gradient = values(&student.grad(&loss.backward()).unwrap());
    for row in gradient.chunks(4) {
        assert!(
            row.iter().sum::<f64>().abs() < 1e-12,
            "a shift of a row does not count: {row:?}"
        );
    }
}

#[test]
fn both_comparisons_of_class_maps_are_the_recorded_ones() {
    let Some(record) = record() else { return };
    let recorded = &record["retina_class_map"];
    let (anchors, classes, places) = (2, 3, 6);
    let [student, teacher] = [
        |i: usize| (0.9 * i as f64).sin(),
        |i: usize| (0.4 * i as f64).cos(),
    ]
    .map(|formula| map([1, anchors * classes, 2, 3], formula));
    // A row for each anchor, every class a question of its own: summed over the classes.
    let each = |map: &Tensor<4>| map.clone().reshape([places * anchors, classes]);
    let by_anchor = Rows {
        per_place: Some(anchors),
        ..Rows::alike(each(&student), Probabilities::Sigmoid)
    };
    let summed = number(&by_anchor.divergence(each(&teacher), 1.0));
    near("questions", summed / classes as f64, &recorded["binary_kl_mean"]);
    // A row for each place with all its anchors: what TST's authors compare.
    let (by_place, beside) = by_anchor.over_anchors(each(&teacher));
    near(
        "softmax over anchors",
        number(&by_place.divergence(beside, 1.0)),
        &recorded["tst_softmax_over_A_times_K"],
    );
}

#[test]
fn hints_are_mean_squared_errors() {
    let (map, target) = (last(&student()), teacher());
    let by_hand = nchw(&map)
        .iter()
        .zip(nchw(&target))
        .map(|(a, b)| (a - b) * (a - b))
        .sum::<f64>()
        / 144.0;
    assert_near("hint", &[number(&hint_loss(map, target))], &[by_hand], 1e-12);
}
