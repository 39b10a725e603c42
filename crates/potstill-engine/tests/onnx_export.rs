//! Students leave as ONNX files that say what they say, and that are used with nothing but the file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use potstill_data::{Split, open};
use potstill_engine::{
    CheckpointChoice, EngineError, EvaluationSettings, ExportedOnnx, OnnxSettings, Predictor, RunFolder,
    Source, cpu, export_onnx,
};
use potstill_onnx::{read_metadata, write::Opset};
use potstill_ops::Point;
use potstill_random::Seed;
use potstill_testing::{
    recipe::TestRecipe,
    runs::{finish, go_on},
};
use serde_json::Value;

const RECIPE: &str = r#"
version = 1
name = "test"
seed = 5
[data]
train = "shapes:size=16,train=24,test=30,classes=3"
[student]
model = "cifar_resnet8"
[train]
epochs = 1
batch = 12
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9 }
"#;

const DATA: &str = "shapes:size=16,train=24,test=30,classes=3";

fn trained(overrides: &[&str], place: &Path) -> RunFolder {
    let folder = place.join("run");
    finish(&mut TestRecipe::of(RECIPE).start(overrides, &folder));
    RunFolder::open(&folder).unwrap()
}

fn of_run(run: &RunFolder) -> Predictor {
    let source = Source {
        weights: Some(run.path().to_owned()),
        ..Source::default()
    };
    Predictor::from(&source.open(&cpu(), Seed::new(0), "student").unwrap())
}

fn of_file(file: &Path) -> Predictor {
    let exported = ExportedOnnx::read(file).unwrap().unwrap();
    exported.open(file, &[]).unwrap().unwrap()
}

/// Probabilities of the first class of each image.
fn said(predictor: &Predictor, count: usize) -> Vec<f32> {
    let data = open(DATA, Split::Test).unwrap();
    let images: Vec<_> = (0..count).map(|at| data.image(at).unwrap()).collect();
    let ranked = predictor.ask(&images, 3).unwrap().into_iter();
    ranked
        .map(|mut classes| {
            classes.sort_by(|a, b| a.class.cmp(&b.class));
            classes[0].probability
        })
        .collect()
}

#[track_caller]
fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_student_leaves_in_every_form_and_says_the_same() {
    let place = tempfile::tempdir().unwrap();
    let run = trained(&[], place.path());
    let (student, data) = (of_run(&run), open(DATA, Split::Test).unwrap());
    let prepared = student.prepare(data.into()).unwrap();
    let settings = EvaluationSettings::default();
    let measured = student.evaluate(&prepared, &settings, &mut |_| ()).unwrap();
    let points = vec![Point::post("layer2.0"), Point::pre("layer3.0")];
    for (at, form) in [
        OnnxSettings::default(),
        OnnxSettings {
            keep_norms: true,
            ..OnnxSettings::default()
        },
        OnnxSettings {
            with_input: true,
            points,
            opset: Opset::V20,
            ..OnnxSettings::default()
        },
    ]
    .into_iter()
    .enumerate()
    {
        let file = place.path().join(format!("out/{at}/student.onnx"));
        let written = export_onnx(&run, CheckpointChoice::Last, &file, &form).unwrap();
        assert_eq!(written.proof.equal, written.proof.images);
        assert!(!written.proof.drawn && written.proof.images == 30);
        let folder = file.parent().unwrap();
        assert_eq!(names(folder), ["README.md", "config.json", "student.onnx"]);
        assert_eq!(written.bytes, fs::metadata(&file).unwrap().len());

        let exported = of_file(&file);
        near(&said(&exported, 5), &said(&student, 5));
        assert_eq!(exported.class_names, student.class_names);
        let found = exported.evaluate(&prepared, &settings, &mut |_| ()).unwrap();
        assert_eq!(found.metrics["top1"], measured.metrics["top1"]);

        let metadata = read_metadata(&file).unwrap();
        let config: Value = serde_json::from_str(&metadata["potstill_config"]).unwrap();
        let beside: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("config.json")).unwrap()).unwrap();
        assert_eq!(config, beside);
        assert_eq!(config["architecture"], "cifar_resnet8");
        let classes: Vec<String> = serde_json::from_str(&metadata["classes"]).unwrap();
        assert_eq!(classes, student.class_names);
        let card = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(card.contains("`student.onnx` is the network"), "{card}");
        assert!(card.contains("on 30 test images"), "{card}");
    }
}

#[test]
fn a_student_of_low_resolution_leaves_with_and_without_its_degradation() {
    let place = tempfile::tempdir().unwrap();
    for (at, enlarge) in ["none", "nearest", "bilinear"].into_iter().enumerate() {
        let low = format!("student.input={{ low_resolution = {{ size = 8, enlarge = \"{enlarge}\" }} }}");
        let folder = place.path().join(at.to_string());
        let run = trained(&[&low], &folder);
        let student = of_run(&run);
        for with_input in [false, true] {
            let file = folder.join(format!("{with_input}.onnx"));
            let settings = OnnxSettings {
                with_input,
                ..OnnxSettings::default()
            };
            let written = export_onnx(&run, CheckpointChoice::Last, &file, &settings).unwrap();
            assert_eq!(written.proof.equal, 30);
            near(&said(&of_file(&file), 4), &said(&student, 4));
        }
    }
}

#[test]
fn a_student_that_was_made_of_a_file_leaves_as_that_file() {
    let place = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../potstill-models/tests/reference/onnx_student/residual.onnx");
    let student = format!("student={{ onnx = \"{}\" }}", source.display());
    let run = trained(&[&student], place.path());
    let student = of_run(&run);
    for form in [
        OnnxSettings::default(),
        OnnxSettings {
            keep_norms: true,
            with_input: true,
            ..OnnxSettings::default()
        },
    ] {
        let file = place.path().join("out/student.onnx");
        let written = export_onnx(&run, CheckpointChoice::Last, &file, &form).unwrap();
        assert_eq!(written.proof.equal, 30);
        near(&said(&of_file(&file), 5), &said(&student, 5));
        let config = fs::read_to_string(file.with_file_name("config.json")).unwrap();
        assert!(!config.contains("graph"), "{config}");
    }
}

#[test]
fn a_run_without_its_data_is_proven_on_drawn_images() {
    let place = tempfile::tempdir().unwrap();
    let run = trained(&[], place.path());
    let recipe = fs::read_to_string(run.recipe()).unwrap();
    fs::write(run.recipe(), recipe.replace("shapes:size=16", "gone:size=16")).unwrap();
    let file = place.path().join("student.onnx");
    let written = export_onnx(&run, CheckpointChoice::Last, &file, &OnnxSettings::default()).unwrap();
    assert!(written.proof.drawn);
    assert_eq!((written.proof.images, written.proof.equal), (64, 64));
    assert!(written.proof.to_string().contains("64 drawn images"));
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let run = trained(&[], place.path());
    let out = place.path().join("out");
    let settings = OnnxSettings {
        points: vec![Point::post("layer9.0")],
        ..OnnxSettings::default()
    };
    let file = out.join("student.onnx");
    let error = export_onnx(&run, CheckpointChoice::Last, &file, &settings).unwrap_err();
    assert!(error.to_string().contains("no point `layer9.0`"), "{error}");
    assert!(!out.exists());

    // A config of something else would be written over.
    fs::create_dir(&out).unwrap();
    fs::write(out.join("config.json"), "{ \"model_type\": \"resnet\" }").unwrap();
    fs::write(out.join("README.md"), "mine").unwrap();
    let refused = |file: &PathBuf| export_onnx(&run, CheckpointChoice::Last, file, &OnnxSettings::default());
    let error = refused(&file).unwrap_err();
    assert!(error.to_string().contains("take another folder"), "{error}");
    assert_eq!(names(&out), ["README.md", "config.json"]);

    // Somebody's README stays.
    fs::remove_file(out.join("config.json")).unwrap();
    refused(&file).unwrap();
    assert_eq!(fs::read_to_string(out.join("README.md")).unwrap(), "mine");
    assert_eq!(names(&out), ["README.md", "config.json", "student.onnx"]);
    assert_eq!(names(place.path()), ["out", "run"]);
}

#[test]
fn an_unfinished_run_has_no_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    go_on(&mut TestRecipe::of(RECIPE).start(&["train.epochs=2"], &folder), 1);
    let run = RunFolder::open(&folder).unwrap();
    let file = place.path().join("student.onnx");
    let error = export_onnx(&run, CheckpointChoice::Last, &file, &OnnxSettings::default()).unwrap_err();
    assert!(matches!(error, EngineError::Unfinished(_)), "{error}");
    assert!(!file.exists());
}

/// A file that lies beside the config of another network is not taken for that one.
#[test]
fn a_config_of_another_network_is_passed_over() {
    let place = tempfile::tempdir().unwrap();
    let run = trained(&[], place.path());
    let file = place.path().join("student.onnx");
    export_onnx(&run, CheckpointChoice::Last, &file, &OnnxSettings::default()).unwrap();
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../potstill-onnx/tests/reference/small.onnx");
    let other = place.path().join("small.onnx");
    fs::copy(reference, &other).unwrap();
    let exported = ExportedOnnx::read(&other).unwrap().unwrap();
    assert!(exported.open(&other, &[]).unwrap().is_none());
}
