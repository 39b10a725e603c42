//! CRD gives the recorded numbers of its authors' program over two steps, remembers what it says, and draws negatives of other classes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use potstill_methods::{
    Contrast, ContrastBanks, ContrastOptions, Method, MethodError, Moment, PlanContext, StepContext,
    StudentEpoch, StudentStep, Targets, TeacherOutput,
};
use potstill_ops::{Linear, Mode, Parameters, Pass};
use potstill_random::Seed;
use potstill_tasks::{Classification, Sense, TermContext};
use potstill_testing::classics::{Case, cases};
use potstill_testing::heads::{headed, of_map};
use potstill_testing::networks::{context, images, plan, refusal};
use potstill_testing::numbers::{assert_near, number, numbers, scope, tensor, values};

/// Of the specification: exponents of 14 leave no more.
const TOLERANCE: f64 = 1e-8;

/// Both linear layers of a case.
fn embeds(case: &Case, widths: [usize; 2], dim: usize) -> [Linear; 2] {
    [(0, "embed_s"), (1, "embed_t")].map(|(network, name)| {
        let mut layer = Linear::new(widths[network], dim, &scope());
        case.fill(&mut layer, |path| format!("{name}.linear.{path}"));
        layer
    })
}

fn contrast(case: &Case, step: &str) -> Contrast {
    let whole = |key: &str| -> Vec<i64> {
        let found = numbers(case.get(&format!("{key}{step}")));
        found.iter().map(|&number| number as i64).collect()
    };
    let (indices, rows) = (whole("index"), whole("contrast_index"));
    let shape = [indices.len(), rows.len() / indices.len()];
    Contrast {
        indices: indices.iter().map(|&index| index as usize).collect(),
        rows: Tensor::<2, Int>::from_data(TensorData::new(rows, shape), &Device::flex()),
    }
}

/// The memories as they are, the student's first, and what scores are divided by.
fn remembered(banks: &ContrastBanks) -> [Vec<f64>; 3] {
    let mut found = Vec::new();
    banks.each(&mut |_, value| found.push(values(&value)));
    found.try_into().unwrap()
}

#[test]
fn two_steps_are_the_recorded_ones() {
    let cases = cases("crd");
    for case in cases.iter().flat_map(Case::in_both) {
        let inputs = ["student", "teacher", "student_2", "teacher_2"].map(|name| case.input(name));
        let option = |key: &str| case.option(key).as_f64().unwrap();
        let options = ContrastOptions {
            temperature: option("temperature"),
            momentum: option("momentum"),
        };
        let (dim, samples) = (option("dim") as usize, option("samples") as usize);
        let [ours, theirs] = embeds(
            &case,
            [inputs[0].rows().dims()[1], inputs[1].rows().dims()[1]],
            dim,
        );
        let mut banks = ContrastBanks::new(samples, dim, &scope());
        case.fill(&mut banks, |path| format!("memory_{path}"));
        let mut losses = Vec::new();
        for (step, suffix) in [(0, ""), (1, "_2")] {
            let contrast = contrast(&case, suffix);
            let mut pass = Pass::new(Mode::Batch);
            let embedded = [
                ours.forward(inputs[2 * step].rows(), &mut pass),
                theirs.forward(inputs[2 * step + 1].rows(), &mut pass),
            ];
            let loss = banks.loss(embedded.clone(), &contrast, options);
            case.check_part(["first_step", "second_step"][step], number(&loss), TOLERANCE);
            losses.push(loss);
            banks.remember(embedded, &contrast, options);
            let [student, teacher, z] = remembered(&banks);
            let recorded = |key: &str| numbers(&case.get("expected")[key]);
            let room = if case.dtype() == DType::F64 {
                TOLERANCE
            } else {
                2e-5
            };
            let after = ["first", "second"][step];
            for (name, found) in [("student", student), ("teacher", teacher)] {
                if case.get("expected")[format!("memory_{name}_after_{after}")].is_array() {
                    let recorded = recorded(&format!("memory_{name}_after_{after}"));
                    assert_near(&format!("{}, {name}", case.id()), &found, &recorded, room);
                }
            }
            for (found, key) in z.iter().zip(["z_student", "z_teacher"]) {
                assert_near(key, &[*found], &recorded(key), room);
            }
        }
        let loss = losses.into_iter().reduce(|one, other| one + other).unwrap();
        let [student, _, second, _] = inputs;
        let tape = case.check(&loss, &[student, second], TOLERANCE);
        for (layer, name) in [(&ours, "embed_s"), (&theirs, "embed_t")] {
            let own = potstill_testing::numbers::gradients(layer, &tape);
            for (path, gradient) in own {
                let name = format!("{name}.linear.{path}");
                case.check_gradient(
                    &name,
                    &gradient,
                    &case.get("parameter_gradients")[&name],
                    TOLERANCE,
                );
            }
        }
    }
    assert_eq!(cases.len(), 3);
}

/// Two networks of four and five channels, and images of these classes.
fn between(classes: &[u32]) -> PlanContext {
    let [ours, theirs] = [4, 5].map(|channels| headed([1, 1, channels], 3));
    PlanContext {
        images: images(classes),
        ..context(&ours, Some(&theirs))
    }
}

const ENTRY: &str = "kind = \"crd\"\ndim = 6\nnegatives = 100";
const CLASSES: [u32; 8] = [0, 1, 2, 0, 1, 2, 0, 0];

/// What a method does in a step with these images of the training set.
fn in_step<R>(indices: &[usize], epoch: usize, body: impl FnOnce(&StepContext<'_>, &mut Pass<'_>) -> R) -> R {
    let count = indices.len();
    let map = |channels: usize, seed: f64| {
        let map = tensor([count, 1, 1, channels], |i| (0.8 * i as f64 + seed).sin());
        map.cast(DType::F32)
    };
    let labels: Vec<i32> = indices
        .iter()
        .map(|&index| CLASSES[index % CLASSES.len()] as i32)
        .collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), &Device::flex());
    let teacher = TeacherOutput::frozen(of_map(map(5, 2.0)));
    let step = StudentStep {
        id: "crd",
        student: &of_map(map(4, 1.0)),
        targets: &Targets::Class(labels),
        task: &Classification::default(),
        context: TermContext {
            seed: Seed::new(4),
            counters: [epoch as u64, 0],
            indices,
            sense: Sense::Usual,
        },
        at: Moment {
            epoch: StudentEpoch(epoch),
            step: 0,
        },
        head: None,
        second: None,
    };
    let step = StepContext {
        step,
        teacher: &teacher,
    };
    body(&step, &mut Pass::new(Mode::Batch))
}

fn planned(classes: &[u32], lines: &str) -> Box<dyn Method> {
    let points = "student_points = [\"map\"]\nteacher_points = [\"map\"]";
    plan(&format!("{ENTRY}\n{points}\n{lines}"), &between(classes)).unwrap()
}

fn loss(method: &dyn Method, indices: &[usize], epoch: usize) -> f64 {
    in_step(indices, epoch, |step, pass| {
        number(&method.terms(step, pass).unwrap().remove(0).value)
    })
}

fn banks(method: &dyn Method) -> Vec<Vec<f64>> {
    let mut found = Vec::new();
    let parts = method.parts();
    let banks = parts.iter().find(|part| part.name == "banks").unwrap();
    assert_eq!(banks.group, None);
    banks.module.each(&mut |_, value| found.push(values(&value)));
    found
}

#[test]
fn only_what_is_remembered_moves_the_memories() {
    let mut method = planned(&CLASSES, "");
    assert!(method.info().remembers);
    let notes = method.info().notes.join("\n");
    // Four of eight images are of one class: as many others have its images.
    assert!(
        notes.contains("96 numbers of the 8") && notes.contains("no more than 4"),
        "{notes}"
    );
    let before = banks(method.as_ref());
    let first = loss(method.as_ref(), &[2, 5], 0);
    assert!(first.is_finite() && first == loss(method.as_ref(), &[2, 5], 0));
    assert!(
        first != loss(method.as_ref(), &[2, 5], 1),
        "negatives are drawn anew"
    );
    assert_eq!(banks(method.as_ref()), before);
    in_step(&[2, 5], 0, |step, pass| method.remember(step, pass)).unwrap();
    let after = banks(method.as_ref());
    for network in 0..2 {
        for image in 0..CLASSES.len() {
            let row = 6 * image..6 * (image + 1);
            let moved = after[network][row.clone()] != before[network][row.clone()];
            assert_eq!(moved, [2, 5].contains(&image), "{network}, {image}");
            let length: f64 = after[network][row].iter().map(|value| value * value).sum();
            assert!(!moved || (length - 1.0).abs() < 1e-5);
        }
    }
    // The first batch has decided what scores are divided by.
    let z = after[2].clone();
    in_step(&[0, 1], 1, |step, pass| method.remember(step, pass)).unwrap();
    assert_eq!(banks(method.as_ref())[2], z);
}

#[test]
fn an_image_that_is_there_twice_is_remembered_as_it_was_last() {
    let mut method = planned(&CLASSES, "");
    let mut other = planned(&CLASSES, "");
    // The last of three images is the first again.
    in_step(&[3, 1, 3], 0, |step, pass| method.remember(step, pass)).unwrap();
    in_step(&[7, 1, 3], 0, |step, pass| other.remember(step, pass)).unwrap();
    let row = |method: &dyn Method| banks(method)[0][18..24].to_vec();
    assert_eq!(row(method.as_ref()), row(other.as_ref()));
}

#[test]
fn relaxed_positives_are_of_the_same_class_and_a_batch_of_one_has_a_loss() {
    let method = planned(&CLASSES, "mode = \"relax\"");
    // Class 1 has two images, so that either is drawn within some epochs.
    let found: std::collections::BTreeSet<u64> = (0..20)
        .map(|epoch| loss(method.as_ref(), &[1], epoch).to_bits())
        .collect();
    assert!(found.len() >= 2);
    assert!(loss(planned(&CLASSES, "").as_ref(), &[6], 0).is_finite());
}

#[test]
fn images_without_a_place_or_other_classes_are_refused() {
    let one = refusal(ENTRY, &between(&[1, 1, 1]));
    assert!(one.contains("one class"), "{one}");
    let method = planned(&CLASSES, "");
    for indices in [&[0, 8][..], &[]] {
        let found = in_step(&[0, 1], 0, |step, pass| {
            let mut step = *step;
            step.step.context.indices = indices;
            method.terms(&step, pass).err()
        });
        assert!(
            matches!(found, Some(MethodError::NoIndices("crd"))),
            "{indices:?}"
        );
    }
    let two = "student_points = [\"map\", \"pool\"]\nteacher_points = [\"map\", \"pool\"]";
    let message = refusal(&format!("{ENTRY}\n{two}"), &between(&CLASSES));
    assert!(message.contains("name one"), "{message}");
}
