//! Distillations that a program makes from its own parts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{collections::BTreeMap, fs, sync::atomic::AtomicBool};

use potstill::{
    data::augment::{Size, Step},
    prelude::*,
};
use potstill_testing::{
    recipe::TestRecipe,
    runs::{StopAfter, bits, finish},
};

const DATA: &str = "shapes:size=16,train=64,test=20,classes=4";

fn images(split: Split) -> Box<dyn Dataset> {
    open(DATA, split).unwrap()
}

/// The student of the recipe below, by the program's own words.
fn distillation() -> Distillation {
    let teacher = VisionModel::build("cifar_resnet14", 4, 5).unwrap();
    Distillation::new("cifar_resnet8", images(Split::Train), images(Split::Test))
        .teacher(teacher)
        .method("kd", 0.9, Kd::with_temperature(2.0))
        .entry(MethodParts::of_spec(
            "review-kd",
            MethodSpec::new("review-kd").with("ramp_epochs", 2),
        ))
        .augment(Augment::new(vec![Step::Flip]).unwrap())
        .task_weight(0.1)
        .epochs(2)
        .batch(16)
        .optimizer(Sgd {
            momentum: 0.9,
            ..Sgd::with_rate(0.05)
        })
        .seed(5)
}

const RECIPE: &str = r#"
version = 1
name = "distillation"
seed = 5
[data]
train = "shapes:size=16,train=64,test=20,classes=4"
augment = ["flip"]
[student]
model = "cifar_resnet8"
input = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }
[teacher]
model = "cifar_resnet14"
weights = "TEACHER"
[train]
epochs = 2
batch = 16
task_weight = 0.1
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9 }
[[methods]]
kind = "kd"
weight = 0.9
temperature = 2.0
[[methods]]
kind = "review-kd"
ramp_epochs = 2
"#;

#[test]
fn a_program_gets_the_student_of_a_recipe_that_says_the_same() {
    let place = tempfile::tempdir().unwrap();
    let [teacher, run, saved] = ["teacher.safetensors", "run", "saved"].map(|name| place.path().join(name));
    let result = distillation().run(&mut NoObserver).unwrap();
    result.save(&saved).unwrap();

    // The teacher of the recipe: the same fresh network, in a file.
    let fresh = VisionModel::build("cifar_resnet14", 4, 5).unwrap();
    weights::save(&fresh.network, &BTreeMap::new(), &teacher).unwrap();
    let text = RECIPE.replace("TEACHER", &teacher.display().to_string());
    finish(&mut TestRecipe::of(&text).start(&[], &run));

    assert!(bits(&saved.join("model.safetensors")) == bits(&run.join("student/model.safetensors")));
    assert_eq!(result.rows.len(), 2);
    assert!(result.summary.finished && result.rows[1].train.terms.contains_key("review-kd"));
    assert!(result.metrics()["top1"] >= 0.0);
    assert_eq!(result.student.class_names, images(Split::Train).classes());
    let card = fs::read_to_string(saved.join("README.md")).unwrap();
    assert!(
        card.contains("without a recipe") && !card.contains("potstill train"),
        "{card}"
    );

    // What was saved is loaded again, and computes the same.
    let again = VisionModel::load(&saved).unwrap();
    let some = [images(Split::Test).image(3).unwrap()];
    let logits =
        |model: &VisionModel| -> Vec<f32> { model.logits(&some).unwrap().into_data().iter().collect() };
    assert_eq!(logits(&again), logits(&result.student));
    assert_eq!(again.class_names, result.student.class_names);
}

#[test]
fn a_run_in_a_folder_is_kept_refused_and_resumed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let stop = AtomicBool::new(false);
    let stopped = distillation()
        .folder(&folder)
        .run_until(&mut StopAfter(5, &stop), &stop)
        .unwrap();
    assert!(!stopped.summary.finished && stopped.rows.len() == 1);
    let refused = distillation().folder(&folder).run(&mut NoObserver).err().unwrap();
    assert!(refused.to_string().contains("holds a run already"), "{refused}");
    // Other parts make another run.
    let refused = distillation()
        .batch(8)
        .resume(&folder)
        .run(&mut NoObserver)
        .err()
        .unwrap();
    assert!(refused.to_string().contains("another recipe"), "{refused}");

    let resumed = distillation().resume(&folder).run(&mut NoObserver).unwrap();
    assert!(resumed.summary.finished);
    let whole = distillation().run(&mut NoObserver).unwrap();
    let saved = place.path().join("whole");
    whole.save(&saved).unwrap();
    assert!(bits(&folder.join("student/model.safetensors")) == bits(&saved.join("model.safetensors")));
    for file in ["metrics.jsonl", "summary.json", "report.html", "last.safetensors"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
}

#[test]
fn parts_that_do_not_fit_are_refused_before_the_first_step() {
    let refused = |distillation: Distillation| distillation.plan().err().unwrap().to_string();
    let alone = || Distillation::new("cifar_resnet8", images(Split::Train), images(Split::Test));
    let said = refused(alone().method("kd", 1.0, Kd::with_temperature(4.0)));
    assert!(said.contains("teacher"), "{said}");
    let other = open("shapes:size=16,train=64,test=20,classes=3", Split::Test).unwrap();
    let said = refused(Distillation::new("cifar_resnet8", images(Split::Train), other));
    assert!(said.contains("classes"), "{said}");
    let said = refused(Distillation::new(
        "cifar_resnet9",
        images(Split::Train),
        images(Split::Test),
    ));
    assert!(said.contains("did you mean"), "{said}");
    let said = refused(alone().batch(1));
    assert!(said.contains("batch"), "{said}");
}

#[test]
fn a_method_is_made_for_both_networks_and_learns_from_one_of_several_teachers() {
    let teacher = |seed| VisionModel::build("cifar_resnet8", 4, seed).unwrap();
    let points = |context: &PlanContext| Ok(Points(context.student.stage_ends[0].post.clone()));
    let result = Distillation::new("cifar_resnet8", images(Split::Train), images(Split::Test))
        .teacher_named("one", teacher(1))
        .teacher_named("two", teacher(2))
        .entry(MethodParts::made("points", 1.0, points).teachers([("two", 1.0)]))
        .epochs(1)
        .batch(32)
        .run(&mut NoObserver)
        .unwrap();
    assert!(result.rows[0].train.terms["points"] > 0.0);
    assert_eq!(result.summary.teachers.len(), 2);
}

/// The mean square of the student's map at a point.
struct Points(Point);

impl Method for Points {
    fn reads(&self, _: StudentEpoch) -> Reads {
        Reads {
            student: vec![self.0.clone()],
            ..Reads::default()
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let map = step.student.tap(&self.0)?;
        Ok(vec![LossTerm::loss(step.id, map.powi_scalar(2).mean())])
    }
}

/// A convolution and a linear layer.
#[derive(Module, Debug)]
struct Small {
    conv: Conv2d,
    norm: BatchNorm,
    fc: Linear,
}

fn small() -> Model {
    let scope = Scope::new(&cpu(), Seed::new(1), "student");
    Model::own(Small {
        conv: Conv2d::he_normal(Conv2dConfig::new(3, 8, 3).stride(2), &scope.at("conv")),
        norm: BatchNorm::new(8, &scope.at("norm")),
        fc: Linear::new(8, 4, &scope.at("fc")),
    })
}

impl Network for Small {
    fn description(&self) -> NetworkDescription {
        NetworkDescription {
            stage_ends: vec![StageEnd::activated("conv")],
            ..NetworkDescription::classifier("small", 4, "fc")
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let map = conv_norm_act(
            images,
            &self.conv,
            &self.norm,
            None,
            Activation::Relu,
            "conv",
            pass,
        );
        Outputs::Logits(self.fc.forward(global_avg_pool(map).flatten(1, 3), pass))
    }
}

#[test]
fn a_network_of_the_programs_own_learns_teaches_and_gets_its_weights_back() {
    let place = tempfile::tempdir().unwrap();
    let [folder, saved] = ["run", "saved"].map(|name| place.path().join(name));
    let own = || {
        Distillation::new(small(), images(Split::Train), images(Split::Test))
            .epochs(1)
            .batch(16)
    };
    let teacher = own().folder(&folder).run(&mut NoObserver).unwrap();
    assert_eq!(teacher.student.architecture, "small");
    teacher.save(&saved).unwrap();
    assert!(bits(&folder.join("student/model.safetensors")) == bits(&saved.join("model.safetensors")));

    let some = [images(Split::Test).image(3).unwrap()];
    let logits =
        |model: &VisionModel| -> Vec<f32> { model.logits(&some).unwrap().into_data().iter().collect() };
    let back = VisionModel::from(small()).with_weights(&saved).unwrap();
    assert_ne!(logits(&VisionModel::from(small())), logits(&back));
    assert_eq!(logits(&teacher.student), logits(&back));
    assert_eq!(back.class_names, teacher.student.class_names);
    let unknown = VisionModel::load(&saved).unwrap_err().to_string();
    assert!(unknown.contains("no network is called `small`"), "{unknown}");

    // It teaches its own kind, and what it teaches is no other network.
    let taught = own()
        .teacher(back.clone())
        .method("kd", 1.0, Kd::with_temperature(2.0))
        .run(&mut NoObserver)
        .unwrap();
    assert!(taught.rows[0].train.terms["kd"].is_finite());
    assert_eq!(logits(&teacher.student), logits(&back));
    assert_ne!(logits(&taught.student), logits(&back));
}

#[test]
fn another_task_has_its_own_targets_and_metrics() {
    let sets = |split| open_for(DATA, split, TargetKind::Classes).unwrap();
    let student = |train, test| {
        Distillation::new("cifar_resnet8", train, test)
            .epochs(1)
            .batch(16)
    };
    let result = student(sets(Split::Train), sets(Split::Test))
        .task(TaskKind::MultiLabel)
        .run(&mut NoObserver)
        .unwrap();
    assert_eq!(result.summary.task, "multi-label");
    assert!(
        result
            .metrics()
            .get(&result.summary.metrics.headline.name)
            .is_some()
    );
    assert!(result.metrics().get("top1").is_none());
    let refused = student(images(Split::Train), images(Split::Test)).task(TaskKind::MultiLabel);
    let said = refused.plan().err().unwrap().to_string();
    assert!(said.contains("set of classes"), "{said}");
}

/// Images of 24x24 that the student sees at 16x16: what it is later shown goes through the same steps.
#[test]
fn a_student_takes_the_steps_of_its_test_images_along() {
    let data = |split| open("shapes:size=24,train=64,test=20,classes=4", split).unwrap();
    let steps = |steps| Augment::new(steps).unwrap();
    let centre = |side| Step::CentreCrop {
        size: Size::Square(side),
    };
    let distillation = || {
        Distillation::new("cifar_resnet8", data(Split::Train), data(Split::Test))
            .augment(steps(vec![Step::resize_shorter(18), Step::Flip, centre(16)]))
            .epochs(1)
            .batch(16)
    };
    let refused = distillation().test_augment(steps(vec![Step::Flip])).plan();
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("`flip` draws at random"), "{said}");

    let result = distillation()
        .test_augment(steps(vec![Step::resize_shorter(20), centre(16)]))
        .run(&mut NoObserver)
        .unwrap();
    let place = tempfile::tempdir().unwrap();
    result.save(place.path().join("student")).unwrap();
    let loaded = VisionModel::load(place.path().join("student")).unwrap();
    for student in [&result.student, &loaded] {
        let predictor = Predictor::from(student);
        let prepared = predictor.prepare(data(Split::Test).into()).unwrap();
        let found = predictor.evaluate(&prepared, &EvaluationSettings::default(), &mut |_| ());
        let found = found.unwrap().metrics;
        assert_eq!(found["top1"], result.metrics()["top1"]);
        assert!((found["loss"] - result.metrics()["loss"]).abs() < 1e-9);
        assert_eq!(
            student
                .logits(&[data(Split::Test).image(0).unwrap()])
                .unwrap()
                .dims(),
            [1, 4]
        );
    }
}
