//! What users' folders of images are taken for, and what is said about them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use std::fs;

use potstill_testing::{
    command::{Place, shared},
    pictures::write_png,
};

const RECIPE: &str = r#"version = 1
name = "folders"
[data]
train = "photos"
[student]
model = "cifar_resnet8"
[train]
epochs = 1
batch = 2
optimizer = { kind = "sgd", lr = 0.05 }
"#;

/// Class folders with four pictures each, and what else lies in such folders.
fn with_photos(classes: &[&str]) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    for (split, class) in ["train", "test"]
        .iter()
        .flat_map(|split| classes.iter().map(move |class| (split, class)))
    {
        for number in 0..4u8 {
            let file = place.path(&format!("photos/{split}/{class}/{number}.png"));
            write_png(&file, [16, 16], |y, x| [y as u8 * 9, x as u8 * 7, number * 50]);
        }
    }
    fs::write(place.path("folders.toml"), RECIPE).unwrap();
    place
}

/// What a command says on standard error.
fn said(place: &Place, arguments: &[&str]) -> String {
    String::from_utf8(place.run(arguments).stderr).unwrap()
}

#[test]
fn what_is_left_out_is_told_before_the_first_step() {
    let place = with_photos(&["a", "b"]);
    for (file, bytes) in [
        ("a/5.heic", "x"),
        ("b/6.HEIC", "x"),
        ("a/notes.txt", "x"),
        ("a/._1.png", "x"),
    ] {
        fs::write(place.path(&format!("photos/train/{file}")), bytes).unwrap();
    }
    let warning = "warning: 2 files are left out of photos train: 2 .heic of a format that is not read (train/a/5.heic)";
    let rest = "2 files are left out of photos train: 1 .txt (train/a/notes.txt), 1 hidden (train/a/._1.png)";
    for text in [
        place.out(&["data", "check", "photos"]),
        place.out(&["plan", "folders.toml"]),
        said(&place, &["train", "folders.toml"]),
    ] {
        assert!(text.contains(warning) && text.contains(rest), "{text}");
    }
    let json = place.json(&["data", "check", "photos", "--json"]);
    assert_eq!(json["left_out"][0]["reason"], "other-image");
    assert_eq!(json["left_out"][0]["count"], 2);
}

#[test]
fn a_word_is_said_where_torchvision_numbers_the_classes_in_another_way() {
    let place = with_photos(&["1", "2", "10"]);
    let word = "the classes are in natural order, and class 1 is `2`; in torchvision's ImageFolder, which goes by bytes, it is `10`";
    let plan = place.out(&["plan", "folders.toml"]);
    assert!(plan.contains(word), "{plan}");
    let chosen = place.out(&["plan", "folders.toml", "data.class_order=ascii"]);
    assert!(!chosen.contains("natural order"), "{chosen}");
    let order = |arguments: &[&str]| {
        let json = place.json(&[&["data", "check", "photos", "--json"], arguments].concat());
        let classes = json["classes"].as_array().unwrap().iter();
        classes
            .map(|class| class["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&["--class-order", "ascii"]), ["1", "10", "2"]);
    fs::write(place.path("order.txt"), "2\n10\n1\n").unwrap();
    assert_eq!(order(&["--class-order", "order.txt"]), ["2", "10", "1"]);
    fs::write(place.path("order.txt"), "2\n10\n").unwrap();
    let refused = place.refused(&["data", "check", "photos", "--class-order", "order.txt"], 1);
    assert!(
        refused.contains("images of the class `1`, which is none of the 2 in order.txt"),
        "{refused}"
    );
}

#[test]
fn an_image_above_the_limit_is_refused_by_key_and_flag() {
    let place = with_photos(&["a", "b"]);
    let plan = place.refused(&["plan", "folders.toml", "data.max_pixels=255"], 1);
    assert!(
        plan.contains("is of 16x16 (height x width), 256 pixels, and at most 255 are read"),
        "{plan}"
    );
    assert!(plan.contains("`data.max_pixels`"), "{plan}");
    let check = place.refused(&["data", "check", "photos", "--max-pixels", "255"], 1);
    assert!(check.contains("8 images of photos cannot be read"), "{check}");
}

#[test]
fn a_few_unreadable_images_are_left_out_and_named() {
    let place = with_photos(&["a", "b"]);
    fs::write(place.path("photos/train/a/broken.png"), "broken").unwrap();
    let plan = place.refused(&["plan", "folders.toml"], 1);
    assert!(plan.contains("broken.png: cannot decode"), "{plan}");
    let plan = place.out(&["plan", "folders.toml", "data.skip_unreadable=1"]);
    assert!(
        plan.contains("8 training and 8 test images") && plan.contains("1 that cannot be decoded"),
        "{plan}"
    );
}

#[test]
fn labels_come_from_a_table() {
    let place = with_photos(&["a", "b"]);
    fs::write(
        place.path("labels.csv"),
        "file,label\ntrain/a/0.png,dog\ntrain/b/1.png,cat\ntest/a/0.png,dog\n",
    )
    .unwrap();
    let plan = place.out(&["plan", "folders.toml", "data.labels=labels.csv"]);
    assert!(
        plan.contains("2 training and 1 test images") && plan.contains("2 classes"),
        "{plan}"
    );
    assert!(plan.contains("without a row in the table of labels"), "{plan}");
}

/// `../shared/cases/formats`: WebP, BMP and TIFF are images, whatever their extension says.
#[test]
fn every_format_is_trained_with() {
    let (Some(formats), Some(images)) = (shared("cases/formats"), shared("cases/images")) else {
        return;
    };
    let place = with_photos(&["a", "b"]);
    let train = format!("data.train={}", formats.display());
    let plan = place.out(&["plan", "folders.toml", &train]);
    assert!(plan.contains("8 training and 8 test images of 16x16x3"), "{plan}");
    for file in [
        "extra-bytes-between-segments.jpg",
        "the-same-picture.jpg",
        "webp-named-jpg.jpg",
        "last-bytes-missing.jpg",
    ] {
        let folder = place.path("few/a");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(images.join(file), folder.join(file)).unwrap();
    }
    let json = place.run(&["data", "check", "few", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let unreadable = json["unreadable"].as_array().unwrap();
    assert_eq!(unreadable.len(), 1, "{json}");
    let reason = unreadable[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("last-bytes-missing.jpg: cannot decode this image: it is truncated"),
        "{reason}"
    );
}

/// `../shared/cases/numeric-folders`: the network's outputs are in the order of torchvision's `ImageFolder`.
#[test]
fn a_network_from_torchvision_is_evaluated_in_its_order() {
    let Some(folders) = shared("cases/numeric-folders") else {
        return;
    };
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let [weights, data] =
        ["torchvision-order.pth", "data"].map(|name| folders.join(name).display().to_string());
    let usual = [
        "eval",
        "--model",
        "cifar_resnet8",
        "--shortcut",
        "a",
        "--weights",
        &weights,
        "--data",
        &data,
    ];
    let ascii = [usual.as_slice(), &["--class-order", "ascii"]].concat();
    assert!(place.out(&ascii).contains("33.33 %"), "{}", place.out(&ascii));
    assert!(place.out(&usual).contains("6.67 %"));
    let word = said(&place, &usual);
    assert!(word.contains("`--class-order ascii`"), "{word}");
}

#[test]
fn images_without_a_test_split_are_held_back_and_nothing_else_is_claimed() {
    let place = with_photos(&["a", "b"]);
    fs::write(place.path("photos/train/a/notes.gif.txt"), "no image").unwrap();
    let train = |name: &str, source: &str| {
        let (name, source) = (format!("name={name}"), format!("data.train={source:?}"));
        said(&place, &["train", "folders.toml", &name, &source])
    };
    let told = train("alone", "photos/train");
    assert!(told.contains("a tenth of each class is held back"), "{told}");
    assert!(
        told.contains("validation top-1") && !told.contains("test images choose"),
        "{told}"
    );
    assert_eq!(told.matches("left out of").count(), 1, "{told}");
    let told = train("split", "photos");
    assert!(
        told.contains("test images choose") && !told.contains("held back and measures"),
        "{told}"
    );
}

/// Two pictures in YOLO's layout, with these lines for the first.
fn with_boxes(lines: &str) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    for folder in ["images/train", "images/val", "labels/train"] {
        fs::create_dir_all(place.path(&format!("pets/{folder}"))).unwrap();
    }
    for file in ["train/1", "train/2", "val/3"] {
        write_png(
            &place.path(&format!("pets/images/{file}.png")),
            [16, 32],
            |y, x| [y as u8 * 9, x as u8 * 7, 50],
        );
    }
    let names = "path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n";
    fs::write(place.path("pets/data.yaml"), names).unwrap();
    fs::write(place.path("pets/labels/train/1.txt"), lines).unwrap();
    place
}

#[test]
fn annotations_are_checked_with_file_line_value_and_cure() {
    let place = with_boxes("0 0.5 0.5 0.5 0.5\n1 0.9 0.5 0.5 0.5\n");
    let told = place.out(&["data", "check", "pets"]);
    assert!(
        told.starts_with("pets train: 2 images, 2 objects, 2 classes\n"),
        "{told}"
    );
    let warning = "warning: pets/labels/train/1.txt, line 2: a part of the object lies outside of the image";
    assert!(told.contains(warning), "{told}");
    assert_eq!(
        place.json(&["data", "check", "pets", "--split", "val", "--json"])["images"],
        1
    );
    let place = with_boxes("0 0.5 0.5 0.5 0.5\n5 0.5 0.5 0.5 0.5\n0 0.5 0.5 0 0.5\n");
    let told = place.run(&["data", "check", "pets", "--json"]);
    assert_eq!(told.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let first = &report["findings"][0];
    assert_eq!(
        (
            &first["kind"],
            &first["line"],
            &first["value"],
            &first["severity"]
        ),
        (
            &"class-out-of-range".into(),
            &2.into(),
            &"5".into(),
            &"error".into()
        )
    );
    assert_eq!(report["finding_counts"][1]["kind"], "box-without-area");
    assert!(said(&place, &["data", "check", "pets"]).contains("2 annotations of pets are wrong"));
}
