//! Files of images from folders and archives of every kind.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::archive_members::tests::{tar_bytes, write_gzipped};
use crate::decode::tests::{JPEG, png_bytes};
use crate::{
    ClassOrder, DataError, Dataset, ImageFiles, LeftOutReason, OpenOptions, Split, TargetKind, open_with,
};

fn opened(path: &Path, split: Split) -> Result<ImageFiles, DataError> {
    ImageFiles::open(path, split, &OpenOptions::default())
}

fn message(path: &Path, split: Split) -> String {
    opened(path, split).unwrap_err().to_string()
}

/// Writes files into a folder, with the folders around them.
fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn grey(shade: u8) -> Vec<u8> {
    png_bytes(2, 1, 1, &[shade, shade])
}

#[test]
fn images_are_read_with_their_class_and_file() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("train/c10/1.png", &grey(10)),
            ("train/c2/1.png", &grey(2)),
            ("val/c2/1.png", &grey(3)),
            ("train/c2/readme.txt", b"hello"),
        ],
    );
    let train = opened(dir.path(), Split::Train).unwrap();
    assert_eq!(train.classes(), ["c2", "c10"]);
    let image = train.image(1).unwrap();
    assert_eq!(
        (
            train.len(),
            train.label(1).unwrap(),
            image.shape(),
            image.pixels[0]
        ),
        (2, 1, [1, 2, 3], 10)
    );
    assert_eq!(train.shape(1).unwrap(), image.shape());
    assert!(train.source(1).ends_with("1.png") && train.info().has_splits);
    assert_eq!(
        train.info().left_out.files(),
        [(LeftOutReason::NoImage, "train/c2/readme.txt".to_owned())]
    );
    let test = opened(dir.path(), Split::Test).unwrap();
    assert_eq!((test.len(), test.image(0).unwrap().pixels[0]), (1, 3));
}

#[test]
fn what_is_missing_or_broken_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(message(dir.path(), Split::Train).contains("0 files: there are no images (JPEG"));
    write(dir.path(), &[("train/cat/1.jpg", b"not a picture")]);
    let train = opened(dir.path(), Split::Train).unwrap();
    for error in [train.image(0).map(|_| ()), train.shape(0).map(|_| ())] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("1.jpg: cannot decode"), "{error}");
    }
    assert!(train.image(1).unwrap_err().to_string().contains("no image 1"));
    fs::remove_file(dir.path().join("train/cat/1.jpg")).unwrap();
    assert!(train.image(0).unwrap_err().to_string().contains("cannot read"));
    write(dir.path(), &[("train/cat/1.jpg", b"")]);
    assert!(message(dir.path(), Split::Test).contains("no test split: train found"));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("cat/1.png", &grey(1)),
            ("cat/.ipynb_checkpoints/1-checkpoint.png", &grey(1)),
        ],
    );
    for name in ["cat/.#1.png", "cat/gone.png"] {
        std::os::unix::fs::symlink("user@host.1234", dir.path().join(name)).unwrap();
    }
    let set = opened(dir.path(), Split::Train).unwrap();
    assert_eq!((set.len(), set.classes()), (1, ["cat".to_owned()].as_slice()));
    let told = set.info().told();
    assert!(
        told[0].starts_with("warning: 2 files are left out of "),
        "{told:?}"
    );
    assert!(
        told[0].ends_with(": 2 as a link that leads nowhere (cat/.#1.png)"),
        "{told:?}"
    );
    assert!(
        told[1].ends_with(": 1 hidden (cat/.ipynb_checkpoints/1-checkpoint.png)"),
        "{told:?}"
    );
}

#[test]
fn a_word_is_said_about_orders_that_differ() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["1", "2", "10"].map(|class| format!("{class}/a.png"));
    for file in &files {
        write(dir.path(), &[(file, &grey(1))]);
    }
    let told = opened(dir.path(), Split::Train).unwrap().info().told();
    assert!(
        told[0].contains("class 1 is `2`") && told[0].contains("data.class_order = \"ascii\""),
        "{told:?}"
    );
    for (order, classes) in [
        (ClassOrder::Ascii, ["1", "10", "2"]),
        (ClassOrder::Natural, ["1", "2", "10"]),
    ] {
        let options = OpenOptions {
            class_order: Some(order),
            ..OpenOptions::default()
        };
        let set = ImageFiles::open(dir.path(), Split::Train, &options).unwrap();
        assert_eq!(
            (set.classes(), set.info().told()),
            (classes.map(str::to_owned).as_slice(), vec![])
        );
    }
}

fn archive() -> Vec<u8> {
    tar_bytes(&[
        ("dog/2.png", &grey(2)),
        ("cat/1.png", &grey(1)),
        ("cat/0.jpg", JPEG),
        ("notes.txt", b"hello"),
    ])
}

/// A zip archive, as Python's `zipfile` writes it, stored or deflated.
fn write_zip(path: &Path, method: zip::CompressionMethod) {
    let mut writer = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in [
        ("pets/dog/2.png", grey(2)),
        ("pets/cat/1.png", grey(1)),
        ("pets/cat/0.jpg", JPEG.to_vec()),
        ("__MACOSX/pets/cat/._1.png", vec![0; 90]),
    ] {
        writer.start_file(name, options).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn archives_of_every_kind_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("pets.tar"), archive()).unwrap();
    write_gzipped(&at("pets.tar.gz"), &archive());
    write_zip(&at("stored.zip"), zip::CompressionMethod::Stored);
    write_zip(&at("packed.zip"), zip::CompressionMethod::Deflated);
    for name in ["pets.tar", "pets.tar.gz", "stored.zip", "packed.zip"] {
        let options = OpenOptions::default();
        let path = at(name).display().to_string();
        let set = open_with(&path, Split::Train, TargetKind::Class, &options).unwrap();
        assert_eq!(
            (set.classes().join(" "), set.len()),
            ("cat dog".to_owned(), 3),
            "{name}"
        );
        let labels: Vec<u32> = (0..3).map(|at| set.label(at).unwrap()).collect();
        assert_eq!(labels, [0, 0, 1]);
        assert_eq!(set.image(0).unwrap().shape(), [8, 8, 3]);
        assert_eq!(set.shape(0).unwrap(), [8, 8, 3]);
        assert_eq!(set.image(1).unwrap().pixels, [1; 6]);
        assert_eq!(set.image(2).unwrap().pixels, [2; 6]);
        assert!(set.source(2).contains("dog/2.png in "));
        assert_eq!(set.info().left_out.files().len(), 1);
    }
}

/// By `lzma.compress` of Python from a tar archive of `cat/1.png` and `dog/2.png`.
#[test]
fn an_archive_packed_by_xz_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pets.tar.xz");
    fs::write(&path, include_bytes!("../tests/fixtures/pets.tar.xz")).unwrap();
    let set = opened(&path, Split::Train).unwrap();
    assert_eq!((set.classes().join(" "), set.len()), ("cat dog".to_owned(), 2));
    assert_eq!(set.image(1).unwrap().pixels, [20, 30, 40]);
}

#[test]
fn a_truncated_archive_is_an_error_with_member_and_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pets.tar");
    let whole = archive();
    let without_marks = whole.len() - 1024;
    for length in (1..=without_marks).step_by(128) {
        fs::write(&path, &whole[..length]).unwrap();
        let message = message(&path, Split::Train);
        assert!(
            message.contains("pets.tar, ") && message.contains("byte"),
            "cut at {length}: {message}"
        );
    }
    // Inside the contents of the second member, whose header starts at byte 1024.
    fs::write(&path, &whole[..1024 + 512 + 10]).unwrap();
    let cut = message(&path, Split::Train);
    assert!(
        cut.contains("member cat/1.png, byte 1546: the archive is truncated"),
        "{cut}"
    );
    fs::write(&path, tar_bytes(&[("train/dog/2.png", &grey(2))])).unwrap();
    assert!(message(&path, Split::Test).contains("no test split"));
    let zip = dir.path().join("pets.zip");
    write_zip(&zip, zip::CompressionMethod::Deflated);
    let mut bytes = fs::read(&zip).unwrap();
    let place = bytes
        .windows(3)
        .position(|window| window == b"\x89PN" || window == b"\xeb\x0c\xf0")
        .unwrap_or(60);
    bytes[place + 20] ^= 0x40;
    fs::write(&zip, &bytes).unwrap();
    let set = opened(&zip, Split::Train).unwrap();
    assert!((0..3).any(|at| set.image(at).is_err()), "the checksum tells");
    fs::write(&zip, &bytes[..bytes.len() / 2]).unwrap();
    assert!(message(&zip, Split::Train).contains("pets.zip"));
}

#[test]
fn a_broken_image_is_named_with_its_archive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pets.tar");
    fs::write(&path, tar_bytes(&[("cat/1.jpg", &JPEG[..150])])).unwrap();
    let message = opened(&path, Split::Train)
        .unwrap()
        .image(0)
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("cat/1.jpg in ") && message.contains("cannot decode"),
        "{message}"
    );
}

#[test]
fn an_archive_without_classes_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    fs::write(&path, tar_bytes(&[("labels.csv", b"1,2")])).unwrap();
    assert!(message(&path, Split::Train).contains("there are no images"));
}

fn with_table(table: &Path) -> OpenOptions {
    OpenOptions {
        labels: Some(table.to_owned()),
        ..OpenOptions::default()
    }
}

#[test]
fn labels_come_from_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (images, table) = (dir.path().join("images"), dir.path().join("labels.csv"));
    write(
        &images,
        &[
            ("a.png", &grey(1)),
            ("b.png", &grey(2)),
            ("x/c.png", &grey(3)),
            ("d.png", &grey(4)),
            ("notes.txt", b""),
        ],
    );
    let read = |text: &str, split| {
        fs::write(&table, text).unwrap();
        ImageFiles::open(&images, split, &with_table(&table))
    };
    let rows = "file,label\na.png,dog\nimages/b.png,cat\nc,dog\nmissing.png,cat\n";
    let set = read(rows, Split::Train).unwrap();
    assert_eq!(set.classes(), ["cat", "dog"]);
    let found: Vec<(u8, u32)> = (0..set.len())
        .map(|at| (set.image(at).unwrap().pixels[0], set.label(at).unwrap()))
        .collect();
    assert_eq!(found, [(2, 0), (1, 1), (3, 1)]);
    let told = set.info().told().join("\n");
    assert!(
        told.contains("1 without a row in the table of labels (d.png)"),
        "{told}"
    );
    assert!(
        told.contains("1 rows of ") && told.contains("(line 5: missing.png)"),
        "{told}"
    );

    let split = "file,label,split\na.png,dog,train\nb.png,cat,valid\n";
    assert_eq!(read(split, Split::Train).unwrap().image(0).unwrap().pixels[0], 1);
    let test = read(split, Split::Test).unwrap();
    assert_eq!(
        (test.len(), test.label(0).unwrap(), test.info().has_splits),
        (1, 0, true)
    );

    let twice = read("file,label\na.png,dog\na.png,cat\n", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        twice.contains("lines 2 and 3 give `a.png` two classes, `dog` and `cat`"),
        "{twice}"
    );
    let none = read("file,label\nz.png,dog\n", Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        none.contains("none of the images it names is in ") && none.contains("such as `z.png`"),
        "{none}"
    );
}

/// As WebDataset packs images: `KEY.jpg`, `KEY.cls` and perhaps more under one key.
#[test]
fn an_archive_of_web_dataset_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shard-000000.tar");
    let (one, two) = (grey(1), grey(2));
    fs::write(
        &path,
        tar_bytes(&[
            ("000.png", &one),
            ("000.cls", b"2"),
            ("000.json", b"{}"),
            ("001.seg.png", &two),
            ("001.cls", b"0\n"),
            ("002.png", &one),
        ]),
    )
    .unwrap();
    let set = opened(&path, Split::Train).unwrap();
    assert_eq!(set.classes(), ["0", "1", "2"], "numbers are taken as they are");
    let found: Vec<(u8, u32)> = (0..set.len())
        .map(|at| (set.image(at).unwrap().pixels[0], set.label(at).unwrap()))
        .collect();
    assert_eq!(found, [(2, 0), (1, 2)]);
    assert_eq!(
        set.info().left_out.files(),
        [(LeftOutReason::Unlabelled, "002.png".to_owned())]
    );
    fs::write(
        &path,
        tar_bytes(&[
            ("a.png", &one),
            ("a.cls", b"dog"),
            ("b.png", &two),
            ("b.cls", b"cat"),
        ]),
    )
    .unwrap();
    let named = opened(&path, Split::Train).unwrap();
    assert_eq!(
        (named.classes().join(" "), named.image(0).unwrap().pixels[0]),
        ("cat dog".to_owned(), 2)
    );
}

#[test]
fn a_few_unreadable_images_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("a/1.png", &grey(1)),
            ("a/2.png", b"broken"),
            ("b/3.png", &grey(3)),
            ("b/4.png", b""),
        ],
    );
    let path = dir.path().display().to_string();
    let open = |skip_unreadable| {
        let options = OpenOptions {
            skip_unreadable,
            ..OpenOptions::default()
        };
        open_with(&path, Split::Train, TargetKind::Class, &options)
    };
    assert_eq!(open(0).unwrap().len(), 4, "told when they are read");
    let set = open(2).unwrap();
    assert_eq!(
        (set.len(), set.image(1).unwrap().pixels[0], set.label(1).unwrap()),
        (2, 3, 1)
    );
    let told = set.info().told();
    assert!(
        told[0].contains("2 that cannot be decoded (") && told[0].ends_with("2.png)"),
        "{told:?}"
    );
    let message = open(1).err().unwrap().to_string();
    assert!(
        message.contains("2 images of ")
            && message.contains("at most 1 may be left out (`data.skip_unreadable`)"),
        "{message}"
    );
    assert!(message.contains("2.png: cannot decode"), "{message}");
}
