//! Methods on segmenters, in whole runs: they learn, cost the student nothing at weight 0, and go on to the same bits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, checkpoint, finish, go_on, part},
};

/// Two small segmenters on drawn images of odd size.
fn segmenters() -> TestRecipe {
    student().set("teacher.model=fcn_cifar_resnet14")
}

fn student() -> TestRecipe {
    tiny_recipe()
        .set("task=segmentation")
        .set("data.train=shapes:size=19,train=32,test=8,classes=3")
        .set("data.augment=[\"flip\"]")
        .set("student.model=fcn_cifar_resnet8")
        .set("train.batch=16")
        .set("train.epochs=1")
}

const METHODS: [(&str, &str); 7] = [
    ("kd", "temperature = 1.0"),
    ("dkd", ""),
    ("cwd", "name = \"cwd\""),
    ("cwd", "name = \"cwd-features\"\nmaps = \"features\""),
    ("pkd", ""),
    ("fitnet", ""),
    ("review-kd", "mid_channels = 8\nramp_epochs = 0"),
];

fn all(recipe: TestRecipe, weight: f64) -> TestRecipe {
    let with = |recipe: TestRecipe, (kind, options): &(&str, &str)| {
        recipe.method(kind, &format!("weight = {weight}\n{options}"))
    };
    METHODS
        .iter()
        .fold(recipe, with)
        .method("mgd", &format!("weight = {weight}\nalpha = 1e-3"))
}

#[test]
fn every_method_has_a_loss_and_the_student_learns_from_it() {
    let place = tempfile::tempdir().unwrap();
    let [alone, taught, idle] = ["alone", "taught", "idle"].map(|name| place.path().join(name));
    finish(&mut segmenters().start(&["methods=[]"], &alone));
    finish(&mut all(segmenters(), 0.5).start(&[], &taught));
    let rows = read_metrics(taught.join("metrics.jsonl")).unwrap();
    let terms = &rows[0].train.terms;
    for name in [
        "cross_entropy",
        "kd",
        "dkd",
        "cwd",
        "cwd-features",
        "pkd",
        "fitnet",
        "review-kd",
        "mgd",
    ] {
        let value = terms[name];
        assert!(value.is_finite() && value > 0.0, "{name} is {value}");
    }
    let student = |folder| part(&checkpoint(folder), "student");
    assert!(
        student(&alone) != student(&taught),
        "it learned nothing from them"
    );
    // Their modules draw from streams of their own.
    finish(&mut all(segmenters(), 0.0).start(&[], &idle));
    assert!(
        student(&alone) == student(&idle),
        "methods without weight moved the student"
    );
    let kept = checkpoint(&taught);
    assert!(kept.keys().any(|name| name.starts_with("fitnet/levels.")));
    let exported = bits(&taught.join("student/model.safetensors"));
    assert!(
        !exported
            .keys()
            .any(|name| name.contains("levels") || name.contains("generation"))
    );
}

#[test]
fn a_run_with_drawn_masks_goes_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    let recipe = segmenters().set("train.epochs=2").method("mgd", "alpha = 1e-2");
    finish(&mut recipe.start(&[], &whole));
    go_on(&mut recipe.start(&[], &broken), 1);
    go_on(&mut recipe.resume(&[], &broken), 2);
    finish(&mut recipe.resume(&[], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
}

#[test]
fn a_mean_of_teachers_is_taken_of_rows() {
    let teachers = ["a", "b"].map(|name| {
        let model = if name == "a" { 14 } else { 20 };
        format!("[teachers.{name}]\nmodel = \"fcn_cifar_resnet{model}\"\nweights = \"random\"\n")
    });
    let entry = |name: &str, teacher: &str| {
        format!("[[methods]]\nkind = \"kd\"\nname = \"{name}\"\nteacher = {teacher}\n")
    };
    let entries = [
        entry("of-a", "\"a\""),
        entry("of-b", "\"b\""),
        entry("mean", "[\"a\", \"b\"]"),
    ];
    let recipe = student()
        .without_table("teacher")
        .append(&(teachers.concat() + &entries.concat()))
        .set("train.batch=32");
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    finish(&mut recipe.start(&[], &folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    let [a, b, mean] = ["of-a", "of-b", "mean"].map(|name| rows[0].train.terms[name]);
    // The divergence is convex in the teacher's distribution.
    assert!(mean > 0.0 && mean < 0.5 * (a + b), "{mean} of {a} and {b}");
}

#[test]
fn what_does_not_serve_a_segmenter_is_refused_with_the_reason() {
    let refused = |recipe: TestRecipe| recipe.plan(&[]).err().unwrap();
    let classes = refused(tiny_recipe().set("task=multi-label").method("ekd", ""));
    assert!(classes.contains("`ekd` needs a class of each image"), "{classes}");
    let logits = refused(tiny_recipe().method("cwd", "maps = \"logits\""));
    assert!(
        logits.contains("`classification`") && logits.contains("maps"),
        "{logits}"
    );
    let both = refused(segmenters().method(
        "cwd",
        "maps = \"logits\"\nstudent_points = [\"backbone.layer1.0\"]\nteacher_points = [\"backbone.layer1.0\"]",
    ));
    assert!(both.contains("leave one of both out"), "{both}");
    let multi = refused(tiny_recipe().set("task=multi-label").method("dkd", ""));
    assert!(
        multi.contains("`dkd` compares the scores of classes that exclude each other"),
        "{multi}"
    );
}
