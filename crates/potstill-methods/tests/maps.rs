//! Losses of maps and embeddings give the recorded numbers of their authors' programs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Gradients, Tensor};
use potstill_methods::{
    BoxMasks, ContextBlock, FgdWeights, Generator, Mask, Method, MethodError, NetworkOutput, fgd_terms,
    hint_loss, summed_squares,
};
use potstill_models::Outputs;
use potstill_ops::{Conv2d, Conv2dConfig, Mode, Parameters, Pass, PointSide};
use potstill_testing::classics::{
    Case, EXACT, Input, cases, filled, lines_of_points, loss_of_maps, of_maps, showing, size_of, total,
};
use potstill_testing::networks::{context, network, own_terms, plan, reads};
use potstill_testing::numbers::{self, number, numbers as all, scope, values};

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

/// A 1x1 convolution of the case, if it has one.
fn align(case: &Case, channels: [usize; 2]) -> Option<Conv2d> {
    let config = Conv2dConfig::new(channels[0], channels[1], 1).with_bias();
    let mut conv = Conv2d::uniform(config, 1.0, &scope());
    case.fill(&mut conv, |path| format!("align.{path}"));
    (!case.get("parameters")["align.weight"].is_null()).then_some(conv)
}

/// A module, and what its parameters are called in a case, by their paths.
type Called<'a> = (&'a dyn Parameters, &'a dyn Fn(&str) -> String);

/// Checks the gradients of modules that are called in a case as the pairs say.
fn check_modules(case: &Case, tape: &Gradients, modules: &[Called<'_>]) {
    let recorded = case.get("parameter_gradients").as_object().unwrap();
    let mut checked = 0;
    for (module, name) in modules {
        for (path, gradient) in numbers::gradients(*module, tape) {
            case.check_gradient(&path, &gradient, &recorded[&name(&path)], EXACT);
            checked += 1;
        }
    }
    assert_eq!(checked, recorded.len(), "{}", case.id());
}

#[test]
fn masked_generation_is_the_recorded_one() {
    let cases = cases("mgd");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.input("student"), case.input("teacher").map());
        let channels = [student.map().dims()[3], teacher.dims()[3]];
        let conv = align(&case, channels);
        let mut generator = Generator::new(channels[1], &scope());
        let name = |path: &str| format!("generation.{}", path.replace("conv1", "0").replace("conv2", "2"));
        case.fill(&mut generator, name);
        let mut pass = Pass::new(Mode::Batch);
        let map = match &conv {
            Some(conv) => conv.forward(student.map(), &mut pass),
            None => student.map(),
        };
        let ratio = case.option("ratio").as_f64().unwrap();
        let mut uniform = filled(case.get("uniform")).into_iter();
        let kept = if case.option("mask") == "channel" {
            Mask::Channel.kept(&map, || uniform.next().unwrap() >= ratio)
        } else {
            Mask::Position.kept(&map, || uniform.next().unwrap() <= 1.0 - ratio)
        };
        assert_eq!(values(&kept), all(&case.get("expected")["mask"]), "{}", case.id());
        let loss = summed_squares(generator.forward(map * kept, &mut pass), teacher);
        let tape = case.check(&loss, &[student], EXACT);
        let of_align = |path: &str| format!("align.{path}");
        let mut modules: Vec<Called<'_>> = vec![(&generator, &name)];
        if let Some(conv) = &conv {
            modules.push((conv, &of_align));
        }
        check_modules(&case, &tape, &modules);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn focal_and_global_distillation_is_the_recorded_one() {
    let cases = cases("fgd");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.input("student"), case.input("teacher").map());
        let channels = [student.map().dims()[3], teacher.dims()[3]];
        let conv = align(&case, channels);
        let name = |network: char| {
            move |path: &str| match path.split_once('.').unwrap() {
                ("mask", parameter) => format!("conv_mask_{network}.{parameter}"),
                ("squeeze", parameter) => format!("channel_add_conv_{network}.0.{parameter}"),
                ("norm", parameter) => format!("channel_add_conv_{network}.1.{parameter}"),
                (_, parameter) => format!("channel_add_conv_{network}.3.{parameter}"),
            }
        };
        let blocks = ['s', 't'].map(|network| {
            let mut block = ContextBlock::new(channels[1], &scope());
            case.fill(&mut block, name(network));
            block
        });
        let mut pass = Pass::new(Mode::Batch);
        let map = match &conv {
            Some(conv) => conv.forward(student.map(), &mut pass),
            None => student.map(),
        };
        // The authors scale boxes by the sizes of the images themselves; here all have that of the first.
        let sizes = all(case.get("image_sizes_hw"));
        let boxes = case.get("boxes").as_array().unwrap().iter().zip(sizes.chunks(2));
        let scaled = |found: &serde_json::Value, own: &[f64]| {
            let by = [sizes[1] / own[1], sizes[0] / own[0]];
            let corners = all(found);
            [0, 1, 2, 3].map(|at| corners[at] * by[at % 2])
        };
        let boxes: Vec<Vec<[f64; 4]>> = boxes
            .map(|(found, own)| {
                found
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|found| scaled(found, own))
                    .collect()
            })
            .collect();
        let masks = BoxMasks::of(&boxes, [sizes[0] as usize, sizes[1] as usize], &teacher);
        let option = |key: &str| case.option(key).as_f64().unwrap();
        let terms = fgd_terms(
            [map, teacher],
            &masks,
            (&blocks[0], &blocks[1]),
            option("temperature"),
            &mut pass,
        );
        for (key, term) in [
            ("foreground", &terms.objects),
            ("background", &terms.background),
            ("attention", &terms.attention),
            ("relation", &terms.relation),
        ] {
            case.check_part(key, number(term), EXACT);
        }
        let loss = terms.weighted(&FgdWeights {
            objects: option("alpha"),
            background: option("beta"),
            attention: option("gamma"),
            relation: option("lambda"),
        });
        let tape = case.check(&loss, &[student], EXACT);
        let of_align = |path: &str| format!("align.{path}");
        let (ours, theirs) = (name('s'), name('t'));
        let mut modules: Vec<Called<'_>> = vec![(&blocks[0], &ours), (&blocks[1], &theirs)];
        if let Some(conv) = &conv {
            modules.push((conv, &of_align));
        }
        check_modules(&case, &tape, &modules);
    }
    assert_eq!(cases.len(), 2);
}
