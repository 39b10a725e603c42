//! What each method serves: the registry's word is what can be planned, and what cannot be is refused before a step, with what to do.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Device;
use potstill_data::TargetKind;
use potstill_methods::{Method, MethodError, NetworkInfo, PlanContext, registry};
use potstill_models::Model;
use potstill_settings::Choice;
use potstill_tasks::TaskKind;
use potstill_testing::networks::{context, network, plan, refusal};

fn pair(task: TaskKind, student: &str, teacher: &str) -> PlanContext {
    let of = |name: &str, owner: &str| network(name, 3, owner);
    between(
        task,
        &of(student, "student"),
        &of(teacher, "teacher"),
        [32, 32, 3],
    )
}

fn between(task: TaskKind, student: &Model, teacher: &Model, image: [usize; 3]) -> PlanContext {
    let info = |network: &Model| NetworkInfo::of(network, image, &Device::flex()).unwrap();
    let plain = network("cifar_resnet8", 3, "plain");
    PlanContext {
        student: info(student),
        teachers: vec![info(teacher)],
        task,
        image,
        ..context(&plain, None)
    }
}

fn of_task(task: TaskKind) -> PlanContext {
    let kind = match task {
        TaskKind::Classification | TaskKind::MultiLabel => "",
        TaskKind::Segmentation => "fcn_",
        TaskKind::Detection => "fasterrcnn_",
        TaskKind::InstanceSegmentation => "maskrcnn_",
    };
    let backbone = "cifar_resnet8";
    pair(task, &format!("{kind}{backbone}"), &format!("{kind}{backbone}"))
}

/// What a task has of each image.
fn target(task: TaskKind) -> TargetKind {
    match task {
        TaskKind::Classification => TargetKind::Class,
        TaskKind::MultiLabel => TargetKind::Classes,
        TaskKind::Segmentation => TargetKind::Map,
        TaskKind::Detection => TargetKind::Boxes,
        TaskKind::InstanceSegmentation => TargetKind::Instances,
    }
}

/// Whether an entry can be planned, and learns from what the task has.
fn serves(entry: &str, context: &PlanContext) -> Result<bool, MethodError> {
    let method: Box<dyn Method> = match plan(entry, context) {
        // What the task's networks say is not what the method compares.
        Err(
            MethodError::SeveralClasses(_)
            | MethodError::StandsForTask { .. }
            | MethodError::NoEmbedding { .. }
            | MethodError::NoLinearHead { .. }
            | MethodError::NoNorm { .. },
        ) => return Ok(false),
        planned => planned?,
    };
    let targets = method.info().targets;
    Ok(targets.is_none_or(|need| need.kinds.contains(&target(context.task))))
}

#[test]
fn the_registry_tells_the_tasks_of_every_method() {
    for &task in TaskKind::ALL {
        let context = of_task(task);
        for entry in registry() {
            let variant = match (entry.name, task) {
                ("letkd", TaskKind::MultiLabel) => "\nvariant = 1",
                _ => "",
            };
            let serves = serves(&format!("kind = \"{}\"{variant}", entry.name), &context);
            let told = entry.tasks.contains(&task);
            assert!(
                matches!(serves, Ok(serves) if serves == told),
                "{} on {task}: told {told}, found {:?}",
                entry.name,
                serves.map_err(|error| error.to_string()),
            );
        }
    }
}

#[test]
fn scores_of_detectors_that_do_not_stand_beside_each_other_are_refused_with_what_to_do() {
    let task = TaskKind::Detection;
    let other = pair(task, "fcos_cifar_resnet8", "fasterrcnn_cifar_resnet8");
    for entry in [
        "kind = \"kd\"",
        "kind = \"tst\"",
        "kind = \"tskd\"\nkl_weight = 1.0",
        "kind = \"ekd\"\nalpha = 1.0",
    ] {
        let message = refusal(entry, &other);
        for words in [
            "a one-stage detector with a pyramid",
            "a two-stage detector",
            "of one kind",
            "`pkd`",
        ] {
            assert!(message.contains(words), "{entry}: {message}");
        }
    }
    // Whose maps are read may be of another kind.
    for entry in ["kind = \"pkd\"", "kind = \"tskd\"", "kind = \"ekd\""] {
        assert!(plan(entry, &other).is_ok(), "{entry}");
    }
    let anchors = pair(task, "fcos_cifar_resnet8", "retinanet_cifar_resnet8_fpn");
    let message = refusal("kind = \"kd\"", &anchors);
    assert!(
        message.contains("in map 0") && message.contains("anchors"),
        "{message}"
    );
    let same = pair(task, "fcos_cifar_resnet8", "fcos_cifar_resnet8");
    assert!(plan("kind = \"kd\"", &same).is_ok());
    let message = refusal("kind = \"dkd\"", &same);
    assert!(
        message.contains("the true class of each region") && message.contains("take `kd`"),
        "{message}"
    );
}

#[test]
fn detectors_whose_losses_cannot_be_turned_round_are_refused_by_tst() {
    let task = TaskKind::Detection;
    let [student, teacher] = ["student", "teacher"].map(|owner| network("fastestdet_0_5", 3, owner));
    let cells = between(task, &student, &teacher, [64, 64, 3]);
    let message = refusal("kind = \"tst\"", &cells);
    assert!(
        message.contains("one map of cells") && message.contains("take RetinaNet, FCOS"),
        "{message}"
    );
    assert!(plan("kind = \"kd\"", &cells).is_ok());
    // Its own three: two stages and the map that the head reads.
    let reads = potstill_testing::networks::reads(plan("kind = \"tskd\"", &cells).unwrap().as_ref());
    let names =
        |points: &[potstill_ops::Point]| -> Vec<String> { points.iter().map(ToString::to_string).collect() };
    let own = ["backbone.stage2", "backbone.stage3", "SPP"];
    assert_eq!(
        [names(&reads.student), names(&reads.teacher)],
        [own, own].map(|side| side.map(String::from).to_vec())
    );
}

#[test]
fn a_detector_has_more_to_learn_than_a_cross_entropy() {
    let [two_stages, one_stage] =
        ["fasterrcnn_cifar_resnet8", "fcos_cifar_resnet8"].map(|name| pair(TaskKind::Detection, name, name));
    for (kind, context) in [
        ("label-smoothing", &two_stages),
        ("tf-kd", &two_stages),
        ("tf-kd", &one_stage),
    ] {
        let message = refusal(&format!("kind = \"{kind}\""), context);
        assert!(
            message.contains("proposals and boxes would learn nothing") && message.contains("take `kd`")
                || message.contains("Take `kd`"),
            "{message}"
        );
    }
}
