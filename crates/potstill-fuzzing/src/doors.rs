//! The readers of everything that a stranger may hand over, as functions of bytes.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use potstill_data::{
    Cifar, CifarKind, Dataset, DecodeOptions, MnistIdx, OpenOptions, Split, check, decode_with,
};
use potstill_onnx::{OnnxNetwork, train_graph::TrainGraph};
use potstill_recipe::{BaseRecipe, Recipe, Schema, Sweep};
use tempfile::TempDir;

/// A reader: it comes back, whatever it gets, and says what is wrong with it, if anything is.
pub type Door = fn(&[u8]) -> Result<(), String>;

/// All readers by name.
pub const DOORS: &[(&str, Door)] = &[
    ("recipe", recipe),
    ("sweep", sweep),
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
    ("checkpoint", checkpoint),
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

/// What a reader says, without what it has read.
fn said<T, E: Display>(read: Result<T, E>) -> Result<(), String> {
    read.map(drop).map_err(|error| error.to_string())
}

fn recipe(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    if let Some(line) = text.lines().next() {
        let _ = Recipe::from_text("version = 1\n", "fuzzed.toml", &[line.to_owned()]);
    }
    said(Recipe::from_text(&text, "fuzzed.toml", &[]))
}

/// The recipe of every sweep here.
const BASE: &str = r#"
    version = 1
    name = "base"
    data.train = "shapes"
    student.model = "cifar_resnet8"
    teacher.run = "runs/teacher"
    train = { epochs = 2, optimizer = { kind = "sgd", lr = 0.1 } }
    methods = [{ kind = "kd" }]
"#;

/// Of larger sweeps the file is read and no recipe made.
const MOST_CELLS: usize = 64;

fn sweep(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let sweep = Sweep::from_text(&text, "fuzzed.toml").map_err(|error| error.to_string())?;
    let cells = sweep.axes.iter().map(|axis| axis.choices.len());
    if cells.fold(1_usize, usize::saturating_mul) > MOST_CELLS {
        return Ok(());
    }
    let base = |name: &str| match name {
        "missing" => BaseRecipe::from_path("missing.toml".as_ref()),
        _ => Ok(BaseRecipe {
            text: BASE.to_owned(),
            origin: "base.toml".to_owned(),
        }),
    };
    said(sweep.with_seeds(2).runs(&Schema::default(), &base))
}

fn image(bytes: &[u8]) -> Result<(), String> {
    let options = DecodeOptions {
        max_pixels: 1 << 20,
        exif_orientation: bytes.len().is_multiple_of(2),
    };
    let image = decode_with(bytes, "fuzzed", &options);
    if let Ok(image) = &image {
        assert_eq!(image.pixels.len(), image.height * image.width * image.channels);
    }
    said(image)
}

fn tar(bytes: &[u8]) -> Result<(), String> {
    in_file("fuzzed.tar", bytes, |path| {
        let name = path.display().to_string();
        said(check(&name, Split::Train, &OpenOptions::default()))
    })
}

/// The images and, behind the first 2 bytes' number of them, the labels.
fn idx(bytes: &[u8]) -> Result<(), String> {
    let (length, rest) = bytes.split_at(bytes.len().min(2));
    let length = length
        .iter()
        .fold(0, |length, &byte| length << 8 | usize::from(byte));
    let (images, labels) = rest.split_at(length.min(rest.len()));
    in_file("train-images-idx3-ubyte", images, |images| {
        let path = images.with_file_name("train-labels-idx1-ubyte");
        fs::write(&path, labels).unwrap();
        let digits = MnistIdx::from_files(images, &path).map_err(|error| error.to_string())?;
        (0..digits.len().min(4)).try_for_each(|index| said(digits.sample(index)))
    })
}

/// As Python's pickle or as the binary form, whichever it is.
fn cifar(bytes: &[u8]) -> Result<(), String> {
    let folder = |path: &Path| path.parent().unwrap_or(path).to_owned();
    let pickled = in_file("test_batch", bytes, |path| {
        said(Cifar::from_pickles(
            CifarKind::Cifar10,
            &folder(path),
            Split::Test,
        ))
    });
    let binary = in_file("test_batch.bin", bytes, |path| {
        said(Cifar::from_binary(CifarKind::Cifar10, &folder(path), Split::Test))
    });
    pickled.or(binary)
}

fn onnx(bytes: &[u8]) -> Result<(), String> {
    in_file("fuzzed.onnx", bytes, |path| {
        // As a student; what it says then is not what the teacher's reader is asked.
        let _ = TrainGraph::open(path, None, [8, 8, 1]);
        said(OnnxNetwork::open(path, None).and_then(|network| network.survey([1, 8, 8])))
    })
}

/// The rows of a run or its summary, whichever it is.
fn metrics(bytes: &[u8]) -> Result<(), String> {
    let rows = in_file("metrics.jsonl", bytes, |path| {
        said(potstill_report::read_metrics(path))
    });
    let summary = in_file("summary.json", bytes, |path| {
        said(potstill_report::read_summary(path))
    });
    rows.or(summary)
}

#[cfg(feature = "weights")]
fn weights(bytes: &[u8]) -> Result<(), String> {
    in_file("fuzzed.pth", bytes, |path| {
        said(potstill_models::weights::TensorFile::read(path))
    })
}

#[cfg(feature = "weights")]
fn checkpoint(bytes: &[u8]) -> Result<(), String> {
    in_file("last.safetensors", bytes, |path| {
        said(potstill_engine::CheckpointReport::read(path))
    })
}
