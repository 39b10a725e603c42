//! Files that are made to hurt: each is refused with a sentence about it, in little time and memory, and none of its control
//! characters reaches the terminal.
//!
//! Every command runs with a limit on its address space, under which making what a file states would end the process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

use potstill_testing::{command::Place, pictures::write_png};

/// The address space of a command, in KiB: threads and the allocator reserve much of it without use.
const ADDRESSES: u32 = 3 << 20;

const RECIPE: &str = r#"version = 1
name = "attacked"
[data]
train = "shapes:size=16,train=80,test=40,classes=4"
[student]
model = "cifar_resnet8"
[train]
epochs = 4
batch = 20
optimizer = { kind = "sgd", lr = 0.05 }
"#;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_potstill"))
}

/// The exit code of a command under limits of memory and time, and all that it prints.
#[track_caller]
fn told(place: &Place, arguments: &[&str]) -> (i32, String) {
    told_in(&place.path(""), arguments)
}

/// The same of a command that runs in this folder.
#[track_caller]
fn told_in(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let limits = format!("ulimit -v {ADDRESSES}; exec timeout 300 \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &limits, env!("CARGO_BIN_EXE_potstill")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    let is_order = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    assert!(!text.contains(is_order), "{arguments:?}: {text:?}");
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code().unwrap_or(-1), text)
}

/// What is said of a command that must end with this code.
#[track_caller]
fn ends(place: &Place, arguments: &[&str], code: i32) -> String {
    let (found, text) = told(place, arguments);
    assert_eq!(found, code, "{arguments:?}: {text}");
    text
}

/// What `plan` says of the recipe in which `from` is `to`.
#[track_caller]
fn planned(place: &Place, from: &str, to: &str, code: i32) -> String {
    assert!(RECIPE.contains(from));
    fs::write(place.path("r.toml"), RECIPE.replace(from, to)).unwrap();
    ends(place, &["plan", "r.toml"], code)
}

#[test]
fn recipes_that_ask_for_too_much_are_usage_errors() {
    let place = place();
    for images in ["10000001", "1000000000000", "18446744073709551615"] {
        let said = planned(&place, "train=80", &format!("train={images}"), 2);
        assert!(said.contains("must be between 0 and 10000000"), "{said}");
    }
    planned(&place, "epochs = 4", "epochs = 1000000000", 0);
    let said = planned(&place, "epochs = 4", "epochs = 9223372036854775807", 2);
    assert!(
        said.contains("r.toml:8: `train.epochs` must be at most 1000000000"),
        "{said}"
    );
    let said = planned(&place, "attacked", &"a".repeat(300), 2);
    assert!(
        said.contains("`name` is a folder's name and has at most 200 letters"),
        "{said}"
    );
    let said = ends(
        &place,
        &["inspect", "cifar_resnet8", "--classes", "1000000000000"],
        1,
    );
    assert!(said.contains("at most 1000000"), "{said}");
}

#[test]
fn control_characters_of_a_recipe_are_written_out() {
    let place = place();
    let evil = r"\u001b[2J\u001b[31mevil";
    let said = planned(&place, "cifar_resnet8", evil, 2);
    assert!(
        said.contains("r.toml:6: `student.model` holds control characters"),
        "{said}"
    );
    assert!(said.contains(r"\u{1b}[2J"), "{said}");
    let said = planned(&place, "batch = 20", &format!("batch = 20\n\"{evil}\" = 1"), 2);
    assert!(said.contains(r"unknown key `train.\u{1b}[2J"), "{said}");
    let said = planned(&place, "batch = 20", "batch = \u{1b}[2J", 2);
    assert!(said.contains("r.toml:9: this is not valid TOML"), "{said}");
    let said = ends(&place, &["plan", "r.toml", "name=\u{1b}[2J"], 2);
    assert!(said.contains("not valid TOML"), "{said}");
    ends(&place, &["list", "\u{1b}[2J"], 2);
}

#[test]
fn a_hundred_thousand_mistakes_are_told_by_the_first_hundred() {
    let place = place();
    let many = |line: &dyn Fn(usize) -> String| (0..100_000).map(line).collect::<String>();
    let unknown = format!("batch = 20\n{}", many(&|number| format!("key{number} = 1\n")));
    let entries = many(&|number| format!("[[methods]]\nkind = \"none{number}\"\n"));
    let long = format!("batch = 20\n{} = 1", "k".repeat(1_000_000));
    for text in [
        RECIPE.replace("batch = 20", &unknown),
        format!("{RECIPE}{entries}"),
        RECIPE.replace("batch = 20", &long),
        RECIPE.replace("epochs = 4\n", "")
            + &many(&|number| format!("[[train.phases]]\nname = \"p{number}\"\nepochs = 1\n")),
        RECIPE.replace("batch = 20", &format!("batch = {}", "[".repeat(100_000))),
    ] {
        fs::write(place.path("r.toml"), text).unwrap();
        let said = ends(&place, &["plan", "r.toml"], 2);
        assert!(
            said.lines().count() <= 110 && said.len() < 200_000,
            "{} bytes",
            said.len()
        );
    }
}

/// A class folder with two good pictures of each of two classes; the second has this name.
fn pictures(place: &Place, class: &str) {
    for class in ["dog", class] {
        for shade in 0..2 {
            let file = place.path(&format!("photos/{class}/{shade}.png"));
            write_png(&file, [16, 16], |y, x| [y as u8, x as u8, shade * 100]);
        }
    }
}

/// The file of a picture that states this size and has nothing of it.
fn header_only([height, width]: [u32; 2]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, b"nothing").unwrap();
    drop(writer);
    bytes
}

#[test]
fn pictures_that_are_none_are_told_and_the_others_counted() {
    let place = place();
    pictures(&place, "cat");
    for (name, size) in [("a", [131_072; 2]), ("b", [13_000; 2]), ("c", [u32::MAX >> 1; 2])] {
        fs::write(place.path(&format!("photos/cat/{name}.png")), header_only(size)).unwrap();
    }
    let pipe = place.path("photos/cat/pipe.png");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", place.path("photos/cat/zero.png")).unwrap();
    let said = ends(&place, &["data", "check", "photos/"], 1);
    for part in [
        "photos train: 9 images",
        "a.png is of 131072x131072",
        "b.png: cannot decode this image: it states 13000x13000",
        "pipe.png: it is a pipe or a device",
        "zero.png: it is a pipe or a device",
        "5 images of photos/ cannot be read",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn names_of_classes_and_files_are_written_out() {
    let place = place();
    pictures(&place, "\u{1b}[2J\u{1b}]0;owned\u{7}cat\nx\u{202e}");
    fs::write(place.path("photos/dog/\u{1b}[31m.png"), "no picture").unwrap();
    for arguments in [
        &["data", "check", "photos/"][..],
        &["data", "check", "photos/", "--json"],
    ] {
        let said = ends(&place, arguments, 1);
        assert!(
            said.contains("u{1b}[2J") && said.contains("u{7}cat") && !said.contains('\u{202e}'),
            "{said}"
        );
    }
}

fn gzipped(path: &Path, length: usize) {
    let mut encoder =
        flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::best());
    for _ in 0..length >> 20 {
        std::io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn what_unpacks_without_end_is_stopped() {
    let place = place();
    fs::create_dir(place.path("digits")).unwrap();
    let labels = place.path("digits/train-labels-idx1-ubyte");
    fs::write(&labels, b"\0\0\x08\x01\0\0\0\x01\x00").unwrap();
    // A block of zeros is the end of a tar archive: the first unpacks to nothing, the second to far too much.
    gzipped(&place.path("digits/train-images-idx3-ubyte.gz"), 400 << 20);
    let said = ends(&place, &["data", "check", "digits/"], 1);
    assert!(said.contains("unpacks to more than"), "{said}");
}

#[test]
fn an_archive_of_a_million_members_is_refused() {
    let place = place();
    let mut header = tar_header("cat/0.png");
    let file = fs::File::create(place.path("many.tar")).unwrap();
    let mut file = std::io::BufWriter::new(file);
    for _ in 0..1_000_000 {
        std::io::Write::write_all(&mut file, &header).unwrap();
    }
    drop(file);
    let said = ends(&place, &["data", "check", "./many.tar"], 1);
    assert!(said.contains("there are more than 500000"), "{said}");
    // One alone, and its end, are a sound archive of an empty file.
    header.resize(3 * 512, 0);
    fs::write(place.path("one.tar"), &header).unwrap();
    let said = ends(&place, &["data", "check", "./one.tar"], 1);
    assert!(said.contains("the file is empty"), "{said}");
}

/// Every file and folder below this one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = entries
        .flat_map(|path| {
            let inner = if path.is_dir() { below(&path) } else { Vec::new() };
            inner.into_iter().chain([path])
        })
        .collect();
    all.sort();
    all
}

#[test]
fn members_of_an_archive_are_written_nowhere() {
    let place = place();
    let nested = place.path("above/nested");
    write_png(&nested.join("picture.png"), [16, 16], |y, x| {
        [y as u8, x as u8, 7]
    });
    let picture = fs::read(nested.join("picture.png")).unwrap();
    // The folder of the test is hidden, and so are members below it.
    let absolute = env::temp_dir().join(format!("potstill-absolute-{}/c.png", process::id()));
    let mut archive = Vec::new();
    for name in [
        "../up/a.png",
        "../../up/b.png",
        absolute.to_str().unwrap(),
        "here/d.png",
    ] {
        archive.extend(tar_header_of(name, picture.len()));
        archive.extend_from_slice(&picture);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    fs::write(nested.join("names.tar"), archive).unwrap();
    let before = below(&place.path(""));
    let (code, said) = told_in(&nested, &["data", "check", "./names.tar"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("4 images"), "{said}");
    assert_eq!(below(&place.path("")), before);
    assert!(!absolute.exists());
}

/// The header of an empty file in a tar archive.
fn tar_header(name: &str) -> Vec<u8> {
    tar_header_of(name, 0)
}

/// The header of a file of this length in a tar archive.
fn tar_header_of(name: &str, length: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    for (at, field) in [
        (100, "0000644"),
        (124, &format!("{length:011o}")),
        (136, "00000000000"),
        (148, "        "),
        (156, "0"),
        (257, "ustar\x0000"),
    ] {
        header[at..at + field.len()].copy_from_slice(field.as_bytes());
    }
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[test]
fn files_that_are_none_are_refused_before_they_are_opened() {
    let place = place();
    let pipe = place.path("pipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = ends(&place, &["plan", "pipe.toml"], 2);
    assert!(said.contains("it is a pipe or a device"), "{said}");
    for arguments in [
        &["data", "check", "/dev/zero"][..],
        &[
            "eval",
            "--model",
            "cifar_resnet8",
            "--weights",
            "/dev/zero",
            "--data",
            "shapes:size=16,test=4",
        ],
    ] {
        let (code, said) = told(&place, arguments);
        assert!(matches!(code, 1 | 2), "{said}");
        assert!(said.contains("it is a pipe or a device"), "{arguments:?}: {said}");
    }
}
