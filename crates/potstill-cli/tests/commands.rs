//! The binary as a user meets it: what it prints, what it refuses and how, and its exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::{fs, path::Path, process::Command};

use potstill_testing::command::{Place, shared};
use serde_json::Value;

const RECIPE: &str = r#"version = 1
name = "tiny"
[data]
train = "shapes:size=16,train=64,test=22"
[student]
model = "cifar_resnet8"
[train]
epochs = 1
batch = 32
optimizer = { kind = "sgd", lr = 0.05 }
"#;

/// A folder with a recipe, in which the binary is run.
fn with_recipe() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("tiny.toml"), RECIPE).unwrap();
    place
}

#[test]
fn lists_are_arrays_of_objects_with_names() {
    let place = with_recipe();
    for (what, known) in [
        ("models", "cifar_resnet8x4"),
        ("methods", "review-kd"),
        ("datasets", "shapes"),
        ("recipes", "demo-student"),
    ] {
        let list = place.json(&["list", what, "--json"]);
        let names: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&known), "{what}: {names:?}");
        assert!(place.out(&["list", what]).contains(known));
    }
    let models = place.json(&["list", "models", "--json"]);
    let resnet20 = models
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == "cifar_resnet20")
        .unwrap();
    assert_eq!(resnet20["params"], 269_722);
    assert_eq!(resnet20["stage_ends"]["before"][2], "layer3.2:pre");
    assert_eq!(resnet20["weight_names"], "cifar-resnet");
}

#[test]
fn a_network_can_be_inspected() {
    let place = with_recipe();
    let tree = place.out(&["inspect", "cifar_resnet8"]);
    assert!(
        tree.contains("75,290 parameters") && tree.contains("16x16x32"),
        "{tree}"
    );
    let found = place.json(&[
        "inspect",
        "cifar_resnet8",
        "--input",
        "64x48",
        "--classes",
        "7",
        "--json",
    ]);
    let modules = found["modules"].as_array().unwrap();
    let pool = modules.iter().find(|module| module["path"] == "pool").unwrap();
    assert_eq!((&found["classes"], &found["input"][1]), (&7.into(), &48.into()));
    assert_eq!(pool["map"], serde_json::json!([1, 1, 64]));
    let said = place.refused(&["inspect", "cifar_resnet8", "--input", "0x3"], 2);
    assert!(said.contains("not one pixel"), "{said}");
    let said = place.refused(&["inspect", "cifar_resnet9"], 2);
    assert!(said.contains("did you mean `cifar_resnet"), "{said}");
    place.refused(&["inspect", "cifar_resnet8", "--input", "64"], 2);
    let said = place.refused(&["inspect", "cifar_resnet8x4", "--shortcut", "a"], 2);
    assert!(said.contains("wider than its stem"), "{said}");
}

#[test]
fn an_onnx_file_can_be_inspected_evaluated_and_learned_from() {
    let place = with_recipe();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../potstill-onnx/tests/reference");
    let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let small = file("small.onnx");

    let text = place.out(&["inspect", &small, "--input", "8x8"]);
    assert!(
        text.contains("10 classes") && text.contains("4x4x6         /conv2/Conv_output_0"),
        "{text}"
    );
    let found = place.json(&["inspect", &file("fixed.onnx"), "--json"]);
    assert_eq!(found["input"], serde_json::json!([8, 8, 3]));
    assert_eq!(found["points"][0]["map"], serde_json::json!([8, 8, 4]));

    let data = "shapes:size=8,train=32,test=20,classes=10";
    let found = place.json(&["eval", &small, "--data", data, "--json"]);
    assert_eq!(found["count"], 20);
    let probabilities = file("probabilities.onnx");
    let said = place.refused(&["eval", &probabilities, "--data", data], 1);
    assert!(said.contains("Softmax"), "{said}");
    place.out(&[
        "eval",
        &probabilities,
        "--logits",
        "/fc/Gemm_output_0",
        "--data",
        data,
    ]);

    let teacher = format!("teacher={{ onnx = '{small}' }}");
    let data = format!("data.train={data}");
    let plan = place.out(&[
        "plan",
        "tiny.toml",
        &data,
        &teacher,
        "methods=[{ kind = \"kd\" }]",
    ]);
    assert!(
        plan.contains("small.onnx")
            && plan.contains("/Relu_output_0")
            && plan.contains("knows     teacher: top-1 ")
            && plan.contains("on the 20 test images"),
        "{plan}"
    );
}

#[test]
fn weights_can_be_tried_on_a_network() {
    let place = with_recipe();
    place.out(&["train", "tiny.toml"]);
    let weights = "runs/tiny/student/model.safetensors";
    let output = place.run(&["inspect", "cifar_resnet8", "--weights", weights]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("model.safetensors fits"), "{said}");
    let said = place.refused(&["inspect", "cifar_resnet14", "--weights", weights], 1);
    assert!(
        said.contains("missing in the file") && !said.contains("hint"),
        "{said}"
    );
}

#[test]
fn a_run_can_be_planned_trained_compared_exported_and_evaluated() {
    let place = with_recipe();
    let plan = place.out(&["plan", "tiny.toml"]);
    assert!(
        plan.contains("the student alone") && plan.contains("layer3.0:pre"),
        "{plan}"
    );
    assert!(
        plan.contains("64 training and 22 test images")
            && plan.contains("the test images choose the best epoch"),
        "{plan}"
    );
    let held_back = place.out(&["plan", "tiny.toml", "data.validation=0.5", "train.batch=16"]);
    assert!(
        held_back.contains("28 training, 36 validation and 22 test images")
            && held_back.contains(
                "the validation images choose the best epoch; the test images are looked at once, at the end"
            ),
        "{held_back}"
    );
    assert!(
        plan.contains("estimate  ") && plan.contains("for the run"),
        "{plan}"
    );
    let teacher = r#"teacher={ model = "cifar_resnet8", weights = "random", batch_norm = "batch" }"#;
    let taught = place.out(&["plan", "tiny.toml", teacher, r#"methods=[{ kind = "kd" }]"#]);
    assert!(taught.contains("classes, batch norms by the batch"), "{taught}");
    let methods = r#"methods=[{ kind = "at" }, { kind = "kd", weight = 0.5, schedule = { kind = "cosine", to = 0.1 } }]"#;
    let weighted = place.out(&["plan", "tiny.toml", teacher, methods]);
    for line in [
        "note      at: its weight is 1, because the recipe says none; usual is 1000\n",
        "method    at: weight 1, 0 parameters of its own",
        "method    kd: weight 0.5 along a cosine to 0.1 of it at the end, 0 parameters of its own",
    ] {
        assert!(weighted.contains(line), "`{line}` is not in: {weighted}");
    }
    place.out(&["train", "tiny.toml", "--seeds", "2", "--quiet"]);
    let table = place.json(&["compare", "runs/tiny", "--json"]);
    assert!(table.to_string().contains("tiny"), "{table}");
    assert!(
        place
            .out(&["compare", "runs/tiny", "--curves", "curves.svg"])
            .contains("tiny")
    );
    let curves = fs::read_to_string(place.path("curves.svg")).unwrap();
    // A line of each seed in each of the two charts, beside one entry in each legend.
    assert_eq!(curves.matches("class=\"line c0").count(), 2 * 2 + 2, "{curves}");
    assert!(curves.contains("Test top-1, %"), "{curves}");

    place.out(&["export", "runs/tiny/seed-0", "--out", "student", "--quiet"]);
    for file in ["model.safetensors", "config.json", "README.md"] {
        assert!(place.path("student").join(file).is_file(), "{file}");
    }
    let data = "shapes:size=16,train=64,test=22";
    let found = place.json(&["eval", "student", "--data", data, "--json", "--quiet"]);
    assert_eq!(found["count"], 22);
    let again = place.json(&[
        "eval",
        "runs/tiny/seed-0/last.safetensors",
        "--data",
        data,
        "--json",
        "--quiet",
    ]);
    assert_eq!(found["top1"], again["top1"]);
    let summary: Value =
        serde_json::from_slice(&fs::read(place.path("runs/tiny/seed-0/summary.json")).unwrap()).unwrap();
    assert_eq!(found["top1"], summary["last"]["metrics"]["top1"]);
    for file in ["recipe.toml", "log.txt", "metrics.jsonl", "report.html"] {
        assert!(place.path("runs/tiny/seed-0").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_run_is_refused_replaced_or_resumed() {
    let place = with_recipe();
    place.out(&["train", "tiny.toml", "--quiet"]);
    let said = place.refused(&["train", "tiny.toml"], 2);
    assert!(
        said.contains("--resume") && said.contains("--overwrite"),
        "{said}"
    );
    let last = fs::read(place.path("runs/tiny/last.safetensors")).unwrap();
    place.out(&["train", "tiny.toml", "--resume", "--quiet"]);
    place.out(&["train", "tiny.toml", "--overwrite", "--quiet"]);
    assert!(!last.is_empty());
    // A recipe that cannot run loses nothing of the run that is there.
    let before = fs::read(place.path("runs/tiny/summary.json")).unwrap();
    place.refused(
        &["train", "tiny.toml", "--overwrite", "student.model=cifar_resnet9"],
        2,
    );
    assert_eq!(fs::read(place.path("runs/tiny/summary.json")).unwrap(), before);
    for file in ["last.safetensors", "best.safetensors"] {
        fs::remove_file(place.path("runs/tiny").join(file)).unwrap();
    }
    let said = place.refused(&["train", "tiny.toml", "--resume"], 1);
    assert!(
        said.contains("checkpoints") && said.contains("`--overwrite` begins again"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_exits_with_130_and_can_be_resumed() {
    let place = with_recipe();
    let train = ["train", "tiny.toml", "train.epochs=2000", "--quiet"];
    let mut run = place.command(&train).spawn().unwrap();
    let metrics = place.path("runs/tiny/metrics.jsonl");
    while !metrics.is_file() {
        assert!(run.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let done = || fs::read_to_string(&metrics).unwrap().lines().count();
    let before = done();
    assert!((1..2000).contains(&before) && place.path("runs/tiny/last.safetensors").is_file());
    // The recipe in the folder is the whole run; another length would be another run.
    let said = place.refused(&["train", "tiny.toml", "--resume"], 1);
    assert!(said.contains("another recipe"), "{said}");
}

#[test]
fn a_recipe_mistake_is_told_with_its_line_and_the_nearest_name() {
    let place = with_recipe();
    fs::write(place.path("typo.toml"), RECIPE.replace("epochs", "epocs")).unwrap();
    let said = place.refused(&["plan", "typo.toml"], 2);
    assert!(
        said.contains("typo.toml:8") && said.contains("train.epochs"),
        "{said}"
    );
    let said = place.refused(&["plan", "tiny.toml", "train.bach=3"], 2);
    assert!(
        said.contains("train.bach=3") && said.contains("train.batch"),
        "{said}"
    );
    assert!(
        place
            .refused(&["plan", "missing.toml"], 2)
            .contains("missing.toml")
    );
}

#[test]
fn broken_data_is_told_with_the_file() {
    let place = with_recipe();
    let folder = place.path("photos/train/cat");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(place.path("photos/train/dog")).unwrap();
    fs::write(folder.join("one.jpg"), b"not a picture").unwrap();
    fs::write(place.path("photos/train/dog/two.png"), b"nor this").unwrap();
    let said = place.refused(&["data", "check", "photos"], 1);
    assert!(said.contains("2 images"), "{said}");
    let said = place.refused(&["plan", "tiny.toml", "data.train=photos"], 1);
    assert!(said.contains("one.jpg"), "{said}");
    assert!(
        place
            .refused(&["data", "check", "no/such.tar"], 1)
            .contains("no/such.tar")
    );
}

#[test]
fn weights_that_do_not_fit_are_listed() {
    let place = with_recipe();
    let Some(weights) = shared("data/cifar10-teachers/resnet20-12fca82f.th") else {
        return;
    };
    let weights = weights.to_string_lossy();
    let eval = |model: &str, data: &str| {
        place.refused(
            &["eval", "--model", model, "--weights", &weights, "--data", data],
            1,
        )
    };
    let said = eval("cifar_resnet14", "shapes:classes=10,train=20,test=20");
    assert!(
        said.contains("not part of the network") && said.contains("layer1.2.conv1.weight"),
        "{said}"
    );
    let data = "shapes:classes=12,train=24,test=24";
    let said = place.refused(
        &[
            "eval",
            "--model",
            "cifar_resnet20",
            "--weights",
            &weights,
            "--data",
            data,
        ],
        2,
    );
    assert!(said.contains("10 classes") && said.contains("12"), "{said}");
}

#[test]
fn real_weights_on_real_images_give_the_recorded_accuracy() {
    let place = with_recipe();
    let (Some(weights), Some(data)) = (
        shared("data/cifar10-teachers/resnet20-12fca82f.th"),
        shared("data/cifar10/test.tar"),
    ) else {
        return;
    };
    let (weights, data) = (weights.to_string_lossy(), data.to_string_lossy());
    let arguments = [
        "eval",
        "--model",
        "cifar_resnet20",
        "--weights",
        &weights,
        "--data",
        &data,
        "--json",
        "--quiet",
    ];
    let normalised = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"];
    let found = place.json(&[&arguments[..], &normalised[..]].concat());
    assert_eq!(found["count"], 10_000);
    let top1 = found["top1"].as_f64().unwrap();
    assert!((top1 - 81.03).abs() <= 0.3, "{top1}");
}

#[test]
fn a_bench_reports_its_figures() {
    let place = with_recipe();
    let bench = [
        "bench",
        "--student",
        "cifar_resnet8",
        "--batch",
        "4",
        "--threads",
        "2",
        "--steps",
        "2",
        "--json",
    ];
    for more in [
        &[][..],
        &["--teacher", "cifar_resnet14", "--method", "review-kd"][..],
    ] {
        let report = place.json(&[&bench[..], more].concat());
        assert!(report["step_ms"]["median"].as_f64().unwrap() > 0.0);
        assert!(report["images_per_second"].as_f64().unwrap() > 0.0);
        let parts = report["parts"].as_array().unwrap();
        let gflop = |name| {
            let part = parts.iter().find(|part| part["name"] == name).unwrap();
            assert!(part["ms"].as_f64().unwrap() >= 0.0);
            part["gflop"].as_f64().unwrap()
        };
        // Backward goes twice through the student and through the method's own convolutions.
        let forward = gflop("student forward") + gflop("losses");
        assert!((gflop("backward") - 2.0 * forward).abs() < 1e-12);
        assert_eq!(gflop("teacher forward") > 0.0, !more.is_empty());
        assert_eq!((&report["threads"], &report["batch"]), (&2.into(), &4.into()));
    }
    assert!(place.out(&bench[..bench.len() - 1]).contains("student forward"));
    let report = place.json(&[
        "bench",
        "--infer",
        "cifar_resnet8",
        "--batch",
        "4",
        "--steps",
        "2",
        "--json",
    ]);
    assert!(report["peak_rss_mb"].is_number());
}

#[test]
fn bad_usage_exits_with_2() {
    let place = with_recipe();
    place.refused(&["distil"], 2);
    place.refused(&["eval", "--data", "shapes"], 2);
    place.refused(
        &[
            "bench",
            "--student",
            "cifar_resnet8",
            "--teacher",
            "cifar_resnet20",
        ],
        2,
    );
    assert!(place.out(&["completions", "bash"]).contains("cifar_resnet32x4"));
}
