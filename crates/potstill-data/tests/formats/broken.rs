//! Files with bytes cut, changed and doubled are an error or another data set, and never a panic.

use potstill_data::{OpenOptions, Split, TargetKind, open_with};
use potstill_random::{Seed, Stream};

use super::files::{Files, png_bytes};

/// Opens a set and reads all of it, whatever comes of it.
fn read(files: &Files, target: TargetKind) {
    for report_mistakes in [false, true] {
        let options = OpenOptions {
            report_mistakes,
            ..OpenOptions::default()
        };
        let Ok(set) = open_with(files.path().to_str().unwrap(), Split::Train, target, &options) else {
            continue;
        };
        for index in 0..set.len() {
            let _ = set.sample(index).map(|sample| set.info().check(&sample, index));
            let _ = set.target(index);
        }
        set.info().told();
    }
}

/// Some bytes cut, changed or doubled.
fn broken(bytes: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=stream.below(4) {
        let at = stream.below(bytes.len().max(1));
        match stream.below(4) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] = b"0-9.{[\"',:<>\n e"[stream.below(15)],
            2 if !bytes.is_empty() => bytes[at] = stream.below(256) as u8,
            _ => {
                let part = bytes[at.min(bytes.len())..].to_vec();
                bytes.extend(part);
            }
        }
    }
    bytes
}

/// Breaks one file of a set again and again.
fn break_file(files: &Files, name: &str, targets: &[TargetKind]) {
    let whole = std::fs::read(files.path().join(name)).unwrap();
    let mut stream = Seed::new(0).stream(name, &[]);
    for _ in 0..120 {
        files.write(name, broken(&whole, &mut stream));
        for &target in targets {
            read(files, target);
        }
    }
    files.write(name, whole);
}

const OBJECTS: [TargetKind; 2] = [TargetKind::Boxes, TargetKind::Instances];

#[test]
fn broken_coco_is_no_panic() {
    let files = Files::new();
    files.picture("train/1.png", [8, 9]);
    let text = r#"{"images": [{"id": 1, "file_name": "1.png", "height": 8, "width": 9}], "categories": [{"id": 3, "name": "cat"}],
"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3.5, 4], "area": 9, "iscrowd": 0,
"segmentation": [[1, 2, 4, 2, 4.5, 6]]}, {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 8], "iscrowd": 1,
"segmentation": {"counts": [0, 16, 56], "size": [8, 9]}}, {"id": 3, "image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 8], "iscrowd": 1,
"segmentation": {"counts": "0`01b1", "size": [8, 9]}}]}"#;
    files.write("annotations/instances_train.json", text);
    break_file(&files, "annotations/instances_train.json", &OBJECTS);
}

#[test]
fn broken_yolo_is_no_panic() {
    let files = Files::new();
    files.picture("images/train/1.png", [8, 9]);
    files.write(
        "data.yaml",
        "path: .\ntrain: images/train\nval: [images/val]\nnc: 2\nnames: {0: 'cat', 1: \"dog\"} # two\n",
    );
    files.write(
        "labels/train/1.txt",
        "0 0.5 0.5 0.25 0.5\n1 0.1 0.2 0.3 0.2 0.3 0.6\n",
    );
    break_file(&files, "data.yaml", &OBJECTS);
    break_file(&files, "labels/train/1.txt", &OBJECTS);
}

#[test]
fn broken_voc_is_no_panic() {
    let files = Files::new();
    files.picture("JPEGImages/1.png", [8, 9]);
    let object = "<object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object>";
    files.write(
        "Annotations/1.xml",
        format!("<annotation>\n<size><width>9</width><height>8</height></size>{object}</annotation>"),
    );
    break_file(&files, "Annotations/1.xml", &[TargetKind::Boxes]);
}

#[test]
fn broken_label_maps_are_no_panic() {
    let files = Files::new();
    files.picture("images/1.png", [8, 9]);
    files.write("classes.txt", "a\nb\nignore = 7\n");
    let values: Vec<u8> = (0..72).map(|at| [0, 1, 7, 255][at % 4]).collect();
    files.write(
        "labels/1.png",
        png_bytes([8, 9], png::ColorType::Indexed, png::BitDepth::Eight, &values),
    );
    for name in ["labels/1.png", "classes.txt", "images/1.png"] {
        break_file(&files, name, &[TargetKind::Map]);
    }
}
