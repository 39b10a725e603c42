//! The low-resolution and the few-sample protocol in plans and whole runs, without any method of their own.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, path::Path, sync::atomic::AtomicBool};

use potstill_data::{Augment, LoaderConfig};
use potstill_engine::{NetworkInput, NoObserver, Plan, Run, RunFolder, Source, evaluate};
use potstill_models::{FrozenModel, weights::TensorFile};
use potstill_random::Seed;
use potstill_recipe::{Enlarge, LowResolution};
use potstill_report::read_summary;
use potstill_tasks::Classification;
use potstill_testing::recipe::tiny_recipe;

fn plan(overrides: &[&str]) -> Result<Plan, String> {
    tiny_recipe()
        .set("data.train=shapes:size=16,train=64,test=40,classes=4")
        .set("data.augment=[]")
        .set("train.epochs=1")
        .set("train.batch=16")
        .method("review-kd", "ramp_epochs = 0")
        .plan(overrides)
}

fn run(overrides: &[&str], folder: &Path) {
    let folder = RunFolder::create(folder, false).unwrap();
    Run::start(plan(overrides).unwrap(), folder)
        .unwrap()
        .go(&mut NoObserver, &AtomicBool::new(false))
        .unwrap();
}

fn bits(path: &Path) -> BTreeMap<String, Vec<u32>> {
    let tensors = TensorFile::read(path).unwrap().tensors.into_iter();
    tensors
        .map(|(name, t)| (name, t.values.iter().map(|v| v.to_bits()).collect()))
        .collect()
}

const STUDENT_AT_4: &str = "student.input={ low_resolution = { size = 4 } }";
const TEACHER_AT_4: &str = "teacher.input={ low_resolution = { size = 4 } }";

#[test]
fn a_resolution_is_that_of_one_network() {
    let low = |plan: &Plan| {
        let teacher = &plan.spec.teachers[0].network;
        (
            plan.spec.student.input.low_resolution.is_some(),
            teacher.input.low_resolution.is_some(),
        )
    };
    assert_eq!(low(&plan(&[]).unwrap()), (false, false));
    let cross = plan(&[STUDENT_AT_4]).unwrap();
    assert_eq!(low(&cross), (true, false));
    assert_eq!(low(&plan(&[TEACHER_AT_4]).unwrap()), (false, true));
    let same = plan(&[STUDENT_AT_4, TEACHER_AT_4]).unwrap();
    assert_eq!(low(&same), (true, true));
    assert_eq!(
        same.spec.student.input, same.spec.teachers[0].network.input,
        "only the resolution is asked for: both are normalised alike"
    );
    let pool = "layer1.0".parse().unwrap();
    assert_eq!(cross.spec.student.info.probe.size(&pool).unwrap(), [16, 16, 16]);
    let small = plan(&[r#"student.input={ low_resolution = { size = 4, enlarge = "none" } }"#]).unwrap();
    assert_eq!(small.spec.student.info.probe.size(&pool).unwrap(), [4, 4, 16]);
    let message = plan(&["student.input={ low_resolution = { size = 5 } }"])
        .err()
        .unwrap();
    assert!(
        message.contains("student") && message.contains("5x5"),
        "{message}"
    );
    let message = plan(&["teacher.input={ low_resolution = { size = 7 } }"])
        .err()
        .unwrap();
    assert!(message.contains("7x7"), "{message}");
}

#[test]
fn a_degraded_student_trains_is_exported_and_measured_so() {
    let place = tempfile::tempdir().unwrap();
    let folder = |name: &str| place.path().join(name);
    run(&[STUDENT_AT_4], &folder("cross"));
    run(&[], &folder("whole"));
    run(&[STUDENT_AT_4, TEACHER_AT_4], &folder("same"));
    let student = |name: &str| bits(&folder(name).join("student/model.safetensors"));
    let (cross, whole, same) = (student("cross"), student("whole"), student("same"));
    assert!(cross != whole && cross != same && whole != same);

    let open = |name: &str| {
        let source = Source {
            weights: Some(folder(name)),
            ..Source::default()
        };
        source
            .open(&burn::tensor::Device::flex(), Seed::new(0), "test")
            .unwrap()
    };
    let network = open("cross");
    let input = network.input.unwrap();
    let nearest = Enlarge::Nearest;
    assert_eq!(
        input.low_resolution,
        Some(LowResolution {
            size: 4,
            enlarge: nearest
        })
    );
    assert_eq!(open("whole").input.unwrap().low_resolution, None);

    // What the run measured is what the exported folder measures, degraded; whole images are another measurement.
    let summary = read_summary(folder("cross").join("summary.json")).unwrap();
    let measured = |input: &NetworkInput| {
        let frozen = FrozenModel::from(&network.network);
        let test = plan(&[]).unwrap().spec.data.test.unwrap();
        let config = LoaderConfig::default();
        let found = evaluate(
            &Classification::default(),
            &frozen,
            test,
            &Augment::none(),
            input,
            config,
            &mut |_| (),
        );
        found.unwrap().metrics
    };
    let (found, last) = (measured(&input), &summary.last.metrics);
    assert_eq!(found["top1"], last["top1"]);
    assert!((found["loss"] - last["loss"]).abs() < 1e-9);
    assert_ne!(measured(&input.normalise.clone().into())["loss"], found["loss"]);

    // A student that starts from these weights, or a teacher of that run, takes its images alike.
    let run_folder = folder("cross");
    let from = format!("student.weights={}", run_folder.display());
    assert_eq!(plan(&[&from]).unwrap().spec.student.input, input);
    let taught = format!("teacher={{ run = {:?} }}", run_folder.display().to_string());
    let taught = plan(&[&taught]).unwrap();
    assert_eq!(taught.spec.teachers[0].network.input, input);
    assert_eq!(taught.spec.student.input.low_resolution, None);
}

#[test]
fn few_samples_of_each_class_by_their_own_seed() {
    let sources = |overrides: &[&str]| {
        let plan = plan(overrides).unwrap();
        let train = plan.spec.data.train;
        let mut counts = [0; 4];
        (0..train.len()).for_each(|at| counts[train.label(at).unwrap() as usize] += 1);
        let images: Vec<_> = (0..train.len())
            .map(|at| train.image(at).unwrap().pixels)
            .collect();
        (counts, images)
    };
    let (counts, quarter) = sources(&["data.few_samples=0.28", "train.batch=4"]);
    assert_eq!(counts, [4; 4], "0.28 of 16 is 4.48");
    let (counts, half) = sources(&["data.few_samples=0.5", "train.batch=4"]);
    assert_eq!(counts, [8; 4]);
    assert!(quarter.iter().all(|image| half.contains(image)));
    let another = |more: &str| sources(&["data.few_samples=0.28", "train.batch=4", more]).1;
    assert!(quarter == another("seed=9"), "the recipe's seed chooses nothing");
    assert!(quarter == another("data.few_samples_seed=0"));
    assert!(quarter != another("data.few_samples_seed=1"));
    let plan = plan(&["data.few_samples=0.5", "train.batch=4"]).unwrap();
    assert_eq!(
        (plan.spec.images().test_images, plan.spec.steps_per_epoch()),
        (40, 8)
    );
}

#[test]
fn views_and_the_seed_of_the_augmentation_decide_what_is_seen() {
    let work = tempfile::tempdir().unwrap();
    let student = |name: &str, more: &[&str]| {
        let folder = work.path().join(name);
        let steps = "data.augment=[\"flip\", { pad-crop = { pad = 2 } }]";
        run(
            &[&[steps, "train.epochs=2", "methods=[]", "seed=3"], more].concat(),
            &folder,
        );
        bits(&folder.join("student/model.safetensors"))
    };
    let usual = student("usual", &[]);
    assert!(
        usual == student("two", &["data.views=2"]),
        "two epochs have two views"
    );
    assert!(usual != student("one", &["data.views=1"]));
    assert!(usual == student("same", &["data.augment_seed=3"]));
    assert!(usual != student("other", &["data.augment_seed=4"]));
}

#[test]
fn classes_that_count_differently_make_another_student() {
    let place = tempfile::tempdir().unwrap();
    let student = |name: &str, changes: &[&str]| {
        let folder = place.path().join(name);
        potstill_testing::runs::finish(
            &mut tiny_recipe().start(&[&["train.epochs=1"], changes].concat(), &folder),
        );
        bits(&folder.join("last.safetensors"))
    };
    let plain = student("plain", &[]);
    let weighted = student("weighted", &["train.class_weights=[1, 2, 1, 1, 5, 1]"]);
    assert!(plain != weighted, "the weights changed nothing");
    let said = tiny_recipe().plan(&["train.class_weights=[1, 2]"]).err().unwrap();
    assert!(
        said.contains("it has 2 weights, and there are 6 classes"),
        "{said}"
    );
}
