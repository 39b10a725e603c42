//! ReviewKD on real networks: what it reads, who gets a gradient, its ramp, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_methods::{Method, ReviewChain};
use potstill_ops::{Point, Role, count_trainable};
use potstill_testing::networks::{context, network, own, plan, reads, refusal, see, term};
use potstill_testing::numbers::{gradients, numbers, recorded, scope};

fn shown(points: &[Point]) -> Vec<String> {
    points.iter().map(Point::to_string).collect()
}

fn on_resnets(entry: &str) -> Box<dyn Method> {
    let context = context(
        &network("cifar_resnet8", 10, "student"),
        Some(&network("cifar_resnet14", 10, "teacher")),
    );
    plan(entry, &context).unwrap()
}

#[test]
fn the_levels_are_the_stage_ends_and_the_pooled_embedding() {
    let method = on_resnets(r#"kind = "review-kd""#);
    let reads = reads(method.as_ref());
    assert_eq!(
        shown(&reads.student),
        ["layer1.0", "layer2.0", "layer3.0", "pool"],
        "after the activation"
    );
    assert_eq!(
        shown(&reads.teacher),
        ["layer1.1:pre", "layer2.1:pre", "layer3.1:pre", "pool"],
        "before it"
    );
    // Channels 16, 32, 64, 64 on both sides, as ResNet-20 learning from ResNet-56.
    assert_eq!(count_trainable(own(method.as_ref())), 114_278);
}

#[test]
fn the_width_is_the_deepest_levels_unless_that_is_larger_than_allowed() {
    // A level costs c mid + 2 mid + 9 mid t + 2 t, and the three with attention 4 mid + 2 more.
    let expected = |mid: usize| {
        let level = |c: usize| c * mid + 2 * mid + 9 * mid * c + 2 * c;
        [16, 32, 64, 64].map(level).iter().sum::<usize>() + 3 * (4 * mid + 2)
    };
    for (options, mid) in [("", 64), ("mid_channels = 8", 8), ("mid_channels = 512", 64)] {
        let method = on_resnets(&format!("kind = \"review-kd\"\n{options}"));
        assert_eq!(count_trainable(own(method.as_ref())), expected(mid), "{options}");
    }
}

#[test]
fn everything_up_to_the_last_level_gets_a_gradient_and_the_teacher_none() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet14", 10, "teacher"),
    );
    let context = context(&student, Some(&teacher));
    let two =
        "student_points = [\"layer1.0\", \"layer2.0\"]\nteacher_points = [\"layer1.1\", \"layer2.1:pre\"]";
    for (options, beyond) in [("", vec!["linear"]), (two, vec!["layer3", "linear"])] {
        let method = plan(&format!("kind = \"review-kd\"\n{options}"), &context).unwrap();
        let (studied, taught) = see(&reads(method.as_ref()), &student, &teacher);
        let tape = term(method.as_ref(), &studied, &taught, 20).value.backward();
        assert!(gradients(teacher.parameters(), &tape).is_empty());
        for part in [student.parameters(), own(method.as_ref())] {
            let own = gradients(part, &tape);
            for entry in part.entries().iter().filter(|entry| entry.role == Role::Weight) {
                let moves = own
                    .get(&entry.path)
                    .is_some_and(|gradient| gradient.iter().any(|&value| value != 0.0));
                let is_beyond = beyond.iter().any(|part| entry.path.starts_with(part));
                assert_eq!(moves, !is_beyond, "{options} {}", entry.path);
            }
        }
    }
}

#[test]
fn the_weight_grows_over_the_first_epochs() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet14", 10, "teacher"),
    );
    let factors = |options: &str, epochs: &[usize]| -> Vec<f64> {
        let method = on_resnets(&format!("kind = \"review-kd\"\n{options}"));
        let (student, teacher) = see(&reads(method.as_ref()), &student, &teacher);
        epochs
            .iter()
            .map(|&epoch| term(method.as_ref(), &student, &teacher, epoch).factor.unwrap())
            .collect()
    };
    assert_eq!(
        factors("", &[0, 1, 2, 10, 19, 20, 21, 239]),
        [0.0, 0.05, 0.1, 0.5, 0.95, 1.0, 1.0, 1.0]
    );
    assert_eq!(
        factors("ramp_epochs = 4", &[0, 1, 3, 4, 5]),
        [0.0, 0.25, 0.75, 1.0, 1.0]
    );
    assert_eq!(factors("ramp_epochs = 0", &[0, 1]), [1.0, 1.0]);
}

#[test]
fn what_cannot_be_reviewed_is_refused_with_the_reason() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet14", 10, "teacher"),
    );
    let alone = context(&student, None);
    let both = context(&student, Some(&teacher));
    let refused = |options: &str, parts: &[&str]| {
        let message = refusal(&format!("kind = \"review-kd\"\n{options}"), &both);
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    assert!(refusal(r#"kind = "review-kd""#, &alone).contains("`review-kd` learns from a teacher"));
    refused(
        r#"student_points = ["layer1.0"]"#,
        &["1 points of the student with 4 of the teacher"],
    );
    refused(
        "student_points = [\"layer1.1\"]\nteacher_points = [\"layer1.1\"]",
        &["`layer1.1` of the student", "did you mean `layer1.0`"],
    );
    refused(
        "student_points = [\"layer1.0\"]\nteacher_points = [\"layer4.1:pre\"]",
        &["`layer4.1:pre` of the teacher", "did you mean `layer1.1:pre`"],
    );
    refused(
        r#"student_points = ["layer1.0:before"]"#,
        &["`layer1.0:before` is not a point"],
    );
    refused(
        "ramp_epoch = 3",
        &["x.toml:9", "ramp_epoch", "did you mean", "ramp_epochs"],
    );
    refused("ramp_epochs = -1", &["x.toml:9", "ramp_epochs"]);
    refused("mid_channels = 0", &["x.toml:9", "mid_channels", "at least 1"]);
}

#[test]
fn chains_have_the_recorded_numbers_of_parameters() {
    let cases = recorded("potstill-methods/tests/reference/review_kd.json")["parameter_counts"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(cases.len(), 11);
    for case in cases {
        let [student, teacher] = ["student", "teacher"].map(|side| numbers(&case[side]));
        let channels: Vec<_> = student
            .into_iter()
            .zip(teacher)
            .map(|(c, t)| (c as usize, t as usize))
            .collect();
        let chain = ReviewChain::new(&channels, case["mid"].as_u64().unwrap() as usize, &scope());
        assert_eq!(count_trainable(&chain) as u64, case["parameters"], "{channels:?}");
    }
}
