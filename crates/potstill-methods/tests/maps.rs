//! Losses of maps and embeddings give the recorded numbers of their authors' programs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Tensor;
use potstill_methods::{Method, MethodError, NetworkOutput, hint_loss};
use potstill_models::Outputs;
use potstill_ops::PointSide;
use potstill_testing::classics::{
    Case, EXACT, Input, cases, lines_of_points, loss_of_maps, of_maps, showing, size_of, total,
};
use potstill_testing::networks::{context, network, own_terms, plan, reads};
use potstill_testing::numbers::{number, values};

/// A method planned for networks that show these maps.
pub(crate) fn planned(
    kind: &str,
    lines: &str,
    student: &[Tensor<4>],
    teacher: &[Tensor<4>],
) -> Result<Box<dyn Method>, MethodError> {
    let [ours, theirs] =
        [student, teacher].map(|maps| showing(&maps.iter().map(size_of).collect::<Vec<_>>()));
    plan(&entry(kind, lines, student.len()), &context(&ours, Some(&theirs)))
}

fn entry(kind: &str, lines: &str, levels: usize) -> String {
    let side = if kind == "ofd" { ":pre" } else { "" };
    format!("kind = \"{kind}\"\n{lines}{}", lines_of_points(levels, side))
}

pub(crate) fn side(kind: &str) -> PointSide {
    if kind == "ofd" {
        PointSide::Pre
    } else {
        PointSide::Post
    }
}

fn maps(inputs: &[Input]) -> Vec<Tensor<4>> {
    inputs.iter().map(Input::map).collect()
}

/// The modules of a method in double precision, with recorded values under the names that `name` says for their paths.
fn fill(method: &mut dyn Method, case: &Case, name: impl Fn(&str) -> String + Copy) {
    for part in method.parts_mut() {
        case.fill(part.module, name);
    }
}

/// Runs every case of a method with these of its options; its parameters are called as `name` says for their paths. How many there are.
fn check_all(kind: &str, keys: &[&str], tolerance: f64, name: impl Fn(&str) -> String + Copy) -> usize {
    let cases = cases(kind);
    for case in cases.iter().flat_map(Case::in_both) {
        check(kind, &case, &case.lines(keys), tolerance, name);
    }
    cases.len()
}

fn check(kind: &str, case: &Case, lines: &str, tolerance: f64, name: impl Fn(&str) -> String + Copy) {
    let (student, teacher) = (case.inputs("student"), maps(&case.inputs("teacher")));
    let mut method = planned(kind, lines, &maps(&student), &teacher).unwrap();
    fill(method.as_mut(), case, name);
    let loss = loss_of_maps(method.as_ref(), &maps(&student), &teacher, side(kind));
    let tape = case.check(&loss, &student, tolerance);
    for part in method
        .parts()
        .iter()
        .filter(|_| !case.get("parameter_gradients").is_null())
    {
        case.check_parameters(part.module, &tape, name, tolerance);
    }
}

fn unnamed(path: &str) -> String {
    path.into()
}

#[test]
fn attention_transfer_is_the_recorded_one() {
    assert_eq!(check_all("at", &["p", "variant"], EXACT, unnamed), 6);
}

#[test]
fn neuron_selectivity_is_the_recorded_one() {
    assert_eq!(check_all("nst", &[], EXACT, unnamed), 4);
}

#[test]
fn similarities_are_the_recorded_ones() {
    assert_eq!(check_all("sp", &[], EXACT, unnamed), 4);
}

#[test]
fn probabilistic_transfer_is_the_recorded_one() {
    assert_eq!(check_all("pkt", &[], EXACT, unnamed), 4);
}

#[test]
fn relations_are_the_recorded_ones() {
    let keys = ["distance_weight", "angle_weight", "normalise"];
    assert_eq!(check_all("rkd", &keys, EXACT, unnamed), 6);
    let mut parts = 0;
    for case in cases("rkd") {
        let (student, teacher) = (maps(&case.inputs("student")), maps(&case.inputs("teacher")));
        for (part, weights) in [
            ("distance", "distance_weight = 1\nangle_weight = 0\n"),
            ("angle", "distance_weight = 0\nangle_weight = 1\n"),
        ] {
            if case.get("expected")[part].is_null() {
                continue;
            }
            let lines = case.some_lines(&["normalise"]) + weights;
            let method = planned("rkd", &lines, &student, &teacher).unwrap();
            let loss = loss_of_maps(method.as_ref(), &student, &teacher, PointSide::Post);
            case.check_part(part, number(&loss), EXACT);
            parts += 1;
        }
    }
    assert_eq!(parts, 10);
}

/// Runs a case of which the original has no gradient that could be compared, and gives that of the student's map, its numbers and its shape `[N, C, ...]`.
fn gradient_of(kind: &str, id: &str) -> Vec<(Vec<f64>, Vec<f64>, Vec<usize>)> {
    let cases = cases(kind);
    let case = cases.iter().find(|case| case.id() == id).unwrap();
    let of = |case: Case| {
        let (student, teacher) = (case.inputs("student"), maps(&case.inputs("teacher")));
        let method = planned(kind, "", &maps(&student), &teacher).unwrap();
        let loss = loss_of_maps(method.as_ref(), &maps(&student), &teacher, PointSide::Post);
        let gradient = student[0].gradient(&loss.backward());
        (gradient, values(&student[0].leaf), student[0].shape().to_vec())
    };
    case.in_both().map(of).into()
}

#[test]
fn a_channel_without_variation_and_an_embedding_of_zeros_have_no_gradient() {
    for (gradient, numbers, shape) in gradient_of("pkd", "pkd-4") {
        let places: usize = shape[2..].iter().product();
        let mut constant = 0;
        for channel in 0..shape[1] {
            let of_channel = |all: &[f64]| -> Vec<f64> {
                let images = all.chunks(shape[1] * places);
                images
                    .flat_map(|image| image[channel * places..][..places].to_vec())
                    .collect()
            };
            let (own, moved) = (of_channel(&numbers), of_channel(&gradient));
            let is_constant = own.iter().all(|value| *value == own[0]);
            assert_eq!(
                moved.iter().all(|value| *value == 0.0),
                is_constant,
                "channel {channel}"
            );
            constant += usize::from(is_constant);
        }
        assert!(constant > 0);
    }
    for (gradient, numbers, shape) in gradient_of("pkt", "pkt-4") {
        let rows = numbers.chunks(shape[1]).zip(gradient.chunks(shape[1]));
        let mut zeros = 0;
        for (row, moved) in rows {
            let is_zero = row.iter().all(|value| *value == 0.0);
            assert_eq!(moved.iter().all(|value| *value == 0.0), is_zero);
            zeros += usize::from(is_zero);
        }
        assert!(zeros > 0);
    }
}

#[test]
fn correlations_of_images_are_the_recorded_ones() {
    let cases = cases("cc");
    for case in cases.iter().flat_map(Case::in_both) {
        let gaussian = case.option("variant") == "gaussian";
        let variant = if gaussian { "variant = \"gaussian\"\n" } else { "" };
        let lines = case.lines(&["dim", "gamma", "order"]) + variant;
        check("cc", &case, &lines, EXACT, |path| {
            let rest = path.trim_start_matches("levels.0.");
            let (network, parameter) = rest.split_once('.').unwrap();
            format!("embed_{network}.linear.{parameter}")
        });
    }
    assert_eq!(cases.len(), 5);
}

#[test]
fn variational_information_is_the_recorded_one() {
    let name = |path: &str| {
        let rest = path.trim_start_matches("levels.0.");
        match rest.split('.').collect::<Vec<_>>()[..] {
            ["regressor", index, weight] => {
                format!("regressor.{}.{weight}", 2 * index.parse::<usize>().unwrap())
            }
            _ => rest.into(),
        }
    };
    assert_eq!(check_all("vid", &["init_variance"], EXACT, name), 3);
}

#[test]
fn correlations_of_channels_are_the_recorded_ones() {
    let name = |path: &str| {
        let rest = path.trim_start_matches("levels.0.");
        format!(
            "embed_s.{}",
            rest.replace("conv.", "conv2d.").replace("norm.", "l2norm.")
        )
    };
    assert_eq!(check_all("ickd", &[], EXACT, name), 4);
}

#[test]
fn singular_vectors_are_the_recorded_ones() {
    assert_eq!(check_all("kdsvd", &["flatten"], 1e-6, unnamed), 3);
}

#[test]
fn orthogonal_projections_are_the_recorded_ones() {
    let name = |path: &str| path.trim_start_matches("levels.0.").into();
    assert_eq!(check_all("vkd", &[], EXACT, name), 3);
}

#[test]
fn channel_wise_divergences_are_the_recorded_ones() {
    let cases = cases("cwd");
    for case in cases.iter().flat_map(Case::in_both) {
        let lines = case.lines(&["temperature"]) + "maps = \"features\"\n";
        check("cwd", &case, &lines, EXACT, unnamed);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn correlations_of_maps_are_the_recorded_ones() {
    assert_eq!(check_all("pkd", &["resize"], EXACT, unnamed), 4);
}

#[test]
fn hints_are_the_recorded_ones() {
    let cases = cases("fitnet");
    for case in cases.iter().flat_map(Case::in_both) {
        if case.option("regressor") == "none" {
            let student = case.input("student");
            let loss = hint_loss(student.map(), case.input("teacher").map());
            case.check(&loss, &[student], EXACT);
        } else {
            let name = |path: &str| path.trim_start_matches("levels.0.").into();
            check("fitnet", &case, &case.lines(&["regressor"]), EXACT, name);
        }
    }
    assert_eq!(cases.len(), 6);
}

#[test]
fn overhauled_features_are_the_recorded_ones() {
    let cases = cases("ofd");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.inputs("student"), maps(&case.inputs("teacher")));
        let [ours, mut theirs] =
            [&maps(&student), &teacher].map(|maps| showing(&maps.iter().map(size_of).collect::<Vec<_>>()));
        // `norms.0.weight` is `teacher_bn_0.weight`.
        case.fill(theirs.parameters_mut(), |path| {
            path.replace("norms.", "teacher_bn_")
        });
        let mut method = plan(&entry("ofd", "", teacher.len()), &context(&ours, Some(&theirs))).unwrap();
        let name = |path: &str| {
            path.replace("levels.", "connector.")
                .replace("conv.", "0.")
                .replace("norm.", "1.")
        };
        fill(method.as_mut(), &case, name);
        let loss = loss_of_maps(method.as_ref(), &maps(&student), &teacher, PointSide::Pre);
        let tape = case.check(&loss, &student, EXACT);
        case.check_parameters(method.parts()[0].module, &tape, name, EXACT);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn self_distillation_is_the_recorded_one() {
    let cases = cases("uskd");
    for case in cases.iter().flat_map(Case::in_both) {
        let (logits, embedding) = (case.input("student"), case.input("student_embedding"));
        let map = embedding.map();
        let entry = format!(
            "kind = \"uskd\"\n{}student_point = \"norms.0\"",
            case.lines(&["alpha", "beta", "mu"])
        );
        let classes = logits.rows().dims()[1];
        let mut network = context(&showing(&[size_of(&map)]), None);
        network.student.probe.classes = classes;
        let mut method = plan(&entry, &network).unwrap();
        fill(method.as_mut(), &case, unnamed);
        let seen = NetworkOutput {
            outputs: Outputs::Logits(logits.rows()),
            ..of_maps(&[map], PointSide::Post)
        };
        let labels = case.labels(0);
        let loss = total(own_terms("test", method.as_ref(), &seen, &labels, 0).unwrap());
        let tape = case.check(&loss, &[logits, embedding], EXACT);
        case.check_parameters(method.parts()[0].module, &tape, unnamed, EXACT);
    }
    assert_eq!(cases.len(), 2);
    // Of two classes the second part says nothing; a point of its own is found.
    let two = plan(
        "kind = \"uskd\"",
        &context(&network("cifar_resnet8", 2, "student"), None),
    )
    .unwrap();
    assert_eq!(reads(two.as_ref()).student[0].to_string(), "layer2.0");
}
