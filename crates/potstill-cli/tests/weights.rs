//! Weight files as users bring them, through the commands that read them: what is taken, asked or refused, and in
//! which words.
//!
//! The files are networks of constant weights whose last bias alone decides: on one image of class `a` and three of
//! `b` the accuracy tells which tensors were read.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use potstill_testing::command::{Place, shared};

fn case(name: &str) -> Option<String> {
    Some(shared(&format!("cases/{name}"))?.display().to_string())
}

struct Eval {
    place: Place,
    data: String,
}

impl Eval {
    fn new() -> Option<Self> {
        Some(Self {
            place: Place::new(env!("CARGO_BIN_EXE_potstill")),
            data: case("one-a-three-b")?,
        })
    }

    fn arguments<'a>(&'a self, weights: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec![
            "eval",
            "--model",
            "cifar_resnet8",
            "--weights",
            weights,
            "--data",
            &self.data,
        ];
        all.extend(more);
        all
    }

    /// The accuracy, and what was said about it.
    fn measured(&self, weights: &str, more: &[&str]) -> (f64, String) {
        let mut arguments = self.arguments(weights, more);
        arguments.push("--json");
        let output = self.place.run(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (found["top1"].as_f64().unwrap(), said)
    }

    fn refused(&self, weights: &str, more: &[&str], code: i32) -> String {
        self.place.refused(&self.arguments(weights, more), code)
    }
}

fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn an_archive_is_read_whatever_the_length_of_its_name() {
    let Some(weights) = case("archive-name/name-of-21-characters.pth") else {
        return;
    };
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let said = place.refused(&["inspect", "cifar_resnet8", "--weights", &weights], 1);
    says(&said, &["missing in the file", "bn1.weight"]);
}

#[test]
fn averaged_weights_are_taken_and_said() {
    let (Some(eval), Some(weights)) = (Eval::new(), case("ema/checkpoint.pth")) else {
        return;
    };
    let (accuracy, said) = eval.measured(&weights, &["--quiet"]);
    assert_eq!(accuracy, 75.0);
    says(
        &said,
        &[
            "note: ",
            "`state_dict_ema` is taken",
            "as timm does",
            "`--prefix state_dict` takes the others",
        ],
    );
    assert_eq!(eval.measured(&weights, &["--prefix", "state_dict"]).0, 25.0);
    assert_eq!(eval.measured(&weights, &["--prefix", "state_dict_ema"]).0, 75.0);
}

#[test]
fn two_networks_are_asked_about() {
    let (Some(eval), Some(weights)) = (Eval::new(), case("student-and-teacher/last.ckpt")) else {
        return;
    };
    let said = eval.refused(&weights, &[], 2);
    says(
        &said,
        &[
            "state_dict.student: 37 tensors",
            "state_dict.teacher: 37 tensors",
            "say which, for example `--prefix ",
        ],
    );
    assert_eq!(eval.measured(&weights, &["--prefix", "student"]).0, 75.0);
    assert_eq!(eval.measured(&weights, &["--prefix", "teacher"]).0, 25.0);
    let said = eval.refused(&weights, &["--prefix", "pupil"], 2);
    says(&said, &["`pupil`", "state_dict.student"]);
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    let (Some(eval), Some(weights)) = (Eval::new(), case("not-a-number/teacher.pth")) else {
        return;
    };
    let parts = ["`layer2.0.conv1.weight`", "not finite", "teacher.pth"];
    says(&eval.refused(&weights, &[], 1), &parts);
    says(
        &eval
            .place
            .refused(&["inspect", "cifar_resnet8", "--weights", &weights], 1),
        &parts,
    );

    let recipe = format!(
        "version = 1\nname = \"taught\"\ndata.train = \"shapes:size=16,train=64,test=20,classes=2\"\nstudent.model = \"cifar_resnet8\"\n\
         teacher = {{ model = \"cifar_resnet8\", weights = '{weights}' }}\nmethods = [{{ kind = \"kd\" }}]\n[train]\nepochs = 1\nbatch = 16\n\
         optimizer = {{ kind = \"sgd\", lr = 0.05 }}\n"
    );
    std::fs::write(eval.place.path("taught.toml"), recipe).unwrap();
    let said = eval.place.refused(&["train", "taught.toml"], 1);
    says(&said, &parts);
    assert!(!said.contains("learning rate"), "{said}");
}

#[test]
fn a_sequential_head_is_the_last_layer() {
    let (Some(eval), Some(weights)) = (Eval::new(), case("sequential-head/model.pth")) else {
        return;
    };
    assert_eq!(eval.measured(&weights, &[]).0, 75.0);
}

#[test]
fn a_shortcut_that_contradicts_the_file_is_refused_by_the_flag() {
    let (Some(eval), Some(weights)) = (Eval::new(), case("sequential-head/model.pth")) else {
        return;
    };
    let said = eval.refused(&weights, &["--shortcut", "b"], 2);
    says(
        &said,
        &[
            "`--shortcut b` was asked for",
            "without weights (\"a\")",
            "set `--shortcut a`",
        ],
    );
}
