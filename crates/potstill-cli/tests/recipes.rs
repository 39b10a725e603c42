//! The recipes of the `recipes/` folder: all in the binary, all readable, of networks that there are.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use potstill_models::find;
use potstill_recipe::{Recipe, TeacherSource};

#[test]
fn every_recipe_is_in_the_binary_and_can_be_read() {
    let listed = Command::new(env!("CARGO_BIN_EXE_potstill"))
        .args(["list", "recipes", "--json"])
        .output()
        .unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let names = listed.as_array().unwrap().iter();
    let mut names: BTreeSet<_> = names
        .map(|recipe| recipe["name"].as_str().unwrap().to_owned())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let recipe = Recipe::from_path(&path, &[]).unwrap();
        let stem = path.file_stem().unwrap().to_string_lossy();
        assert_eq!(recipe.name, stem, "a recipe is called as its file");
        assert!(names.remove(&recipe.name), "{stem} is not in the binary");
        assert!(recipe.about.is_some(), "{stem} says what it is about");
        find(&recipe.student.network().unwrap().model).unwrap();
        for (_, teacher) in recipe.all_teachers() {
            if let TeacherSource::Network(network) = &teacher.source {
                find(&network.model).unwrap();
            }
        }
    }
    assert!(names.is_empty(), "in the binary and not in the folder: {names:?}");
}

#[test]
fn every_sweep_is_in_the_binary_and_every_cell_of_it_is_a_recipe() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_potstill"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed: serde_json::Value = serde_json::from_str(&run(&["list", "sweeps", "--json"])).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sweeps");
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(listed.as_array().unwrap().len(), files);
    for sweep in listed.as_array().unwrap() {
        assert!(sweep["about"].is_string(), "{sweep} says what it is about");
        let name = sweep["name"].as_str().unwrap();
        // Which reads the recipe of every cell, options of methods too.
        let commands = run(&["sweep", name, "--list"]);
        let ends = |cell: &str| commands.lines().any(|line| line.ends_with(cell));
        assert!(
            ends("--cell alone/seed-0") && ends("--cell kd/seed-2"),
            "{commands}"
        );
    }
}
