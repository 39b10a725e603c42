//! A recipe written out with all its defaults reads as the same recipe, and the documented defaults are the
//! real ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::fs;
use std::path::Path;

use potstill_recipe::{
    AdamW, Decay, MethodSpec, OptimizerSpec, Per, Recipe, Schedule, Schema, Sgd, TaskKind,
};
use potstill_settings::{Named, Variant, settings};

const EVERYTHING: &str = r#"
version = 1
name = "all"
seed = 9
about = "one line"
expect = """
two
lines"""
[data]
train = "a.tar"
test = "b.tar"
train_limit = 100
test_limit = 10
augment = ["flip", { pad-crop = { pad = 4 } }]
workers = 2
[student]
model = "cifar_resnet8"
weights = "w.safetensors"
shortcut = "b"
input = { mean = [0.5, 0.25, 0.125], std = [0.5, 1, 1], low_resolution = { size = 8, enlarge = "bilinear" } }
[teacher]
model = "cifar_resnet20"
[train]
clip_norm = 5
optimizer = { kind = "sgd", lr = 0.1, momentum = 0.9, nesterov = true, weight_decay = 5e-4 }
schedule = { kind = "milestones", at = [1, 2], per = "step", warmup_epochs = 1 }
phases = [
    { name = "warm", epochs = 1, trains = ["kd"], optimizer = { kind = "adam", lr = 1e-3 } },
    { name = "main", epochs = 3, trains = ["student", "kd"], schedule = { kind = "cosine", min_lr = 1e-4 } },
]
[[methods]]
kind = "kd"
weight = 0.5
schedule = { kind = "milestones", at = [1, 3], gamma = 0.25 }
temperature = 4.0
levels = [{ point = "layer1" }]
"#;

const LITTLE: &str = r#"
version = 1
name = "little"
data.train = "shapes"
student.model = "cifar_resnet8"
train.epochs = 1
train.optimizer = { kind = "adamw", lr = 0.1 }
"#;

fn parsed(text: &str) -> Recipe {
    Recipe::from_text(text, "x.toml", &[]).unwrap()
}

#[test]
fn writing_and_reading_gives_the_same_recipe() {
    let few = LITTLE.replace("student.model", "data.few_samples = 0.25\nstudent.model");
    let held_back = few.replace("student.model", "data.validation = 0.1\nstudent.model");
    let validated = LITTLE.replace("student.model", "data.validation = \"photos/val\"\nstudent.model");
    let part = r#"student.weights = { file = "w.pth", prefix = "ema" }
student.head = "new"
student.model"#;
    let part = LITTLE.replace("student.model", part);
    for text in [EVERYTHING, LITTLE, &few, &held_back, &validated, &part] {
        let recipe = parsed(text);
        let written = recipe.to_toml().unwrap();
        assert_eq!(parsed(&written), recipe, "{written}");
        assert_eq!(parsed(&written).to_toml().unwrap(), written);
    }
}

#[test]
fn weights_are_a_file_a_part_of_one_or_random() {
    let weights = |value: &str| {
        let override_ = [format!("student.weights={value}")];
        let student = Recipe::from_text(LITTLE, "x.toml", &override_).unwrap().student;
        let has_weights = student.has_weights();
        (student.weights().unwrap().clone(), has_weights)
    };
    let (file, is_trained) = weights("w.pth");
    assert_eq!(
        (file.file(), file.prefix(), is_trained),
        (Path::new("w.pth"), None, true)
    );
    let (part, is_trained) = weights(r#"{ file = "w.pth", prefix = "student" }"#);
    assert_eq!(
        (part.file(), part.prefix(), is_trained),
        (Path::new("w.pth"), Some("student"), true)
    );
    assert!(!weights("random").1);
    assert!(weights("./random").1);
}

/// The recipes in the folders of runs, as an earlier version wrote them: a run goes on only with the very same text.
#[test]
fn recipes_of_earlier_runs_are_written_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/written");
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 4);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(parsed(&text).to_toml().unwrap(), text, "{}", file.display());
    }
}

#[test]
fn recipes_that_say_different_things_are_not_equal() {
    let other = LITTLE.replace("epochs = 1", "epochs = 2");
    assert_ne!(parsed(LITTLE), parsed(&other));
    let mut with_method = parsed(LITTLE);
    with_method.methods.push(MethodSpec::new("kd"));
    assert_ne!(parsed(LITTLE), with_method);
}

#[test]
fn phases_inherit_what_they_do_not_say() {
    let recipe = parsed(EVERYTHING);
    let phases = recipe.phases();
    assert_eq!(recipe.total_epochs(), 4);
    assert_eq!(
        (phases[0].name.as_str(), phases[0].optimizer.lr()),
        ("warm", 1e-3)
    );
    assert_eq!(phases[0].schedule, recipe.train.schedule);
    assert_eq!(phases[1].optimizer, recipe.train.optimizer);
    assert_ne!(phases[1].schedule, recipe.train.schedule);

    let single = parsed(LITTLE).phases();
    assert_eq!(single.len(), 1);
    assert_eq!(
        (single[0].name.as_str(), single[0].epochs, &single[0].trains),
        ("train", 1, &None)
    );
}

#[test]
fn the_table_of_keys_is_right_in_itself() {
    let mistakes = Schema::default().mistakes();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    assert!(Schema::default().entries().len() > 70);
}

#[test]
fn a_mistake_in_a_table_of_keys_is_found() {
    settings! {
        /// Options.
        struct Options {
            /// No sentence
            one: usize = default 1,
            /// Out of range.
            two: f64 [above(0.0)] = default 0.0,
            /// Of another type.
            three: Option<bool> = without "nothing" like 3,
            /// Without an example.
            four: Option<usize> = without "nothing",
        }
    }
    let kind = Named { name: "m", about: "" };
    let schema = Schema::new([Variant {
        kind,
        keys: Options::KEYS,
    }]);
    let found: Vec<String> = schema
        .mistakes()
        .into_iter()
        .map(|problem| problem.text)
        .collect();
    let expected = [
        "`m.one` is not explained in a sentence",
        "`m.two` must be a number above 0, not 0.0",
        "`m.three` must be true or false, not 3",
        "`m.four` has neither a default nor an example",
    ];
    assert_eq!(found, expected);
}

/// PyTorch's defaults, and those that results in `docs/` were made with.
#[test]
fn what_is_not_written_has_its_default() {
    let recipe = parsed(LITTLE);
    assert_eq!(
        (recipe.seed, recipe.task, recipe.data.workers),
        (0, TaskKind::Classification, 1)
    );
    let train = &recipe.train;
    assert_eq!((train.batch, train.eval_batch, train.drop_last), (64, 256, true));
    assert_eq!((train.task_weight, train.label_smoothing), (1.0, 0.0));
    assert_eq!(train.schedule, Schedule::default());
    let schedule = &train.schedule;
    assert_eq!((&schedule.decay, schedule.per), (&Decay::Constant, Per::Epoch));
    assert_eq!((schedule.warmup_epochs, schedule.warmup_start), (0, 0.1));
    let adamw = AdamW {
        lr: 0.1,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.01,
    };
    assert_eq!(train.optimizer, OptimizerSpec::AdamW(adamw));
    let sgd = Recipe::from_text(
        LITTLE,
        "x.toml",
        &["train.optimizer={ kind = \"sgd\", lr = 0.5 }".to_owned()],
    );
    let sgd_alone = Sgd {
        lr: 0.5,
        momentum: 0.0,
        nesterov: false,
        dampening: 0.0,
        weight_decay: 0.0,
    };
    assert_eq!(sgd.unwrap().train.optimizer, OptimizerSpec::Sgd(sgd_alone));
    assert_eq!(MethodSpec::new("kd").weight, 1.0);
}

/// Keys that came later are not written where they say nothing, so that the text of an earlier run stays as it was.
#[test]
fn later_keys_are_written_only_if_they_say_something() {
    let quiet = "teacher = { run = \"r\", precision = \"single\", batch_norm = \"running\", cache = false, cache_taps = false, \
                 cache_precision = \"single\" }\n";
    let plain = "teacher = { run = \"r\" }\n";
    let written = |teacher: &str| parsed(&format!("{LITTLE}{teacher}")).to_toml().unwrap();
    assert_eq!(written(quiet), written(plain));
    assert!(written(plain).contains("[teacher]\nrun = \"r\"\n\n"));
    assert_eq!(written("teachers = {}\n"), written(""));
}

#[test]
fn every_recipe_of_the_project_is_valid_and_named_after_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let Ok(files) = fs::read_dir(folder) else {
        return println!("skipped: there are no recipes");
    };
    for file in files
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|kind| kind == "toml"))
    {
        let recipe = Recipe::from_path(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            Some(recipe.name.as_str()),
            file.file_stem().and_then(|stem| stem.to_str())
        );
        assert!(
            recipe.expect.is_some(),
            "{} does not say what to expect",
            file.display()
        );
        Recipe::from_path(&file, &["methods=[]".to_owned()]).unwrap();
    }
}
