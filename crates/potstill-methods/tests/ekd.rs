//! EKD gives the numbers of the method's specification, recomputed by `tools/ekd_reference.py`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Int, Tensor, TensorData};
use potstill_methods::{
    GuidedStudent, GuidedTeacher, ImitationLoss, LossTerm, NetworkOutput, TeacherOutput, at_the_smaller_size,
    imitation_loss,
};
use potstill_models::Outputs;
use potstill_ops::{Mode, Pass, Point, Taps};
use potstill_tasks::cross_entropy;
use potstill_testing::networks::{context, network, ones, plan, reads, terms};
use potstill_testing::numbers::{
    DIVIDED, NINE_DIGITS, assert_near, fill, gradients, map, nchw, number, numbers as all, recorded, scope,
    tensor, values,
};
use serde_json::Value;

fn record() -> Value {
    recorded("potstill-methods/tests/reference/ekd.json")
}

fn student_map() -> Tensor<4> {
    map([2, 2, 4, 4], |i| (0.1 * i as f64).sin())
}

fn teacher_map() -> Tensor<4> {
    map([2, 4, 8, 8], |i| (0.05 * i as f64).cos())
}

fn labels() -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(vec![1, 3], [2]), &burn::tensor::Device::flex())
}

fn student_half() -> GuidedStudent {
    let mut half = GuidedStudent::new(2, 3, &scope());
    fill(&mut half, |entry, i| match entry.path.as_str() {
        "conv1.weight" => Some(0.5 * (i as f64).cos()),
        "bn1.weight" => Some([1.0, 1.1, 1.2][i]),
        "bn1.bias" => Some([0.0, 0.05, 0.1][i]),
        "conv2.weight" => Some(0.2 * (0.3 * i as f64).sin()),
        _ => None,
    });
    half
}

fn teacher_half() -> GuidedTeacher {
    let mut half = GuidedTeacher::new(4, 3, 5, &scope());
    fill(&mut half, |entry, i| match entry.path.as_str() {
        "half.conv1.weight" => Some(0.4 * (i as f64 + 1.0).sin()),
        "half.conv2.weight" => Some(0.2 * (0.3 * i as f64).cos()),
        "head.weight" => Some(0.3 * (0.5 * i as f64).sin()),
        "head.bias" => Some(0.1 * (i as f64).cos()),
        _ => None,
    });
    half
}

#[test]
fn the_larger_map_is_averaged_and_neither_is_enlarged() {
    let (student, teacher) = at_the_smaller_size(student_map(), teacher_map());
    assert_near(
        "teacher",
        &nchw(&teacher),
        &all(&record()["guided"]["pooled"]),
        NINE_DIGITS,
    );
    assert_eq!(nchw(&student), nchw(&student_map()));
    let (student, teacher) = at_the_smaller_size(teacher_map(), student_map());
    assert_near(
        "student",
        &nchw(&student),
        &all(&record()["guided"]["pooled"]),
        NINE_DIGITS,
    );
    assert_eq!(teacher.dims(), [2, 4, 4, 2]);
    let (a, b) = at_the_smaller_size(map([1, 1, 8, 3], |i| i as f64), map([1, 1, 4, 6], |i| i as f64));
    assert_eq!((a.dims(), b.dims()), ([1, 4, 3, 1], [1, 4, 3, 1]));
}

#[test]
fn guided_halves_and_their_losses_are_the_recorded_ones() {
    let record = &record()["guided"];
    let (own, other) = (student_half(), teacher_half());
    let mut pass = Pass::new(Mode::Batch);
    let leaf = student_map().autodiff().require_grad();
    let (ours, theirs) = at_the_smaller_size(leaf.clone(), teacher_map());
    let (target, _) = other.forward(theirs, &mut pass);
    let (imitated, target) = (own.forward(ours, &mut pass), target.inner());
    assert_near("K^S", &nchw(&imitated), &all(&record["student"]), NINE_DIGITS);
    assert_near("K^T", &nchw(&target), &all(&record["teacher"]), NINE_DIGITS);
    let angle = imitation_loss(imitated.clone(), target.clone(), ImitationLoss::NormMse);
    assert_near(
        "NormMse",
        &[number(&angle)],
        &all(&record["norm_mse"]),
        NINE_DIGITS,
    );
    let loss = imitation_loss(imitated, target.clone(), ImitationLoss::Mse);
    assert_near("Mse", &[number(&loss)], &all(&record["mse"]), NINE_DIGITS);
    let tape = loss.backward();
    let gradient = nchw(&leaf.grad(&tape).unwrap());
    assert_near(
        "F^S",
        &gradient,
        &all(&record["gradient_of_student_map"]),
        NINE_DIGITS,
    );
    for (path, gradient) in gradients(&own, &tape) {
        let expected = all(&record["gradients"][&path]);
        if path == "bn2.bias" {
            // Both maps have mean 0: what is left is rounding.
            let rounding = |values: &[f64]| values.iter().all(|value| value.abs() < 1e-15);
            assert!(rounding(&gradient) && rounding(&expected));
        } else {
            assert_near(&path, &gradient, &expected, NINE_DIGITS);
        }
    }
    assert_eq!(gradients(&own, &tape).len(), 6);
    assert!(gradients(&other, &tape).is_empty());

    let leaf = student_map().autodiff().require_grad();
    let imitated = own.forward(leaf.clone(), &mut Pass::new(Mode::Batch));
    let tape = imitation_loss(imitated, target, ImitationLoss::NormMse).backward();
    let gradient = nchw(&leaf.grad(&tape).unwrap());
    let expected = all(&record["norm_mse_gradient_of_student_map"]);
    assert_near("F^S by NormMse", &gradient, &expected, DIVIDED);
}

#[test]
fn the_head_is_the_recorded_one() {
    let record = &record()["guided"]["head"];
    let half = teacher_half();
    for tracked in [false, true] {
        let leaf = teacher_map().autodiff().require_grad();
        let map = if tracked {
            leaf.clone()
        } else {
            leaf.clone().inner()
        };
        let (_, map) = at_the_smaller_size(student_map(), map);
        let (_, logits) = half.forward(map, &mut Pass::new(Mode::Batch));
        assert_near("logits", &values(&logits), &all(&record["logits"]), NINE_DIGITS);
        let loss = cross_entropy(logits, labels(), 0.0);
        assert_near(
            "CE",
            &[number(&loss)],
            &all(&record["cross_entropy"]),
            NINE_DIGITS,
        );
        let tape = loss.backward();
        let own = gradients(&half, &tape);
        for (path, expected) in record["gradients"].as_object().unwrap() {
            assert_near(path, &own[&format!("half.{path}")], &all(expected), NINE_DIGITS);
        }
        for (path, expected) in record["head_gradients"].as_object().unwrap() {
            assert_near(path, &own[&format!("head.{path}")], &all(expected), NINE_DIGITS);
        }
        let reached = leaf.grad(&tape).map(|gradient| nchw(&gradient));
        match reached {
            Some(gradient) => {
                assert!(tracked);
                assert_near(
                    "F^T",
                    &gradient,
                    &all(&record["gradient_of_teacher_map"]),
                    NINE_DIGITS,
                );
            }
            None => assert!(!tracked),
        }
    }
}

fn seen(logits: Tensor<2>) -> NetworkOutput {
    NetworkOutput {
        images: Tensor::zeros([2, 1, 1, 3], &burn::tensor::Device::flex()),
        outputs: Outputs::Logits(logits),
        taps: Taps::default(),
    }
}

/// The terms of EKD for logits alone, of a teacher that is as constant as the training loop makes it.
fn of_logits(student: Tensor<2>, teacher: Tensor<2>) -> Vec<LossTerm> {
    let (student_network, teacher_network) = (
        network("cifar_resnet8", 5, "student"),
        network("cifar_resnet8", 5, "teacher"),
    );
    let context = context(&student_network, Some(&teacher_network));
    let method = plan(r#"kind = "ekd""#, &context).unwrap();
    let reads = reads(method.as_ref());
    let output = |logits, network, points: &[Point]| NetworkOutput {
        taps: ones(network, points),
        ..seen(logits)
    };
    let student = output(student, &context.student, &reads.student);
    let teacher = TeacherOutput::online(output(teacher, &context.teachers[0], &reads.teacher));
    terms("ekd", method.as_ref(), &student, &teacher, &labels(), 0).unwrap()
}

#[test]
fn totals_are_the_recorded_ones() {
    let record = &record()["totals"];
    let student = tensor([2, 5], |i| (0.5 * i as f64).sin())
        .autodiff()
        .require_grad();
    let teacher = tensor([2, 5], |i| 2.0 * (0.3 * i as f64).cos())
        .autodiff()
        .require_grad();
    let own = [&student, &teacher].map(|logits| cross_entropy(logits.clone(), labels(), 0.0));
    let both = [number(&own[0]), number(&own[1])];
    assert_near(
        "cross entropies",
        &both,
        &all(&record["cross_entropies"]),
        NINE_DIGITS,
    );
    let mut terms = of_logits(student.clone(), teacher.clone());
    assert_eq!(
        (terms[0].name.as_str(), terms[0].factor),
        ("ekd-transfer", Some(1.0))
    );
    let transfer = terms.remove(0).value;
    assert_near(
        "L_KT",
        &[number(&transfer)],
        &all(&record["transfer"]),
        NINE_DIGITS,
    );
    let [of_student, of_teacher] = own;
    let tape = (of_student + transfer + of_teacher).backward();
    let gradient = |leaf: &Tensor<2>| values(&leaf.grad(&tape).unwrap());
    assert_near(
        "z^S",
        &gradient(&student),
        &all(&record["gradients"]["student"]),
        NINE_DIGITS,
    );
    assert_near(
        "z^T",
        &gradient(&teacher),
        &all(&record["gradients"]["teacher"]),
        NINE_DIGITS,
    );
    let constant = of_logits(student.inner(), tensor([2, 5], |_| 0.0))
        .remove(0)
        .value;
    assert_near(
        "a constant teacher",
        &[number(&constant)],
        &all(&record["transfer_of_a_constant"]),
        NINE_DIGITS,
    );
}
