//! Losses of logits give the recorded numbers of their authors' programs, and hold where rows are odd.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::cell::OnceCell;

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_methods::{Method, PlanContext, TeacherUse};
use potstill_ops::Parameters;
use potstill_testing::classics::{
    Case, EXACT, assert_differences, assert_gradient, cases, drawn, loss_of_logits,
};
use potstill_testing::networks::{context, network, plan, refusal};
use potstill_testing::numbers::{gradients, number, tensor, values};

thread_local! {
    static TEN_CLASSES: OnceCell<PlanContext> = const { OnceCell::new() };
}

/// Two networks of ten classes. The losses take rows of any number.
fn ten_classes() -> PlanContext {
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

/// Every method of logits with a teacher, at a temperature that is no power of two.
const WITH_TEACHER: [(&str, &str); 9] = [
    ("wsld", "temperature = 3"),
    ("dkd", "temperature = 3"),
    ("dist", "temperature = 3"),
    ("nkd", "temperature = 3\ngamma = 3.5"),
    ("ttm", "exponent = 0.3\nweighted = true"),
    ("rld", "temperature = 3"),
    ("ctkd", ""),
    ("ctkd", "loss = \"dkd\""),
    ("kd", "temperature = 3\nstandardise = true"),
];

fn labels(labels: &[i32]) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(labels.to_vec(), [labels.len()]), &Device::flex())
}

fn rows(count: [usize; 2], seed: usize) -> Tensor<2> {
    let numbers = drawn(count[0] * count[1], seed, -2.5..=2.5);
    tensor(count, |i| numbers[i])
}

#[test]
fn gradients_are_what_differences_say() {
    let classes = labels(&[1, 4, 2]);
    for (kind, lines) in WITH_TEACHER {
        // Its weights are constants, which differences do not know.
        if kind == "wsld" {
            continue;
        }
        for lines in [
            lines.to_owned(),
            lines.replace("\nstandardise = true", "") + "\nstandardise = true",
        ] {
            let method = planned(kind, &lines);
            let loss = |leaf: Tensor<1>| {
                loss_of_logits(
                    method.as_ref(),
                    leaf.reshape([3, 5]),
                    Some(rows([3, 5], 2)),
                    &classes,
                    LATE,
                )
            };
            assert_differences(kind, &drawn(15, 1, -2.5..=2.5), loss, 1e-6);
        }
    }
    for (kind, lines) in [
        ("label-smoothing", ""),
        ("label-smoothing", "variant = \"off-target\""),
        ("tf-kd", "variant = \"virtual\""),
        (
            "tf-kd",
            "variant = \"virtual\"\nformula = \"paper\"\ntemperature = 3",
        ),
    ] {
        let method = planned(kind, lines);
        let loss =
            |leaf: Tensor<1>| loss_of_logits(method.as_ref(), leaf.reshape([3, 5]), None, &classes, LATE);
        assert_differences(kind, &drawn(15, 1, -2.5..=2.5), loss, 1e-6);
    }
}

#[test]
fn odd_rows_have_finite_losses_and_gradients() {
    let constant = |count: [usize; 2]| tensor(count, |_| 0.5);
    let certain = |count: [usize; 2]| tensor(count, |i| if i % count[1] == 1 { 6e4 } else { -6e4 });
    for (kind, lines) in WITH_TEACHER {
        let method = planned(kind, lines);
        for count in [[1, 2], [3, 2], [1, 5], [4, 5]] {
            let classes = labels(&vec![1; count[0]]);
            for student in [rows(count, 1), constant(count), certain(count)] {
                for teacher in [rows(count, 2), constant(count), certain(count)] {
                    let leaf = student.clone().autodiff().require_grad();
                    let loss = loss_of_logits(method.as_ref(), leaf.clone(), Some(teacher), &classes, LATE);
                    assert!(number(&loss).is_finite(), "{kind} {count:?}");
                    let gradient = leaf.grad(&loss.backward());
                    let gradient = gradient.map(|found| values(&found)).unwrap_or_default();
                    assert!(
                        gradient.iter().all(|value| value.abs() < 1e6),
                        "{kind} {count:?}: {gradient:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn equal_logits_lose_nothing() {
    let logits = rows([4, 6], 1);
    // The teacher names the label, or else RLD has something to refine.
    let classes = logits.clone().argmax(1).squeeze_dim::<1>(1);
    for (kind, lines) in [
        ("dkd", ""),
        ("dist", ""),
        ("ttm", "exponent = 1"),
        ("rld", ""),
        ("ctkd", ""),
        ("kd", "standardise = true"),
    ] {
        let loss = loss_of_logits(
            planned(kind, lines).as_ref(),
            logits.clone(),
            Some(logits.clone()),
            &classes,
            LATE,
        );
        // DIST adds 1e-8 to what it divides by.
        assert!(number(&loss).abs() < 1e-4, "{kind}: {}", number(&loss));
    }
}

#[test]
fn neither_the_order_of_the_batch_nor_a_shift_of_a_row_counts() {
    let (student, teacher, classes) = (rows([4, 6], 1), rows([4, 6], 2), labels(&[0, 3, 5, 2]));
    let order = labels(&[2, 0, 3, 1]);
    let shift = tensor([4, 1], |row| 3.0 * row as f64);
    for (kind, lines) in WITH_TEACHER {
        let method = planned(kind, lines);
        let loss = |student: Tensor<2>, teacher: Tensor<2>, classes| {
            number(&loss_of_logits(
                method.as_ref(),
                student,
                Some(teacher),
                &classes,
                LATE,
            ))
        };
        let usual = loss(student.clone(), teacher.clone(), classes.clone());
        let turned = loss(
            student.clone().select(0, order.clone()),
            teacher.clone().select(0, order.clone()),
            classes.clone().select(0, order.clone()),
        );
        let shifted = loss(
            student.clone() + shift.clone(),
            teacher.clone() - shift.clone(),
            classes.clone(),
        );
        for other in [turned, shifted] {
            assert!(
                (other - usual).abs() < 1e-9 * usual.abs().max(1.0),
                "{kind}: {other} is not {usual}"
            );
        }
    }
}

#[test]
fn the_scale_of_standardised_logits_does_not_count() {
    let (student, teacher) = (rows([4, 6], 1), rows([4, 6], 2));
    let method = planned("kd", "standardise = true");
    let loss = |scale: f64| {
        let student = student.clone() * scale + 5.0;
        number(&loss_of_logits(
            method.as_ref(),
            student,
            Some(teacher.clone()),
            &labels(&[0; 4]),
            LATE,
        ))
    };
    assert!((loss(7.0) - loss(1.0)).abs() < 1e-6 * loss(1.0));
}

#[test]
fn weights_of_soft_labels_are_those_of_logits_as_they_are() {
    let (student, teacher, classes) = (rows([4, 6], 1), rows([4, 6], 2), labels(&[0, 3, 5, 2]));
    let loss = |lines: &str, scale: f64| {
        let found = loss_of_logits(
            planned("wsld", lines).as_ref(),
            student.clone() * scale,
            Some(teacher.clone()),
            &classes,
            LATE,
        );
        number(&found)
    };
    // By hand, row by row.
    let [ours, theirs] = [&student, &teacher].map(values);
    let cross_entropy =
        |row: &[f64], class: usize| row.iter().map(|value| value.exp()).sum::<f64>().ln() - row[class];
    let standard = |row: &[f64]| -> Vec<f64> {
        let mean = row.iter().sum::<f64>() / 6.0;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 5.0;
        row.iter()
            .map(|value| (value - mean) / (variance.sqrt() + 1e-7))
            .collect()
    };
    let soft = |row: &[f64]| -> Vec<f64> {
        let sum: f64 = row.iter().map(|value| (value / 4.0).exp()).sum();
        row.iter().map(|value| value / 4.0 - sum.ln()).collect()
    };
    let rows = ours.chunks(6).zip(theirs.chunks(6)).zip([0, 3, 5, 2]);
    let wanted: f64 = rows
        .map(|((ours, theirs), class)| {
            let weight = 1.0 - (-cross_entropy(ours, class) / (cross_entropy(theirs, class) + 1e-7)).exp();
            let [ours, theirs] = [ours, theirs].map(|row| soft(&standard(row)));
            let pairs = ours.iter().zip(&theirs);
            -weight * pairs.map(|(ours, theirs)| theirs.exp() * ours).sum::<f64>()
        })
        .sum::<f64>()
        * (16.0 / 4.0);
    let found = loss("standardise = true", 1.0);
    assert!((found - wanted).abs() < 1e-9 * wanted, "{found} is not {wanted}");
    // The scale of the student's logits does not count but in the weights.
    assert!((loss("standardise = true", 3.0) - found).abs() > 1e-3);
}

#[test]
fn the_ramp_of_decoupled_distillation_counts_from_one() {
    let (student, teacher) = (rows([4, 6], 1), rows([4, 6], 2));
    for kind in ["dkd", "rld"] {
        let method = planned(kind, "");
        let loss = |epoch| {
            let found = loss_of_logits(
                method.as_ref(),
                student.clone(),
                Some(teacher.clone()),
                &labels(&[0; 4]),
                epoch,
            );
            number(&found)
        };
        for (epoch, share) in [(0, 0.05), (9, 0.5), (19, 1.0), (20, 1.0)] {
            assert!(
                (loss(epoch) / loss(LATE) - share).abs() < 1e-12,
                "{kind}, epoch {epoch}"
            );
        }
    }
}

#[test]
fn what_says_nothing_is_refused() {
    let networks = |classes| {
        let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", classes, owner));
        context(&student, Some(&teacher))
    };
    let one = networks(1);
    for kind in [
        "kd",
        "dkd",
        "dist",
        "nkd",
        "ttm",
        "rld",
        "ctkd",
        "wsld",
        "label-smoothing",
        "tf-kd",
    ] {
        let message = refusal(&format!("kind = \"{kind}\""), &one);
        assert!(message.contains("there is one class"), "{message}");
    }
    let two = networks(2);
    for kind in ["kd", "dkd", "dist", "nkd", "ttm", "rld", "ctkd", "wsld"] {
        assert!(plan(&format!("kind = \"{kind}\""), &two).is_ok(), "{kind}");
        let message = refusal(&format!("kind = \"{kind}\"\nstandardise = true"), &two);
        assert!(message.contains("two classes"), "{message}");
    }
    let message = refusal("kind = \"kd\"\nfocal = 2\nstandardise = true", &networks(10));
    assert!(message.contains("`standardise`"), "{message}");
}

#[test]
fn an_earlier_copy_teaches_where_there_is_one() {
    let alone = PlanContext {
        teachers: Vec::new(),
        ..ten_classes()
    };
    let teacher_of = |entry: &str, context: &PlanContext| plan(entry, context).unwrap().info().teacher;
    assert_eq!(teacher_of("kind = \"tf-kd\"", &alone), TeacherUse::None);
    assert_eq!(
        teacher_of("kind = \"tf-kd\"", &ten_classes()),
        TeacherUse::OneOrMean
    );
    assert_eq!(
        teacher_of("kind = \"tf-kd\"\nvariant = \"virtual\"", &ten_classes()),
        TeacherUse::None
    );
    let message = refusal("kind = \"tf-kd\"\nvariant = \"self\"", &alone);
    assert!(message.contains("add a [teacher] table"), "{message}");
    // Another network is no earlier copy.
    let [student, teacher] = ["cifar_resnet8", "cifar_resnet14"].map(|name| network(name, 10, name));
    let other = context(&student, Some(&teacher));
    let info = plan("kind = \"tf-kd\"", &other).unwrap().info();
    assert_eq!(info.teacher, TeacherUse::None);
    assert!(
        info.notes[0].contains("the virtual teacher is taken"),
        "{:?}",
        info.notes
    );
    let message = refusal("kind = \"tf-kd\"\nvariant = \"self\"", &other);
    assert!(
        message.contains("`methods.0.variant` has an earlier run"),
        "{message}"
    );
}

#[test]
fn a_ramp_longer_than_the_training_is_told() {
    let short = PlanContext {
        epochs: 12,
        ..ten_classes()
    };
    let notes = |entry: &str| plan(entry, &short).unwrap().info().notes.join("\n");
    for kind in ["dkd", "rld", "review-kd"] {
        let told = notes(&format!("kind = \"{kind}\""));
        assert!(
            told.contains("20 epochs is longer than the training, of 12")
                && told.contains("`ramp_epochs = 1` here"),
            "{kind}: {told}"
        );
        assert_eq!(
            notes(&format!("kind = \"{kind}\"\nramp_epochs = 12")),
            "",
            "{kind}"
        );
    }
    assert_eq!(notes("kind = \"ctkd\""), "");
    assert!(notes("kind = \"ctkd\"\nramp_epochs = 13").contains("longer"));
}

#[test]
fn a_gradient_that_is_not_recorded_is_told() {
    let record = serde_json::json!({ "shape": [2], "sum": 1.0, "l2": 1.0, "entries": [[0, 1.0]] });
    assert_gradient("same", &[1.0, 0.0], &record, EXACT);
    let other = std::panic::catch_unwind(|| assert_gradient("other", &[0.0, 1.0], &record, EXACT));
    assert!(other.is_err());
}
