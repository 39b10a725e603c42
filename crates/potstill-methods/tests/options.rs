//! The tables of keys of all methods, and what a recipe that knows them is told.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path};

use potstill_methods::{PlanContext, registry, schema};
use potstill_tasks::TaskKind;
use potstill_testing::networks::{context, network, plan, refusal};

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

#[test]
fn an_option_that_does_nothing_is_refused() {
    let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", 10, owner));
    let both = context(&student, Some(&teacher));
    for (entry, key, belongs) in [
        ("kind = \"cc\"\ngamma = 0.4", "gamma", "`variant = \"gaussian\"`"),
        ("kind = \"cc\"\norder = 2", "order", "`variant = \"gaussian\"`"),
        (
            "kind = \"cc\"\nvariant = \"gaussian\"\ndim = 64",
            "dim",
            "`variant = \"neighbours\"`",
        ),
        ("kind = \"ctkd\"\nalpha = 1", "alpha", "`loss = \"dkd\"`"),
        ("kind = \"ctkd\"\nbeta = 8", "beta", "`loss = \"dkd\"`"),
        (
            "kind = \"tf-kd\"\ncorrect = 0.9",
            "correct",
            "`variant = \"virtual\"`",
        ),
        (
            "kind = \"tf-kd\"\nformula = \"paper\"",
            "formula",
            "`variant = \"virtual\"`",
        ),
        (
            "kind = \"kd\"\nretina_class_map = \"sigmoid\"",
            "retina_class_map",
            "one-stage detectors",
        ),
    ] {
        let message = refusal(entry, &both);
        let expected = format!("`methods.0.{key}` belongs to ");
        assert!(
            message.contains(&expected) && message.contains(belongs) && message.contains("leave it out"),
            "{entry}: {message}"
        );
    }
    for entry in [
        "kind = \"cc\"\nvariant = \"gaussian\"\ngamma = 0.4\norder = 1",
        "kind = \"ctkd\"\nloss = \"dkd\"\nbeta = 2",
        "kind = \"tf-kd\"\nvariant = \"virtual\"\ncorrect = 0.9",
    ] {
        assert!(plan(entry, &both).is_ok(), "{entry}");
    }
    // A series of the constant alone has no gradient.
    let message = refusal("kind = \"cc\"\nvariant = \"gaussian\"\norder = 0", &both);
    assert!(message.contains("at least 1"), "{message}");
    let detectors = ["student", "teacher"].map(|owner| network("fcos_cifar_resnet8", 3, owner));
    let one_stage = PlanContext {
        task: TaskKind::Detection,
        ..context(&detectors[0], Some(&detectors[1]))
    };
    assert!(plan("kind = \"kd\"\nretina_class_map = \"sigmoid\"", &one_stage).is_ok());
}

#[test]
fn rows_of_regions_have_a_column_more_than_there_are_classes() {
    let of = |name: &str, classes: usize, task: TaskKind| {
        let [student, teacher] = ["student", "teacher"].map(|owner| network(name, classes, owner));
        PlanContext {
            task,
            ..context(&student, Some(&teacher))
        }
    };
    let entry = "kind = \"kd\"\nstandardise = true";
    assert!(plan(entry, &of("fasterrcnn_cifar_resnet8", 2, TaskKind::Detection)).is_ok());
    for two in [
        of("fasterrcnn_cifar_resnet8", 1, TaskKind::Detection),
        of("fcn_cifar_resnet8", 2, TaskKind::Segmentation),
    ] {
        assert!(refusal(entry, &two).contains("leaves nothing of two classes"));
    }
}

#[test]
fn what_angles_take_is_told_where_it_is_much() {
    let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", 10, owner));
    let notes = |batch: usize, options: &str| {
        let context = PlanContext {
            batch,
            ..context(&student, Some(&teacher))
        };
        let method = plan(&format!("kind = \"rkd\"\n{options}"), &context).unwrap();
        method.info().notes.join("\n")
    };
    assert_eq!(notes(128, ""), "");
    // 4 bytes times 5 x 512^3 and 4 x 512^2 x 128.
    assert!(
        notes(512, "").contains("about 3 GB for a batch of 512"),
        "{}",
        notes(512, "")
    );
    assert_eq!(notes(512, "angle_weight = 0"), "");
}
