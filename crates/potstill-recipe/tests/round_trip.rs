//! A recipe written out with all its defaults reads as the same recipe, and the documented defaults are the
//! real ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use potstill_recipe::{MethodSpec, Recipe, schema};
use toml::{Table, Value};

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
    for text in [EVERYTHING, LITTLE, &few] {
        let recipe = parsed(text);
        let written = recipe.to_toml().unwrap();
        assert_eq!(parsed(&written), recipe, "{written}");
        assert_eq!(parsed(&written).to_toml().unwrap(), written);
    }
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

/// The table of keys and the structs are two lists of the same thing; this holds them together.
#[test]
fn schema_and_structs_have_the_same_keys() {
    let adam = "train.optimizer={ kind = \"adam\", lr = 1.0 }";
    let kinds = [
        "train.schedule={ kind = \"cosine\" }",
        "train.schedule={ kind = \"poly\" }",
        "train.optimizer={ kind = \"adamw\", lr = 1.0 }",
        "teacher={ run = \"r\", cache = true, cache_taps = true, cache_precision = \"half\" }",
        "teacher={ model = \"t\", optimizer = { kind = \"sgd\", lr = 1.0 }, schedule = { kind = \"constant\" } }",
        "teacher={ onnx = \"t.onnx\", logits = \"fc\", input = { mean = [0.5], std = [0.5], low_resolution = { size = 4 } } }",
        adam,
    ];
    let mut found = BTreeSet::new();
    let mut note = |recipe: &Recipe| {
        keys(
            &Value::Table(recipe.to_toml().unwrap().parse().unwrap()),
            "",
            &mut found,
        );
    };
    note(&parsed(EVERYTHING));
    note(&parsed(&EVERYTHING.replace(
        "model = \"cifar_resnet20\"",
        "model = \"t\"\nweights = \"w\"\nshortcut = \"a\"\ninput = { mean = [1], std = [1], low_resolution = { size = 4 } }\nprecision = \"half\"",
    )));
    note(&parsed(&EVERYTHING.replace(
        "model = \"cifar_resnet20\"",
        "model = \"t\"\nbatch_norm = \"batch\"",
    )));
    note(&parsed(LITTLE));
    note(&parsed(&LITTLE.replace(
        "student.model",
        "data.few_samples = 0.25\ndata.few_samples_seed = 3\ndata.min_visible = 0.5\ndata.augment_seed = 1\ndata.views = 2\nteachers.a.run = \"r\"\nstudent.model",
    )));
    for kind in kinds {
        note(&Recipe::from_text(EVERYTHING, "x.toml", &[kind.to_owned()]).unwrap());
    }
    let documented: BTreeSet<String> = schema().into_iter().map(|entry| entry.key).collect();
    // A phase and a teacher have the same optimizers and schedules as `[train]`; a method's and an augmentation's keys
    // are not ours.
    let ours = |key: &&String| {
        let method =
            key.starts_with("methods.N.") && !["methods.N.kind", "methods.N.weight"].contains(&key.as_str());
        !key.starts_with("data.augment.")
            && !key.starts_with("train.phases.N.optimizer.")
            && !key.starts_with("train.phases.N.schedule.")
            && !of_an_online_teacher(key)
            && !method
    };
    found.retain(|key| !key.starts_with("teachers."));
    let found: Vec<&String> = found.iter().filter(ours).collect();
    let documented: Vec<&String> = documented.iter().filter(ours).collect();
    assert_eq!(found, documented);
}

/// Whether the key is inside the rule or the schedule of a teacher that trains, which a recipe without them does not have.
fn of_an_online_teacher(key: &str) -> bool {
    key.starts_with("teacher.optimizer.") || key.starts_with("teacher.schedule.")
}

/// The dotted keys of all values but the numbered entries of arrays of plain values.
fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    let join = |key: &str| {
        if at.is_empty() {
            key.to_owned()
        } else {
            format!("{at}.{key}")
        }
    };
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                found.insert(join(key));
                keys(value, &join(key), found);
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| keys(entry, &join("N"), found)),
        _ => {}
    }
}

#[test]
fn documented_defaults_are_the_real_ones() {
    let written: Table = parsed(LITTLE).to_toml().unwrap().parse().unwrap();
    let written = Value::Table(written);
    let mut compared = 0;
    for entry in schema()
        .into_iter()
        .filter(|entry| !entry.required && !entry.key.contains(".N") && !entry.key.starts_with("teacher."))
    {
        let found = entry
            .key
            .split('.')
            .try_fold(&written, |value, key| value.get(key));
        if entry.key == "train.epochs" {
            continue;
        }
        let other_kind = !entry.only_for.is_empty() && !entry.only_for.contains(&"adamw");
        match (found, entry.default.parse::<Value>()) {
            (Some(found), Ok(default)) if entry.key == "train.schedule" => {
                assert_eq!(found["kind"], default["kind"]);
            }
            (_, Ok(_)) if other_kind => {}
            (Some(found), Ok(default)) => assert_eq!(found, &default, "{}", entry.key),
            (None, Ok(_)) => panic!("`{}` has no default", entry.key),
            (found, Err(_)) => assert_eq!(found, None, "`{}` has a default", entry.key),
        }
        compared += 1;
    }
    assert!(compared > 25);
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
