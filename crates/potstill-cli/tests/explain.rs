//! The program explains itself: keys, methods, networks, data sets, and the form of recipes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_potstill"))
        .args(arguments)
        .output()
        .unwrap()
}

fn out(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&out(arguments)).unwrap()
}

#[test]
fn a_key_is_explained_with_value_default_and_example() {
    let expected = "train.batch\n  Images in a step.\n\n  value    a whole number of at least 1\n  default  64\n  example  batch = 64\n";
    assert_eq!(out(&["explain", "train.batch"]), expected);
    let entry = &json(&["explain", "train.batch", "--json"])[0];
    assert_eq!(
        (&entry["what"], &entry["key"]),
        (&"key".into(), &"train.batch".into())
    );
    assert_eq!(
        (&entry["default"], &entry["required"]),
        (&"64".into(), &false.into())
    );
}

#[test]
fn an_option_is_explained_under_its_method() {
    let text = out(&["explain", "tst.bank.affine_epochs"]);
    assert!(
        text.starts_with("methods.N.bank.affine_epochs  (of kind tst, trained)\n"),
        "{text}"
    );
}

#[test]
fn methods_networks_and_data_sets_are_explained() {
    let method = json(&["explain", "kd", "--json"]);
    assert_eq!(method.as_array().unwrap().len(), 1);
    assert_eq!(
        (&method[0]["what"], &method[0]["options"][0]["key"]),
        (&"method".into(), &"methods.N.temperature".into())
    );
    assert!(out(&["explain", "kd"]).contains("    methods.N.temperature  (of kind kd)\n"));
    // What the lists say of a method as well.
    let facts = out(&["explain", "at"]);
    for line in [
        "at, a method: where each map has its energy follows the teacher's\n",
        "  Paying More Attention to Attention: Improving the Performance",
        "  Needs         maps of all stages\n",
        "  Costs         none\n",
        "  Usual weight  1000\n",
        "  Tasks         classification, multi-label, segmentation, detection, instance-segmentation\n",
    ] {
        assert!(facts.contains(line), "`{line}` is not in: {facts}");
    }
    assert!(out(&["list", "methods"]).contains("usual weight 30000\n"));
    let model = json(&["explain", "cifar_resnet20", "--json"]);
    assert_eq!(
        (&model[0]["what"], &model[0]["params"]),
        (&"model".into(), &269_722.into())
    );
    assert!(out(&["explain", "cifar_resnet20"]).contains("269,722 parameters"));
    let data = json(&["explain", "cifar10", "--json"]);
    assert_eq!(
        (&data[0]["what"], &data[0]["classes"]),
        (&"dataset".into(), &10.into())
    );
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    for (name, meant) in [
        ("train.bacth", "did you mean `train.batch`?"),
        ("review_kd", "did you mean `review-kd`?"),
        ("cifar_resnet21", "did you mean `cifar_resnet20`?"),
        ("xyzzy", "`potstill explain` lists every key"),
    ] {
        let output = run(&["explain", name]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains(&format!("called `{name}`; {meant}")), "{error}");
    }
}

#[test]
fn every_key_is_listed() {
    let text = out(&["explain"]);
    for line in [
        "train.batch: Images in a step.",
        "train.optimizer.momentum (sgd): The share of the last step's direction that is kept.",
        "methods.N.temperature (kd): T: how much both distributions are softened.",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "`{line}` is not in:\n{text}"
        );
    }
    assert_eq!(
        json(&["explain", "--json"]).as_array().unwrap().len(),
        text.lines().count()
    );
}

#[test]
fn the_schema_of_recipes_is_printed() {
    let schema = json(&["schema"]);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let methods = schema["properties"]["methods"]["items"]["oneOf"]
        .as_array()
        .unwrap();
    assert_eq!(
        methods.len(),
        json(&["list", "methods", "--json"]).as_array().unwrap().len()
    );
}
