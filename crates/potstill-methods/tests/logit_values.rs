//! What the terms of losses of logits are, one by one: recorded parts, and values by hand where no program was run.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_methods::{Method, PlanContext, TeacherOutput, TeacherUse};
use potstill_tasks::TaskKind;
use potstill_testing::classics::{Case, EXACT, cases, loss_of_logits, of_logits};
use potstill_testing::networks::{context, network, plan, terms};
use potstill_testing::numbers::{number, values};

use crate::{
    logits::{LATE, planned},
    logits_invariants::{labels, rows},
};

/// Checks the number that is recorded under `part` in the cases of a method against its loss with other options, beside these of the case. In how many it
/// is recorded.
fn check_part(kind: &str, file: &str, keys: &[&str], options: &str, part: &str) -> usize {
    let cases = cases(file).into_iter();
    let recorded = cases.filter(|case| !case.get("expected")[part].is_null());
    let check = |case: Case| {
        let method = planned(kind, &(case.some_lines(keys) + options));
        let student = case.input("student").rows();
        let teacher = (method.info().teacher != TeacherUse::None).then(|| case.input("teacher").rows());
        let labels = case.labels(student.dims()[0]);
        let loss = loss_of_logits(method.as_ref(), student, teacher, &labels, LATE);
        case.check_part(part, number(&loss), EXACT);
    };
    recorded.map(check).count()
}

#[test]
fn parts_of_losses_are_the_recorded_ones() {
    let rld = ["temperature", "alpha_temperature"];
    let tf_kd = ["variant", "temperature"];
    for (kind, file, keys, options, part, count) in [
        (
            "dkd",
            "dkd",
            &["temperature"][..],
            "alpha = 1\nbeta = 0",
            "tckd",
            5,
        ),
        ("dkd", "dkd", &["temperature"], "alpha = 0\nbeta = 1", "nckd", 5),
        ("rld", "rld", &rld, "alpha = 1\nbeta = 0", "scd", 3),
        ("rld", "rld", &rld, "alpha = 0\nbeta = 1", "mcd", 3),
        (
            "dist",
            "dist",
            &["temperature"],
            "beta = 1\ngamma = 0",
            "inter",
            4,
        ),
        (
            "dist",
            "dist",
            &["temperature"],
            "beta = 0\ngamma = 1",
            "intra",
            4,
        ),
        ("nkd", "nkd", &["temperature"], "gamma = 0", "target", 4),
        ("kd", "ls", &["temperature"], "", "plain_kd", 4),
        ("tf-kd", "tf-kd", &tf_kd, "alpha = 0", "cross_entropy", 6),
    ] {
        assert_eq!(check_part(kind, file, keys, options, part), count, "{part}");
    }
}

#[test]
fn standardised_rows_that_are_constant_have_no_gradient() {
    let cases = cases("ls");
    let case = cases.iter().find(|case| case.id() == "ls-5").unwrap();
    for case in case.in_both() {
        let student = case.input("student");
        let method = planned("kd", &(case.some_lines(&["temperature"]) + "standardise = true"));
        let labels = case.labels(student.rows().dims()[0]);
        let teacher = case.input("teacher").rows();
        let loss = loss_of_logits(method.as_ref(), student.rows(), Some(teacher), &labels, LATE);
        let gradient = student.gradient(&loss.backward());
        let classes = student.rows().dims()[1];
        let constant: Vec<_> = values(&student.rows())
            .chunks(classes)
            .map(|row| row.iter().all(|value| *value == row[0]))
            .collect();
        assert!(constant.contains(&true));
        for (row, is_constant) in gradient.chunks(classes).zip(constant) {
            assert_eq!(row.iter().all(|value| *value == 0.0), is_constant, "{row:?}");
        }
    }
}

/// Logarithms of probabilities of each row of so many numbers, softened.
fn log_soft(numbers: &[f64], count: usize, temperature: f64) -> Vec<Vec<f64>> {
    let row = |row: &[f64]| -> Vec<f64> {
        let sum: f64 = row.iter().map(|value| (value / temperature).exp()).sum();
        row.iter().map(|value| value / temperature - sum.ln()).collect()
    };
    numbers.chunks(count).map(row).collect()
}

#[test]
fn the_virtual_teacher_of_the_paper_is_tempered() {
    let (logits, classes) = (rows([3, 5], 1), [1_usize, 4, 2]);
    let method = planned(
        "tf-kd",
        "variant = \"virtual\"\nformula = \"paper\"\nalpha = 0.7\ntemperature = 3\nmultiplier = 2\ncorrect = 0.9",
    );
    let own = labels(&classes.map(|class| class as i32));
    let found = number(&loss_of_logits(method.as_ref(), logits.clone(), None, &own, LATE));
    let numbers = values(&logits);
    // Probabilities of 0.9 and 0.025 to the power 1/3, of sum 1.
    let powers = [0.9_f64, 0.025].map(|probability| probability.powf(1.0 / 3.0));
    let sum = powers[0] + 4.0 * powers[1];
    let mut wanted = 0.0;
    for ((soft, hard), class) in log_soft(&numbers, 5, 3.0)
        .iter()
        .zip(&log_soft(&numbers, 5, 1.0))
        .zip(classes)
    {
        let divergence: f64 = soft
            .iter()
            .enumerate()
            .map(|(at, log)| {
                let target = powers[usize::from(at != class)] / sum;
                target * (target.ln() - log)
            })
            .sum();
        wanted += (0.3 * -hard[class] + 0.7 * 2.0 * 9.0 * divergence) / 3.0;
    }
    assert!((found - wanted).abs() < 1e-9 * wanted, "{found} is not {wanted}");
}

#[test]
fn a_learned_temperature_is_that_of_the_loss_and_of_the_metric() {
    let (student, teacher, classes) = (rows([4, 6], 1), rows([4, 6], 2), labels(&[0, 3, 5, 2]));
    // At first 1 + 20 / (1 + e^-1).
    let temperature = 1.0 + 20.0 / (1.0 + (-1.0_f64).exp());
    let loss = |method: &dyn Method| {
        number(&loss_of_logits(
            method,
            student.clone(),
            Some(teacher.clone()),
            &classes,
            LATE,
        ))
    };
    let learned = planned("ctkd", "loss = \"dkd\"\nalpha = 0.5\nbeta = 3");
    let fixed = planned(
        "dkd",
        &format!("temperature = {temperature}\nalpha = 0.5\nbeta = 3"),
    );
    let (found, wanted) = (loss(learned.as_ref()), loss(fixed.as_ref()));
    // The number is kept in single precision.
    assert!((found - wanted).abs() < 1e-6 * wanted, "{found} is not {wanted}");
    let terms = terms(
        "ctkd",
        learned.as_ref(),
        &of_logits(student.clone()),
        &TeacherOutput::frozen(of_logits(teacher.clone())),
        &classes,
        LATE,
    )
    .unwrap();
    assert_eq!(
        (terms[1].name.as_str(), terms[1].factor),
        ("ctkd.temperature", None)
    );
    assert!((number(&terms[1].value) - temperature).abs() < 1e-5);
}

#[test]
fn rows_of_dense_tasks_have_a_weight_of_their_own() {
    let [student, teacher] = ["student", "teacher"].map(|owner| network("fcn_cifar_resnet8", 6, owner));
    let dense = PlanContext {
        task: TaskKind::Segmentation,
        ..context(&student, Some(&teacher))
    };
    // As DKD: 0.25 for the others among themselves.
    let entry = |beta: &str| format!("kind = \"ctkd\"\nloss = \"dkd\"\nramp_epochs = 0\n{beta}");
    let (student, teacher, classes) = (rows([4, 6], 1), rows([4, 6], 2), labels(&[0, 3, 5, 2]));
    let loss = |entry: String| {
        let method = plan(&entry, &dense).unwrap();
        number(&loss_of_logits(
            method.as_ref(),
            student.clone(),
            Some(teacher.clone()),
            &classes,
            LATE,
        ))
    };
    assert_eq!(loss(entry("")), loss(entry("beta = 0.25")));
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
