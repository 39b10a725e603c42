//! `potstill eval` as a user meets it: the preprocessing of the run, classes by name, and what is told beyond metrics.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::{fs, path::Path};

use potstill_testing::{
    command::{Place, shared},
    pictures::write_png,
};
use serde_json::{Value, json};

const RECIPE: &str = r#"version = 1
name = "pets"
[data]
train = "photos"
test = "photos"
augment = [{ resize-shorter = { size = 18 } }, { pad-crop = { pad = 2 } }, { centre-crop = { size = 16 } }]
[student]
model = "cifar_resnet8"
[train]
epochs = 2
batch = 8
optimizer = { kind = "sgd", lr = 0.05 }
"#;

/// Photos of several sizes: a cat has stripes across, a dog along, an owl none, each with noise.
fn photograph(folder: &Path, class: &str, count: usize) {
    for number in 0..count {
        let size = [24 + 5 * number % 17, 22 + 7 * number % 19];
        let noise = |y: usize, x: usize| (((y * 31 + x * 17 + number * 101) * 40_503) >> 7) % 120;
        let tone = |y: usize, x: usize| match class {
            "cat" => 120 * (y / 3 % 2),
            "dog" => 120 * (x / 3 % 2),
            _ => 60,
        };
        let file = folder.join(class).join(format!("{number}.png"));
        write_png(&file, size, |y, x| {
            let value = (tone(y, x) + noise(y, x)) as u8;
            [value, value / 2 + 40, 255 - value]
        });
    }
}

/// A folder with photos of three classes and a recipe for them.
fn with_photos() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    for class in ["cat", "dog", "owl"] {
        photograph(&place.path("photos/train"), class, 12);
        photograph(&place.path("photos/test"), class, 7);
    }
    fs::write(place.path("pets.toml"), RECIPE).unwrap();
    place
}

fn read(place: &Place, file: &str) -> Value {
    serde_json::from_slice(&fs::read(place.path(file)).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// A name, overrides of the recipe, and the steps that its student is saved with.
type Variant = (&'static str, &'static [&'static str], Value);

fn variants() -> [Variant; 3] {
    [
        (
            "cropped",
            &[],
            json!([
                { "resize-shorter": { "size": 18, "interpolation": "bilinear" } },
                { "centre-crop": { "size": 16 } },
            ]),
        ),
        (
            "squeezed",
            &[r#"data.augment=["flip", { resize = { size = [16, 20], interpolation = "bicubic" } }]"#],
            json!([{ "resize": { "size": [16, 20], "interpolation": "bicubic" } }]),
        ),
        (
            "imagenet",
            &[
                r#"data.augment=[{ random-resized-crop = { size = 16 } }, "flip"]"#,
                "data.test_augment=[{ resize-shorter = { size = 20 } }, { center-crop = { size = 16 } }]",
            ],
            json!([
                { "resize-shorter": { "size": 20, "interpolation": "bilinear" } },
                { "centre-crop": { "size": 16 } },
            ]),
        ),
    ]
}

#[test]
fn a_run_and_the_evaluation_of_the_run_are_the_same_number() {
    let place = with_photos();
    for (name, overrides, steps) in variants() {
        let named = format!("name={name}");
        place.out(&[&["train", "pets.toml", "--quiet", &named][..], overrides].concat());
        let run = format!("runs/{name}");
        let config = read(&place, &format!("{run}/student/config.json"));
        assert_eq!(config["input"]["preprocess"], steps, "{name}");
        let found = place.json(&["eval", &run, "--data", "photos", "--json", "--quiet"]);
        let trained = read(&place, &format!("{run}/summary.json"))["last"]["metrics"].clone();
        assert_eq!(found["count"], 21);
        assert_eq!(found["top1"], trained["top1"], "{name}");
        assert!(
            (number(&found["loss"]) - number(&trained["loss"])).abs() < 1e-9,
            "{name}"
        );
        // An exported folder takes them along, and another size is another measurement.
        let out = format!("exported-{name}");
        place.out(&["export", &run, "--out", &out, "--quiet"]);
        let exported = place.json(&["eval", &out, "--data", "photos", "--json", "--quiet"]);
        assert_eq!(exported["loss"], found["loss"], "{name}");
        let other = place.json(&[
            "eval", &run, "--data", "photos", "--size", "20", "--json", "--quiet",
        ]);
        assert_ne!(other["loss"], found["loss"], "{name}");
    }
    // The training images are another part of the data.
    let eval = ["eval", "runs/cropped", "--data", "photos", "--split", "train"];
    let train = place.json(&[&eval[..], &["--json", "--quiet"]].concat());
    assert_eq!(train["count"], 36);
    let eval = [
        "eval",
        "runs/cropped",
        "--data",
        "photos",
        "--split",
        "validation",
    ];
    let said = place.refused(&eval, 2);
    assert!(
        said.contains("photos has no validation part of its own"),
        "{said}"
    );
    photograph(&place.path("photos/val"), "dog", 4);
    let validation = place.json(&[&eval[..], &["--json", "--quiet"]].concat());
    assert_eq!(validation["count"], 4);
    assert_eq!(validation["missing_classes"], json!(["cat", "owl"]));
}

/// A JPEG of a ramp with this EXIF orientation.
fn turned(orientation: u8) -> Vec<u8> {
    let ramp = include_bytes!("../../potstill-data/tests/fixtures/ramp_8x8.jpg");
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() + 2) as u16;
    let marker = [&[0xff, 0xe1][..], &length.to_be_bytes(), &exif].concat();
    [&ramp[..2], &marker, &ramp[2..]].concat()
}

#[test]
fn files_are_turned_as_those_of_the_run_were() {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    for (class, orientation) in [("left", 8), ("right", 6), ("up", 1)] {
        for split in ["train", "test"] {
            let folder = place.path("photos").join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..6 {
                fs::write(folder.join(format!("{number}.jpg")), turned(orientation)).unwrap();
            }
        }
    }
    let recipe = RECIPE.replace("[data]", "[data]\nexif_orientation = true");
    fs::write(place.path("pets.toml"), recipe).unwrap();
    let resize = "data.augment=[{ resize = { size = 16 } }]";
    place.out(&["train", "pets.toml", "--quiet", resize]);
    let eval = ["eval", "runs/pets", "--data", "photos", "--json", "--quiet"];
    let trained = read(&place, "runs/pets/summary.json")["last"]["metrics"]["loss"].clone();
    let gap = |found: &Value| (number(&found["loss"]) - number(&trained)).abs();
    assert!(gap(&place.json(&eval)) < 1e-9);
    let asked = [
        "predict",
        "runs/pets",
        "photos/test/left/0.jpg",
        "photos/test/up/0.jpg",
        "--json",
        "--quiet",
    ];
    let answers = place.json(&asked);
    assert_ne!(answers[0]["top"], answers[1]["top"]);
    // Without that word the files are all the same picture.
    let path = place.path("runs/pets/student/config.json");
    let mut config = read(&place, "runs/pets/student/config.json");
    config["input"]["exif_orientation"] = json!(false);
    fs::write(path, config.to_string()).unwrap();
    assert!(gap(&place.json(&eval)) > 1e-6);
    let answers = place.json(&asked);
    assert_eq!(answers[0]["top"], answers[1]["top"]);
}

#[test]
fn a_random_step_is_no_step_of_a_test_image() {
    let place = with_photos();
    let said = place.refused(&["plan", "pets.toml", r#"data.test_augment=["flip"]"#], 2);
    assert!(
        said.contains("data.test_augment") && said.contains("`flip` draws at random"),
        "{said}"
    );
    let wrong = "data.test_augment=[{ resize = { sise = 3 } }]";
    let said = place.refused(&["plan", "pets.toml", wrong], 2);
    assert!(
        said.contains("data.test_augment") && said.contains("sise"),
        "{said}"
    );
}

#[test]
fn classes_are_matched_by_name() {
    let place = with_photos();
    place.out(&["train", "pets.toml", "--quiet"]);
    // The data has two of the three classes, which other numbers belong to.
    for class in ["dog", "owl"] {
        photograph(&place.path("few"), class, 7);
    }
    let eval = ["eval", "runs/pets", "--data", "few", "--worst", "99"];
    let found = place.json(&[&eval[..], &["--json", "--quiet"]].concat());
    assert_eq!(found["missing_classes"], json!(["cat"]));
    let said = String::from_utf8(place.run(&eval).stderr).unwrap();
    assert!(
        said.contains("no images of 1 of the network's 3 classes: cat"),
        "{said}"
    );

    // What it says of each picture is what it is counted for.
    let answers = place.json(&["predict", "runs/pets", "few", "--top", "1", "--json", "--quiet"]);
    let mut right = [0, 0];
    for answer in answers.as_array().unwrap() {
        let file = answer["file"].as_str().unwrap();
        for (class, right) in ["dog", "owl"].iter().zip(&mut right) {
            *right += i32::from(file.contains(class) && answer["top"][0]["class"] == **class);
        }
    }
    let percent = |hits: i32, all: i32| 100.0 * f64::from(hits) / f64::from(all);
    assert_eq!(number(&found["top1"]), percent(right[0] + right[1], 14));
    let expected = json!([
        { "class": "dog", "images": 7, "accuracy": percent(right[0], 7) },
        { "class": "owl", "images": 7, "accuracy": percent(right[1], 7) },
    ]);
    assert_eq!(found["by_class"], expected);
    let wrong = 14 - right[0] - right[1];
    if wrong > 0 {
        let worst = found["worst"].as_array().unwrap();
        assert_eq!(worst.len() as i32, wrong);
        let file_is_of_its_class = |wrong: &Value| {
            let (file, truth) = (wrong["file"].as_str().unwrap(), wrong["truth"].as_str().unwrap());
            file.contains(truth) && wrong["prediction"] != wrong["truth"]
        };
        assert!(worst.iter().all(file_is_of_its_class), "{worst:?}");
    }
    let matrix = found["confusion"]["matrix"].as_array().unwrap();
    assert_eq!(
        (matrix.len(), &matrix[0]),
        (3, &json!([0, 0, 0])),
        "no image shows a cat"
    );

    photograph(&place.path("few"), "ant", 1);
    let said = place.refused(&["eval", "runs/pets", "--data", "few"], 2);
    assert!(
        said.contains("`ant`") && said.contains("cat, dog, owl") && !said.contains("`dog`"),
        "{said}"
    );
}

#[test]
fn a_network_agrees_with_itself_and_is_told_in_tables() {
    let place = with_photos();
    place.out(&["train", "pets.toml", "--quiet"]);
    let eval = ["eval", "runs/pets", "--data", "photos", "--teacher", "runs/pets"];
    let found = place.json(&[&eval[..], &["--json", "--quiet"]].concat());
    assert_eq!(found["agreement"]["top1"], 100.0);
    assert!(number(&found["agreement"]["divergence"]).abs() < 1e-9);
    let bins = found["calibration"]["bins"].as_array().unwrap();
    let images: u64 = bins.iter().map(|bin| bin["images"].as_u64().unwrap()).sum();
    assert_eq!(images, 21);
    let text = place.out(&[&eval[..], &["--quiet"]].concat());
    for word in [
        "top-1 ",
        "(21 images)",
        "calibration error",
        "agreement with the teacher 100.00 %",
        "class   images",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // Two epochs later it is another network.
    place.out(&["train", "pets.toml", "--quiet", "name=longer", "train.epochs=4"]);
    let other = [&eval[..5], &["runs/longer", "--json", "--quiet"]].concat();
    assert!(number(&place.json(&other)["agreement"]["divergence"]) > 0.0);
}

#[test]
fn a_teacher_of_other_classes_is_no_teacher_for_logits() {
    let place = with_photos();
    place.out(&["train", "pets.toml", "--quiet"]);
    for class in ["bat", "cat", "dog"] {
        photograph(&place.path("others/train"), class, 8);
        photograph(&place.path("others/test"), class, 3);
    }
    let plan = |method: &str, data: &str| {
        let [train, test] = ["train", "test"].map(|key| format!("data.{key}={data}"));
        let methods = format!("methods=[{{ kind = \"{method}\" }}]");
        let teacher = "teacher={ run = \"runs/pets\" }";
        place.run(&[
            "plan",
            "pets.toml",
            &train,
            &test,
            teacher,
            &methods,
            "name=student",
        ])
    };
    let refused = plan("kd", "others");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("`kd` compares logits class by class") && said.contains("`cat` there is `bat` here"),
        "{said}"
    );
    // Its features may teach, and where the names are the same its logits.
    assert!(plan("review-kd", "others").status.success());
    let planned = plan("kd", "photos");
    assert!(planned.status.success());
    assert!(
        !String::from_utf8(planned.stdout)
            .unwrap()
            .contains("was trained on")
    );
    // One that was trained on images of another size is shown the student's, and that is said.
    let larger = [
        "plan",
        "pets.toml",
        "data.augment=[{ resize = { size = 24 } }]",
        r#"teacher={ run = "runs/pets" }"#,
        r#"methods=[{ kind = "kd" }]"#,
        "name=student",
    ];
    let text = place.out(&larger);
    assert!(
        text.contains(
            "the teacher `teacher` was trained on images of 16x16, and is shown the student's of 24x24"
        ),
        "{text}"
    );
}

#[test]
fn images_of_several_sizes_need_a_word_where_there_is_no_config() {
    let place = with_photos();
    place.out(&["train", "pets.toml", "--quiet"]);
    let weights = place.path("runs/pets/student/model.safetensors");
    fs::copy(weights, place.path("alone.safetensors")).unwrap();
    let eval = [
        "eval",
        "alone.safetensors",
        "--model",
        "cifar_resnet8",
        "--data",
        "photos",
        "--quiet",
        "--json",
    ];
    let said = place.refused(&eval, 2);
    assert!(
        said.contains("nothing says to what size") && said.contains("`--size N`"),
        "{said}"
    );
    // Said on the command line it is what the config says.
    let steps = "[{ resize-shorter = { size = 18 } }, { centre-crop = { size = 16 } }]";
    let told = place.json(&[&eval[..], &["--preprocess", steps]].concat());
    let known = place.json(&["eval", "runs/pets", "--data", "photos", "--quiet", "--json"]);
    assert_eq!(told["loss"], known["loss"]);
    let said = place.refused(&[&eval[..], &["--preprocess", r#"["flip"]"#]].concat(), 2);
    assert!(said.contains("`flip` draws at random"), "{said}");
}

#[test]
fn images_of_any_size_are_brought_to_the_size_of_an_old_config() {
    let Some(case) = shared("cases/saved-size") else {
        return;
    };
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let [weights, data] = ["student/weights.pth", "data"].map(|name| case.join(name).display().to_string());
    let found = place.json(&["eval", &weights, "--data", &data, "--json", "--quiet"]);
    assert_eq!((&found["count"], &found["top1"]), (&json!(4), &json!(75.0)));
    let said = String::from_utf8(place.run(&["eval", &weights, "--data", &data]).stderr).unwrap();
    let rule =
        "images of another size are brought to 16x16 by resize-shorter 16 (bilinear), centre-crop 16x16";
    assert!(said.contains(rule), "{said}");
}

#[test]
fn a_class_that_a_student_does_not_know_is_refused_by_name() {
    let Some(case) = shared("cases/class-names") else {
        return;
    };
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let [weights, data] = ["student/weights.pth", "data"].map(|name| case.join(name).display().to_string());
    let said = place.refused(&["eval", &weights, "--data", &data], 2);
    assert!(
        said.contains("does not know: `ant`; the network's classes are cat, dog, zebra"),
        "{said}"
    );
}
