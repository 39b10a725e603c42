//! Reports of small folders.

use std::fs;

use super::{CheckReport, check_dataset};
use crate::decode::tests::png_bytes;
use crate::{OpenOptions, Split, registry};

fn check(source: &str) -> CheckReport {
    super::check(source, Split::Train, &OpenOptions::default()).unwrap()
}

#[test]
fn everything_is_counted_and_every_broken_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, bytes: &[u8]| {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("cat/1.png", &png_bytes(2, 1, 3, &[0, 51, 255, 0, 153, 255]));
    write("cat/2.png", b"broken");
    write("dog/1.png", &png_bytes(1, 2, 3, &[0, 51, 255, 0, 153, 255]));
    write("dog/2.png", &png_bytes(2, 1, 3, &[0, 51, 255, 0, 153, 255]));
    write("dog/3.jpg", b"");
    write("dog/notes.md", b"good dog");
    let report = check(dir.path().to_str().unwrap());
    assert_eq!(
        (report.images, report.classes[0].images, report.classes[1].images),
        (5, 2, 3)
    );
    assert_eq!((report.smallest, report.largest), ([1, 1], [2, 2]));
    let sizes: Vec<_> = report
        .sizes
        .iter()
        .map(|size| (size.height, size.width, size.images))
        .collect();
    assert_eq!(sizes, [(1, 2, 2), (2, 1, 1)]);
    for (found, expected) in report
        .mean
        .iter()
        .chain(&report.std)
        .zip([0.0, 0.4, 1.0, 0.0, 0.2, 0.0])
    {
        assert!((found - expected).abs() < 1e-12, "{report:?}");
    }
    let broken: Vec<_> = report.unreadable.iter().map(|image| image.index).collect();
    assert_eq!(broken, [1, 4]);
    assert!(report.unreadable[0].source.ends_with("2.png") && report.unreadable[1].reason.contains("empty"));
    assert_eq!(report.left_out[0].example, "dog/notes.md");
    assert!(report.notes[0].ends_with("1 .md (dog/notes.md)") && !report.is_clean());
    assert!(
        serde_json::to_string(&report)
            .unwrap()
            .contains("\"largest\":[2,2]")
    );
}

#[test]
fn the_registry_states_the_moments_of_shapes() {
    let report = check("shapes:train=1200");
    let entry = registry().iter().find(|entry| entry.name == "shapes").unwrap();
    for (found, stated) in report
        .mean
        .iter()
        .zip(entry.mean)
        .chain(report.std.iter().zip(entry.std))
    {
        // The means of single pictures spread by 0.2, so that of 1200 by 0.006.
        assert!((found - f64::from(*stated)).abs() < 0.02, "{report:?}");
    }
    assert!(report.is_clean());
}

#[test]
fn an_empty_data_set_has_an_empty_report() {
    let empty = crate::open("shapes:train=0", Split::Train).unwrap();
    let report = check_dataset(&*empty);
    assert_eq!(
        (report.images, report.smallest, report.is_clean()),
        (0, [0, 0], false)
    );
}

#[test]
fn annotations_are_reported_and_not_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, bytes: &[u8]| {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for name in ["1", "2", "3"] {
        write(&format!("train/images/{name}.png"), &png_bytes(4, 2, 3, &[7; 24]));
    }
    write(
        "data.yaml",
        b"train: train/images\nval: train/images\nnames: [cat, dog, owl]\n",
    );
    write(
        "train/labels/1.txt",
        b"0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.25 0.5\n9 0.5 0.5 0.5 0.5\n",
    );
    let report = check(dir.path().to_str().unwrap());
    assert_eq!(
        (report.target, report.images, report.objects),
        (crate::TargetKind::Boxes, 3, Some(2))
    );
    assert_eq!(
        (report.classes[1].images, report.classes[1].objects),
        (1, Some(1))
    );
    let told: Vec<_> = report.findings.iter().map(|own| (own.kind, own.line)).collect();
    assert_eq!(
        told,
        [
            ("class-out-of-range", Some(3)),
            ("image-without-label", None),
            ("class-never-used", None),
            ("many-empty-images", None)
        ]
    );
    assert_eq!(
        (
            report.findings[1].value.as_str(),
            report.findings[2].value.as_str()
        ),
        ("2 of 3", "owl")
    );
    assert!(
        report.findings[3]
            .problem
            .starts_with("2 of 3 images have no objects")
    );
    assert!(report.mistakes() == 1 && !report.is_clean());
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn a_label_map_that_does_not_fit_is_a_finding_and_not_an_unreadable_image() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["images", "labels"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    fs::write(dir.path().join("classes.txt"), "a\nb\n").unwrap();
    fs::write(dir.path().join("images/1.png"), png_bytes(2, 1, 3, &[7; 6])).unwrap();
    fs::write(dir.path().join("labels/1.png"), png_bytes(2, 1, 1, &[0, 5])).unwrap();
    let report = check(dir.path().to_str().unwrap());
    assert!(report.unreadable.is_empty() && report.objects.is_none());
    let first = &report.findings[0];
    assert_eq!((first.kind, report.mistakes()), ("does-not-fit", 1));
    assert!(
        first.file.ends_with("labels/1.png")
            && first
                .problem
                .contains("has the values 0, 5, of which 5 are no class")
    );
}
