//! Losses of logits hold where rows are odd, and where something about them must not count.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_testing::classics::{assert_differences, drawn, loss_of_logits};
use potstill_testing::numbers::{number, tensor, values};

use crate::logits::{LATE, planned};

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

pub(crate) fn labels(labels: &[i32]) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(labels.to_vec(), [labels.len()]), &Device::flex())
}

pub(crate) fn rows(count: [usize; 2], seed: usize) -> Tensor<2> {
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
