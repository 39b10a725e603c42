//! A finished run that goes on for more epochs, and a run that starts from the weights of another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path};

use potstill_engine::{EngineError, Plan, Run, RunFolder};
use potstill_recipe::Recipe;
use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, finish, go_on},
};

fn constant() -> TestRecipe {
    tiny_recipe()
        .set("train.schedule={ kind = \"milestones\", at = [1, 3], gamma = 0.5 }")
        .method("kd", "")
}

/// The run in the folder with so many more epochs.
fn extended(folder: &Path, epochs: usize) -> Result<Run, EngineError> {
    let folder = RunFolder::open(folder)?;
    let recipe = Recipe::from_path(folder.recipe(), &[])?;
    let longer = Run::longer_recipe(recipe, &folder, epochs)?;
    Run::extend(Plan::new(longer)?, folder)
}

#[test]
fn an_extended_run_equals_one_that_was_longer_from_the_start() {
    let place = tempfile::tempdir().unwrap();
    let [whole, grown] = ["whole", "grown"].map(|name| place.path().join(name));
    finish(&mut constant().start(&["train.epochs=4"], &whole));
    finish(&mut constant().start(&["train.epochs=2"], &grown));
    // Stopped in the middle of what was added, and resumed by the recipe of its folder.
    go_on(&mut extended(&grown, 2).unwrap(), 2);
    let summary = read_summary(grown.join("summary.json")).unwrap();
    assert!(!summary.finished && summary.epochs == 4 && summary.last.epoch == 2);
    finish(&mut constant().resume(&["train.epochs=4"], &grown));
    for file in [
        "last.safetensors",
        "best.safetensors",
        "student/model.safetensors",
    ] {
        assert!(bits(&whole.join(file)) == bits(&grown.join(file)), "{file}");
    }
    let rates = |folder: &Path| -> Vec<f64> {
        let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
        rows.iter().map(|row| row.lr).collect()
    };
    assert_eq!(rates(&grown), [0.05, 0.025, 0.025, 0.0125]);
    assert_eq!(rates(&grown), rates(&whole));
    let read = |folder: &Path| fs::read_to_string(folder.join("recipe.toml")).unwrap();
    assert_eq!(read(&whole), read(&grown));
    let (whole, grown) = (
        read_summary(whole.join("summary.json")),
        read_summary(grown.join("summary.json")),
    );
    let (whole, grown) = (whole.unwrap(), grown.unwrap());
    assert!(grown.finished);
    assert_eq!(
        (grown.last, grown.best, grown.recipe_hash),
        (whole.last, whole.best, whole.recipe_hash)
    );
}

#[test]
fn an_extension_that_was_cut_off_before_its_recipe_can_be_another_one() {
    let place = tempfile::tempdir().unwrap();
    let [whole, grown] = ["whole", "grown"].map(|name| place.path().join(name));
    finish(&mut constant().start(&["train.epochs=2"], &whole));
    finish(&mut constant().start(&["train.epochs=1"], &grown));
    let recipe = fs::read(grown.join("recipe.toml")).unwrap();
    let finished = fs::read(grown.join("summary.json")).unwrap();
    // Killed before the recipe, and before the summary.
    drop(extended(&grown, 3).unwrap());
    fs::write(grown.join("recipe.toml"), &recipe).unwrap();
    drop(extended(&grown, 2).unwrap());
    fs::write(grown.join("recipe.toml"), &recipe).unwrap();
    fs::write(grown.join("summary.json"), &finished).unwrap();
    finish(&mut extended(&grown, 1).unwrap());
    assert!(bits(&whole.join("last.safetensors")) == bits(&grown.join("last.safetensors")));
}

#[test]
fn a_broken_last_checkpoint_is_told_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    finish(&mut constant().start(&["train.epochs=1"], &folder));
    let path = folder.join("last.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len() - 9;
    bytes[end] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = extended(&folder, 1).err().unwrap().to_string();
    assert!(said.contains("SHA-256"), "{said}");
}

#[test]
fn what_cannot_go_on_is_refused_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let [cosine, begun] = ["cosine", "begun"].map(|name| place.path().join(name));
    finish(&mut tiny_recipe().start(&["train.epochs=1"], &cosine));
    let before = fs::read(cosine.join("summary.json")).unwrap();
    let said = extended(&cosine, 2).err().unwrap().to_string();
    assert!(
        said.starts_with("`train.schedule`: its rate has come down to its end")
            && said.contains("`start = \"run:NAME\"`"),
        "{said}"
    );
    assert_eq!(fs::read(cosine.join("summary.json")).unwrap(), before);
    go_on(&mut constant().start(&[], &begun), 1);
    let said = extended(&begun, 2).err().unwrap().to_string();
    assert!(said.contains("is not finished"), "{said}");
}

#[test]
fn a_run_starts_from_the_weights_of_another() {
    let place = tempfile::tempdir().unwrap();
    let first = place.path().join("first");
    finish(&mut constant().start(&["train.epochs=1"], &first));
    let start = format!("start=run:{}", first.display());
    let next = constant().plan(&[&start]).unwrap();
    let mut own = Vec::new();
    next.student().parameters().each(&mut |entry, value| {
        let values: Vec<f32> = value.into_data().iter().collect();
        let values: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
        own.push((entry.path.clone(), values));
    });
    let stored = bits(&first.join("student/model.safetensors"));
    for (path, values) in own {
        assert_eq!(stored[&path], values, "{path}");
    }
    let missing = format!("start=run:{}", place.path().join("none").display());
    let said = constant().plan(&[&missing]).err().unwrap();
    assert!(said.starts_with("`start`: there is no run in "), "{said}");
    let said = constant().plan(&["start=first"]).err().unwrap();
    assert!(
        said.contains("names a run, as `run:NAME`, not \"first\""),
        "{said}"
    );
    let both = constant().plan(&[&start, "student.weights=a.pth"]).err().unwrap();
    assert!(
        both.contains("`start` says where the student starts, as `student.weights` does"),
        "{both}"
    );
    let recipe = constant().recipe(&["start=run:mine"]);
    assert_eq!(recipe.start_folder().unwrap(), Path::new("runs/mine"));
}
