//! A student in an ONNX file: it trains, resumes, is evaluated and deployed like one of the registry, with every method.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_data::{Split, open};
use potstill_engine::{CheckpointChoice, RunFolder, VisionModel, export};
use potstill_ops::{Point, Role};
use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{bits, checkpoint, finish, go_on, goes_on_after_each, part, with_cache},
};

const FILES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../potstill-models/tests/reference/onnx_student"
);

/// The residual network, which has five classes, for the six of the data.
fn tiny() -> TestRecipe {
    student("residual")
}

fn student(name: &str) -> TestRecipe {
    tiny_recipe().set(&format!("student={{ onnx = \"{FILES}/{name}.onnx\" }}"))
}

fn ran(recipe: &TestRecipe, folder: &Path) {
    finish(&mut recipe.start(&[], folder));
}

/// The terms in the log of the last epoch.
fn terms(folder: &Path) -> Vec<String> {
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows.last().unwrap().train.terms.keys().cloned().collect()
}

#[test]
fn a_file_trains_and_is_used_from_its_run() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    ran(&tiny(), &folder);
    let summary = read_summary(folder.join("summary.json")).unwrap();
    assert_eq!(summary.student.model, "residual.onnx");
    let config = std::fs::read_to_string(folder.join("student/config.json")).unwrap();
    assert!(
        config.contains("\"architecture\": \"onnx\"") && config.contains("\"graph\": \"graph.onnx\""),
        "{config}"
    );
    // The names are those of the module, so that PyTorch loads it.
    let names: Vec<String> = bits(&folder.join("student/model.safetensors"))
        .into_keys()
        .collect();
    assert!(
        names.contains(&"layer2.downsample.1.running_var".into()),
        "{names:?}"
    );
    assert_eq!(names.len(), 32);
    // Neither the file nor the recipe is needed any more.
    let image = open("shapes:size=16,train=10", Split::Train)
        .unwrap()
        .image(0)
        .unwrap();
    let logits = |path: &Path| {
        let model = VisionModel::load(path).unwrap();
        assert_eq!(
            (model.architecture.as_str(), model.network.name()),
            ("residual.onnx", "residual.onnx")
        );
        assert_eq!(model.class_names.len(), 6);
        let values: Vec<f32> = model
            .logits(std::slice::from_ref(&image))
            .unwrap()
            .into_data()
            .try_to_vec()
            .unwrap();
        values
    };
    let deployed = logits(&folder.join("student"));
    assert_eq!(deployed.len(), 6);
    assert_eq!(logits(&folder), deployed);
    assert_eq!(logits(&folder.join("last.safetensors")), deployed);
    let again = place.path().join("again");
    export(&RunFolder::open(&folder).unwrap(), CheckpointChoice::Last, &again).unwrap();
    assert_eq!(logits(&again), deployed);
}

#[test]
fn a_plan_says_what_it_found() {
    let plan = tiny().plan(&[]).unwrap();
    let notes = plan.spec.notes().join("\n");
    assert!(
        notes.contains("residual.onnx has 5 classes: its last layer, `fc`, is drawn anew for 6"),
        "{notes}"
    );
    assert!(
        notes.contains("its stages end at `/Relu_output_0`, `/layer1/relu_1/Relu_output_0`"),
        "{notes}"
    );
    let points = &plan.spec.student.info.probe.points;
    assert!(
        points
            .iter()
            .any(|(point, size)| *point == Point::post("/layer2/conv1/Conv_output_0") && *size == [4, 4, 12])
    );
    let same = tiny()
        .plan(&["data.train=\"shapes:size=16,train=96,test=40,classes=5\""])
        .unwrap();
    assert!(!same.spec.notes().join("\n").contains("drawn anew"));
}

#[test]
fn a_run_goes_on_to_the_same_bits() {
    goes_on_after_each(&tiny(), &[], 1..=2);
    let place = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| place.path().join(name));
    ran(&tiny(), &whole);
    go_on(&mut tiny().start(&[], &parts), 2);
    finish(&mut tiny().resume(&[], &parts));
    assert!(checkpoint(&whole) == checkpoint(&parts));
}

/// A file in training mode drops by its ratio: in each step anew, and the same again.
#[test]
fn dropout_of_a_file_is_drawn_by_the_step() {
    let place = tempfile::tempdir().unwrap();
    let dropping = student("inverted.C");
    let [whole, parts, eval] = ["whole", "parts", "eval"].map(|name| place.path().join(name));
    ran(&dropping, &whole);
    go_on(&mut dropping.start(&[], &parts), 2);
    finish(&mut dropping.resume(&[], &parts));
    assert!(checkpoint(&whole) == checkpoint(&parts));
    ran(&student("inverted"), &eval);
    let losses = |folder: &Path| read_metrics(folder.join("metrics.jsonl")).unwrap()[0].train.loss;
    assert!((losses(&whole) - losses(&eval)).abs() > 1e-6);
}

#[test]
fn another_file_is_another_run() {
    let place = tempfile::tempdir().unwrap();
    let [folder, file] = ["run", "mine.onnx"].map(|name| place.path().join(name));
    std::fs::copy(format!("{FILES}/residual.onnx"), &file).unwrap();
    let recipe = tiny().set(&format!("student={{ onnx = \"{}\" }}", file.display()));
    go_on(&mut recipe.start(&[], &folder), 2);
    std::fs::copy(format!("{FILES}/branches.onnx"), &file).unwrap();
    let run = potstill_engine::Run::resume(recipe.plan(&[]).unwrap(), RunFolder::open(&folder).unwrap());
    let error = run.err().unwrap().to_string();
    assert!(error.contains("ONNX file of the student"), "{error}");
    // The same operators with other weights.
    let whole = std::fs::read(format!("{FILES}/residual.onnx")).unwrap();
    let graph =
        potstill_models::TrainGraph::open(format!("{FILES}/residual.onnx").as_ref(), None, [16, 16, 3])
            .unwrap();
    let weight = graph
        .tensors
        .iter()
        .find(|tensor| tensor.name == "conv1.weight")
        .unwrap();
    let bytes: Vec<u8> = weight.values[..4]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let at = whole.windows(16).position(|found| found == bytes).unwrap();
    let mut other = whole;
    other[at] ^= 1;
    std::fs::write(&file, other).unwrap();
    let run = potstill_engine::Run::resume(recipe.plan(&[]).unwrap(), RunFolder::open(&folder).unwrap());
    let error = run.err().unwrap().to_string();
    assert!(error.contains("the first weights of the student"), "{error}");
    std::fs::remove_file(&file).unwrap();
    let gone = recipe.plan(&[]).err().unwrap();
    assert!(gone.contains("needs the file that it began with"), "{gone}");
}

#[test]
fn fresh_weights_come_from_the_seed_alone() {
    let values = |recipe: &TestRecipe, changes: &[&str]| {
        let plan = recipe.plan(changes).unwrap();
        let mut found = Vec::new();
        plan.student().parameters().each(&mut |entry, value| {
            if entry.role == Role::Weight {
                found.extend(value.into_data().try_to_vec::<f32>().unwrap());
            }
        });
        found
    };
    let fresh = tiny().set("student.init=fresh");
    assert_ne!(values(&tiny(), &[]), values(&fresh, &[]));
    assert_eq!(values(&fresh, &[]), values(&fresh, &[]));
    assert_ne!(values(&fresh, &[]), values(&fresh, &["seed=6"]));
}

#[test]
fn a_head_starts_anew_on_request() {
    let same = "data.train=\"shapes:size=16,train=96,test=40,classes=5\"";
    let head = |recipe: &TestRecipe| {
        let plan = recipe.plan(&[same]).unwrap();
        let mut found = Vec::new();
        plan.student().parameters().each(&mut |entry, value| {
            if entry.path == "fc.weight" {
                found.extend(value.into_data().try_to_vec::<f32>().unwrap());
            }
        });
        (found, plan.spec.notes().join("\n"))
    };
    let (kept, anew) = (head(&tiny()), head(&tiny().set("student.head=new")));
    assert_ne!(kept.0, anew.0);
    assert!(
        anew.1.contains("its last layer, `fc`, is drawn anew"),
        "{}",
        anew.1
    );
    // Other weights under the same names leave the new head alone.
    let place = tempfile::tempdir().unwrap();
    let weights = format!("student.weights={}", untrained(place.path()));
    let loaded = head(&tiny().set("student.head=new").set(&weights));
    assert_eq!(loaded.0, anew.0);
}

#[test]
fn parts_freeze_and_gradients_are_clipped() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    ran(
        &tiny()
            .set("student.freeze=[\"conv1\", \"layer1\"]")
            .set("train.clip_norm=0.5"),
        &folder,
    );
    let (before, after) = (
        bits(Path::new(&untrained(place.path()))),
        part(&checkpoint(&folder), "student"),
    );
    assert_eq!(before["layer1.conv1.weight"], after["layer1.conv1.weight"]);
    assert_ne!(before["layer2.conv1.weight"], after["layer2.conv1.weight"]);
}

/// The weights of the file as safetensors.
fn untrained(place: &Path) -> String {
    let plan = tiny().plan(&[]).unwrap();
    let path = place.join("untrained.safetensors");
    potstill_models::weights::save(plan.student(), &std::collections::BTreeMap::new(), &path).unwrap();
    path.display().to_string()
}

#[test]
fn methods_work_on_a_file() {
    let place = tempfile::tempdir().unwrap();
    let points = "student_points = [\"/Relu_output_0\", \"/layer1/relu_1/Relu_output_0\", \"/layer2/relu_1/Relu_output_0\"]\n\
        teacher_points = [\"layer1.1:pre\", \"layer2.1:pre\", \"layer3.1:pre\"]";
    for (kind, options) in [
        ("kd", ""),
        ("dkd", ""),
        ("review-kd", ""),
        ("review-kd", points),
        ("ekd", ""),
        ("tskd", "interval = 1\nhidden = [4, 4, 4]"),
        (
            "fitnet",
            "student_points = [\"/layer2/relu_1/Relu_output_0\"]\nteacher_points = [\"layer3.1\"]",
        ),
    ] {
        let folder = place.path().join(format!("{kind}-{}", options.len()));
        let recipe = tiny().set("train.epochs=4").method(kind, options);
        finish(&mut recipe.start(&[], &folder));
        assert!(!terms(&folder).is_empty(), "{kind}");
    }
}

#[test]
fn a_layer_is_inserted_at_a_point_of_a_file() {
    with_cache(
        module_path!(),
        "a_layer_is_inserted_at_a_point_of_a_file",
        |place| {
            let folder = place.join("run");
            let recipe = tiny().method(
                "letkd",
                "templates = 40\nsub_classes = 3\ncomponents = 8\niterations = 4",
            );
            finish(&mut recipe.start(&[], &folder));
            let model = VisionModel::load(folder.join("student")).unwrap();
            assert!(!model.network.insertions().is_empty());
            assert!(terms(&folder).iter().any(|term| term.contains("letkd")));
        },
    );
}

#[test]
fn what_a_student_cannot_be_is_said() {
    let refused = |change: &str| tiny().plan(&[change]).err().unwrap();
    let missing = refused("student.onnx=nowhere.onnx");
    assert!(missing.contains("nowhere.onnx"), "{missing}");
    let grey = refused("data.train=\"shapes:size=16,train=96,test=40,classes=6,channels=1\"");
    assert!(grey.contains("channels"), "{grey}");
    let both = refused("student.model=cifar_resnet8");
    assert!(
        both.contains("`student.onnx` takes the network from that file, so `model` cannot stand beside it"),
        "{both}"
    );
    let random = refused("student.weights=random");
    assert!(
        random.contains("`student.weights` is said of a student in an ONNX file by `init = \"fresh\"`"),
        "{random}"
    );
    let twice = tiny()
        .set("student.weights=some.pth")
        .plan(&["student.init=fresh"])
        .err()
        .unwrap();
    assert!(
        twice.contains("`student.init` draws fresh weights, and `weights` gives them all"),
        "{twice}"
    );
    let words = student("residual").plan(&["student.init=frsh"]).err().unwrap();
    assert!(
        words.contains("`student.init` must be one of `file`, `fresh`"),
        "{words}"
    );
}
