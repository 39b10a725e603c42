//! Everything that can be wrong with annotations is told, with the file, the place, the value and what to do.

use potstill_data::Severity::{Error, LeftOut, Warning};
use potstill_data::{Finding, OpenOptions, Split, TargetKind, check_as, open_with};
use serde_json::{Value, json};

use super::files::Files;

/// What is found when everything is only to be told.
fn findings(files: &Files, target: TargetKind) -> Vec<Finding> {
    let options = OpenOptions {
        report_mistakes: true,
        ..OpenOptions::default()
    };
    let set = open_with(files.path().to_str().unwrap(), Split::Train, target, &options).unwrap();
    set.info().findings.list().to_vec()
}

/// The one finding of a COCO file with this annotation, changed.
fn of_coco(change: impl Fn(&mut Value)) -> (Finding, Result<(), String>) {
    let files = Files::new();
    files.picture("train/1.png", [20, 40]);
    files.picture("train/2.png", [20, 40]);
    let annotation = |id: u32| {
        json!({ "id": id, "image_id": id, "category_id": 1, "bbox": [2, 3, 10, 10], "area": 100, "iscrowd": 0,
                "segmentation": [[2, 3, 12, 3, 12, 13, 2, 13]] })
    };
    let mut file = json!({
        "images": [{ "id": 1, "file_name": "1.png", "height": 20, "width": 40 }, { "id": 2, "file_name": "2.png", "height": 20, "width": 40 }],
        "categories": [{ "id": 1, "name": "cat" }],
        "annotations": [annotation(1), annotation(2)],
    });
    change(&mut file);
    files.write("annotations/instances_train.json", file.to_string());
    let found = findings(&files, TargetKind::Instances);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].file.ends_with("annotations/instances_train.json"));
    let opened = files.open(TargetKind::Instances).map(drop);
    (
        found[0].clone(),
        opened.map_err(|error| files.cleaned(&error.to_string())),
    )
}

#[test]
fn of_coco_everything_is_told() {
    let told = |change: &dyn Fn(&mut Value)| {
        let (finding, opened) = of_coco(change);
        assert_eq!(
            opened.is_err(),
            finding.severity == Error,
            "{finding}: {opened:?}"
        );
        (finding.kind, finding.severity, finding.place)
    };
    let second =
        |key: &'static str, value: Value| move |file: &mut Value| file["annotations"][1][key] = value.clone();
    let at = |kind, severity| (kind, severity, "line 1, annotation 1 (id 2)".to_owned());
    assert_eq!(
        told(&second("category_id", json!(7))),
        at("class-out-of-range", Error)
    );
    assert_eq!(told(&second("image_id", json!(9))), at("unknown-image", Error));
    assert_eq!(
        told(&second("bbox", json!([2, 3, 0, 10]))),
        at("box-without-area", LeftOut)
    );
    assert_eq!(
        told(&second("bbox", json!([2, 3, 10, -1]))),
        at("box-without-area", LeftOut)
    );
    assert_eq!(
        told(&second("bbox", json!([35, 3, 10, 10]))),
        at("outside-of-image", Warning)
    );
    assert_eq!(
        told(&second("bbox", json!([45, 3, 10, 10]))),
        at("outside-of-image", LeftOut)
    );
    assert_eq!(
        told(&second("segmentation", json!([[2, 3, 12, 3]]))),
        at("few-points", LeftOut)
    );
    assert_eq!(
        told(&second("segmentation", json!([[2, 3, 12, 3, 12, 13, 2]]))),
        at("odd-polygon", LeftOut)
    );
    assert_eq!(
        told(&second("segmentation", json!([]))),
        at("box-without-outline", Error)
    );
    let runs = json!({ "counts": [10, 20], "size": [20, 40] });
    assert_eq!(told(&second("segmentation", runs)), at("wrong-runs", Error));
    let runs = json!({ "counts": [10, 590], "size": [20, 30] });
    assert_eq!(told(&second("segmentation", runs)), at("wrong-runs", Error));
    assert_eq!(told(&second("image_id", json!(1))), at("duplicate-box", Warning));
    assert_eq!(
        told(&|file| file["annotations"][1]["id"] = json!(1)).0,
        "duplicate-id"
    );
    let image = |name: &'static str| move |file: &mut Value| file["images"][1]["file_name"] = json!(name);
    assert_eq!(
        told(&image("3.png")),
        ("image-missing", Error, "image 2".to_owned())
    );
    assert_eq!(
        told(&image("2.PNG")),
        ("file-name-case", Error, "image 2".to_owned())
    );
}

#[test]
fn the_first_mistake_is_the_error_and_says_what_to_do() {
    let (_, opened) = of_coco(|file| file["annotations"][1]["category_id"] = json!(7));
    assert_eq!(
        opened.unwrap_err(),
        "annotations/instances_train.json, line 1, annotation 1 (id 2): there is no category of this id (`7`); correct `category_id`, or add the \
         category"
    );
}

#[test]
fn a_number_of_python_is_told_with_its_line() {
    let files = Files::new();
    files.picture("train/1.png", [20, 40]);
    files.write("annotations/instances_train.json", "{\"images\": [],\n\"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [NaN, 1, 2, 3]}]}");
    let refused = files.open(TargetKind::Boxes).err().unwrap().to_string();
    assert!(
        refused.contains("line 2, column ") && refused.contains("`NaN` is no number of JSON"),
        "{refused}"
    );
}

#[test]
fn of_yolo_file_line_and_value_are_told() {
    let files = Files::new();
    files.picture("images/1.png", [20, 40]);
    files.write(
        "data.yaml",
        "train: images\nval: images\nnc: 2\nnames: [cat, dog]\n",
    );
    files.write("labels/1.txt", "0 0.5 0.5 0.2 0.2\n2 0.5 0.5 0.2 0.2\n");
    files.write("labels/2.txt", "0 0.5 0.5 0.2 0.2\n");
    let found = findings(&files, TargetKind::Boxes);
    let told: Vec<_> = found
        .iter()
        .map(|own| (own.kind, own.line, own.value.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("class-out-of-range", Some(2), "2"),
            ("label-without-image", None, "")
        ]
    );
    let refused = files.cleaned(&files.open(TargetKind::Boxes).err().unwrap().to_string());
    assert_eq!(
        refused,
        "labels/1.txt, line 2: the class is none of the 2, 0 to 1 (`2`); correct the class, or add its name to data.yaml"
    );
    files.write(
        "data.yaml",
        "train: images\nval: images\nnc: 3\nnames: [cat, dog]\n",
    );
    assert_eq!(findings(&files, TargetKind::Boxes)[0].kind, "class-names");
    assert!(
        !files
            .open(TargetKind::Boxes)
            .is_ok_and(|set| set.info().has_splits)
    );
}

#[test]
fn label_maps_tell_their_size_and_values() {
    let files = Files::new();
    files.picture("train/images/1.png", [2, 3]);
    files.write("classes.txt", "a\nb\n");
    let read = |values: &[u8], size| {
        files.labels("train/labels/1.png", size, values);
        files.cleaned(
            &files
                .open(TargetKind::Map)
                .unwrap()
                .sample(0)
                .unwrap_err()
                .to_string(),
        )
    };
    let wrong = read(&[0, 1, 2, 9, 1, 255], [2, 3]);
    assert_eq!(
        wrong,
        "train/labels/1.png, the whole file: has the values 0, 1, 2, 9, 255, of which 2, 9 are no class: there are 2 classes, 0 to 1, and 255 \
         is ignored; correct the map, add the names to classes.txt, or say there which value is to be ignored (`ignore = N`)"
    );
    let ids = read(&[7, 8, 11, 23, 0, 1], [2, 3]);
    assert!(ids.contains("these look like Cityscapes ids"), "{ids}");
    let size = read(&[0; 6], [3, 2]);
    assert!(
        size.contains("has 3x2 pixels (height x width) where its image has 2x3"),
        "{size}"
    );
    let colours = super::files::png_bytes(
        [2, 3],
        png::ColorType::Rgb,
        png::BitDepth::Eight,
        &[1, 2, 3].repeat(6),
    );
    files.write("train/labels/1.png", colours);
    let refused = files
        .open(TargetKind::Map)
        .unwrap()
        .sample(0)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("it holds colours where indices of classes are needed"),
        "{refused}"
    );
    files.picture("train/images/2.png", [2, 3]);
    files.labels("train/labels/3.png", [2, 3], &[0; 6]);
    let found = findings(&files, TargetKind::Map);
    let told: Vec<_> = found.iter().map(|own| own.kind).collect();
    assert_eq!(told, ["image-without-label", "label-without-image"]);
    let path = files.path().to_str().unwrap();
    let report = check_as(path, Split::Train, TargetKind::Map, &OpenOptions::default()).unwrap();
    let unfit = report
        .findings
        .iter()
        .find(|own| own.kind == "does-not-fit")
        .unwrap();
    assert!(
        unfit.problem.contains("colours") && unfit.file.ends_with("labels/1.png"),
        "{unfit}"
    );
    assert!(report.unreadable.is_empty(), "the image itself can be read");
}

#[test]
fn an_image_of_another_size_than_stated_is_refused() {
    let files = Files::new();
    files.picture("JPEGImages/1.png", [20, 40]);
    let object = "<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>";
    files.write(
        "Annotations/1.xml",
        format!("<annotation><size><width>20</width><height>40</height></size>{object}</annotation>"),
    );
    let set = files.open(TargetKind::Boxes).unwrap();
    assert_eq!(set.classes().len(), 20, "VOC's own");
    let refused = files.cleaned(&set.sample(0).unwrap_err().to_string());
    assert!(
        refused.contains("has 20x40 pixels (height x width) where its annotation states 40x20"),
        "{refused}"
    );
}

#[test]
fn what_is_no_set_of_annotations_says_what_is_looked_for() {
    let files = Files::new();
    files.write("notes.md", "hello");
    let refused = files.open(TargetKind::Boxes).err().unwrap().to_string();
    assert!(refused.contains("YOLO (data.yaml)"), "{refused}");
    files.picture("cat/1.png", [2, 2]);
    let refused = files.open(TargetKind::Boxes).err().unwrap().to_string();
    assert!(
        refused.contains("has a class for each image, not boxes"),
        "{refused}"
    );
}

/// An outline is not needed where boxes are: its faults are told, and cost no box.
#[test]
fn a_fault_of_an_outline_leaves_the_box_of_plain_detection() {
    let files = Files::new();
    files.picture("train/1.png", [20, 40]);
    let annotation = |id: u32, segmentation: Value| json!({ "id": id, "image_id": 1, "category_id": 1, "bbox": [2 * id, 3, 10, 10], "segmentation": segmentation });
    let runs = json!({ "counts": [10, 20], "size": [20, 40] });
    let file = json!({
        "images": [{ "id": 1, "file_name": "1.png", "height": 20, "width": 40 }],
        "categories": [{ "id": 1, "name": "cat" }],
        "annotations": [
            annotation(1, json!([[2, 3, 12, 3]])), annotation(2, json!([[2, 3, 12, 3, 12]])), annotation(3, runs), annotation(4, json!([])),
        ],
    });
    files.write("annotations/instances_train.json", file.to_string());
    let boxes = files.open(TargetKind::Boxes).unwrap().target(0).unwrap();
    assert!(
        matches!(&boxes, potstill_data::Target::Boxes(boxes) if boxes.len() == 4),
        "{boxes:?}"
    );
    let found = findings(&files, TargetKind::Boxes);
    let told: Vec<_> = found.iter().map(|own| (own.kind, own.severity)).collect();
    assert_eq!(
        told,
        [
            ("few-points", Warning),
            ("odd-polygon", Warning),
            ("wrong-runs", Warning)
        ]
    );
    assert!(found[0].fix.contains("the box is used"), "{}", found[0]);
    assert_eq!(found[2].place, "line 1, annotation 2 (id 3)");
    assert!(
        files.open(TargetKind::Instances).is_err(),
        "instances need every outline"
    );
}

#[test]
fn what_a_format_does_not_read_is_refused_behind_its_path() {
    let files = Files::new();
    files.picture("images/1.png", [20, 40]);
    files.write("data.yaml", "train: images\nval: images\nnames: [cat]\n");
    files.write("labels/1.txt", "0 0.5 0.5 0.2 0.2\n");
    files.picture("classes/cat/1.png", [2, 2]);
    let refused = |path: String, target: TargetKind| {
        let opened = open_with(&path, Split::Train, target, &OpenOptions::default());
        opened.err().unwrap().to_string()
    };
    let path = files.path().to_str().unwrap().to_owned();
    let said = refused(format!("{path}?ignore=3"), TargetKind::Boxes);
    assert!(
        said.contains("`ignore=3`") && said.contains("says nothing to yolo, which reads split"),
        "{said}"
    );
    let said = refused(format!("{path}/classes?images=x"), TargetKind::Class);
    assert!(
        said.contains("`images=x`") && said.contains("one class each"),
        "{said}"
    );
    // What is not there, or is of no kind, is told first.
    let said = refused(format!("coco:{path}/typo.json?images=photos"), TargetKind::Boxes);
    assert!(
        said.contains("typo.json") && said.contains("does not exist"),
        "{said}"
    );
    files.write("odd/notes.txt", "nothing");
    let said = refused(format!("{path}/odd?images=photos"), TargetKind::Boxes);
    assert!(!said.contains("images=photos"), "{said}");
}

/// Files that other tools leave among class folders.
#[test]
fn a_stray_file_makes_no_set_of_annotations() {
    for (name, text) in [
        ("config.yaml", "seed: 3\n"),
        ("annotations.json", "{\"tool\": \"x\"}"),
        ("cat/1.xml", "<meta><camera>x</camera></meta>"),
    ] {
        let files = Files::new();
        for class in ["cat", "dog"] {
            files.picture(&format!("{class}/1.png"), [20, 40]);
        }
        files.write(name, text);
        let kinds = potstill_data::target_kinds(files.path().to_str().unwrap()).unwrap();
        assert_eq!(kinds[0], TargetKind::Class, "{name}");
    }
}
