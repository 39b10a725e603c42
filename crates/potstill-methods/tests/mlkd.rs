//! MLKD gives the recorded numbers of its authors' program, and what the paper says where it is asked to.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor};
use potstill_methods::{
    LossTerm, Method, MethodError, Moment, SecondView, StepContext, StudentEpoch, StudentStep, Targets,
    TeacherOutput,
};
use potstill_ops::{Mode, Pass};
use potstill_tasks::{Classification, TermContext};
use potstill_testing::classics::{Case, EXACT, assert_differences, cases, drawn, of_logits, total};
use potstill_testing::networks::{context, network, plan, refusal};
use potstill_testing::numbers::{number, tensor, values};

fn planned(lines: &str) -> Box<dyn Method> {
    let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", 10, owner));
    plan(
        &format!("kind = \"mlkd\"\n{lines}"),
        &context(&student, Some(&teacher)),
    )
    .unwrap()
}

/// The terms of logits `[N, K]`: the student's of both views, then the teacher's.
fn terms(
    method: &dyn Method,
    [weak, strong, sure, second]: [Tensor<2>; 4],
    labels: &Tensor<1, Int>,
) -> Vec<LossTerm> {
    let [sure, second] = [sure, second].map(|logits| TeacherOutput::frozen(of_logits(logits)));
    let (weak, strong) = (of_logits(weak), of_logits(strong));
    let step = StudentStep {
        id: "test",
        student: &weak,
        targets: &Targets::Class(labels.clone()),
        task: &Classification::default(),
        context: TermContext::undrawn(),
        at: Moment {
            epoch: StudentEpoch(0),
            step: 0,
        },
        head: None,
        second: Some(SecondView {
            student: &strong,
            teacher: Some(&second),
        }),
    };
    let step = StepContext { step, teacher: &sure };
    method.terms(&step, &mut Pass::new(Mode::Batch)).unwrap()
}

#[test]
fn two_views_are_the_recorded_ones() {
    let keys = ["temperature", "ce_weight", "kd_weight", "standardise"];
    let cases = cases("mlkd");
    for case in cases.iter().flat_map(Case::in_both) {
        let names = ["student_weak", "student_strong", "teacher_weak", "teacher_strong"];
        let inputs = names.map(|name| case.input(name));
        let method = planned(&case.lines(&keys));
        let logits = [0, 1, 2, 3].map(|input| inputs[input].rows());
        let terms = terms(method.as_ref(), logits, &case.labels(0));
        for term in terms.iter().filter(|term| term.factor.is_none()) {
            let part = term.name.strip_prefix("test.").unwrap();
            case.check_part(part, number(&term.value), EXACT);
        }
        let [weak, strong, ..] = inputs;
        case.check(&total(terms), &[weak, strong], EXACT);
    }
    assert_eq!(cases.len(), 4);
}

fn rows(count: usize, classes: usize, seed: usize) -> Tensor<2> {
    let numbers = drawn(count * classes, seed, -2.0..=2.0);
    tensor([count, classes], |i| numbers[i])
}

#[test]
fn odd_rows_have_finite_losses_and_gradients_are_those_of_differences() {
    for lines in ["", "masks = \"samples\"", "standardise = true\ntemperature = 2.0"] {
        let method = planned(lines);
        // Three images, one, two classes, and logits as large as half precision has.
        for (count, classes, scale) in [(3, 4, 1.0), (1, 4, 1.0), (2, 2, 1.0), (3, 4, 3e4), (3, 4, 0.0)] {
            let of = |seed| rows(count, classes, seed) * scale;
            let leaf = of(1).autodiff().require_grad();
            let labels = Tensor::<1, Int>::ones([count], &Device::flex());
            let loss = total(terms(
                method.as_ref(),
                [leaf.clone(), of(2), of(3), of(4)],
                &labels,
            ));
            assert!(number(&loss).is_finite(), "{lines} {count} {classes} {scale}");
            let gradient = values(&leaf.grad(&loss.backward()).unwrap());
            assert!(
                gradient.iter().all(|value| value.abs() < 1e5),
                "{lines} {count} {classes}"
            );
        }
        let labels = Tensor::<1, Int>::zeros([3], &Device::flex());
        let loss = |leaf: Tensor<1>| {
            let both = leaf.reshape([6, 4]);
            let [weak, strong] = [0, 3].map(|first| both.clone().narrow(0, first, 3));
            total(terms(
                method.as_ref(),
                [weak, strong, rows(3, 4, 3), rows(3, 4, 4)],
                &labels,
            ))
        };
        assert_differences(lines, &drawn(24, 9, -1.0..=1.0), loss, 1e-5);
    }
}

#[test]
fn masks_of_samples_choose_images_and_the_strong_view_counts_everywhere() {
    let labels = Tensor::<1, Int>::zeros([3], &Device::flex());
    let logits = || [rows(3, 4, 1), rows(3, 4, 2), rows(3, 4, 3), rows(3, 4, 4)];
    let found = |lines: &str| number(&total(terms(planned(lines).as_ref(), logits(), &labels)));
    assert!((found("") - found("masks = \"samples\"")).abs() > 1e-3);
    // Where both networks say the same nothing but the labels is left.
    let same = || [rows(3, 4, 1), rows(3, 4, 2), rows(3, 4, 1), rows(3, 4, 2)];
    for lines in ["ce_weight = 0.0", "ce_weight = 0.0\nmasks = \"samples\""] {
        let loss = number(&total(terms(planned(lines).as_ref(), same(), &labels)));
        assert!(loss.abs() < 1e-12, "{lines}: {loss}");
    }
}

#[test]
fn a_step_without_a_second_view_and_other_classes_are_refused() {
    let method = planned("");
    assert!(method.info().second_view);
    let logits = rows(2, 10, 1);
    let found = potstill_testing::networks::terms(
        "test",
        method.as_ref(),
        &of_logits(logits.clone()),
        &TeacherOutput::frozen(of_logits(logits)),
        &Tensor::<1, Int>::zeros([2], &Device::flex()),
        0,
    );
    assert!(matches!(found, Err(MethodError::NoSecondView)));
    let of = |classes: usize| network("cifar_resnet8", classes, "network");
    let message = refusal("kind = \"mlkd\"", &context(&of(10), Some(&of(7))));
    assert!(message.contains("7 classes"), "{message}");
}
