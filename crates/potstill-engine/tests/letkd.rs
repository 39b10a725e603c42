//! Whole runs of letKD: interrupted in the offline pass and in training, deployed, loaded again, combined with KD.
//!
//! What is prepared is kept in a cache that the environment names, so each test runs its body in a process of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use burn::tensor::{Device, Tensor};
use potstill_engine::{CheckpointChoice, Observer, Outcome, Run, RunFolder, Source, StepProgress, export};
use potstill_models::Model;
use potstill_ops::Frozen;
use potstill_random::Seed;
use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, finish, with_cache},
};

fn tiny() -> TestRecipe {
    tiny_recipe()
        .set("data.train=shapes:size=16,train=96,test=40,classes=4")
        .method("kd", "")
        .method(
            "letkd",
            "templates = 40\nsub_classes = 3\ncomponents = 8\niterations = 4",
        )
}

fn start(overrides: &[&str], folder: &Path) -> Run {
    tiny().start(overrides, folder)
}

fn resume(overrides: &[&str], folder: &Path) -> Run {
    tiny().resume(overrides, folder)
}

/// Raises the flag at the first sign of this work, or after so many steps.
struct StopAt<'a> {
    work: &'static str,
    steps: usize,
    flag: &'a AtomicBool,
}

impl Observer for StopAt<'_> {
    fn preparing(&mut self, what: &str, _: usize, _: usize) {
        if what.contains(self.work) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }

    fn step(&mut self, _: &StepProgress<'_>) {
        self.steps -= 1;
        if self.steps == 0 {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

fn stop_at(run: &mut Run, work: &'static str, steps: usize) {
    let flag = AtomicBool::new(false);
    let mut observer = StopAt {
        work,
        steps,
        flag: &flag,
    };
    assert_eq!(run.go(&mut observer, &flag).unwrap(), Outcome::Interrupted);
}

fn kept(cache: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(cache.join("cache/prepared")).unwrap();
    folders.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_run_interrupted_in_the_offline_pass_and_in_training_equals_a_whole_one() {
    with_cache(
        module_path!(),
        "a_run_interrupted_in_the_offline_pass_and_in_training_equals_a_whole_one",
        |place| {
            let [whole, broken] = ["whole", "broken"].map(|name| place.join(name));
            finish(&mut start(&[], &whole));
            assert_eq!(kept(place).len(), 2, "centres and decisions");
            fs::remove_dir_all(place.join("cache")).unwrap();
            stop_at(&mut start(&[], &broken), "k-means", 0);
            stop_at(&mut resume(&[], &broken), "sub-classes", 0);
            for steps in [2, 2, 1] {
                stop_at(&mut resume(&[], &broken), "nothing", steps);
            }
            finish(&mut resume(&[], &broken));
            for file in ["last.safetensors", "student/model.safetensors"] {
                let (a, b) = (bits(&whole.join(file)), bits(&broken.join(file)));
                assert!(a == b, "{file} differs");
            }
            let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
            for term in ["kd", "letkd.penultimate", "letkd.intermediate"] {
                assert!(rows[0].train.terms.contains_key(term), "{term}");
            }
            assert!(rows[1].train.terms["letkd.penultimate"] < rows[0].train.terms["letkd.penultimate"]);
        },
    );
}

#[test]
fn the_deployed_student_keeps_its_layers() {
    with_cache(module_path!(), "the_deployed_student_keeps_its_layers", |place| {
        let folder = place.join("run");
        let mut run = start(&["methods.1.variant=1"], &folder);
        finish(&mut run);
        // It is opened by its folder alone, and by a checkpoint, and does the same.
        let open = |weights: PathBuf| {
            let source = Source {
                weights: Some(weights),
                ..Source::default()
            };
            source
                .open(&Device::flex(), Seed::new(1), "test")
                .unwrap()
                .network
        };
        let images = || Tensor::<4>::ones([2, 16, 16, 3], &Device::flex()) * 0.3;
        let logits = |network: &Model| -> Vec<f32> {
            let logits = Model::logits(&Frozen::new(network), images()).unwrap();
            logits.into_data().iter().collect()
        };
        let [deployed, kept] = [folder.join("student"), folder.join("last.safetensors")].map(open);
        assert_eq!(deployed.insertions(), kept.insertions());
        assert_eq!(deployed.insertions().len(), 1);
        for (a, b) in logits(&deployed).iter().zip(logits(&kept)) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        let exported = place.join("exported");
        export(
            &RunFolder::open(&folder).unwrap(),
            CheckpointChoice::Last,
            &exported,
        )
        .unwrap();
        let [exported, student] =
            [exported, folder.join("student")].map(|of| bits(&of.join("model.safetensors")));
        assert!(exported == student, "the exported student differs");
        // Counted in the summary and on the card.
        let plain = tiny().plan(&["methods=[]"]).unwrap().spec.student.info.probe;
        let summary = read_summary(folder.join("summary.json")).unwrap();
        assert_eq!(
            summary.student.params,
            (plain.parameters + 2 * 40 * 64 + 2 * 40 + 2) as u64
        );
        assert!(summary.student.macs > plain.macs);
        // It is a teacher like any other, also for its own kind.
        let teacher = format!("teacher={{ run = \"{}\" }}", folder.display());
        let next = place.join("next");
        finish(&mut start(&[&teacher, "train.epochs=1"], &next));
        let config = folder.join("student/config.json");
        let text = fs::read_to_string(&config).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let source = Source {
            weights: Some(folder.join("student")),
            ..Source::default()
        };
        // A file of version 0.1 does not name the kind of its layers.
        let kind = value["inserted"][0].as_object_mut().unwrap().remove("kind");
        assert_eq!(kind.unwrap(), "kd-layer");
        fs::write(&config, value.to_string()).unwrap();
        let old = source.open(&Device::flex(), Seed::new(1), "test").unwrap();
        assert_eq!(old.network.insertions().len(), 1);
        // Without the list of layers the weights do not fit, and the error names the first tensor.
        value.as_object_mut().unwrap().remove("inserted");
        fs::write(&config, value.to_string()).unwrap();
        let error = source.open(&Device::flex(), Seed::new(1), "test").unwrap_err();
        assert!(error.to_string().contains("letkd.penultimate"), "{error}");
    });
}

#[test]
fn an_estimate_says_that_something_is_prepared() {
    let estimate = tiny().plan(&[]).unwrap().estimate().unwrap();
    assert_eq!(estimate.preparing, ["letkd"]);
}
