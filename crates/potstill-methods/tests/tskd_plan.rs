//! TSKD on real networks: what it reads and when, what it remembers, who gets a gradient, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Int, Tensor};
use potstill_methods::{
    LossTerm, Method, NetworkOutput, Part, PlanContext, StudentEpoch, TeacherOutput,
    tskd::{ReviewClock, ReviewEpoch, ReviewSchedule, Snapshots},
};
use potstill_models::Model;
use potstill_ops::{Mode, Parameters, Pass, Point, Role, Taps, count_trainable};
use potstill_testing::networks::{self, context, end_epoch, network, own, plan, reads, refusal, see};
use potstill_testing::numbers::{self, gradients, map, number, values};
use serde_json::json;

fn shown(points: &[Point]) -> Vec<String> {
    points.iter().map(Point::to_string).collect()
}

struct Pair {
    student: Model,
    teacher: Model,
}

impl Pair {
    fn of(student: &str, teacher: &str) -> Self {
        Self {
            student: network(student, 10, "student"),
            teacher: network(teacher, 10, "teacher"),
        }
    }

    fn resnets() -> Self {
        Self::of("cifar_resnet8", "cifar_resnet14")
    }

    fn context(&self) -> PlanContext {
        PlanContext {
            epochs: 240,
            ..context(&self.student, Some(&self.teacher))
        }
    }

    fn plan(&self, options: &str) -> Box<dyn Method> {
        plan(&entry(options), &self.context()).unwrap()
    }

    /// The terms of one step in this epoch, of a student that is asked for what the method reads then.
    fn terms(&self, method: &dyn Method, epoch: usize) -> Vec<LossTerm> {
        let (student, teacher) = see(&method.reads(StudentEpoch(epoch)), &self.student, &self.teacher);
        terms(method, &student, &teacher, epoch)
    }
}

fn entry(options: &str) -> String {
    format!("kind = \"tskd\"\n{options}")
}

fn terms(
    method: &dyn Method,
    student: &NetworkOutput,
    teacher: &NetworkOutput,
    epoch: usize,
) -> Vec<LossTerm> {
    let labels = Tensor::<1, Int>::zeros([student.images.dims()[0]], &Device::flex());
    let teacher = TeacherOutput::frozen(teacher.clone());
    networks::terms("tskd", method, student, &teacher, &labels, epoch).unwrap()
}

fn names(terms: &[LossTerm]) -> Vec<&str> {
    terms.iter().map(|term| term.name.as_str()).collect()
}

/// Every tensor of a module, as bits.
fn bits(module: &dyn Parameters) -> BTreeMap<String, Vec<u32>> {
    let mut found = BTreeMap::new();
    module.each(&mut |entry, value| {
        let values: Vec<f32> = value.into_data().iter().collect();
        found.insert(
            entry.path.clone(),
            values.iter().map(|value| value.to_bits()).collect(),
        );
    });
    found
}

/// Moves every tensor of a network a little, another way for every `turn`.
fn nudge(network: &mut Model, turn: usize) {
    network.parameters_mut().rewrite(&mut |entry, value| {
        let wave = |i: usize| 0.02 * (i as f64 + 7.0 * turn as f64 + entry.path.len() as f64).sin();
        let by = numbers::tensor(value.dims(), wave).cast(DType::F32);
        Some(value.clone() + value * by)
    });
}

/// A method whose memory is full, and the student three nudges later.
fn remembering(options: &str) -> (Pair, Box<dyn Method>) {
    let mut pair = Pair::resnets();
    let mut method = pair.plan(&format!("interval = 1\n{options}"));
    for epoch in 0..3 {
        end_epoch(method.as_mut(), epoch, &pair.student);
        nudge(&mut pair.student, epoch);
    }
    (pair, method)
}

#[test]
fn the_taps_are_the_stem_and_the_first_two_stages() {
    let cases = vec![
        (
            Pair::resnets(),
            "",
            ["conv1", "layer1.0", "layer2.0"],
            ["conv1", "layer1.1:pre", "layer2.1:pre"],
        ),
        (
            Pair::of("cifar_wrn_16_1", "cifar_wrn_16_2"),
            "",
            ["conv1", "block1.layer.1", "block2.layer.1"],
            ["conv1", "block2.layer.0.bn1:pre", "block3.layer.0.bn1:pre"],
        ),
        (
            Pair::of("cifar_vgg8", "cifar_vgg8"),
            "teacher_tap = \"post\"",
            ["block0", "block1", "block2"],
            ["block0", "block1", "block2"],
        ),
    ];
    // Of 32, 32, 16 rows the first two have wide cells, of 32, 16, 8 the first.
    let parameters = [1_065_211, 1_065_211, 719_867];
    for ((pair, options, student, teacher), parameters) in cases.into_iter().zip(parameters) {
        let method = pair.plan(options);
        let reads = reads(method.as_ref());
        assert_eq!(shown(&reads.student), student);
        assert_eq!(shown(&reads.teacher), teacher);
        assert_eq!(count_trainable(own(method.as_ref())), parameters, "{student:?}");
    }
}

#[test]
fn features_are_read_in_review_epochs_only() {
    let method = Pair::resnets().plan("");
    for epoch in 0..60 {
        let reads = method.reads(StudentEpoch(epoch));
        let expected = if [15, 35, 55].contains(&epoch) { 3 } else { 0 };
        assert_eq!(
            (reads.student.len(), reads.teacher.len()),
            (expected, expected),
            "{epoch}"
        );
    }
}

#[test]
fn only_a_review_reaches_the_forecasters() {
    let (pair, method) = remembering("");
    let forecasters = own(method.as_ref());
    for epoch in 0..8 {
        let terms = pair.terms(method.as_ref(), epoch);
        let is_review = epoch % 4 == 3;
        let expected: &[&str] = if is_review {
            &["tskd-kl", "tskd-review"]
        } else {
            &["tskd-kl"]
        };
        assert_eq!(names(&terms), expected, "{epoch}");
        let loss = terms
            .into_iter()
            .map(|term| term.value)
            .reduce(|a, b| a + b)
            .unwrap();
        let tape = loss.backward();
        let own = gradients(forecasters, &tape);
        assert_eq!(own.len(), if is_review { forecasters.entries().len() } else { 0 });
        assert!(gradients(pair.teacher.parameters(), &tape).is_empty());
        if is_review {
            let idle: Vec<_> = own
                .iter()
                .filter(|(_, of)| of.iter().all(|&value| value == 0.0))
                .collect();
            assert!(idle.is_empty(), "{idle:?}");
        }
    }
}

/// The norm of the review's gradient over all weights of the student.
fn review_gradient(options: &str) -> f64 {
    let (pair, method) = remembering(options);
    let review = pair.terms(method.as_ref(), 3).remove(1);
    assert_eq!(review.name, "tskd-review");
    let own = gradients(pair.student.parameters(), &review.value.backward());
    assert!(
        !own.keys()
            .any(|path| path.starts_with("layer3") || path.starts_with("linear"))
    );
    own.values()
        .flatten()
        .map(|value| value * value)
        .sum::<f64>()
        .sqrt()
}

#[test]
fn the_student_learns_by_the_target() {
    let whole = review_gradient("");
    let without_target = review_gradient("detach_target = true");
    let without_current = review_gradient("detach_current = true");
    assert!(whole / without_target > 100.0, "{whole} {without_target}");
    assert!(
        (whole / without_current - 1.0).abs() < 1e-2,
        "{whole} {without_current}"
    );
    assert_eq!(
        review_gradient("detach_target = true\ndetach_current = true"),
        0.0
    );
}

#[test]
fn a_review_without_weight_is_only_noted() {
    let (pair, method) = remembering("review_weight = 0");
    let terms = pair.terms(method.as_ref(), 3);
    assert_eq!(names(&terms), ["tskd-kl", "tskd-review"]);
    assert_eq!(terms[1].factor, None);
    assert!(!terms[1].value.is_autodiff());
    let (pair, weighted) = remembering("review_weight = 5\nkl_weight = 0.5");
    let weighted = pair.terms(weighted.as_ref(), 3);
    assert_eq!([weighted[0].factor, weighted[1].factor], [Some(0.5), Some(5.0)]);
    assert_eq!(number(&weighted[1].value), number(&terms[1].value));
    let (pair, without) = remembering("kl_weight = 0");
    assert_eq!(names(&pair.terms(without.as_ref(), 3)), ["tskd-review"]);
}

#[test]
fn an_empty_slot_makes_a_review_a_general_epoch_and_says_so() {
    let pair = Pair::resnets();
    let mut method = pair.plan("interval = 1");
    for (filled, epoch) in [(0, 0), (1, 1), (2, 2)] {
        let terms = pair.terms(method.as_ref(), 3);
        assert_eq!(
            names(&terms),
            ["tskd-kl", "tskd-review-skipped"],
            "{filled} filled"
        );
        assert_eq!(terms[1].factor, None);
        end_epoch(method.as_mut(), epoch, &pair.student);
    }
    assert_eq!(names(&pair.terms(method.as_ref(), 3)), ["tskd-kl", "tskd-review"]);
}

#[test]
fn between_reviews_weights_decay_only_if_told_and_only_after_the_first() {
    let (pair, method) = remembering("decay_between_reviews = true");
    for epoch in 0..8 {
        let expected = match epoch {
            0..3 => vec!["tskd-kl"],
            3 | 7 => vec!["tskd-kl", "tskd-review"],
            _ => vec!["tskd-kl", "tskd-decay"],
        };
        let terms = pair.terms(method.as_ref(), epoch);
        assert_eq!(names(&terms), expected, "{epoch}");
        if let Some(decay) = terms.iter().find(|term| term.name == "tskd-decay") {
            let learned = gradients(own(method.as_ref()), &decay.value.clone().backward());
            assert_eq!(learned.len(), own(method.as_ref()).entries().len());
            assert!(learned.values().flatten().all(|&value| value == 0.0));
        }
    }
}

const THREE: ReviewSchedule = ReviewSchedule {
    clock: ReviewClock::Epochs,
    interval: 1,
    slots: 3,
};

#[test]
fn snapshots_are_whole_independent_and_never_more_than_their_slots() {
    let mut student = network("cifar_resnet8", 10, "student");
    let mut snapshots = Snapshots::new(THREE, Mode::Batch);
    let mut taken = BTreeMap::new();
    for epoch in 0..12 {
        nudge(&mut student, epoch);
        snapshots.remember(ReviewEpoch(epoch), &student);
        if epoch % 4 < 3 {
            taken.insert(epoch % 4, bits(student.parameters()));
        }
        assert_eq!(snapshots.parts().len(), taken.len());
        for (Part { name, module, .. }, (slot, bits_then)) in snapshots.parts().into_iter().zip(&taken) {
            assert_eq!(name, format!("memory{}", slot + 1));
            assert!(bits(module) == *bits_then, "{name} after epoch {epoch}");
        }
    }
    assert_eq!(
        snapshots.epochs(),
        [Some(8), Some(9), Some(10)].map(|epoch| epoch.map(ReviewEpoch))
    );
    let buffers =
        |bits: &BTreeMap<String, Vec<u32>>| bits.keys().filter(|path| path.contains("running")).count();
    assert!(buffers(&taken[&0]) > 0, "running statistics are part of a copy");
}

#[test]
fn looking_at_snapshots_gives_what_the_student_would_and_moves_nothing() {
    let student = network("cifar_resnet8", 10, "student");
    let points = ["conv1", "layer1.0", "layer2.0"].map(Point::post);
    let images = map([4, 3, 32, 32], |i| (0.1 * i as f64).sin()).cast(DType::F32);
    for mode in [Mode::Batch, Mode::Running] {
        let mut snapshots = Snapshots::new(THREE, mode);
        (0..3).for_each(|epoch| snapshots.remember(ReviewEpoch(epoch), &student));
        let mut own = Taps::at(&points);
        student.forward(images.clone(), &mut Pass::visited(mode, &mut own));
        let mut pass = Pass::new(Mode::Batch);
        let seen = snapshots.look_at(&images, &points, &mut pass);
        // What the copies compute is counted, and not as something that gradients go back through.
        assert!(pass.untracked() > 0 && pass.macs() == 0);
        assert_eq!(seen.len(), 3);
        for taps in &seen {
            for point in &points {
                let [theirs, ours] = [taps, &own].map(|taps| taps.map(point).unwrap());
                assert!(!theirs.is_autodiff(), "a copy holds no graph");
                if mode == Mode::Batch {
                    // The same kernels: equal copies have increments of exactly zero.
                    assert_eq!(values(&theirs), values(&ours), "{point}");
                } else {
                    numbers::assert_near("map", &values(&theirs), &values(&ours), 1e-5);
                }
            }
        }
        for Part { name, module, .. } in snapshots.parts() {
            assert!(
                bits(module) == bits(student.parameters()),
                "{name} was moved by looking"
            );
        }
    }
}

#[test]
fn a_memory_is_recalled_from_its_books_and_tensors() {
    let mut student = network("cifar_resnet8", 10, "student");
    let mut snapshots = Snapshots::new(THREE, Mode::Batch);
    for epoch in [4, 5] {
        nudge(&mut student, epoch);
        snapshots.remember(ReviewEpoch(epoch), &student);
    }
    let mut recalled = Snapshots::new(THREE, Mode::Batch);
    recalled
        .load_state(snapshots.state(), &network("cifar_resnet8", 10, "another"))
        .unwrap();
    assert_eq!(
        recalled.epochs(),
        [Some(4), Some(5), None].map(|epoch| epoch.map(ReviewEpoch))
    );
    assert!(!recalled.are_complete());
    for (from, to) in snapshots.parts().into_iter().zip(recalled.parts_mut()) {
        assert_eq!(from.name, to.name);
        let mut stored = BTreeMap::new();
        from.module.each(&mut |entry, value| {
            stored.insert(entry.path.clone(), value);
        });
        to.module.rewrite(&mut |entry, _| stored.remove(&entry.path));
    }
    for (a, b) in snapshots.parts().into_iter().zip(recalled.parts()) {
        assert!(bits(a.module) == bits(b.module));
    }
    for wrong in [
        json!(null),
        json!({ "epochs": [0, 1] }),
        json!({ "epochs": [1, null, null] }),
        json!({ "epochs": [null, null, 3] }),
    ] {
        assert!(recalled.load_state(wrong.clone(), &student).is_err(), "{wrong}");
    }
}

#[test]
fn the_first_weights_do_not_depend_on_the_networks() {
    let [a, b] = ["cifar_resnet8", "cifar_resnet14"].map(|student| {
        let method = Pair::of(student, "cifar_resnet14").plan("");
        bits(own(method.as_ref()))
    });
    assert!(a == b, "the streams are the method's own");
}

#[test]
fn knobs_change_the_forecasters() {
    let pair = Pair::resnets();
    let count = |options: &str| count_trainable(own(pair.plan(options).as_ref()));
    // Cells of 16x16, 16x16 and 8x8 places, two in each branch, three peepholes in each cell.
    let places = 64 * 256 + 64 * 256 + 32 * 64;
    assert_eq!(count("peepholes = true") - count(""), 2 * 3 * places);
    assert_eq!(count("hidden = [32, 32, 32]"), 3 * 124_841);
    assert!(count("features = 4") < count(""));
    let one = "student_points = [\"layer2.0\"]\nteacher_points = [\"layer2.1\"]";
    assert_eq!(count(one), 124_841);
    let trainable = own(pair.plan("").as_ref()).entries();
    assert!(trainable.iter().all(|entry| entry.role == Role::Weight));
}

#[test]
fn what_cannot_be_reviewed_is_refused_with_the_reason() {
    let pair = Pair::resnets();
    let refused = |options: &str, parts: &[&str]| {
        let message = refusal(&entry(options), &pair.context());
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    assert!(refusal(&entry(""), &context(&pair.student, None)).contains("`tskd` learns from a teacher"));
    for key in ["interval", "snapshots", "features"] {
        refused(&format!("{key} = 0"), &["x.toml:9", key, "at least 1"]);
    }
    refused("hidden = [32, 0, 32]", &["x.toml:9", "hidden", "at least 1"]);
    refused("hidden = [32]", &["x.toml:9", "hidden", "1 widths for 3 taps"]);
    refused("review_weight = -1", &["x.toml:9", "review_weight", "at least 0"]);
    refused("kl_weight = nan", &["x.toml:9", "kl_weight"]);
    refused("temperature = 0", &["x.toml:9", "temperature", "above 0"]);
    refused("attention = \"row\"", &["x.toml:9", "attention"]);
    refused("intervall = 3", &["x.toml:9", "did you mean", "interval"]);
    refused(
        "interval = 80",
        &["`tskd` reviews for the first time in epoch 241", "240"],
    );
    refused(
        "student_points = [\"conv1\"]",
        &["1 points of the student with 3 of the teacher"],
    );
    refused(
        "student_points = [\"layer1.1\"]\nteacher_points = [\"layer1.1\"]",
        &["`layer1.1` of the student", "did you mean `layer1.0`"],
    );
    refused(
        "student_points = [\"layer1.0\"]\nteacher_points = [\"layer4.1\"]",
        &["`layer4.1` of the teacher"],
    );
    let other_classes = network("cifar_resnet14", 7, "teacher");
    let message = refusal(&entry(""), &context(&pair.student, Some(&other_classes)));
    assert!(message.contains("7 classes"), "{message}");
    // Without logits to compare, classes do not matter.
    assert!(
        plan(
            &entry("kl_weight = 0"),
            &context(&pair.student, Some(&other_classes))
        )
        .is_ok()
    );
    assert!(plan(&entry("review_weight = 0\ninterval = 80"), &pair.context()).is_ok());
}

#[test]
fn a_teacher_without_stages_needs_points() {
    let pair = Pair::resnets();
    let mut context = pair.context();
    for teacher in &mut context.teachers {
        teacher.stage_ends.clear();
        teacher.stem = None;
    }
    let message = refusal(&entry(""), &context);
    assert!(message.contains("teacher_points"), "{message}");
    let named = "teacher_points = [\"conv1\", \"layer1.1\", \"layer2.1\"]";
    assert!(plan(&entry(named), &context).is_ok());
}
