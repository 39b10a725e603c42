//! The tables of keys of all methods, and what a recipe that knows them is told.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path};

use potstill_methods::{registry, schema};

#[test]
fn every_table_of_options_is_right_in_itself() {
    let mistakes = schema().mistakes();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    for entry in registry() {
        assert!(
            schema().options(entry.name).len() >= entry.keys.len(),
            "{}",
            entry.name
        );
        assert!(!entry.keys.is_empty(), "{}", entry.name);
    }
}

#[test]
fn mistakes_of_several_methods_are_told_together() {
    let text = r#"version = 1
name = "x"
data.train = "shapes"
student.model = "cifar_resnet8"
teacher.run = "r"
train = { epochs = 0, optimizer = { kind = "sgd", lr = 0.1 } }
[[methods]]
kind = "kd"
temperature = 0
[[methods]]
kind = "tst"
bank = { kind = "trained", affine_epochs = 0 }
gaet = "code"
[[methods]]
kind = "letkd"
variant = 3
"#;
    let message = schema().read_text(text, "x.toml", &[]).unwrap_err().to_string();
    let expected = "x.toml:6: `train.epochs` must be a whole number of at least 1, not 0\n\
                    x.toml:9: `methods.0.temperature` must be a number above 0, not 0\n\
                    x.toml:12: `methods.1.bank.affine_epochs` must be a whole number of at least 1 and at most 1000000, not 0\n\
                    x.toml:13: unknown key `methods.1.gaet` for kind `tst`; did you mean `methods.1.gate`?\n\
                    x.toml:16: `methods.2.variant` must be a whole number of at least 1 and at most 2, not 3";
    assert_eq!(message, expected);
}

#[test]
fn every_recipe_of_the_project_has_options_that_there_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut read = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let recipe = schema().read_path(&path, &[]);
        assert!(recipe.is_ok(), "{}", recipe.unwrap_err());
        read += 1;
    }
    assert!(read > 60);
}
