//! Losses of logits give the recorded numbers of their authors' programs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::cell::OnceCell;

use potstill_methods::{Method, PlanContext, TeacherUse};
use potstill_ops::Parameters;
use potstill_testing::classics::{Case, EXACT, assert_gradient, cases, drawn, loss_of_logits};
use potstill_testing::networks::{context, network, plan};
use potstill_testing::numbers::{gradients, tensor};

thread_local! {
    static TEN_CLASSES: OnceCell<PlanContext> = const { OnceCell::new() };
}

/// Two networks of ten classes. The losses take rows of any number.
pub(crate) fn ten_classes() -> PlanContext {
    let both = || {
        let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", 10, owner));
        context(&student, Some(&teacher))
    };
    TEN_CLASSES.with(|known| known.get_or_init(both).clone())
}

/// Late enough for every ramp to have ended.
pub(crate) const LATE: usize = 100;

pub(crate) fn planned(kind: &str, lines: &str) -> Box<dyn Method> {
    plan(&format!("kind = \"{kind}\"\n{lines}"), &ten_classes()).unwrap()
}

/// Runs a case of a method with these of its options.
fn check(case: &Case, method: &dyn Method) {
    let student = case.input("student");
    let rows = student.rows();
    let labels = case.labels(rows.dims()[0]);
    let teacher = (method.info().teacher != TeacherUse::None).then(|| case.input("teacher").rows());
    let loss = loss_of_logits(method, rows, teacher, &labels, LATE);
    case.check(&loss, &[student], EXACT);
}

fn check_all(kind: &str, keys: &[&str]) -> usize {
    let cases = cases(kind);
    for case in cases.iter().flat_map(Case::in_both) {
        check(&case, planned(kind, &case.lines(keys)).as_ref());
    }
    cases.len()
}

#[test]
fn label_smoothing_is_the_recorded_one() {
    assert_eq!(check_all("label-smoothing", &["variant", "epsilon"]), 5);
}

#[test]
fn distillation_without_a_teacher_is_the_recorded_one() {
    let keys = ["variant", "alpha", "temperature", "multiplier", "correct"];
    assert_eq!(check_all("tf-kd", &keys), 6);
}

#[test]
fn weighted_soft_labels_are_the_recorded_ones() {
    // alpha is the weight in the recipe.
    assert_eq!(check_all("wsld", &["temperature"]), 3);
}

#[test]
fn decoupled_divergences_are_the_recorded_ones() {
    assert_eq!(check_all("dkd", &["alpha", "beta", "temperature"]), 6);
}

#[test]
fn correlations_are_the_recorded_ones() {
    assert_eq!(check_all("dist", &["beta", "gamma", "temperature"]), 5);
}

#[test]
fn normalised_distillation_is_the_recorded_one() {
    assert_eq!(check_all("nkd", &["temperature", "gamma"]), 4);
}

#[test]
fn transformed_teachers_are_the_recorded_ones() {
    assert_eq!(check_all("ttm", &["exponent", "weighted"]), 6);
}

#[test]
fn refined_logits_are_the_recorded_ones() {
    let keys = ["alpha", "beta", "temperature", "alpha_temperature"];
    assert_eq!(check_all("rld", &keys), 3);
}

#[test]
fn standardised_logits_are_the_recorded_ones() {
    let cases = cases("ls");
    for case in cases.iter().flat_map(Case::in_both) {
        let kind = case.option("on").as_str().unwrap();
        let lines = case.lines(&["temperature", "alpha", "beta"]) + "standardise = true";
        check(&case, planned(kind, &lines).as_ref());
    }
    assert_eq!(cases.len(), 6);
}

#[test]
fn learned_temperatures_are_the_recorded_ones() {
    let cases = cases("ctkd");
    for case in cases.iter().flat_map(Case::in_both) {
        // Epochs at which the half cosine of so many has come to the recorded factor.
        let (epoch, ramp) = match case.option("lambda").as_f64().unwrap() {
            -1.0 => (LATE, 10),
            -0.5 => (4, 10),
            -0.25 => (0, 3),
            other => panic!("{other}"),
        };
        let lines = case.lines(&["t_start", "t_end"]) + &format!("ramp_epochs = {ramp}");
        let mut method = planned("ctkd", &lines);
        case.fill(own_mut(method.as_mut()).module, |_| "global_T".into());
        let student = case.input("student");
        let teacher = case.input("teacher").rows();
        let loss = loss_of_logits(
            method.as_ref(),
            student.rows(),
            Some(teacher),
            &case.labels(4),
            epoch,
        );
        let tape = case.check(&loss, &[student], EXACT);
        case.check_parameters(method.parts()[0].module, &tape, |_| "global_T".into(), EXACT);
    }
    assert_eq!(cases.len(), 3);
}

fn own_mut(method: &mut dyn Method) -> potstill_methods::Part<&mut dyn Parameters> {
    method.parts_mut().remove(0)
}

#[test]
fn the_reversed_gradient_grows_along_half_a_cosine() {
    let cases = cases("ctkd");
    let schedule = cases[0]
        .get("schedule_cosine_0_to_minus_1_in_10")
        .as_array()
        .unwrap();
    let method = planned("ctkd", "");
    let gradient = |epoch: usize| {
        let rows = |scale: f64, seed| {
            let numbers = drawn(20, seed, -scale..=scale);
            tensor([4, 5], |i| numbers[i])
        };
        let student = rows(2.0, 1).autodiff().require_grad();
        let loss = loss_of_logits(
            method.as_ref(),
            student,
            Some(rows(6.0, 2)),
            &cases[0].labels(4),
            epoch,
        );
        gradients(method.parts()[0].module, &loss.backward())["theta"][0]
    };
    let whole = gradient(LATE);
    for (epoch, factor) in schedule.iter().enumerate().skip(1) {
        let factor = -factor.as_f64().unwrap();
        let found = gradient(epoch - 1) / whole;
        assert!(
            (found - factor).abs() < 1e-5,
            "epoch {epoch}: {found} is not {factor}"
        );
    }
}

#[test]
fn a_gradient_that_is_not_recorded_is_told() {
    let record = serde_json::json!({ "shape": [2], "sum": 1.0, "l2": 1.0, "entries": [[0, 1.0]] });
    assert_gradient("same", &[1.0, 0.0], &record, EXACT);
    let other = std::panic::catch_unwind(|| assert_gradient("other", &[0.0, 1.0], &record, EXACT));
    assert!(other.is_err());
}
