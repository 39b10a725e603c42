//! KD gives the recorded numbers of an independent PyTorch computation, and refuses what it cannot compare.

use burn::tensor::{Device, Tensor};
use potstill_methods::{NetworkOutput, PlanContext, Reads, find, registry};
use potstill_models::Outputs;
use potstill_ops::Taps;
use potstill_testing::networks::{context, network, plan, reads, refusal, see, term};
use potstill_testing::numbers::{
    self, NINE_DIGITS, assert_near, number, numbers as all, recorded, tensor, values,
};

fn student(i: usize) -> f64 {
    3.0 * (0.1 * i as f64).sin()
}

fn teacher(i: usize) -> f64 {
    4.0 * (0.07 * i as f64).cos()
}

fn ten_classes() -> PlanContext {
    context(
        &network("cifar_resnet8", 10, "student"),
        Some(&network("cifar_resnet8", 10, "teacher")),
    )
}

fn seen(logits: Tensor<2>) -> NetworkOutput {
    NetworkOutput {
        images: Tensor::zeros([1, 1, 1, 3], &Device::flex()),
        outputs: Outputs::Logits(logits),
        taps: Taps::default(),
    }
}

#[test]
fn losses_and_gradients_are_the_recorded_ones() {
    let context = ten_classes();
    for case in recorded("potstill-methods/tests/reference/kd.json")["soft_targets"]
        .as_array()
        .unwrap()
    {
        let temperature = case["temperature"].as_f64().unwrap();
        let method = plan(&format!("kind = \"kd\"\ntemperature = {temperature}"), &context).unwrap();
        let logits = tensor([4, 10], student).autodiff().require_grad();
        let term = term(
            method.as_ref(),
            &seen(logits.clone()),
            &seen(tensor([4, 10], teacher)),
            0,
        );
        assert_eq!(term.factor, Some(1.0));
        assert_near(
            &format!("T = {temperature}"),
            &[number(&term.value)],
            &all(&case["value"]),
            NINE_DIGITS,
        );
        let gradient = values(&logits.grad(&term.value.backward()).unwrap());
        assert_near(
            &format!("gradient, T = {temperature}"),
            &gradient,
            &all(&case["gradient"]),
            NINE_DIGITS,
        );
    }
}

#[test]
fn the_temperature_is_4_unless_told() {
    let context = ten_classes();
    let record = recorded("potstill-methods/tests/reference/kd.json");
    let recorded = record["soft_targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["temperature"] == 4.0)
        .unwrap();
    let method = plan(r#"kind = "kd""#, &context).unwrap();
    let term = term(
        method.as_ref(),
        &seen(tensor([4, 10], student)),
        &seen(tensor([4, 10], teacher)),
        0,
    );
    assert_near(
        "value",
        &[number(&term.value)],
        &all(&recorded["value"]),
        NINE_DIGITS,
    );
}

#[test]
fn equal_logits_lose_nothing_and_a_shift_of_a_row_does_not_count() {
    let context = ten_classes();
    for temperature in [0.5, 1.0, 4.0] {
        let method = plan(&format!("kind = \"kd\"\ntemperature = {temperature}"), &context).unwrap();
        let target = tensor([4, 10], teacher);
        for logits in [
            target.clone(),
            target.clone() + tensor([4, 1], |row| 5.0 * row as f64),
        ] {
            let logits = logits.autodiff().require_grad();
            let term = term(method.as_ref(), &seen(logits.clone()), &seen(target.clone()), 0);
            assert!(number(&term.value).abs() < 1e-13);
            let gradient = values(&logits.grad(&term.value.backward()).unwrap());
            assert!(gradient.iter().all(|value| value.abs() < 1e-13), "{gradient:?}");
        }
    }
}

#[test]
fn the_teacher_gets_no_gradient_and_no_module_is_needed() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet8", 10, "teacher"),
    );
    let method = plan(r#"kind = "kd""#, &context(&student, Some(&teacher))).unwrap();
    assert!(method.parts().is_empty() && reads(method.as_ref()) == Reads::default());
    let (studied, taught) = see(&Reads::default(), &student, &teacher);
    let tape = term(method.as_ref(), &studied, &taught, 0).value.backward();
    assert!(numbers::gradients(teacher.parameters(), &tape).is_empty());
    let learned = numbers::gradients(student.parameters(), &tape);
    assert!(learned.contains_key("conv1.weight") && learned.contains_key("linear.bias"));
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let student = network("cifar_resnet8", 10, "student");
    let both = context(&student, Some(&network("cifar_resnet8", 10, "teacher")));
    assert_eq!(
        refusal(r#"kind = "kd""#, &context(&student, None)),
        "`kd` learns from a teacher: add a [teacher] table, or take the method out for the student alone"
    );
    assert_eq!(
        refusal(
            r#"kind = "kd""#,
            &context(&student, Some(&network("cifar_resnet8", 7, "teacher")))
        ),
        "`kd` compares logits, but the teacher has 7 classes and the student 10"
    );
    let unknown = refusal("kind = \"kd\"\n\ntemprature = 2", &both);
    assert!(
        ["x.toml:10", "temprature`; did you mean", ".temperature`"]
            .iter()
            .all(|part| unknown.contains(part)),
        "{unknown}"
    );
    for wrong in ["0", "-1", "inf", "nan", "\"hot\""] {
        let message = refusal(&format!("kind = \"kd\"\ntemperature = {wrong}"), &both);
        assert!(
            message.contains("x.toml:9") && message.contains("temperature"),
            "{message}"
        );
    }
}

#[test]
fn a_method_is_found_by_its_name_only() {
    for entry in registry() {
        assert_eq!(find(entry.name).unwrap().name, entry.name);
    }
    let hint = |name: &str| find(name).err().unwrap().to_string();
    assert_eq!(
        hint("reviewkd"),
        "no method is called `reviewkd`; did you mean `review-kd`?"
    );
    let names: Vec<_> = registry().iter().map(|entry| entry.name).collect();
    assert_eq!(
        hint("something else"),
        format!(
            "no method is called `something else`; the methods are {}",
            names.join(", ")
        )
    );
}
