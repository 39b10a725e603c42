//! One scene of 16x32 pixels in every format: a dog in a box, and a cat of three corners.

use std::sync::Arc;

use potstill_data::{
    BoundingBox, Dataset, InMemory, InstanceShape, LabelMap, OpenOptions, Polygon, Split, Subset, Target,
    TargetKind, open_with, target_kinds,
};
use serde_json::json;

use super::files::{Files, png_bytes};

const SIZE: [usize; 2] = [16, 32];
const DOG: [f64; 4] = [4.0, 2.0, 20.0, 12.0];
const CAT: [[f64; 2]; 3] = [[8.0, 4.0], [24.0, 4.0], [24.0, 14.0]];

/// Classes with boxes, in the order of the files.
fn objects(target: &Target) -> Vec<(u32, BoundingBox)> {
    match target {
        Target::Boxes(boxes) => boxes.iter().map(|own| (own.class, own.bounds)).collect(),
        Target::Instances(instances) => instances.iter().map(|own| (own.class, own.bounds)).collect(),
        other => panic!("{other:?}"),
    }
}

fn expected() -> Vec<(u32, BoundingBox)> {
    let [left, top, right, bottom] = DOG;
    vec![
        (1, BoundingBox::new(left, top, right, bottom)),
        (0, BoundingBox::new(8.0, 4.0, 24.0, 14.0)),
    ]
}

/// The scene in COCO's JSON, whose ids have gaps.
fn coco() -> Files {
    let files = Files::new();
    files.picture("train2017/7.png", SIZE);
    let [left, top, right, bottom] = DOG;
    let annotations = json!({
        "images": [{ "id": 70, "file_name": "7.png", "height": 16, "width": 32 }],
        "categories": [{ "id": 18, "name": "dog" }, { "id": 17, "name": "cat" }],
        "annotations": [
            { "id": 5, "image_id": 70, "category_id": 18, "bbox": [left, top, right - left, bottom - top], "area": 160, "iscrowd": 0,
              "segmentation": [[left, top, right, top, right, bottom, left, bottom]] },
            { "id": 3, "image_id": 70, "category_id": 17, "bbox": [8, 4, 16, 10], "area": 80, "iscrowd": 0,
              "segmentation": [CAT.as_flattened()] },
        ],
    });
    files.write("annotations/instances_train2017.json", annotations.to_string());
    files
}

fn yolo(line_of_dog: &str) -> Files {
    let files = Files::new();
    files.picture("images/train/7.png", SIZE);
    files.write(
        "data.yaml",
        "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n",
    );
    files.write(
        "labels/train/7.txt",
        format!("{line_of_dog}\n0 0.25 0.25 0.75 0.25 0.75 0.875\n"),
    );
    files
}

fn coco_mini() -> Files {
    let files = Files::new();
    files.picture("train/images/7.png", SIZE);
    files.picture("train/images/8.png", SIZE);
    files.write("classes-detection.txt", "0 cat\n1 dog\n");
    files.write("classes-instance.txt", "17 cat\n18 dog\n");
    files.write("classes-semantic.txt", "0 unlabeled\n17 cat\n18 dog\n");
    files.write(
        "train/boxes/7.txt",
        "1 0.375 0.4375 0.5 0.625\n0 0.5 0.5625 0.5 0.625\n",
    );
    files.write(
        "train/instances/7.txt",
        "18 0.125 0.125 0.625 0.125 0.625 0.75 0.125 0.75\n17 0.25 0.25 0.75 0.25 0.75 0.875\n",
    );
    files.labels("train/semantic/7.png", SIZE, &labels(|class| [0, 17, 18][class]));
    files
}

fn voc() -> Files {
    let files = Files::new();
    files.picture("VOCdevkit/VOC2012/JPEGImages/7.png", SIZE);
    let object = |name: &str, [left, top, right, bottom]: [u32; 4]| {
        format!(
            "<object><name>{name}</name><bndbox><xmax>{right}</xmax><xmin>{left}</xmin><ymax>{bottom}</ymax><ymin>{top}</ymin></bndbox></object>"
        )
    };
    let objects = [object("dog", [5, 3, 20, 12]), object("cat", [9, 5, 24, 14])].concat();
    files.write(
        "VOCdevkit/VOC2012/Annotations/7.xml",
        format!("<annotation><filename>7.png</filename><size><width>32</width><height>16</height></size>{objects}</annotation>"),
    );
    files.write("VOCdevkit/VOC2012/ImageSets/Main/train.txt", "7\n");
    files.write("VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", "7\n");
    files.write("VOCdevkit/VOC2012/classes.txt", "cat\ndog\n");
    files
}

/// The cat in front of the dog, drawn by hand as rows of runs; each pixel is 0 nothing, 1 cat, 2 dog.
fn labels(value: impl Fn(usize) -> u8) -> Vec<u8> {
    let class = |y: usize, x: usize| match (y, x) {
        (4..14, 8..24) if x - 8 >= y - 4 => 1,
        (2..12, 4..20) => 2,
        _ => 0,
    };
    (0..16)
        .flat_map(|y| (0..32).map(move |x| class(y, x)))
        .map(value)
        .collect()
}

fn target(files: &Files, kind: TargetKind) -> Target {
    let set = files.open(kind).unwrap();
    assert_eq!(set.info().target, kind);
    set.sample(0).unwrap().target
}

#[test]
fn boxes_are_the_same_in_every_format() {
    let formats = [
        ("coco", coco()),
        ("yolo", yolo("1 0.375 0.4375 0.5 0.625")),
        ("coco-mini", coco_mini()),
        ("voc", voc()),
    ];
    for (name, files) in formats {
        let set = files.open(TargetKind::Boxes).unwrap();
        assert_eq!(set.classes(), ["cat", "dog"], "{name}");
        assert_eq!(objects(&set.target(0).unwrap()), expected(), "{name}");
        assert!(
            set.info().findings.list().is_empty(),
            "{name}: {:?}",
            set.info().findings
        );
        assert_eq!(set.shape(0).unwrap(), [16, 32, 3], "{name}");
        assert_eq!(
            target_kinds(files.path().to_str().unwrap()).unwrap()[0],
            TargetKind::Boxes,
            "{name}"
        );
    }
}

#[test]
fn outlines_are_the_same_in_every_format() {
    let line = "1 0.125 0.125 0.625 0.125 0.625 0.75 0.125 0.75";
    for (name, files) in [("coco", coco()), ("yolo", yolo(line)), ("coco-mini", coco_mini())] {
        let found = target(&files, TargetKind::Instances);
        assert_eq!(objects(&found), expected(), "{name}");
        let Target::Instances(instances) = found else {
            panic!("{name}")
        };
        let cat = InstanceShape::Polygons(vec![Polygon { points: CAT.to_vec() }]);
        assert_eq!(instances[1].shape, cat, "{name}");
        assert_eq!(instances[0].shape.area(), 160.0, "{name}");
    }
}

#[test]
fn coco_keeps_ids_areas_and_crowds() {
    let files = coco();
    let path = files.path().join("annotations/instances_train2017.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let crowd = json!({ "id": 9, "image_id": 70, "category_id": 17, "bbox": [0, 0, 2, 16], "area": 32, "iscrowd": 1,
        "segmentation": { "counts": [0, 32, 480], "size": [16, 32] } });
    let text = text.replace("\"annotations\":[", &format!("\"annotations\":[{crowd},"));
    std::fs::write(&path, text).unwrap();
    let set = files.open(TargetKind::Instances).unwrap();
    assert_eq!(set.info().class_ids, [17, 18]);
    assert_eq!(
        (set.image_id(0), InMemory::decode(&*set, 1).unwrap().image_id(0)),
        (70, 70)
    );
    let Target::Instances(instances) = set.target(0).unwrap() else {
        panic!()
    };
    assert!(instances[0].notes.crowd && !instances[1].notes.crowd);
    assert_eq!(
        instances.iter().map(|own| own.notes.area).collect::<Vec<_>>(),
        [Some(32.0), Some(160.0), Some(80.0)]
    );
    let mask = instances[0].shape.mask(SIZE);
    assert!(mask.area() == 32 && (0..16).all(|y| mask.inside[y * 32 + 1] && !mask.inside[y * 32 + 2]));
}

#[test]
fn a_file_of_coco_is_named_with_its_folder_of_images() {
    let files = coco();
    let file = files.path().join("annotations/instances_train2017.json");
    let images = files.path().join("train2017");
    for source in [
        format!("coco:{}?images={}", file.display(), images.display()),
        format!("coco:{}?images=train2017", file.display()),
        format!("coco:{}", file.display()),
        file.display().to_string(),
    ] {
        let set = open_with(&source, Split::Train, TargetKind::Boxes, &OpenOptions::default()).unwrap();
        assert_eq!(objects(&set.target(0).unwrap()), expected(), "{source}");
        assert!(!set.info().has_splits, "{source}");
    }
    let source = format!("coco:{}?images=nowhere", file.display());
    let refused = open_with(&source, Split::Train, TargetKind::Boxes, &OpenOptions::default());
    assert!(refused.err().unwrap().to_string().contains("nowhere"));
}

#[test]
fn label_maps_are_the_same_in_every_format() {
    // Nothing, cat, dog.
    let maps = Files::new();
    maps.picture("train/images/7.png", SIZE);
    maps.write("classes.txt", "nothing\ncat\ndog\nignore = 9\n");
    let indices = png_bytes(
        SIZE,
        png::ColorType::Indexed,
        png::BitDepth::Eight,
        &labels(|class| class as u8),
    );
    maps.write("train/labels/7.png", indices);
    let cityscapes = Files::new();
    cityscapes.picture("leftImg8bit/train/ulm/ulm_1_leftImg8bit.png", SIZE);
    // Other ids count for nothing.
    cityscapes.labels(
        "gtFine/train/ulm/ulm_1_gtFine_labelIds.png",
        SIZE,
        &labels(|class| [3, 24, 33][class]),
    );
    let voc = voc();
    voc.write("VOCdevkit/VOC2012/classes.txt", "nothing\ncat\ndog\n");
    let indices = png_bytes(
        SIZE,
        png::ColorType::Indexed,
        png::BitDepth::Eight,
        &labels(|class| class as u8),
    );
    voc.write("VOCdevkit/VOC2012/SegmentationClass/7.png", indices);
    let ignore = LabelMap::IGNORE;
    for (name, files, values) in [
        ("class maps", &maps, [0, 1, 2]),
        ("voc", &voc, [0, 1, 2]),
        ("cityscapes", &cityscapes, [ignore, 11, 18]),
        ("coco-mini", &coco_mini(), [ignore, 0, 1]),
    ] {
        let Target::Map(map) = target(files, TargetKind::Map) else {
            panic!("{name}")
        };
        assert_eq!([map.height, map.width], SIZE);
        assert_eq!(map.labels, labels(|class| values[class]), "{name}");
    }
    assert_eq!(
        maps.open(TargetKind::Map).unwrap().classes(),
        ["nothing", "cat", "dog"]
    );
    assert_eq!(cityscapes.open(TargetKind::Map).unwrap().classes()[18], "bicycle");
    let refused = coco().open(TargetKind::Map).err().unwrap().to_string();
    assert!(
        refused.contains("has boxes or instances for each image, not a label map"),
        "{refused}"
    );
}

#[test]
fn cityscapes_has_instances_of_things() {
    let files = Files::new();
    files.picture("leftImg8bit/train/ulm/ulm_1_leftImg8bit.png", SIZE);
    // A person, a group of bicycles that are not told apart, and the road.
    let ids = labels(|class| class as u8)
        .into_iter()
        .map(|class| [7u16, 24_001, 33][usize::from(class)]);
    let samples: Vec<u8> = ids.flat_map(u16::to_be_bytes).collect();
    let bytes = png_bytes(SIZE, png::ColorType::Grayscale, png::BitDepth::Sixteen, &samples);
    files.write("gtFine/train/ulm/ulm_1_gtFine_instanceIds.png", bytes);
    let set = files.open(TargetKind::Instances).unwrap();
    assert_eq!((set.classes().len(), set.info().class_ids[0]), (8, 24));
    let Target::Instances(instances) = set.target(0).unwrap() else {
        panic!()
    };
    let told: Vec<_> = instances.iter().map(|own| (own.class, own.notes.crowd)).collect();
    assert_eq!(told, [(7, true), (0, false)]);
    let expected = labels(|class| u8::from(class == 1));
    let InstanceShape::Mask(mask) = &instances[1].shape else {
        panic!()
    };
    assert!(
        mask.inside
            .iter()
            .zip(expected)
            .all(|(inside, wanted)| *inside == (wanted == 1))
    );
    let boxes = target(&files, TargetKind::Boxes);
    assert_eq!(objects(&boxes)[1], (0, BoundingBox::new(8.0, 4.0, 24.0, 14.0)));
}

#[test]
fn splits_are_found_in_every_format() {
    let files = yolo("1 0.375 0.4375 0.5 0.625");
    files.picture("images/val/1.png", SIZE);
    let open = |split| {
        open_with(
            files.path().to_str().unwrap(),
            split,
            TargetKind::Boxes,
            &OpenOptions::default(),
        )
    };
    let validation = open(Split::Validation).unwrap();
    assert!(validation.source(0).ends_with("images/val/1.png") && validation.info().has_splits);
    assert_eq!(
        validation.target(0).unwrap(),
        Target::Boxes(vec![]),
        "without a label file there are no objects"
    );
    assert!(open(Split::Test).unwrap().source(0).ends_with("images/val/1.png"));
    let source = format!("{}?split=val", files.path().display());
    let by_name = open_with(&source, Split::Train, TargetKind::Boxes, &OpenOptions::default()).unwrap();
    assert!(by_name.source(0).ends_with("images/val/1.png"));
    // The file itself may be named.
    let source = format!("{}/data.yaml", files.path().display());
    let by_file = open_with(&source, Split::Train, TargetKind::Boxes, &OpenOptions::default()).unwrap();
    assert_eq!(objects(&by_file.target(0).unwrap()), expected());
    let coco = coco();
    let refused = open_with(
        coco.path().to_str().unwrap(),
        Split::Test,
        TargetKind::Boxes,
        &OpenOptions::default(),
    );
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains("there is no test split: train found")
    );
}

#[test]
fn images_with_nothing_to_learn_can_be_left_out() {
    let files = coco();
    files.picture("train2017/8.png", SIZE);
    files.picture("train2017/9.png", SIZE);
    let path = files.path().join("annotations/instances_train2017.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let image = |id: u32| json!({ "id": id, "file_name": format!("{id}.png"), "height": 16, "width": 32 });
    let text = text.replace("\"images\":[", &format!("\"images\":[{},{},", image(8), image(9)));
    let crowd = json!({ "id": 9, "image_id": 8, "category_id": 17, "bbox": [0, 0, 2, 16], "iscrowd": 1 });
    std::fs::write(
        &path,
        text.replace("\"annotations\":[", &format!("\"annotations\":[{crowd},")),
    )
    .unwrap();
    let whole: Arc<dyn Dataset> = files.open(TargetKind::Boxes).unwrap().into();
    let shown = Subset::with_objects(Arc::clone(&whole)).unwrap();
    assert_eq!((whole.len(), shown.len(), shown.image_id(0)), (3, 1, 70));
}

/// VOC's instances: one file numbers the objects, the other has their classes.
#[test]
fn objects_of_voc_have_the_class_of_their_pixels() {
    let files = Files::new();
    files.picture("JPEGImages/7.png", [2, 4]);
    let indexed = |values: &[u8]| png_bytes([2, 4], png::ColorType::Indexed, png::BitDepth::Eight, values);
    files.write("SegmentationObject/7.png", indexed(&[0, 1, 1, 255, 2, 255, 0, 3]));
    files.write(
        "SegmentationClass/7.png",
        indexed(&[0, 15, 15, 255, 3, 255, 0, 15]),
    );
    files.write("ImageSets/Segmentation/train.txt", "7\n");
    let set = files.open(TargetKind::Instances).unwrap();
    assert_eq!((set.classes().len(), set.classes()[14].as_str()), (20, "person"));
    let Target::Instances(instances) = set.target(0).unwrap() else {
        panic!("no instances");
    };
    let found: Vec<_> = instances
        .iter()
        .map(|own| (own.class, own.bounds.left, own.bounds.right))
        .collect();
    assert_eq!(found, [(14, 1.0, 3.0), (2, 0.0, 1.0), (14, 3.0, 4.0)]);
    assert!(instances.iter().all(|own| own.shape.mask([2, 4]).area() > 0));
}
