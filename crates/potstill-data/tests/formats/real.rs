//! Real data of the workspace, where it is there.

use std::path::Path;

use potstill_data::{Dataset, OpenOptions, Severity, Split, Target, TargetKind, open_with};

/// A file of the data beside the workspace; a word where it is not.
fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    if !path.exists() {
        eprintln!("skipped: no {name}");
        return None;
    }
    Some(path.display().to_string())
}

fn open(source: &str, split: Split, target: TargetKind) -> Box<dyn Dataset> {
    open_with(source, split, target, &OpenOptions::default()).unwrap()
}

fn objects(set: &dyn Dataset) -> usize {
    let of = |index| match set.target(index).unwrap() {
        Target::Boxes(boxes) => boxes.len(),
        Target::Instances(instances) => instances.len(),
        other => panic!("{other:?}"),
    };
    (0..set.len()).map(of).sum()
}

/// The counts are those of its README.
#[test]
fn coco_mini_has_the_counts_of_its_description() {
    let Some(source) = shared("coco-mini/coco-mini.tar") else {
        return;
    };
    let [train, val] = [Split::Train, Split::Validation].map(|split| open(&source, split, TargetKind::Boxes));
    assert_eq!(
        (train.len(), objects(&*train), train.classes().len()),
        (128, 929, 80)
    );
    assert_eq!(
        (val.len(), objects(&*val), val.classes()[79].as_str()),
        (64, 461, "toothbrush")
    );
    assert_eq!(open(&source, Split::Test, TargetKind::Boxes).len(), 64);
    let [train, val] =
        [Split::Train, Split::Validation].map(|split| open(&source, split, TargetKind::Instances));
    assert_eq!(
        (
            train.len(),
            objects(&*train),
            *train.info().class_ids.last().unwrap()
        ),
        (100, 746, 90)
    );
    assert_eq!((val.len(), objects(&*val)), (50, 363));
    let maps = open(&source, Split::Validation, TargetKind::Map);
    assert_eq!((maps.len(), maps.classes().len()), (50, 129));
    for index in 0..maps.len() {
        maps.target(index).unwrap();
    }
    assert_eq!(val.info().findings.of(Severity::Error), 0);
}

#[test]
fn camvid_is_known_by_its_name() {
    let Some(source) = shared("camvid-small/camvid-small.tar") else {
        return;
    };
    let len = |split| open(&source, split, TargetKind::Map).len();
    assert_eq!(
        [Split::Train, Split::Validation, Split::Test].map(len),
        [184, 51, 78]
    );
    let test = open(&source, Split::Test, TargetKind::Map);
    assert_eq!(
        (test.classes().len(), test.classes()[10].as_str()),
        (11, "bicyclist")
    );
    let Target::Map(map) = test.target(0).unwrap() else {
        panic!()
    };
    assert!([map.height, map.width] == [360, 480] && map.classes().last() <= Some(&10));
    // The archive in its folder is found as well.
    let folder = source.trim_end_matches("/camvid-small.tar").to_owned();
    assert_eq!(open(&folder, Split::Test, TargetKind::Map).len(), 78);
}
