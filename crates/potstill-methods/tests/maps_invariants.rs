//! Losses of maps and embeddings hold where maps are odd, and where something about them must not count.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_methods::Method;
use potstill_ops::PointSide;
use potstill_testing::classics::{assert_differences, drawn, loss_of_maps};
use potstill_testing::numbers::{self, number, tensor, values};

use crate::maps::{planned, side};

pub(crate) fn map(shape: [usize; 4], seed: usize) -> Tensor<4> {
    let numbers = drawn(shape.iter().product(), seed, -1.0..=2.0);
    tensor(shape, |i| numbers[i])
}

/// The modules of a method in double precision, as they were drawn.
fn exact(mut method: Box<dyn Method>) -> Box<dyn Method> {
    for part in method.parts_mut() {
        numbers::fill(part.module, |_, _| None);
    }
    method
}

const OF_MAPS: [(&str, &str); 14] = [
    ("at", ""),
    ("at", "p = 4\n"),
    ("at", "variant = \"paper\"\n"),
    ("nst", ""),
    ("sp", ""),
    ("vid", ""),
    ("ofd", ""),
    ("ickd", ""),
    ("fitnet", ""),
    ("fitnet", "regressor = \"conv\"\n"),
    ("pkd", ""),
    ("pkd", "resize = \"teacher\"\n"),
    ("cwd", "maps = \"features\"\n"),
    ("mgd", "alpha = 1e-2\n"),
];
const OF_EMBEDDINGS: [(&str, &str); 6] = [
    ("pkt", ""),
    ("rkd", ""),
    ("rkd", "normalise = true\n"),
    ("cc", "dim = 3\n"),
    ("cc", "variant = \"gaussian\"\n"),
    ("vkd", ""),
];

/// Every method with the shapes of a student's map and a teacher's that it takes.
fn every(
    student: [usize; 4],
    teacher: [usize; 4],
) -> Vec<(&'static str, &'static str, [usize; 4], [usize; 4])> {
    let pooled = |[n, _, _, c]: [usize; 4]| [n, 1, 1, c];
    let of_maps = OF_MAPS
        .iter()
        .map(|&(kind, lines)| (kind, lines, student, teacher));
    let embeddings = OF_EMBEDDINGS.iter();
    let of_embeddings = embeddings.map(|&(kind, lines)| (kind, lines, pooled(student), pooled(teacher)));
    of_maps.chain(of_embeddings).collect()
}

#[test]
fn gradients_are_what_differences_say() {
    for (kind, lines, ours, theirs) in every([3, 2, 3, 2], [3, 2, 3, 4]) {
        let teacher = map(theirs, 2);
        let count = ours.iter().product();
        let method = exact(planned(kind, lines, &[map(ours, 1)], std::slice::from_ref(&teacher)).unwrap());
        let loss = |leaf: Tensor<1>| {
            let student = leaf.reshape(ours);
            loss_of_maps(
                method.as_ref(),
                &[student],
                std::slice::from_ref(&teacher),
                side(kind),
            )
        };
        assert_differences(
            &format!("{kind} {lines}"),
            &drawn(count, 1, -1.0..=2.0),
            loss,
            1e-5,
        );
    }
}

#[test]
fn odd_maps_have_finite_losses_and_gradients() {
    let shapes = [
        ([3, 4, 4, 2], [3, 4, 4, 5]),
        // A narrower teacher, a single image, sizes that are no multiple of each other, maps of one place.
        ([3, 4, 4, 5], [3, 4, 4, 2]),
        ([1, 4, 4, 3], [1, 4, 4, 4]),
        ([2, 5, 3, 2], [2, 4, 4, 3]),
        ([2, 3, 3, 2], [2, 8, 8, 3]),
        ([2, 6, 6, 2], [2, 3, 3, 3]),
        ([2, 1, 1, 2], [2, 1, 1, 3]),
    ];
    for (student, teacher) in shapes {
        for (kind, lines, ours, theirs) in every(student, teacher) {
            let constant = |shape: [usize; 4]| tensor(shape, |_| 0.75);
            let zero = |shape: [usize; 4]| tensor(shape, |_| 0.0);
            let method = exact(planned(kind, lines, &[zero(ours)], &[zero(theirs)]).unwrap());
            for map_of in [map(ours, 1), constant(ours), zero(ours)] {
                for target in [map(theirs, 2), constant(theirs), zero(theirs)] {
                    let leaf = map_of.clone().autodiff().require_grad();
                    let loss = loss_of_maps(
                        method.as_ref(),
                        std::slice::from_ref(&leaf),
                        &[target],
                        side(kind),
                    );
                    assert!(number(&loss).is_finite(), "{kind} {lines} {ours:?}");
                    let gradient = leaf.grad(&loss.backward()).map(|found| values(&found));
                    let is_bounded = |gradient: Vec<f64>| gradient.iter().all(|value| value.abs() < 1e5);
                    assert!(gradient.is_none_or(is_bounded), "{kind} {lines} {ours:?}");
                }
            }
        }
    }
}

#[test]
fn equal_maps_lose_nothing() {
    for (kind, lines, shape, _) in every([4, 3, 3, 3], [4, 3, 3, 3]) {
        if ["vid", "ofd", "ickd", "fitnet", "vkd", "mgd"].contains(&kind) || lines.starts_with("dim") {
            continue;
        }
        let both = map(shape, 1);
        let method = exact(
            planned(
                kind,
                lines,
                std::slice::from_ref(&both),
                std::slice::from_ref(&both),
            )
            .unwrap(),
        );
        let loss = loss_of_maps(
            method.as_ref(),
            std::slice::from_ref(&both),
            std::slice::from_ref(&both),
            side(kind),
        );
        assert!(number(&loss).abs() < 1e-10, "{kind} {lines}: {}", number(&loss));
    }
}

#[test]
fn neither_the_order_of_the_batch_nor_the_scale_of_one_side_counts() {
    let order = Tensor::<1, Int>::from_data(TensorData::from([2, 0, 3, 1]), &Device::flex());
    for (kind, lines, ours, theirs) in every([4, 3, 3, 3], [4, 3, 3, 4]) {
        let (student, teacher) = (map(ours, 1), map(theirs, 2));
        let method = exact(
            planned(
                kind,
                lines,
                std::slice::from_ref(&student),
                std::slice::from_ref(&teacher),
            )
            .unwrap(),
        );
        let loss = |student: Tensor<4>, teacher: Tensor<4>| {
            number(&loss_of_maps(method.as_ref(), &[student], &[teacher], side(kind)))
        };
        let usual = loss(student.clone(), teacher.clone());
        let near = |what: &str, found: f64| {
            assert!(
                (found - usual).abs() < 1e-6 * usual.abs().max(1e-3),
                "{kind} {lines}, {what}: {found} is not {usual}"
            );
        };
        // Neighbours in the batch are compared, or places of an image in the batch erased.
        if !lines.starts_with("dim") && kind != "mgd" {
            near(
                "order",
                loss(
                    student.clone().select(0, order.clone()),
                    teacher.clone().select(0, order.clone()),
                ),
            );
        }
        if ["at", "nst", "sp", "rkd", "pkt"].contains(&kind) {
            near("scale", loss(student.clone() * 3.0, teacher.clone()));
        }
    }
}

#[test]
fn singular_vectors_move_as_differences_say() {
    // More places than channels, fewer (the others have singular values of 0), and a single place.
    for (first, teacher_first) in [
        ([2, 2, 3, 3], [2, 3, 3, 3]),
        ([2, 1, 2, 4], [2, 2, 3, 4]),
        ([2, 2, 2, 6], [2, 1, 3, 6]),
        ([2, 1, 1, 4], [2, 1, 2, 4]),
    ] {
        let second = [2, 2, 2, first[3] + 1];
        let teacher = [map(teacher_first, 3), map(second, 4)];
        let student = [map(first, 1), map(second, 2)];
        let method = planned("kdsvd", "", &student, &teacher).unwrap();
        let loss = |leaf: Tensor<1>| {
            let maps = [leaf.reshape(first), student[1].clone()];
            loss_of_maps(method.as_ref(), &maps, &teacher, PointSide::Post) * 1e4
        };
        let count = first.iter().product();
        assert_differences(
            &format!("kdsvd {first:?}"),
            &drawn(count, 1, -1.0..=2.0),
            loss,
            1e-5,
        );
    }
}

#[test]
fn singular_vectors_of_odd_maps_are_finite_and_those_of_no_numbers_are_none() {
    let shapes = [[2, 2, 3, 3], [2, 2, 2, 4]];
    let [teacher, student] = [3, 1].map(|seed| shapes.map(|shape| map(shape, seed)));
    let method = planned("kdsvd", "", &student, &teacher).unwrap();
    for value in [0.0, 0.5, f64::NAN] {
        let leaf = tensor(shapes[0], |_| value).autodiff().require_grad();
        let maps = [leaf.clone(), student[1].clone().autodiff()];
        let loss = loss_of_maps(method.as_ref(), &maps, &teacher, PointSide::Post);
        let gradient = values(&leaf.grad(&loss.backward()).unwrap());
        if value.is_nan() {
            assert!(number(&loss).is_nan());
        } else {
            assert!(number(&loss).is_finite() && gradient.iter().all(|value| value.abs() < 1e5));
        }
    }
}

#[test]
fn what_is_erased_is_missing_from_what_is_generated() {
    // A generator that leaves positive maps as they are: what is missing is the squares of what was erased.
    let ones = [tensor([4, 12, 12, 3], |_| 1.0), tensor([4, 6, 6, 3], |_| 1.0)];
    for (mask, erased) in [("position", 0.25), ("position", 0.75), ("channel", 0.5)] {
        let lines = format!("alpha = 0.5\nmask = \"{mask}\"\nerased = {erased}\n");
        let mut method = exact(planned("mgd", &lines, &ones, &ones).unwrap());
        for part in method.parts_mut() {
            numbers::fill(part.module, |entry, i| {
                // Weights `[O, I, 3, 3]`: 1 in the middle of a channel's own, 0 elsewhere.
                let is_middle = i % 9 == 4 && (i / 9) % 3 == i / 27;
                Some(f64::from(u8::from(entry.path.ends_with("weight") && is_middle)))
            });
        }
        let loss = |maps: &[Tensor<4>]| number(&loss_of_maps(method.as_ref(), maps, &ones, PointSide::Post));
        let zeros = ones.each_ref().map(Tensor::zeros_like);
        // Nothing is left of a map of zeros: all of both levels, a sum over places and channels.
        let all = 0.5 * f64::from(12 * 12 * 3 + 6 * 6 * 3);
        assert!((loss(&zeros) - all).abs() < 1e-9 * all);
        let share = loss(&ones) / all;
        let room = if mask == "channel" { 0.3 } else { 0.08 };
        assert!((share - erased).abs() < room, "{mask}: {share} is not {erased}");
    }
}

#[test]
fn a_variance_that_is_not_learned_has_no_gradient() {
    let (student, teacher) = (map([2, 3, 3, 2], 1), map([2, 3, 3, 4], 2));
    let of = |learned: bool| {
        let lines = format!("learn_variance = {learned}\n");
        let method = exact(
            planned(
                "vid",
                &lines,
                std::slice::from_ref(&student),
                std::slice::from_ref(&teacher),
            )
            .unwrap(),
        );
        let loss = loss_of_maps(
            method.as_ref(),
            &[student.clone().autodiff().require_grad()],
            std::slice::from_ref(&teacher),
            PointSide::Post,
        );
        let own = numbers::gradients(method.parts()[0].module, &loss.backward());
        (
            number(&loss),
            own.keys().filter(|path| path.ends_with("log_scale")).count(),
        )
    };
    let ((learned, with), (fixed, without)) = (of(true), of(false));
    assert_eq!(learned, fixed);
    assert_eq!((with, without), (1, 0));
}
