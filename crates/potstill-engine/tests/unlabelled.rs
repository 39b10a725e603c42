//! A student that learns from its teacher alone, on images without labels.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a path in quotes is TOML")]

use std::{fs, path::Path};

use potstill_report::{read_metrics, read_summary};
use potstill_testing::{recipe::TestRecipe, runs::finish};

const RECIPE: &str = r#"
version = 1
name = "web"
[student]
model = "cifar_resnet8"
[teacher]
model = "cifar_resnet14"
weights = "random"
[train]
epochs = 2
batch = 4
task_weight = 0.0
optimizer = { kind = "sgd", lr = 0.05 }
"#;

/// A picture of 8x8 pixels of one shade.
fn png(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[shade; 8 * 8 * 3]).unwrap();
    writer.finish().unwrap();
    bytes
}

/// 12 pictures of no class in `web`, and 4 of two classes in `known`.
fn draw(place: &Path) {
    fs::create_dir_all(place.join("web")).unwrap();
    for number in 0..12_u8 {
        fs::write(place.join(format!("web/{number}.png")), png(20 * number)).unwrap();
    }
    for (class, shade) in [("dark", 30), ("light", 220)] {
        fs::create_dir_all(place.join("known").join(class)).unwrap();
        for number in 0..2_u8 {
            fs::write(
                place.join(format!("known/{class}/{number}.png")),
                png(shade + number),
            )
            .unwrap();
        }
    }
}

fn recipe(place: &Path, data: &str) -> TestRecipe {
    let train = place.join("web");
    TestRecipe::of(RECIPE).append(&format!("[data]\ntrain = {train:?}\n{data}\n"))
}

#[test]
fn a_student_learns_from_its_teacher_where_nothing_is_known_of_the_images() {
    let place = tempfile::tempdir().unwrap();
    draw(place.path());
    let known = place.path().join("known");
    let recipe = recipe(place.path(), &format!("test = {known:?}")).method("kd", "");
    let plan = recipe.plan(&[]).unwrap();
    assert_eq!(plan.spec.images().counts(), "12 training and 4 test images");
    assert_eq!(plan.student().classes(), 2);
    let folder = place.path().join("run");
    finish(&mut recipe.start(&[], &folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    for row in &rows {
        assert_eq!(row.train.terms.keys().collect::<Vec<_>>(), ["kd"]);
        assert!(row.train.metrics.is_empty() && row.train.loss.is_finite());
        assert!(row.test.as_ref().unwrap()["top1"].is_finite());
    }
    let summary = read_summary(folder.join("summary.json")).unwrap();
    assert!(summary.finished && summary.last_headline().is_finite());
    // Half of the images, and those that the seed chooses.
    let half = recipe.plan(&["data.train_limit=6"]).unwrap();
    assert_eq!(half.spec.data.train.len(), 6);
}

#[test]
fn what_needs_labels_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    draw(place.path());
    let known = place.path().join("known");
    let with_test = |method: &str| recipe(place.path(), &format!("test = {known:?}")).method(method, "");
    let said = with_test("ekd").plan(&[]).err().unwrap();
    assert!(
        said.contains("`ekd` needs labels (") && said.contains("have none: take the method out"),
        "{said}"
    );
    let said = with_test("kd").plan(&["train.task_weight=1"]).err().unwrap();
    assert!(
        said.starts_with("`data.train`: the images of ") && said.contains("`train.task_weight = 0`"),
        "{said}"
    );
    let said = recipe(place.path(), "").method("kd", "").plan(&[]).err().unwrap();
    assert!(
        said.starts_with("`data.test`: ") && said.contains("name images of classes to test with"),
        "{said}"
    );
    let said = recipe(place.path(), "validation = 0.1")
        .method("kd", "")
        .plan(&[])
        .err()
        .unwrap();
    assert!(
        said.starts_with("`data.validation`: ") && said.contains("none of them can validate"),
        "{said}"
    );
    let said = with_test("kd").plan(&["methods=[]"]).err().unwrap();
    assert!(said.contains("nothing is to be learned"), "{said}");
}
