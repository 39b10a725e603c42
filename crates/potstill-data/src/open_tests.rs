//! Detection of each format, and the messages where there is none.

use std::fs;
use std::path::Path;

use super::{open, open_for, open_with};
use crate::archive_members::tests::{tar_bytes, write_gzipped};
use crate::cifar::tests::planes;
use crate::decode::tests::png_bytes;
use crate::{DataError, Dataset, OpenOptions, Split, TargetKind, mnist_idx};

fn open_in(
    root: &Path,
    source: &str,
    split: Split,
    target: TargetKind,
) -> Result<Box<dyn Dataset>, DataError> {
    let options = OpenOptions {
        root: root.to_owned(),
        ..OpenOptions::default()
    };
    open_with(source, split, target, &options)
}

fn message(result: Result<Box<dyn Dataset>, DataError>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    let unknown = message(open("cifar1", Split::Train));
    assert!(
        unknown.starts_with("there is no data set `cifar1`; did you mean `cifar10`?"),
        "{unknown}"
    );
    let option = message(open("shapes:sizes=9", Split::Train));
    assert!(option.contains("did you mean `size`?"), "{option}");
    assert!(message(open("mnist:channels=2", Split::Train)).contains("mnist"));
}

#[test]
fn a_missing_data_set_says_how_to_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = message(open_in(dir.path(), "cifar100", Split::Train, TargetKind::Class));
    assert!(
        missing.contains("give its path") && missing.contains("cifar-100-binary.tar.gz"),
        "{missing}"
    );
    let path = message(open("./no/such/place", Split::Train));
    assert!(path.starts_with("./no/such/place does not exist"), "{path}");
}

#[test]
fn each_format_is_found_by_name_and_by_path() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let test_batch = [&[7], planes(0).as_slice()].concat();
    write_gzipped(
        &root.join("cifar-10-binary.tar.gz"),
        &tar_bytes(&[("cifar-10-batches-bin/test_batch.bin", &test_batch)]),
    );
    fs::create_dir_all(root.join("mnist")).unwrap();
    mnist_idx::tests::write_split(&root.join("mnist"), "t10k-");
    fs::create_dir_all(root.join("pets/test/cat")).unwrap();
    let png = png_bytes(1, 1, 3, &[1, 2, 3]);
    fs::write(root.join("pets/test/cat/1.png"), &png).unwrap();
    fs::create_dir_all(root.join("tars")).unwrap();
    fs::write(root.join("tars/test.tar"), tar_bytes(&[("cat/1.png", &png)])).unwrap();

    let found = |source: &str| {
        let set = open_in(root, source, Split::Test, TargetKind::Class).unwrap();
        (
            set.len(),
            set.classes().len(),
            set.label(0).unwrap(),
            set.image(0).unwrap().shape(),
        )
    };
    let at = |name: &str| root.join(name).display().to_string();
    let cifar = (1, 10, 7, [32, 32, 3]);
    assert_eq!(found("cifar10"), cifar);
    assert_eq!(found(&at("cifar-10-binary.tar.gz")), cifar);
    assert_eq!(found("mnist"), (2, 5, 4, [1, 3, 1]));
    assert_eq!(found("mnist:channels=3"), (2, 5, 4, [1, 3, 3]));
    assert_eq!(found(&at("mnist")), (2, 5, 4, [1, 3, 1]));
    assert_eq!(found(&at("pets")), (1, 1, 0, [1, 1, 3]));
    assert_eq!(found(&at("tars")), (1, 1, 0, [1, 1, 3]));
    assert_eq!(found(&at("tars/test.tar")), (1, 1, 0, [1, 1, 3]));
    assert_eq!(found("shapes:test=5,classes=4,size=16"), (5, 4, 0, [16, 16, 3]));
}

#[test]
fn a_data_set_without_such_targets_says_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cat")).unwrap();
    fs::write(dir.path().join("cat/1.png"), png_bytes(1, 1, 3, &[1, 2, 3])).unwrap();
    let path = dir.path().display().to_string();
    let folder = message(open_for(&path, Split::Train, TargetKind::Map));
    assert!(
        folder.contains("has a class for each image, not a label map"),
        "{folder}"
    );
    // Told before anything is looked for.
    let named = message(open_in(dir.path(), "cifar10", Split::Train, TargetKind::Boxes));
    assert_eq!(
        named,
        "`cifar10` has a class for each image, not boxes: take another data set, or another task"
    );
}

#[test]
fn what_is_no_data_set_is_told_with_what_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let told = message(open(&format!("{}/.", dir.path().display()), Split::Train));
    assert!(
        told.contains("data_batch_1.bin") && told.contains("train.tar"),
        "{told}"
    );
    fs::write(dir.path().join("x.zip"), "PK zip").unwrap();
    assert!(message(open(&at("x.zip"), Split::Train)).contains("it is neither a tar nor a zip archive"));
    fs::write(dir.path().join("empty.tar"), [0; 1024]).unwrap();
    assert!(message(open(&at("empty.tar"), Split::Train)).contains("it has no members"));
}

/// The real data that the workspace may have beside it.
fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path.display().to_string());
    }
    #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
    {
        eprintln!("skipped: no shared data {name}");
    }
    None
}

#[test]
fn real_mnist_opens() {
    let Some(path) = shared("mnist") else { return };
    let test = open(&path, Split::Test).unwrap();
    assert_eq!(
        (test.len(), test.classes().len(), test.image(0).unwrap().shape()),
        (10_000, 10, [28, 28, 1])
    );
    // Mean of the training pixels as commonly used for MNIST: 0.1307; the test split has 0.1325.
    let sum: u64 = (0..10_000)
        .flat_map(|at| test.image(at).unwrap().pixels)
        .map(u64::from)
        .sum();
    let mean = sum as f64 / (10_000.0 * 784.0 * 255.0);
    assert!((mean - 0.1325).abs() < 1e-4, "{mean}");
}

#[test]
fn real_cifar10_archive_opens() {
    let Some(path) = shared("cifar10") else { return };
    let test = open(&path, Split::Test).unwrap();
    let names = "airplane automobile bird cat deer dog frog horse ship truck";
    assert_eq!(test.classes().join(" "), names);
    assert_eq!(
        (
            test.len(),
            test.label(2000).unwrap(),
            test.image(2000).unwrap().shape()
        ),
        (10_000, 2, [32, 32, 3])
    );
    assert!(test.source(2000).starts_with("bird/0000.jpg in "));
}
