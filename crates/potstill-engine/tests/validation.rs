//! Images that choose the best epoch, apart from those that a network learns from and from those that judge it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a path in quotes is TOML")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use potstill_data::{
    Augment, DataError, Dataset, DatasetInfo, LoaderConfig, Sample, Split, Target, hold_out, open,
};
use potstill_engine::{
    EpochProgress, Observer, Phase, Plan, PlanParts, PlannedData, Run, RunFolder, Settings, VisionModel, cpu,
    epoch_line, evaluate,
};
use potstill_metrics::Metrics;
use potstill_random::Seed;
use potstill_recipe::Sgd;
use potstill_report::{EpochRow, MeasuredOn, Summary, read_metrics, read_summary};
use potstill_tasks::{TaskKind, TaskOptions, task};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, finish, go_on},
};

/// 96 training images of 6 classes, of which a quarter is held back.
fn validated() -> TestRecipe {
    tiny_recipe().set("data.validation=0.25").set("train.epochs=4")
}

/// The rows without their times.
fn rows(folder: &Path) -> Vec<EpochRow> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap().into_iter();
    let timeless = rows.map(|row| EpochRow {
        seconds: 0.0,
        images_per_second: 0.0,
        ..row
    });
    timeless.collect()
}

/// What the weights in a file reach on a data set, by loading them anew.
fn measured(weights: &Path, images: Arc<dyn Dataset>) -> Metrics {
    let model = VisionModel::load(weights).unwrap();
    let options = TaskOptions {
        classes: images.classes().to_vec(),
        ..TaskOptions::default()
    };
    let task = task(TaskKind::Classification, options);
    let (network, config) = ((&model.network).into(), LoaderConfig::default());
    let augment = Augment::none();
    evaluate(
        &*task,
        &network,
        images,
        &augment,
        &model.input(),
        config,
        &mut |_| (),
    )
    .unwrap()
    .metrics
}

fn nearly(a: &Metrics, b: &Metrics) {
    for name in ["top1", "loss"] {
        assert!((a[name] - b[name]).abs() < 1e-3, "{name}: {a:?} and {b:?}");
    }
}

#[test]
fn validation_images_choose_and_test_images_judge_at_the_end() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    finish(&mut validated().start(&[], &folder));
    let rows = rows(&folder);
    assert!(rows.iter().all(|row| row.validation.is_some()));
    let tested: Vec<bool> = rows.iter().map(|row| row.test.is_some()).collect();
    assert_eq!(tested, [false, false, false, true]);

    // The whole set and its parts once more, by other ways.
    let open = |split| -> Arc<dyn Dataset> {
        let source = "shapes:size=16,train=96,test=40,classes=6";
        open(source, split).unwrap().into()
    };
    let (_, held_back) = hold_out(open(Split::Train), 0.25, Seed::new(0)).unwrap();
    let held_back: Arc<dyn Dataset> = Arc::new(held_back);
    let summary = read_summary(folder.join("summary.json")).unwrap();
    let found = summary.validation.clone().unwrap();
    for (file, on_test, on_validation) in [
        ("last.safetensors", &summary.last.metrics, &found.last),
        ("best.safetensors", &summary.best.metrics, &found.best),
    ] {
        let weights = folder.join(file);
        nearly(on_test, &measured(&weights, open(Split::Test)));
        nearly(on_validation, &measured(&weights, Arc::clone(&held_back)));
    }
    let best = rows.iter().map(|row| row.validation.as_ref().unwrap()["top1"]);
    assert_eq!(found.best["top1"], best.fold(0.0, f64::max));
    let data = &summary.data;
    assert_eq!(
        [data.train_images, data.validation_images, data.test_images],
        [72, 24, 40]
    );
    assert_eq!(summary.measured_on(), MeasuredOn::Test);
}

#[test]
fn no_image_is_learned_from_and_validated_with() {
    let sources =
        |set: &dyn Dataset| -> BTreeSet<String> { (0..set.len()).map(|at| set.source(at)).collect() };
    let parts = |changes: &[&str]| {
        let data = validated().plan(changes).unwrap().spec.data;
        (sources(&data.train), sources(data.validation.unwrap().as_ref()))
    };
    let (train, held_back) = parts(&[]);
    assert_eq!((train.len(), held_back.len()), (72, 24));
    assert!(train.is_disjoint(&held_back));
    // Runs of several seeds see the same ones, and a seed of its own changes them.
    assert_eq!(parts(&["seed=9"]), (train.clone(), held_back.clone()));
    let other = parts(&["data.validation_seed=1"]).1;
    assert!(other != held_back);
    // A part of the rest is trained with; what is held back stays.
    for limit in ["data.train_limit=12", "data.few_samples=0.2"] {
        let (few, same) = parts(&[limit, "train.batch=4"]);
        assert_eq!((few.len(), &same), (12, &held_back), "{limit}");
        assert!(few.is_subset(&train));
    }
    let (same, few) = parts(&["data.validation_limit=6"]);
    assert!(few.len() == 6 && few.is_subset(&held_back) && same == train);
    // What is kept of a teacher is kept by the fingerprint of what is trained with.
    let data = validated().plan(&[]).unwrap().spec.data;
    let whole = tiny_recipe().plan(&[]).unwrap().spec.data.train;
    assert_ne!(data.train.fingerprint().unwrap(), whole.fingerprint().unwrap());
}

#[test]
fn a_stopped_run_goes_on_to_the_same_results() {
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    let recipe = validated().method("kd", "");
    finish(&mut recipe.start(&[], &whole));
    // Two steps an epoch: in the second one, and after the third.
    go_on(&mut recipe.start(&[], &broken), 3);
    go_on(&mut recipe.resume(&[], &broken), 3);
    finish(&mut recipe.resume(&[], &broken));
    for file in ["last.safetensors", "best.safetensors"] {
        assert!(bits(&whole.join(file)) == bits(&broken.join(file)), "{file}");
    }
    assert_eq!(rows(&whole), rows(&broken));
    let results = |folder: &Path| {
        let Summary {
            best,
            last,
            validation,
            teachers,
            ..
        } = read_summary(folder.join("summary.json")).unwrap();
        (best, last, validation, teachers)
    };
    assert_eq!(results(&whole), results(&broken));
    let teacher = &results(&whole).3[0];
    assert!(teacher.metrics.len() == teacher.validation.len() && !teacher.metrics.is_empty());
}

/// Counts how often an image is read.
struct Counted {
    set: Box<dyn Dataset>,
    reads: Arc<AtomicUsize>,
}

impl Dataset for Counted {
    fn info(&self) -> &DatasetInfo {
        self.set.info()
    }
    fn len(&self) -> usize {
        self.set.len()
    }
    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.set.target(index)
    }
    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.set.sample(index)
    }
}

/// How often test images had been read at the end of each epoch.
struct Reads(Arc<AtomicUsize>, Vec<usize>);

impl Observer for Reads {
    fn epoch(&mut self, epoch: &EpochProgress<'_>) {
        self.1.push(self.0.load(Ordering::Relaxed));
        let line = epoch_line(epoch);
        assert!(line.contains("  validation top-1 "), "{line}");
        assert_eq!(
            line.contains("  test top-1 "),
            epoch.row.epoch == epoch.epochs,
            "{line}"
        );
    }
}

#[test]
fn test_images_are_not_even_read_before_the_last_epoch() {
    let source = "shapes:size=16,train=64,test=20,classes=4";
    let reads = Arc::new(AtomicUsize::new(0));
    let test = Arc::new(Counted {
        set: open(source, Split::Test).unwrap(),
        reads: Arc::clone(&reads),
    });
    let (train, held_back) =
        hold_out(open(source, Split::Train).unwrap().into(), 0.25, Seed::new(0)).unwrap();
    let data =
        PlannedData::with_validation(Arc::new(train), Arc::new(held_back), Some(test), Augment::none());
    let student = VisionModel::build("cifar_resnet8", 4, 0).unwrap();
    let settings = Settings {
        batch: 16,
        ..Settings::named("counted")
    };
    let phase = Phase::whole(3, Sgd::with_rate(0.05).into());
    let parts = PlanParts::new(settings, student, data.unwrap(), phase, &cpu()).unwrap();
    let mut run = Run::in_memory(Plan::from_parts(parts).unwrap()).unwrap();
    let mut seen = Reads(Arc::clone(&reads), Vec::new());
    run.go(&mut seen, &false.into()).unwrap();
    assert_eq!(seen.1, [0, 0, 20], "the weights of the last epoch, once");
    // Those of the best epoch, if they are others.
    let summary = run.summary();
    let expected = if summary.best.epoch == 3 { 20 } else { 40 };
    assert_eq!(reads.load(Ordering::Relaxed), expected);
    assert!(!summary.best.metrics.is_empty());
}

/// Eight grey pictures for each of two classes, told apart by their shades.
fn draw(folder: &Path) {
    for (class, shade) in [("dark", 40_u8), ("light", 200)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..8_u8 {
            let pixels = [shade + number; 8 * 8 * 3];
            fs::write(folder.join(class).join(format!("{number}.png")), png(&pixels)).unwrap();
        }
    }
}

/// A picture of 8x8 pixels.
fn png(pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

const PHOTOS: &str = r#"
version = 1
name = "photos"
[student]
model = "cifar_resnet8"
[train]
epochs = 2
batch = 4
optimizer = { kind = "sgd", lr = 0.05 }
"#;

fn photos(data: &str) -> TestRecipe {
    TestRecipe::of(PHOTOS).append(&format!("[data]\n{data}\n"))
}

#[test]
fn training_images_are_never_presented_as_test_images() {
    let place = tempfile::tempdir().unwrap();
    let photos_at = place.path().join("photos");
    draw(&photos_at);
    let train = format!("train = {photos_at:?}");
    let refused = |more: &str| photos(&format!("{train}\n{more}")).plan(&[]).err().unwrap();

    // A part is held back, and that is told; the recipe says it from now on.
    let plan = photos(&train).plan(&[]).unwrap();
    assert!(plan.spec.data.test.is_none());
    assert_eq!(plan.spec.images().counts(), "14 training and 2 validation images");
    let told = plan.spec.data.told().join("\n");
    assert!(
        told.contains("has no test images besides its training images")
            && told.contains("`data.validation = 0.1`"),
        "{told}"
    );
    assert!(plan.spec.text().unwrap().contains("validation = 0.1"));
    // Asked for by name, by another spelling, and in part.
    let said = refused(&format!("test = {photos_at:?}"));
    assert!(said.contains("16 of the 16 test images"), "{said}");
    let said = refused(&format!(
        "test = {:?}\nvalidation = 0.25",
        photos_at.join("../photos/.")
    ));
    assert!(
        said.contains("16 of the 16 test images")
            && said.contains("leave `data.test` out: the validation images judge then"),
        "{said}"
    );
    let link = place.path().join("link");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&photos_at, &link).unwrap();
        let said = refused(&format!("test = {link:?}"));
        assert!(said.contains("16 of the 16 test images"), "{said}");
    }

    // What is held back judges, and is called that.
    let recipe = photos(&format!("{train}\nvalidation = 0.25"));
    let plan = recipe.plan(&[]).unwrap();
    assert!(plan.spec.data.test.is_none());
    assert_eq!(plan.spec.images().counts(), "12 training and 4 validation images");
    let folder = place.path().join("run");
    finish(&mut recipe.start(&[], &folder));
    let summary = read_summary(folder.join("summary.json")).unwrap();
    assert_eq!(summary.measured_on(), MeasuredOn::Validation);
    assert!(summary.finished && summary.last.metrics.is_empty() && summary.last_headline().is_finite());
    assert!(
        rows(&folder)
            .iter()
            .all(|row| row.test.is_none() && row.validation.is_some())
    );
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("There are no test images.") && report.contains("Validation top-1, last epoch"));
    let card = fs::read_to_string(folder.join("student/README.md")).unwrap();
    assert!(card.contains("On the 4 validation images of photos."), "{card}");
    assert!(card.contains("split: validation") && !card.contains("split: test"));
}

#[test]
fn validation_images_can_be_named() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    for name in ["photos/train", "photos/val", "other"] {
        draw(&at(name));
    }
    let plan = |data: &str| photos(data).plan(&[]).map(|plan| plan.spec.images());
    let train = format!("train = {:?}", at("photos"));
    let all = plan(&format!("{train}\nvalidation = {:?}", at("other"))).unwrap();
    assert_eq!(all.counts(), "16 training, 16 validation and 16 test images");
    // The only other split is not both.
    let named = plan(&format!("{train}\nvalidation = {:?}", at("photos/val"))).unwrap();
    assert_eq!(named.counts(), "16 training and 16 validation images");
    let said = plan(&format!(
        "{train}\nvalidation = {0:?}\ntest = {0:?}",
        at("photos/val")
    ));
    let said = said.unwrap_err();
    assert!(
        said.starts_with("`data.validation`: 16 of its images are test images"),
        "{said}"
    );
    // There is no test split at all, and it was not asked for.
    draw(&at("only/train"));
    let alone = plan(&format!("train = {:?}\nvalidation = 0.5", at("only"))).unwrap();
    assert_eq!(alone.counts(), "8 training and 8 validation images");
    let said = plan(&format!("{train}\nvalidation = {:?}", at("photos/train"))).unwrap_err();
    assert!(said.contains("16 of its 16 images are training images"), "{said}");
    fs::rename(at("other/dark"), at("other/dim")).unwrap();
    let said = plan(&format!("{train}\nvalidation = {:?}", at("other"))).unwrap_err();
    assert!(
        said.contains(
            "the class names of `data.train` and `data.validation` differ: `dark` here is `dim` there"
        ),
        "{said}"
    );
}

#[test]
fn a_run_without_validation_images_is_as_it_was_and_says_how_it_chose() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let mut run = tiny_recipe().start(&[], &folder);
    finish(&mut run);
    let summary = fs::read_to_string(folder.join("summary.json")).unwrap();
    let rows = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    assert!(
        !summary.contains("validation") && !rows.contains("validation"),
        "{summary}{rows}"
    );
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("The best epoch is chosen on the test images, which flatters it"));
    let folder = RunFolder::open(&folder).unwrap();
    assert!(folder.best().is_file());
}
