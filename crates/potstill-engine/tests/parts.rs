//! A plan that a program makes from its own networks, data and methods, and a run that writes nothing.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::atomic::AtomicBool;

use potstill_data::{Augment, Split, open};
use potstill_engine::{
    EngineError, MethodParts, NoObserver, Outcome, Phase, Plan, PlanParts, PlannedData, PlannedTeacher, Run,
    Settings, Source, VisionModel, cpu,
};
use potstill_methods::{Kd, LossTerm, Method, MethodError, MethodInfo, StepContext, StudentStep, TeacherUse};
use potstill_models::Model;
use potstill_ops::Pass;
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, Recipe, Sgd};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, checkpoint, finish, part},
};

const SEED: u64 = 5;
const IMAGES: &str = "shapes:size=16,train=96,test=40,classes=6";

fn network(model: &str, owner: &str) -> VisionModel {
    let source = Source {
        model: Some(model.into()),
        classes: Some(6),
        ..Source::default()
    };
    source.open(&cpu(), Seed::new(SEED), owner).unwrap()
}

fn data() -> PlannedData {
    let images = |split| open(IMAGES, split).unwrap().into();
    PlannedData::new(images(Split::Train), images(Split::Test), Augment::none()).unwrap()
}

fn teacher(name: &str) -> PlannedTeacher {
    PlannedTeacher::new(name, network("cifar_resnet14", name), &data(), &cpu()).unwrap()
}

/// What [`recipe`] says, in code.
fn parts() -> PlanParts {
    let settings = Settings {
        seed: SEED,
        batch: 32,
        ..Settings::named("test")
    };
    let rule = Sgd {
        lr: 0.05,
        momentum: 0.9,
        nesterov: false,
        dampening: 0.0,
        weight_decay: 5e-4,
    };
    let phase = Phase::whole(2, rule.into());
    PlanParts::new(
        settings,
        network("cifar_resnet8", "student"),
        data(),
        phase,
        &cpu(),
    )
    .unwrap()
}

fn recipe() -> TestRecipe {
    tiny_recipe().without("data.augment").without("train.schedule")
}

fn bits(network: &Model) -> Bits {
    let mut bits = Bits::new();
    network.parameters().each(&mut |entry, value| {
        let values: Vec<f32> = value.into_data().iter().collect();
        bits.insert(
            entry.path.clone(),
            values.iter().map(|value| value.to_bits()).collect(),
        );
    });
    bits
}

fn student_of(parts: PlanParts) -> Bits {
    let mut run = Run::in_memory(Plan::from_parts(parts).unwrap()).unwrap();
    finish(&mut run);
    assert!(run.folder().is_none());
    bits(&run.into_student().network)
}

fn refusal(parts: PlanParts) -> String {
    Plan::from_parts(parts).err().unwrap().to_string()
}

#[test]
fn a_plan_of_parts_trains_what_its_recipe_trains() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let text = recipe().method("kd", "").method("review-kd", "weight = 0.5");
    finish(&mut text.start(&[], &folder));
    let in_folder = part(&checkpoint(&folder), "student");
    let read: Recipe = text.recipe(&[]);
    let mut in_memory = Run::in_memory(Plan::new(read).unwrap()).unwrap();
    finish(&mut in_memory);
    assert!(
        in_folder == bits(&in_memory.into_student().network),
        "a folder changes the bits"
    );
    let spec = MethodSpec {
        weight: 0.5,
        ..MethodSpec::new("review-kd")
    };
    let parts = parts()
        .teacher(teacher("teacher"))
        .method(MethodParts::new("kd", 1.0, Kd::with_temperature(4.0)))
        .method(MethodParts::of_spec("review-kd", spec));
    // The recipe's images are normalised as is usual for them.
    let mut with_input = parts;
    let usual = Plan::new(text.recipe(&[])).unwrap();
    with_input.student.facts.input = usual.spec.student.input.clone();
    with_input.teachers[0].facts.network.input = usual.spec.teachers[0].network.input.clone();
    assert!(in_folder == student_of(with_input), "code and recipe differ");
}

/// The student's logits follow the teacher's.
struct LogitMse;

impl Method for LogitMse {
    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let gap = step.student.logits()? - step.teacher().logits()?;
        Ok(vec![LossTerm::loss("mse", gap.powi_scalar(2).mean())])
    }
}

/// The student's logits are small: a method without a teacher.
struct SmallLogits;

impl Method for SmallLogits {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            teacher: TeacherUse::None,
            ..MethodInfo::default()
        }
    }

    fn student_terms(&self, step: &StudentStep<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let logits = step.student.logits()?;
        Ok(vec![LossTerm::loss(step.id, logits.powi_scalar(2).mean())])
    }
}

/// Forgets its loss.
struct Nothing;

impl Method for Nothing {}

#[test]
fn methods_of_a_program_log_under_their_names() {
    let parts = parts()
        .teacher(teacher("teacher"))
        .method(MethodParts::new("mine", 0.1, LogitMse))
        .method(MethodParts::new("mine-too", 0.1, LogitMse))
        .method(MethodParts::new("small", 0.01, SmallLogits));
    let mut run = Run::in_memory(Plan::from_parts(parts).unwrap()).unwrap();
    finish(&mut run);
    let terms: Vec<&str> = run.rows()[0].train.terms.keys().map(String::as_str).collect();
    assert_eq!(terms, ["cross_entropy", "mine.mse", "mine-too.mse", "small"]);
    assert_eq!(
        run.rows()[0].train.terms["mine.mse"],
        run.rows()[0].train.terms["mine-too.mse"]
    );
    let summary = run.summary();
    assert_eq!(summary.methods, ["mine", "mine-too", "small"]);
    assert!(summary.finished);
}

#[test]
fn a_method_without_a_loss_is_an_error_by_name() {
    let parts = parts()
        .teacher(teacher("teacher"))
        .method(MethodParts::new("forgot", 1.0, Nothing));
    let mut run = Run::in_memory(Plan::from_parts(parts).unwrap()).unwrap();
    let error = run.go(&mut NoObserver, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(&error, EngineError::Entry { id, .. } if id == "forgot"));
    assert!(error.to_string().contains("has no loss"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let kd = |id: &str| MethodParts::new(id, 1.0, Kd::with_temperature(4.0));
    let alone = refusal(parts().method(kd("kd")));
    assert!(alone.contains("`kd` learns from a teacher"), "{alone}");
    let twice = refusal(
        parts()
            .teacher(teacher("teacher"))
            .method(kd("kd"))
            .method(kd("kd")),
    );
    assert!(twice.contains("`kd` is taken"), "{twice}");
    for name in ["student", "optimizer", "a/b", "a.b", ""] {
        let named = refusal(parts().teacher(teacher("teacher")).method(kd(name)));
        assert!(named.contains(&format!("`{name}`")), "{named}");
    }
    let two = || parts().teacher(teacher("a")).teacher(teacher("b"));
    let which = refusal(two().method(kd("kd")));
    assert!(
        which.contains("which teacher") && which.contains("`a`, `b`"),
        "{which}"
    );
    let unknown = refusal(two().method(kd("kd").teachers([("c", 1.0)])));
    assert!(unknown.contains("`c`, which is no teacher"), "{unknown}");
    let weightless = refusal(two().method(kd("kd").teachers([("a", 0.0), ("b", 0.0)])));
    assert!(weightless.contains("not positive"), "{weightless}");
    let review = MethodParts::of_spec("review-kd", MethodSpec::new("review-kd"));
    let mean = refusal(two().method(review.teachers([("a", 1.0), ("b", 1.0)])));
    assert!(
        mean.contains("`review-kd` learns from one teacher, and 2 are named"),
        "{mean}"
    );
}

#[test]
fn a_run_in_memory_stops_and_goes_on() {
    let make = || {
        parts()
            .teacher(teacher("teacher"))
            .method(MethodParts::new("kd", 1.0, Kd::with_temperature(4.0)))
    };
    let whole = student_of(make());
    let mut run = Run::in_memory(Plan::from_parts(make()).unwrap()).unwrap();
    let stop = AtomicBool::new(false);
    let outcome = run
        .go(&mut potstill_testing::runs::StopAfter(4, &stop), &stop)
        .unwrap();
    assert_eq!(outcome, Outcome::Interrupted);
    finish(&mut run);
    assert!(whole == bits(&run.into_student().network));
}
