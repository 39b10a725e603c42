//! Methods of maps and embeddings are planned for the published points and modules, or refused with the reason.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Tensor;
use potstill_methods::PlanContext;
use potstill_tasks::TaskKind;
use potstill_testing::networks::{context, network, plan, reads, refusal};
use potstill_testing::numbers::values;

use crate::{maps::planned, maps_invariants::map};

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let (narrow, wide) = (map([2, 4, 4, 2], 1), map([2, 4, 4, 3], 2));
    let message = |kind: &str, student: &[Tensor<4>], teacher: &[Tensor<4>]| {
        planned(kind, "", student, teacher).err().unwrap().to_string()
    };
    let widths = message(
        "kdsvd",
        &[narrow.clone(), narrow.clone()],
        &[narrow.clone(), wide.clone()],
    );
    assert!(widths.contains("has 2 at `norms.1`, the teacher 3"), "{widths}");
    let one = message(
        "kdsvd",
        std::slice::from_ref(&narrow),
        std::slice::from_ref(&wide),
    );
    assert!(one.contains("name two points"), "{one}");
    let alone = refusal(
        "kind = \"sp\"",
        &context(&network("cifar_resnet8", 10, "student"), None),
    );
    assert!(alone.contains("add a [teacher] table"), "{alone}");
    let both = |name: &str| {
        let [student, teacher] = ["student", "teacher"].map(|owner| network(name, 10, owner));
        context(&student, Some(&teacher))
    };
    let dense = PlanContext {
        task: TaskKind::Segmentation,
        ..both("fcn_cifar_resnet8")
    };
    for kind in ["rkd", "pkt", "cc", "vkd"] {
        let message = refusal(&format!("kind = \"{kind}\""), &dense);
        assert!(message.contains("take `sp`"), "{message}");
    }
    // Behind the activation nothing is below 0.
    let behind = |student: &str, teacher: &str| {
        let points = format!("student_points = [\"{student}\"]\nteacher_points = [\"{teacher}\"]");
        refusal(&format!("kind = \"ofd\"\n{points}"), &both("cifar_resnet8"))
    };
    let message = behind("layer1.0:pre", "layer1.0");
    assert!(
        message.contains("`layer1.0` of the teacher lies behind one: name `layer1.0:pre`"),
        "{message}"
    );
    let message = behind("layer2.0", "layer2.0:pre");
    assert!(message.contains("of the student"), "{message}");
    // A convolution is no batch norm.
    let point = "kind = \"ofd\"\nstudent_points = [\"layer1.0:pre\"]\nteacher_points = [\"conv1\"]";
    let message = refusal(point, &both("cifar_resnet8"));
    assert!(message.contains("`conv1`"), "{message}");
}

#[test]
fn usual_points_are_the_published_ones() {
    let of = |kind: &str, student: &str, teacher: &str| {
        let [student, teacher] = [student, teacher].map(|name| network(name, 10, name));
        let method = plan(&format!("kind = \"{kind}\""), &context(&student, Some(&teacher))).unwrap();
        let reads = reads(method.as_ref());
        [reads.student, reads.teacher]
            .map(|points| points.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let same = |points: &[&str]| {
        [points, points].map(|side| side.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let resnet = "cifar_resnet8";
    for kind in ["at", "nst", "vid", "kdsvd"] {
        assert_eq!(
            of(kind, resnet, resnet),
            same(&["layer1.0", "layer2.0", "layer3.0"]),
            "{kind}"
        );
    }
    for kind in ["sp", "ickd", "mgd"] {
        assert_eq!(of(kind, resnet, resnet), same(&["layer3.0"]), "{kind}");
    }
    for kind in ["rkd", "pkt", "cc", "vkd"] {
        assert_eq!(of(kind, resnet, resnet), same(&["pool"]), "{kind}");
    }
    assert_eq!(of("fitnet", resnet, resnet), same(&["layer2.0"]));
    assert_eq!(
        of("ofd", resnet, resnet),
        same(&["layer1.0:pre", "layer2.0:pre", "layer3.0:pre"])
    );
    // Four stages beside three: from the deepest on.
    let [ours, theirs] = of("at", resnet, "cifar_vgg8");
    assert_eq!((ours.len(), theirs.len()), (3, 3));
    assert_eq!((ours[2].as_str(), theirs[2].as_str()), ("layer3.0", "block4"));
}

#[test]
fn modules_have_the_parameters_of_the_specification() {
    let [student, teacher] = ["cifar_resnet8x4", "cifar_resnet32x4"].map(|name| network(name, 100, name));
    let both = context(&student, Some(&teacher));
    for (kind, count) in [
        ("fitnet", 16_768),
        ("vid", 258_496),
        ("cc", 65_792),
        ("ofd", 86_912),
        ("ickd", 66_048),
        ("mgd", 1_180_160),
        ("vkd", 65_536),
    ] {
        let method = plan(&format!("kind = \"{kind}\""), &both).unwrap();
        let found: usize = method
            .parts()
            .iter()
            .map(|part| potstill_ops::count_trainable(part.module))
            .sum();
        assert_eq!(found, count, "{kind}");
    }
}

#[test]
fn a_projection_stays_orthogonal_after_a_step() {
    let model = network("cifar_resnet8", 10, "student");
    let mut method = plan(
        "kind = \"vkd\"",
        &context(&model, Some(&network("cifar_resnet14", 10, "teacher"))),
    )
    .unwrap();
    for part in method.parts_mut() {
        part.module.rewrite(&mut |_, value| Some(value + 0.01));
    }
    potstill_testing::networks::end_step(method.as_mut(), potstill_methods::Moment::default(), &model);
    let mut rows = Vec::new();
    method.parts()[0]
        .module
        .each(&mut |_, value| rows = values(&value));
    let product = |one: usize, other: usize| -> f64 {
        (0..64)
            .map(|at| rows[64 * one + at] * rows[64 * other + at])
            .sum()
    };
    assert!((product(0, 0) - 1.0).abs() < 1e-4 && product(0, 1).abs() < 1e-4);
}

#[test]
fn the_batch_norm_of_a_point_is_the_last_layer_before_it() {
    let serves = |name: &str, point: &str| {
        let [student, teacher] = ["student", "teacher"].map(|owner| network(name, 10, owner));
        let entry = format!("kind = \"ofd\"\nstudent_points = [\"{point}\"]\nteacher_points = [\"{point}\"]");
        plan(&entry, &context(&student, Some(&teacher))).map_err(|error| error.to_string())
    };
    // The block ends in a norm, and so does its shortcut, which does not count wherever it stands.
    assert!(serves("cifar_resnet8x4", "layer2.0:pre").is_ok());
    // Blocks of wide networks have their norms before their convolutions: the last layer is none.
    let refused = serves("cifar_wrn_16_2", "block1.layer.0").err().unwrap();
    assert!(refused.contains("there is none"), "{refused}");
}

#[test]
fn stages_that_are_not_compared_are_told() {
    let notes = |student: &str, teacher: &str| {
        let [student, teacher] = [student, teacher].map(|name| network(name, 10, name));
        let method = plan("kind = \"at\"", &context(&student, Some(&teacher))).unwrap();
        method.info().notes.join("\n")
    };
    assert_eq!(
        notes("cifar_resnet8", "cifar_vgg8"),
        "the student has 3 maps, the teacher 4; compared are layer1.0 with block2, layer2.0 with block3, layer3.0 with block4"
    );
    assert_eq!(notes("cifar_resnet8", "cifar_resnet14"), "");
}
