//! Pixels that are ignored count nothing: every loss of rows is that of the other pixels.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use potstill_methods::{
    Method, Moment, NetworkOutput, PlanContext, StepContext, StudentEpoch, StudentStep, Targets,
    TeacherOutput, TeacherUse,
};
use potstill_models::{DenseLogits, Outputs};
use potstill_ops::{Mode, Pass};
use potstill_tasks::{Segmentation, TaskKind, TaskOptions, TermContext};
use potstill_testing::classics::{drawn, loss_of_logits, of_logits, total};
use potstill_testing::networks::{context, network, plan};
use potstill_testing::numbers::{number, tensor, values};

use crate::logits::LATE;

const CLASSES: usize = 5;
const LABELS: [i32; 6] = [1, 255, 4, 2, 255, 0];

const METHODS: [(&str, &str); 12] = [
    ("kd", "temperature = 3"),
    ("kd", "temperature = 3\nstandardise = true"),
    ("dkd", "temperature = 3\nbeta = 2"),
    ("wsld", ""),
    ("dist", "temperature = 2"),
    ("nkd", ""),
    ("ttm", "exponent = 0.3\nweighted = true"),
    ("rld", "temperature = 3\nbeta = 2"),
    ("ctkd", ""),
    ("ctkd", "loss = \"dkd\"\nbeta = 2"),
    ("label-smoothing", ""),
    ("tf-kd", "variant = \"virtual\""),
];

fn planned(kind: &str, lines: &str) -> Box<dyn Method> {
    let [student, teacher] = ["student", "teacher"].map(|owner| network("fcn_cifar_resnet8", CLASSES, owner));
    let context = PlanContext {
        task: TaskKind::Segmentation,
        ..context(&student, Some(&teacher))
    };
    plan(&format!("kind = \"{kind}\"\n{lines}"), &context).unwrap()
}

fn logits(seed: usize) -> Tensor<2> {
    let numbers = drawn(LABELS.len() * CLASSES, seed, -2.5..=2.5);
    tensor([LABELS.len(), CLASSES], |i| numbers[i])
}

/// The loss of a picture of 2x3 pixels with these labels.
fn of_picture(method: &dyn Method, student: Tensor<2>, teacher: Tensor<2>, labels: &[i32]) -> Tensor<1> {
    let seen = |rows: Tensor<2>| NetworkOutput {
        outputs: Outputs::DenseLogits(DenseLogits {
            logits: rows.clone().reshape([1, 2, 3, CLASSES]),
            auxiliary: None,
            size: [2, 3],
        }),
        ..of_logits(rows)
    };
    let map = TensorData::new(labels.to_vec(), [1, 2, 3]);
    let task = Segmentation::new(TaskOptions {
        classes: (0..CLASSES).map(|class| class.to_string()).collect(),
        ..TaskOptions::default()
    });
    let (student, teacher) = (seen(student), TeacherOutput::frozen(seen(teacher)));
    let step = StudentStep {
        id: "test",
        student: &student,
        head: None,
        second: None,
        targets: &Targets::Map(Tensor::from_data(map, &Device::flex())),
        task: &task,
        context: TermContext::undrawn(),
        at: Moment {
            epoch: StudentEpoch(LATE),
            step: 0,
        },
    };
    let mut pass = Pass::new(Mode::Batch);
    let terms = if method.info().teacher == TeacherUse::None {
        method.student_terms(&step, &mut pass)
    } else {
        let teacher = &teacher;
        method.terms(&StepContext { step, teacher }, &mut pass)
    };
    total(terms.unwrap())
}

#[test]
fn a_loss_is_that_of_the_pixels_that_count() {
    let kept: Vec<i32> = (0..6).filter(|&at| LABELS[at as usize] != 255).collect();
    let classes: Vec<i32> = kept.iter().map(|&at| LABELS[at as usize]).collect();
    let ints = |values: &[i32]| -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::flex())
    };
    for (kind, lines) in METHODS {
        let method = planned(kind, lines);
        let student = logits(1).autodiff().require_grad();
        let loss = of_picture(method.as_ref(), student.clone(), logits(2), &LABELS);
        let of_kept = |rows: Tensor<2>| rows.select(0, ints(&kept));
        let leaf = of_kept(logits(1)).autodiff().require_grad();
        let teacher = (method.info().teacher != TeacherUse::None).then(|| of_kept(logits(2)));
        let wanted = loss_of_logits(method.as_ref(), leaf.clone(), teacher, &ints(&classes), LATE);
        let (found, value) = (number(&loss), number(&wanted));
        // Weights of pixels are in single precision.
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 1e-6 * wanted.abs().max(1.0);
        assert!(near(found, value), "{kind} {lines}: {found} is not {value}");
        let found = values(&student.grad(&loss.backward()).unwrap());
        let of_leaf = values(&leaf.grad(&wanted.backward()).unwrap());
        let mut of_leaf = of_leaf.chunks(CLASSES);
        for (row, label) in found.chunks(CLASSES).zip(LABELS) {
            let wanted = if label == 255 {
                &[0.0; CLASSES][..]
            } else {
                of_leaf.next().unwrap()
            };
            assert!(
                row.iter()
                    .zip(wanted)
                    .all(|(found, wanted)| near(*found, *wanted)),
                "{kind} {lines}: {row:?} is not {wanted:?}"
            );
        }
    }
}

#[test]
fn a_picture_without_labels_costs_nothing() {
    for (kind, lines) in METHODS {
        let method = planned(kind, lines);
        for dtype in [DType::F64, DType::F32] {
            let student = logits(1).cast(dtype).autodiff().require_grad();
            let loss = of_picture(method.as_ref(), student.clone(), logits(2).cast(dtype), &[255; 6]);
            assert_eq!(number(&loss), 0.0, "{kind} {lines}");
            let gradient = student.grad(&loss.backward()).map(|found| values(&found));
            assert!(
                gradient.unwrap_or_default().iter().all(|value| *value == 0.0),
                "{kind} {lines}"
            );
        }
    }
}
