//! EKD finds its blocks and widths itself, and says what it cannot work with.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Device;
use potstill_methods::{GuidedStudent, GuidedTeacher, TeacherUpdate};
use potstill_ops::{Point, Scope, count_trainable};
use potstill_random::Seed;
use potstill_tasks::TaskKind;
use potstill_testing::networks::{context, module, network, own, plan, reads, refusal};

fn names(points: &[Point]) -> Vec<String> {
    points.iter().map(ToString::to_string).collect()
}

/// The blocks that EKD pairs in these networks.
fn pairs(student: &str, teacher: &str, options: &str) -> [Vec<String>; 2] {
    let (student, teacher) = (network(student, 10, "student"), network(teacher, 10, "teacher"));
    let method = plan(
        &format!("kind = \"ekd\"\n{options}"),
        &context(&student, Some(&teacher)),
    )
    .unwrap();
    let reads = reads(method.as_ref());
    [names(&reads.student), names(&reads.teacher)]
}

#[test]
fn halves_have_the_parameters_of_the_specification() {
    let scope = Scope::new(&Device::flex(), Seed::new(0), "test");
    let sizes = [
        (16, 32, 2_624, 2_880, 1_700),
        (32, 64, 10_368, 11_392, 3_300),
        (64, 128, 41_216, 45_312, 6_500),
    ];
    for (inputs, outputs, own, other, head) in sizes {
        assert_eq!(count_trainable(&GuidedStudent::new(inputs, inputs, &scope)), own);
        assert_eq!(
            count_trainable(&GuidedTeacher::new(outputs, inputs, 100, &scope)),
            other + head
        );
    }
    let (student, teacher) = (
        network("cifar_resnet20", 100, "student"),
        network("cifar_wrn_40_2", 100, "teacher"),
    );
    let both = context(&student, Some(&teacher));
    let count = |options: &str| {
        let method = plan(&format!("kind = \"ekd\"\n{options}"), &both).unwrap();
        let teacher = module(method.as_ref(), "teacher").map_or(0, count_trainable);
        (count_trainable(own(method.as_ref())), teacher)
    };
    let all = (
        2_624 + 10_368 + 41_216,
        2_880 + 11_392 + 45_312 + 1_700 + 3_300 + 6_500,
    );
    assert_eq!(count(""), all);
    assert_eq!(count("pairs = 1"), (41_216, 45_312 + 6_500));
    // Without a half of its own the teacher's width is the common one.
    let identity = [(16, 32), (32, 64), (64, 128)].map(|(c, d)| c * d + 9 * d * d + 4 * d);
    assert_eq!(count("gm_teacher = \"identity\""), (identity.iter().sum(), 0));
    let wide = [16, 32, 64].map(|c| c * 24 + 9 * 24 * 24 + 4 * 24);
    assert_eq!(count("gm_width = 24").0, wide.iter().sum::<usize>());
}

#[test]
fn blocks_pair_from_the_deepest_backwards() {
    let resnets = pairs("cifar_resnet8", "cifar_resnet14", "");
    assert_eq!(resnets[0], ["layer1.0", "layer2.0", "layer3.0"]);
    assert_eq!(resnets[1], ["layer1.1", "layer2.1", "layer3.1"]);
    // A block of a wide network ends behind the batch norm and ReLU of the next.
    let wide = pairs("cifar_resnet8", "cifar_wrn_16_1", "");
    assert_eq!(wide[1], ["block2.layer.0.bn1", "block3.layer.0.bn1", "bn1"]);
    let four = pairs("cifar_resnet8", "resnet18", "");
    assert_eq!(four[1], ["layer2.1", "layer3.1", "layer4.1"]);
    let vgg = pairs("cifar_vgg8", "cifar_wrn_16_1", "");
    assert_eq!(vgg[0], ["block2", "block3", "block4"]);
    let two = pairs("cifar_resnet8", "cifar_resnet14", "pairs = 2");
    assert_eq!(
        two,
        [["layer2.0", "layer3.0"], ["layer2.1", "layer3.1"]].map(|side| side.map(String::from).to_vec())
    );
    let named = pairs(
        "cifar_resnet8",
        "cifar_resnet14",
        "teacher_points = [\"layer1.0\", \"layer3.1:pre\"]",
    );
    assert_eq!(named[0], ["layer2.0", "layer3.0"]);
    assert_eq!(named[1], ["layer1.0", "layer3.1:pre"]);
}

#[test]
fn the_mode_says_what_becomes_of_the_teacher() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet8", 10, "teacher"),
    );
    for (mode, update, with, without) in [
        ("evolving", TeacherUpdate::Online, Some("random weights"), None),
        (
            "evolving-from-checkpoint",
            TeacherUpdate::Online,
            None,
            Some("no weights"),
        ),
        ("frozen", TeacherUpdate::Frozen, None, Some("random weights")),
    ] {
        for (has_weights, refused) in [(true, with), (false, without)] {
            let mut both = context(&student, Some(&teacher));
            both.teachers[0].has_weights = has_weights;
            let planned = plan(&format!("kind = \"ekd\"\nteacher_mode = \"{mode}\""), &both);
            match (planned, refused) {
                (Ok(method), None) => assert_eq!(method.info().teacher.update(), update),
                (Err(error), Some(part)) => {
                    let message = error.to_string();
                    assert!(message.contains(part) && message.contains(mode), "{message}");
                }
                (planned, _) => panic!("{mode}, weights {has_weights}: {:?}", planned.err()),
            }
        }
    }
}

#[test]
fn a_detector_that_knows_no_stages_needs_points() {
    let [student, teacher] = ["student", "teacher"].map(|role| network("fcos_cifar_resnet8", 3, role));
    let mut both = context(&student, Some(&teacher));
    both.task = TaskKind::Detection;
    assert!(plan("kind = \"ekd\"", &both).is_ok());
    both.teachers[0].stage_ends.clear();
    let message = refusal("kind = \"ekd\"", &both);
    assert!(message.contains("teacher_points"), "{message}");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet8", 10, "teacher"),
    );
    let both = context(&student, Some(&teacher));
    assert!(refusal("kind = \"ekd\"", &context(&student, None)).contains("add a [teacher] table"));
    let seven = network("cifar_resnet8", 7, "teacher");
    let message = refusal("kind = \"ekd\"", &context(&student, Some(&seven)));
    assert!(message.contains("has 7 classes and the student 10"), "{message}");
    for (option, parts) in [
        ("alpha = -1", &["alpha", "at least 0"][..]),
        ("beta = nan", &["beta", "finite"]),
        ("eta = inf", &["eta", "finite"]),
        ("temperature = 0", &["temperature", "above 0"]),
        ("pairs = 0", &["pairs", "at least 1"]),
        ("pairs = 4", &["pairs", "there are 3 blocks"]),
        ("gm_width = 0", &["gm_width", "at least 1"]),
        (
            "gm_width = 8\ngm_teacher = \"identity\"",
            &["gm_width", "identity"],
        ),
        (
            "aux_grad_to_backbone = true\nteacher_mode = \"frozen\"",
            &["aux_grad_to_backbone", "evolves"],
        ),
        (
            "aux_grad_to_backbone = true\ngm_teacher = \"identity\"",
            &["aux_grad_to_backbone", "module"],
        ),
        (
            "update_order = \"teacher-first\"\nteacher_mode = \"frozen\"",
            &["update_order", "evolves"],
        ),
        (
            "teacher_mode = \"evolveing\"",
            &["teacher_mode", "did you mean `evolving`"],
        ),
        ("ir_loss = \"mae\"", &["ir_loss", "norm-mse"]),
        (
            "student_points = [\"layer9\"]\nteacher_points = [\"layer1.0\"]",
            &["layer9", "student"],
        ),
        (
            "student_points = [\"layer1.0\"]\nteacher_points = [\"layer1.0\", \"layer2.0\"]",
            &["pairs 1 points", "2"],
        ),
        ("tau = 3", &["tau"]),
    ] {
        let message = refusal(&format!("kind = \"ekd\"\n{option}"), &both);
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}
