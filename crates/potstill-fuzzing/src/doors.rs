//! The readers of everything that a stranger may hand over, as functions of bytes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use potstill_data::{
    Cifar, CifarKind, Dataset, DecodeOptions, MnistIdx, OpenOptions, Split, check, decode_with,
};
use potstill_onnx::OnnxNetwork;
use potstill_recipe::Recipe;
use tempfile::TempDir;

/// A reader: it comes back, whatever it gets. What it says of it is its own affair.
pub type Door = fn(&[u8]);

/// All readers by name.
pub const DOORS: &[(&str, Door)] = &[
    ("recipe", recipe),
    ("image", image),
    ("tar", tar),
    ("idx", idx),
    ("cifar", cifar),
    ("onnx", onnx),
    ("metrics", metrics),
    #[cfg(feature = "weights")]
    ("pth", weights),
    #[cfg(feature = "weights")]
    ("safetensors", weights),
    #[cfg(feature = "weights")]
    ("checkpoint", weights),
];

thread_local! {
    /// Readers of files get theirs here; one folder for all, since making one takes longer than reading.
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// Gives `read` the path of a file of this name, alone in a folder, that holds these bytes.
fn in_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let path: PathBuf = FOLDER.with(|folder| {
        let inner = folder.path().join(name.replace('.', "-"));
        fs::create_dir_all(&inner).unwrap();
        inner.join(name)
    });
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn recipe(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Recipe::from_text(&text, "fuzzed.toml", &[]);
    if let Some(line) = text.lines().next() {
        let _ = Recipe::from_text("version = 1\n", "fuzzed.toml", &[line.to_owned()]);
    }
}

fn image(bytes: &[u8]) {
    let options = DecodeOptions {
        max_pixels: 1 << 20,
        exif_orientation: bytes.len().is_multiple_of(2),
    };
    if let Ok(image) = decode_with(bytes, "fuzzed", &options) {
        assert_eq!(image.pixels.len(), image.height * image.width * image.channels);
    }
}

fn tar(bytes: &[u8]) {
    in_file("fuzzed.tar", bytes, |path| {
        let _ = check(&path.display().to_string(), Split::Train, &OpenOptions::default());
    });
}

/// The images and, behind the first 2 bytes' number of them, the labels.
fn idx(bytes: &[u8]) {
    let (length, rest) = bytes.split_at(bytes.len().min(2));
    let length = length
        .iter()
        .fold(0, |length, &byte| length << 8 | usize::from(byte));
    let (images, labels) = rest.split_at(length.min(rest.len()));
    in_file("train-images-idx3-ubyte", images, |images| {
        let path = images.with_file_name("train-labels-idx1-ubyte");
        fs::write(&path, labels).unwrap();
        if let Ok(digits) = MnistIdx::from_files(images, &path) {
            for index in 0..digits.len().min(4) {
                let _ = digits.sample(index);
            }
        }
    });
}

fn cifar(bytes: &[u8]) {
    let read = |path: &Path| {
        let folder = path.parent().unwrap_or(path);
        let _ = Cifar::from_pickles(CifarKind::Cifar10, folder, Split::Test);
        let _ = Cifar::from_binary(CifarKind::Cifar10, folder, Split::Test);
    };
    in_file("test_batch", bytes, read);
    in_file("test_batch.bin", bytes, read);
}

fn onnx(bytes: &[u8]) {
    in_file("fuzzed.onnx", bytes, |path| {
        let _ = OnnxNetwork::open(path, None).and_then(|network| network.survey([1, 8, 8]));
    });
}

fn metrics(bytes: &[u8]) {
    in_file("metrics.jsonl", bytes, |path| {
        let _ = potstill_report::read_metrics(path);
    });
    in_file("summary.json", bytes, |path| {
        let _ = potstill_report::read_summary(path);
    });
}

#[cfg(feature = "weights")]
fn weights(bytes: &[u8]) {
    in_file("fuzzed.pth", bytes, |path| {
        let _ = potstill_models::weights::TensorFile::read(path);
    });
}
