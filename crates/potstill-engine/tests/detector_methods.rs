//! Methods on detectors, in whole runs: each has a loss that the student learns from.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor};
use potstill_engine::{MethodParts, Plan, PlanParts, Run, RunFolder};
use potstill_methods::{LossTerm, Method, MethodError, Moment, StepContext, TeacherLook};
use potstill_models::{BuildOptions, FrozenModel, find};
use potstill_ops::{Mode, Pass};
use potstill_report::read_metrics;
use potstill_testing::{
    numbers::{assert_near, scope},
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, part},
};

fn detectors(task: &str, student: &str, teacher: &str) -> TestRecipe {
    tiny_recipe()
        .set(&format!("task={task}"))
        .set("data.train=shapes:size=32,train=4,test=2,classes=3")
        .set("data.augment=[\"flip\"]")
        .set(&format!("student.model={student}"))
        .set(&format!("teacher.model={teacher}"))
        .set("train.batch=4")
        .set("train.epochs=1")
        .set("train.optimizer.lr=0.001")
}

fn one_stage() -> TestRecipe {
    detectors("detection", "fcos_cifar_resnet8", "fcos_cifar_resnet20")
}

fn two_stage() -> TestRecipe {
    detectors(
        "instance-segmentation",
        "maskrcnn_cifar_resnet8",
        "maskrcnn_cifar_resnet20",
    )
}

/// The terms of a run with these methods, which must have moved the student; at weight 0 they must not.
fn learned(recipe: &dyn Fn() -> TestRecipe, methods: &[(&str, &str)]) {
    let place = tempfile::tempdir().unwrap();
    let with = |weight: f64| {
        methods.iter().fold(recipe(), |recipe, (kind, options)| {
            recipe.method(kind, &format!("weight = {weight}\n{options}"))
        })
    };
    let [alone, taught, idle] = ["alone", "taught", "idle"].map(|name| place.path().join(name));
    finish(&mut recipe().start(&["methods=[]"], &alone));
    finish(&mut with(0.5).start(&[], &taught));
    finish(&mut with(0.0).start(&[], &idle));
    let rows = read_metrics(taught.join("metrics.jsonl")).unwrap();
    for (kind, _) in methods {
        let value = rows[0].train.terms[*kind];
        assert!(value.is_finite() && value > 0.0, "{kind} is {value}");
    }
    let student = |folder| part(&checkpoint(folder), "student");
    assert!(
        student(&alone) != student(&taught),
        "it learned nothing from them"
    );
    assert!(
        student(&alone) == student(&idle),
        "methods without weight moved the student"
    );
}

#[test]
fn one_stage_detectors_learn_from_every_method_that_serves_them() {
    let methods = [
        (
            "kd",
            "temperature = 1.0\nretina_class_map = \"softmax-over-anchors\"",
        ),
        ("cwd", ""),
        ("pkd", ""),
        ("fitnet", ""),
        ("mgd", ""),
        ("fgd", ""),
        ("review-kd", "mid_channels = 8"),
    ];
    learned(&one_stage, &methods);
}

#[test]
fn two_stage_detectors_compare_what_they_say_of_the_students_regions() {
    learned(
        &two_stage,
        &[
            ("kd", "temperature = 1.0"),
            ("dkd", ""),
            ("review-kd", "mid_channels = 8"),
            ("fgd", ""),
        ],
    );
}

/// Multiply-accumulates of the heads of a plan's teacher, for four images of 32x32.
fn heads(plan: &Plan, teacher: &str) -> u64 {
    let options = BuildOptions {
        classes: Some(plan.spec.teachers[0].network.info.probe.classes),
        ..BuildOptions::default()
    };
    let network = FrozenModel::from(&find(teacher).unwrap().build(options, &scope()).unwrap());
    let images = Tensor::zeros([4, 32, 32, 3], &Device::flex());
    let [mut whole, mut trunk] = [Pass::new(Mode::Running), Pass::new(Mode::Running)];
    network.forward(images.clone(), &mut whole).unwrap();
    network.come_by(&[], images, &mut trunk).unwrap();
    whole.macs() - trunk.macs()
}

/// Has no loss, and sees of the teacher what it asks for.
struct Onlooker {
    look: TeacherLook,
}

impl Method for Onlooker {
    fn teacher_at(&self, _: Moment) -> TeacherLook {
        self.look
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        assert_eq!(
            step.teacher().outputs().is_ok(),
            self.look == TeacherLook::Outputs
        );
        Ok(Vec::new())
    }
}

/// The same maps teach, whether the heads run because another method reads what they give, or not.
#[test]
fn a_teacher_whose_maps_alone_are_read_does_not_run_its_heads() {
    let place = tempfile::tempdir().unwrap();
    let segmenters = detectors("segmentation", "fcn_cifar_resnet8", "fcn_cifar_resnet14");
    let pairs = [
        (one_stage(), "cwd", "fcos_cifar_resnet20"),
        (segmenters, "pkd", "fcn_cifar_resnet14"),
    ];
    for (recipe, kind, teacher) in pairs {
        let recipe = recipe.method(kind, "");
        let plan = |look| {
            let parts = PlanParts::open(recipe.recipe(&[])).unwrap();
            let onlooker = MethodParts::new("onlooker", 1.0, Onlooker { look });
            Plan::from_parts(parts.method(onlooker)).unwrap()
        };
        let looks = [TeacherLook::Outputs, TeacherLook::Maps];
        let runs = looks.map(|look| {
            let folder = place.path().join(format!("{kind}-{look:?}"));
            let run = Run::start(plan(look), RunFolder::create(&folder, false).unwrap());
            finish(&mut run.unwrap());
            let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
            (part(&checkpoint(&folder), "student"), rows[0].train.terms[kind])
        });
        assert!(runs[0] == runs[1], "{kind} learned something else");
        let expected = 2e-9 * heads(&plan(TeacherLook::Outputs), teacher) as f64;
        assert!(expected > 0.0);
        let [whole, maps] = looks.map(|look| plan(look).estimate().unwrap().step_gflop);
        assert_near(kind, &[whole - maps], &[expected], 1e-6);
    }
}

#[test]
fn methods_of_maps_say_so() {
    let reads_outputs = |recipe: TestRecipe, kinds: &[(&str, &str)]| -> Vec<bool> {
        let recipe = recipe.set("train.epochs=8");
        let recipe = kinds
            .iter()
            .fold(recipe, |recipe, (kind, options)| recipe.method(kind, options));
        let plan = recipe.plan(&[]).unwrap();
        let methods = plan.methods().iter();
        methods
            .map(|planned| planned.method.teacher_at(Moment::default()) == TeacherLook::Outputs)
            .collect()
    };
    let of_maps = ["cwd", "pkd", "fitnet", "mgd", "fgd", "review-kd", "tskd", "letkd"].map(|kind| (kind, ""));
    assert_eq!(reads_outputs(one_stage(), &of_maps), [false; 8]);
    let of_scores = [("kd", ""), ("tskd", "kl_weight = 1.0")];
    assert_eq!(reads_outputs(one_stage(), &of_scores), [true; 2]);
    let segmenters = detectors("segmentation", "fcn_cifar_resnet8", "fcn_cifar_resnet14");
    let of_both = [("cwd", ""), ("cwd", "maps = \"features\"\nname = \"features\"")];
    assert_eq!(reads_outputs(segmenters, &of_both), [true, false]);
}

#[test]
fn what_does_not_serve_a_detector_is_refused_with_the_reason() {
    let refused = |recipe: TestRecipe| recipe.plan(&[]).err().unwrap();
    let levels = refused(
        one_stage()
            .set("teacher.model=retinanet_cifar_resnet8_fpn")
            .method("review-kd", ""),
    );
    // The small FCOS has three levels, a RetinaNet on this backbone four.
    assert!(
        levels.contains("`review-kd` pairs 3 points of the student with 4 of the teacher"),
        "{levels}"
    );
    let boxes = refused(tiny_recipe().method("fgd", ""));
    assert!(boxes.contains("`fgd` needs boxes or instances"), "{boxes}");
}

#[test]
fn a_small_image_whose_places_are_not_those_of_the_boxes_is_refused() {
    let segmenter = || detectors("segmentation", "fcn_cifar_resnet8", "fcn_cifar_resnet20");
    for recipe in [one_stage(), two_stage(), segmenter()] {
        let recipe = recipe.method("kd", "");
        for side in ["student", "teacher"] {
            let input = format!("{side}.input={{ low_resolution = {{ size = 16, enlarge = \"none\" }} }}");
            let refused = recipe.clone().plan(&[&input]).err().unwrap();
            assert!(refused.contains("low_resolution.enlarge"), "{refused}");
            let enlarged = input.replace("none", "bilinear");
            assert!(recipe.clone().plan(&[&enlarged]).is_ok(), "{enlarged}");
        }
    }
}
