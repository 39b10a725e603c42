//! A teacher is measured before anything is learned from it, once, and one that knows nothing is told of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a path in quotes is TOML")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use potstill_data::{
    Augment, DataError, Dataset, DatasetInfo, Image, InMemory, LoaderConfig, Sample, Target,
};
use potstill_engine::{
    MethodParts, Observer, Phase, Plan, PlanParts, PlannedData, PlannedTeacher, Run, Settings, VisionModel,
    cpu, evaluate,
};
use potstill_methods::Kd;
use potstill_metrics::Metrics;
use potstill_recipe::Sgd;
use potstill_tasks::{TaskKind, TaskOptions, task};
use potstill_testing::{
    recipe::tiny_recipe,
    runs::{finish, go_on},
};

/// Dark and light pictures in turn.
fn shades(count: usize) -> InMemory {
    let image = |index: usize| Image {
        height: 8,
        width: 8,
        channels: 3,
        pixels: vec![if index.is_multiple_of(2) { 30 } else { 220 } + (index % 16) as u8; 8 * 8 * 3],
    };
    let labels = (0..count).map(|index| index as u32 % 2);
    InMemory::classification(
        (0..count).map(image).collect(),
        labels.collect(),
        ["dark", "light"],
    )
    .unwrap()
}

/// Counts how often an image is read.
struct Counted(InMemory, Arc<AtomicUsize>);

impl Dataset for Counted {
    fn info(&self) -> &DatasetInfo {
        self.0.info()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.0.target(index)
    }
    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.sample(index)
    }
}

/// Everything that a run says.
#[derive(Default)]
struct Said(Vec<String>);

impl Observer for Said {
    fn says(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

impl Said {
    fn of_teacher(&self) -> Vec<&str> {
        let lines = self.0.iter().map(String::as_str);
        lines.filter(|line| line.contains("the teacher `")).collect()
    }
}

fn settings() -> Settings {
    Settings {
        batch: 16,
        ..Settings::named("shades")
    }
}

fn student() -> VisionModel {
    VisionModel::build("cifar_resnet8", 2, 1).unwrap()
}

fn phase(epochs: usize) -> Phase {
    Phase::whole(epochs, Sgd::with_rate(0.05).into())
}

/// A network that tells dark from light.
fn trained() -> VisionModel {
    let data = PlannedData::new(Arc::new(shades(64)), Arc::new(shades(16)), Augment::none()).unwrap();
    let parts = PlanParts::new(settings(), student(), data, phase(4), &cpu()).unwrap();
    let mut run = Run::in_memory(Plan::from_parts(parts).unwrap()).unwrap();
    finish(&mut run);
    run.into_student()
}

/// A distillation from this teacher, and how often its test images are read.
fn distillation(teacher: VisionModel) -> (Plan, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let test = Arc::new(Counted(shades(20), Arc::clone(&reads)));
    let data = PlannedData::new(Arc::new(shades(64)), test, Augment::none()).unwrap();
    let teacher = PlannedTeacher::new("teacher", teacher, &data, &cpu()).unwrap();
    let parts = PlanParts::new(settings(), student(), data, phase(2), &cpu())
        .unwrap()
        .teacher(teacher)
        .method(MethodParts::new("kd", 1.0, Kd::with_temperature(4.0)));
    (Plan::from_parts(parts).unwrap(), reads)
}

fn measured(teacher: &VisionModel) -> Metrics {
    let options = TaskOptions {
        classes: vec!["dark".into(), "light".into()],
        ..TaskOptions::default()
    };
    let task = task(TaskKind::Classification, options);
    let (network, config) = ((&teacher.network).into(), LoaderConfig::default());
    let (images, augment) = (Arc::new(shades(20)), Augment::none());
    evaluate(
        &*task,
        &network,
        images,
        &augment,
        &teacher.input(),
        config,
        &mut |_| (),
    )
    .unwrap()
    .metrics
}

#[test]
fn a_teacher_is_measured_once_before_the_first_step() {
    let teacher = trained();
    let expected = measured(&teacher);
    assert_eq!(
        expected["top1"], 100.0,
        "the teacher of this test knows its classes"
    );
    let (plan, reads) = distillation(teacher);
    let exams = plan.examine_teachers().unwrap();
    assert_eq!(exams.len(), 1);
    assert_eq!(exams[0].result(), "top-1 100.00 % on the 20 test images");
    assert!(!exams[0].is_near_chance() && exams[0].warning().is_none());
    assert_eq!(exams[0].chance, 50.0);

    reads.store(0, Ordering::Relaxed);
    let mut run = Run::in_memory(plan).unwrap();
    let mut said = Said::default();
    run.go(&mut said, &false.into()).unwrap();
    assert_eq!(
        said.of_teacher(),
        ["the teacher `teacher` (cifar_resnet8): top-1 100.00 % on the 20 test images"]
    );
    let summary = run.summary();
    assert_eq!(summary.teachers[0].metrics["top1"], expected["top1"]);
    assert!((summary.teachers[0].metrics["loss"] - expected["loss"]).abs() < 1e-4);
    // The teacher once, and the student after each of two epochs.
    assert_eq!(reads.load(Ordering::Relaxed), 3 * 20);
}

#[test]
fn a_teacher_whose_classes_stand_in_another_order_is_told_of() {
    let teacher = trained();
    let last = |entry: &potstill_ops::Entry| entry.shape.first() == Some(&2);
    let mut swapped = teacher;
    swapped.network.parameters_mut().rewrite(&mut |entry, value| {
        // Two rows of the last layer change places.
        last(entry).then(|| {
            let half = entry.shape.iter().product::<usize>() / 2;
            let halves = [value.clone().narrow(0, half, half), value.narrow(0, 0, half)];
            burn::tensor::Tensor::cat(halves.to_vec(), 0)
        })
    });
    assert_eq!(measured(&swapped)["top1"], 0.0);
    let (plan, _) = distillation(swapped);
    let exam = &plan.examine_teachers().unwrap()[0];
    let warning = exam.warning().unwrap();
    for part in [
        "warning: the teacher `teacher` (cifar_resnet8) is near chance",
        "gives a top-1 of 50.00 %",
        "another order",
        "normalised otherwise (`teacher.input`)",
        "blue, green, red",
        "last layer",
    ] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    let mut said = Said::default();
    Run::in_memory(plan)
        .unwrap()
        .go(&mut said, &false.into())
        .unwrap();
    assert_eq!(said.of_teacher().len(), 2);
    assert_eq!(said.of_teacher()[1], warning);
}

#[test]
fn a_run_that_goes_on_knows_its_teacher() {
    let place = tempfile::tempdir().unwrap();
    let [teacher, folder] = ["teacher", "run"].map(|name| place.path().join(name));
    finish(
        &mut tiny_recipe()
            .without_table("teacher")
            .start(&["train.epochs=1"], &teacher),
    );
    let recipe = tiny_recipe()
        .without_table("teacher")
        .append(&format!("[teacher]\nrun = {teacher:?}\n"))
        .method("kd", "weight = 1.0");
    go_on(&mut recipe.start(&[], &folder), 2);
    let mut said = Said::default();
    let mut run = recipe.resume(&[], &folder);
    run.go(&mut said, &false.into()).unwrap();
    assert_eq!(said.0, [""; 0], "nothing is said twice");
    assert!(!run.summary().teachers[0].metrics.is_empty());
}
