//! Methods that are published with a first stage of their own: the recorded numbers of their programs, what they do when the stage is over, odd maps, and what is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor};
use potstill_methods::{
    Method, MethodError, Moment, Paraphraser, PlanContext, StudentEpoch, TeacherLook, TeacherOutput,
    Translator, attention_difference, factor_difference,
};
use potstill_ops::{Mode, Pass, PointSide};
use potstill_testing::classics::{
    Case, EXACT, Input, assert_differences, cases, drawn, lines_of_points, of_maps, showing, size_of, total,
};
use potstill_testing::networks::{context, network, own_terms, plan, reads, refusal, terms};
use potstill_testing::numbers::{gradients, number, scope, tensor, values};

fn side(kind: &str) -> PointSide {
    if kind == "ab" {
        PointSide::Pre
    } else {
        PointSide::Post
    }
}

/// A method planned for networks that show these maps.
fn planned(
    kind: &str,
    lines: &str,
    student: &[Tensor<4>],
    teacher: &[Tensor<4>],
) -> Result<Box<dyn Method>, MethodError> {
    let [ours, theirs] =
        [student, teacher].map(|maps| showing(&maps.iter().map(size_of).collect::<Vec<_>>()));
    let at = if kind == "ab" { ":pre" } else { "" };
    let points = lines_of_points(student.len(), at);
    plan(
        &format!("kind = \"{kind}\"\n{lines}\n{points}"),
        &context(&ours, Some(&theirs)),
    )
}

fn loss(
    kind: &str,
    method: &dyn Method,
    student: &[Tensor<4>],
    teacher: &[Tensor<4>],
    epoch: usize,
) -> Tensor<1> {
    let (student, teacher) = (of_maps(student, side(kind)), of_maps(teacher, side(kind)));
    let labels = Tensor::<1, Int>::zeros([student.images.dims()[0]], &Device::flex());
    let found = terms(
        kind,
        method,
        &student,
        &TeacherOutput::frozen(teacher),
        &labels,
        epoch,
    );
    total(found.unwrap())
}

fn maps(inputs: &[Input]) -> Vec<Tensor<4>> {
    inputs.iter().map(Input::map).collect()
}

#[test]
fn activation_boundaries_are_the_recorded_ones() {
    let cases = cases("ab");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.inputs("student"), maps(&case.inputs("teacher")));
        let mut method = planned(
            "ab",
            &format!("margin = {}", case.option("margin")),
            &maps(&student),
            &teacher,
        )
        .unwrap();
        let name = |path: &str| path.replace("levels.", "connectors.").replace(".regressor", "");
        for part in method.parts_mut() {
            case.fill(part.module, name);
        }
        let loss = loss("ab", method.as_ref(), &maps(&student), &teacher, 0);
        let tape = case.check(&loss, &student, EXACT);
        if !case.get("parameter_gradients").is_null() {
            case.check_parameters(method.parts()[0].module, &tape, name, EXACT);
        }
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn flows_are_the_recorded_ones() {
    let cases = cases("fsp");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.inputs("student"), maps(&case.inputs("teacher")));
        let method = planned("fsp", "", &maps(&student), &teacher).unwrap();
        case.check(
            &loss("fsp", method.as_ref(), &maps(&student), &teacher, 0),
            &student,
            EXACT,
        );
    }
    assert_eq!(cases.len(), 2);
}

/// The name of a layer of an encoder or a decoder of the original, whose activations and norms have places of their own.
fn of_layer(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    let [list, at, parameter] = parts[..] else {
        panic!("{path}");
    };
    let at = 3 * at.parse::<usize>().unwrap();
    match list {
        "norms" => format!("encoder.{}.{parameter}", at + 1),
        list => format!("{list}.{at}.{parameter}"),
    }
}

#[test]
fn factors_are_the_recorded_ones() {
    let cases = cases("ft");
    for case in cases.iter().flat_map(Case::in_both) {
        let [student, teacher] = ["student", "teacher"].map(|name| case.input(name));
        if case.get("parameters").is_null() {
            let pair = [student.map(), teacher.map()];
            let loss = if case.option("variant") == "paper" {
                factor_difference(pair)
            } else {
                attention_difference(pair)
            };
            case.check(&loss, &[student], EXACT);
            continue;
        }
        let channels = [&student, &teacher].map(|input| input.map().dims()[3]);
        let factors = channels[1] / 2;
        let mut paraphraser = Paraphraser::new(channels[1], factors, &scope());
        let mut translator = Translator::new(channels[0], factors, true, &scope());
        case.fill(&mut paraphraser, |path| format!("paraphraser.{}", of_layer(path)));
        case.fill(&mut translator, |path| format!("translator.{}", of_layer(path)));
        let mut pass = Pass::new(Mode::Batch);
        let found = paraphraser.factors(teacher.map(), &mut pass);
        let gap = paraphraser.map(found.clone(), &mut pass) - teacher.map();
        case.check_part("reconstruction", number(&gap.powi_scalar(2).mean()), EXACT);
        let own = translator.factors(student.map(), &mut pass);
        let pair = [own, found.inner()];
        case.check_part("paper_loss", number(&factor_difference(pair.clone())), EXACT);
        let tape = case.check(&attention_difference(pair), &[student], EXACT);
        for (path, gradient) in gradients(&translator, &tape) {
            let name = format!("translator.{}", of_layer(&path));
            case.check_gradient(&name, &gradient, &case.get("parameter_gradients")[&name], EXACT);
        }
        assert!(
            gradients(&paraphraser, &tape).is_empty(),
            "it is a constant to the student"
        );
    }
    assert_eq!(cases.len(), 5);
}

fn map(shape: [usize; 4], seed: usize) -> Tensor<4> {
    let numbers = drawn(shape.iter().product(), seed, -2.0..=2.0);
    tensor(shape, |i| numbers[i])
}

/// A method in double precision.
fn exact(mut method: Box<dyn Method>) -> Box<dyn Method> {
    for part in method.parts_mut() {
        part.module
            .rewrite(&mut |_, value| Some(value.cast(burn::tensor::DType::F64)));
    }
    method
}

#[test]
fn odd_maps_have_finite_losses_and_gradients_are_those_of_differences() {
    for (kind, lines) in [
        ("ab", ""),
        ("fsp", ""),
        ("ft", ""),
        ("ft", "variant = \"paper\"\ntranslator_norm = false"),
    ] {
        // A batch of one, and a map of one place.
        for [ours, theirs] in [
            [[2, 2, 4, 4], [2, 2, 2, 2]],
            [[1, 4, 4, 2], [1, 4, 4, 2]],
            [[2, 1, 1, 3], [2, 1, 1, 3]],
        ] {
            let levels = if kind == "fsp" { 2 } else { 1 };
            let theirs = if kind == "fsp" {
                [theirs[0], theirs[1], theirs[2], ours[3]]
            } else {
                theirs
            };
            let theirs = if kind == "ab" { ours } else { theirs };
            let of = |shape, seed: usize| vec![map(shape, seed); levels];
            let method = exact(planned(kind, lines, &of(ours, 1), &of(theirs, 2)).unwrap());
            for student in [map(ours, 1), map(ours, 1) * 0.0, map(ours, 1) * 0.0 + 0.75] {
                for target in [map(theirs, 2), map(theirs, 2) * 0.0] {
                    let leaf = student.clone().autodiff().require_grad();
                    let maps = vec![leaf.clone(); levels];
                    let loss = loss(kind, method.as_ref(), &maps, &vec![target; levels], 0);
                    assert!(number(&loss).is_finite(), "{kind} {ours:?}");
                    let gradient = leaf.grad(&loss.backward()).map(|found| values(&found));
                    let is_bounded = |gradient: Vec<f64>| gradient.iter().all(|value| value.abs() < 1e5);
                    assert!(gradient.is_none_or(is_bounded), "{kind} {ours:?}");
                }
            }
        }
        let shape = [2, 3, 3, 2];
        let levels = if kind == "fsp" { 2 } else { 1 };
        let teacher: Vec<_> = (0..levels).map(|level| map(shape, 5 + level)).collect();
        let method = exact(planned(kind, lines, &teacher, &teacher).unwrap());
        let function = |leaf: Tensor<1>| {
            let first = leaf.reshape(shape);
            let maps: Vec<_> = (0..levels)
                .map(|level| first.clone() * (1.0 + level as f64))
                .collect();
            loss(kind, method.as_ref(), &maps, &teacher, 0)
        };
        assert_differences(kind, &drawn(36, 3, -2.0..=2.0), function, 1e-5);
    }
}

#[test]
fn a_stage_that_is_over_leaves_the_student_to_others() {
    let shape = [2, 4, 4, 3];
    let both = [map(shape, 1), map(shape, 2)];
    for kind in ["ab", "fsp", "fitnet"] {
        let method = planned(kind, "stage1_epochs = 5", &both, &both).unwrap();
        let info = method.info();
        assert_eq!(info.alone_epochs, 5, "{kind}");
        assert!(
            info.notes.join(" ").contains("the first 5 epochs are its own"),
            "{kind}"
        );
        let at = |epoch| Moment {
            epoch: StudentEpoch(epoch),
            step: 0,
        };
        let looks = [4, 5].map(|epoch| method.teacher_at(at(epoch)));
        assert_eq!(looks, [TeacherLook::Maps, TeacherLook::Nothing], "{kind}");
        assert!(!method.reads(StudentEpoch(4)).student.is_empty());
        assert!(method.reads(StudentEpoch(5)).student.is_empty());
        let seen = of_maps(&both, side(kind));
        let labels = Tensor::<1, Int>::zeros([2], &Device::flex());
        assert!(
            own_terms(kind, method.as_ref(), &seen, &labels, 5)
                .unwrap()
                .is_empty()
        );
    }
    // A paraphraser learns alone, and stays as it is then.
    let one = [map(shape, 1)];
    let method = exact(planned("ft", "stage1_epochs = 5", &one, &[map(shape, 2)]).unwrap());
    let names = |epoch: usize| {
        let (student, teacher) = (
            of_maps(&one, PointSide::Post),
            of_maps(&[map(shape, 2)], PointSide::Post),
        );
        let labels = Tensor::<1, Int>::zeros([2], &Device::flex());
        let found = terms(
            "ft",
            method.as_ref(),
            &student,
            &TeacherOutput::frozen(teacher),
            &labels,
            epoch,
        );
        let moved: Vec<String> = {
            let found = found.unwrap();
            let names = found.iter().map(|term| term.name.clone()).collect::<Vec<_>>();
            let tape = total(found).backward();
            let parts = method.parts();
            let own = gradients(parts[0].module, &tape);
            assert!(own.keys().all(|path| path.starts_with(if epoch < 5 {
                "paraphraser"
            } else {
                "translator"
            })));
            assert!(!own.is_empty());
            names
        };
        moved
    };
    assert_eq!(
        (names(4), names(5)),
        (vec!["ft.paraphraser".to_owned()], vec!["ft".to_owned()])
    );
}

#[test]
fn usual_points_and_modules_are_those_of_the_specification() {
    let [student, teacher] = ["cifar_resnet8x4", "cifar_resnet32x4"].map(|name| network(name, 100, name));
    let both = context(&student, Some(&teacher));
    let [ab, fsp, ft] = ["ab", "fsp", "ft"].map(|kind| plan(&format!("kind = \"{kind}\""), &both).unwrap());
    let names = |method: &dyn Method| -> Vec<String> {
        reads(method).student.iter().map(ToString::to_string).collect()
    };
    let count = |method: &dyn Method, part: &str| -> usize {
        let parts = method.parts();
        let entries = parts.iter().flat_map(|part| part.module.entries());
        let own = entries.filter(|entry| entry.path.starts_with(part) && !entry.path.contains("running"));
        own.map(|entry| entry.shape.iter().product::<usize>()).sum()
    };
    assert_eq!(
        names(ab.as_ref()),
        ["layer1.0:pre", "layer2.0:pre", "layer3.0:pre"]
    );
    assert_eq!(names(ft.as_ref()), ["layer3.0"]);
    assert_eq!(names(fsp.as_ref()).len(), 4);
    // Equal shapes need no connector.
    assert_eq!(count(ab.as_ref(), ""), 0);
    assert_eq!(count(ft.as_ref(), "paraphraser"), 2_065_536);
    assert_eq!(count(ft.as_ref(), "translator"), 1_033_728);
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let (narrow, wide) = (map([2, 4, 4, 2], 1), map([2, 4, 4, 3], 2));
    let message = |kind: &str, lines: &str, student: &[Tensor<4>], teacher: &[Tensor<4>]| {
        planned(kind, lines, student, teacher).err().unwrap().to_string()
    };
    let widths = message(
        "fsp",
        "",
        &[narrow.clone(), narrow.clone()],
        &[narrow.clone(), wide.clone()],
    );
    assert!(widths.contains("has 2 at `norms.1`, the teacher 3"), "{widths}");
    let one = message(
        "fsp",
        "",
        std::slice::from_ref(&narrow),
        std::slice::from_ref(&narrow),
    );
    assert!(one.contains("name two points"), "{one}");
    let small = message("ab", "", &[map([2, 3, 3, 2], 1)], &[map([2, 5, 5, 2], 1)]);
    assert!(small.contains("3x3") && small.contains("5x5"), "{small}");
    let none = message(
        "ft",
        "factor_ratio = 0.2",
        std::slice::from_ref(&wide),
        std::slice::from_ref(&wide),
    );
    assert!(none.contains("no factor"), "{none}");
    let few = PlanContext {
        epochs: 30,
        ..context(
            &network("cifar_resnet8", 10, "student"),
            Some(&network("cifar_resnet8", 10, "teacher")),
        )
    };
    for kind in ["ab", "fsp", "ft", "fitnet"] {
        let message = refusal(&format!("kind = \"{kind}\"\nstage1_epochs = 30"), &few);
        assert!(
            message.contains("has the first 30 epochs for itself"),
            "{message}"
        );
    }
}
