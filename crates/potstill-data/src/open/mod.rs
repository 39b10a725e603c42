//! From the name or path of a data set to the data set.

use std::path::{Path, PathBuf};

use crate::mnist_idx::is_idx_folder;
use crate::source::{Options, Source};
use crate::{
    Cifar, CifarKind, DataError, Dataset, ImageFolder, ImageTar, Keep, MnistIdx, Shapes, ShapesOptions,
    Split, archive_members, registry,
};

/// The folder in which data sets are looked for by name.
pub const DATA_ROOT: &str = "data";

/// Opens a data set by name (looked up in the folder [`DATA_ROOT`]) or by path. See [`open_in`].
///
/// # Errors
/// As [`open_in`].
pub fn open(source: &str, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    open_in(Path::new(DATA_ROOT), source, split)
}

/// Opens a data set.
///
/// `source` is a name of the [`registry`] with options (`cifar10`, `mnist:channels=3`, `shapes:size=48,classes=10`), looked
/// up in the folder `root`; or the path of
/// * a folder with the files of CIFAR or MNIST, with images in class folders, or with `train.tar` and `test.tar`;
/// * a tar archive, gzipped or not, of CIFAR or of images in class folders.
///
/// A path without splits of its own (class folders without `train/` or `test/` around them) is opened whole for either split.
///
/// # Errors
/// [`DataError::UnknownName`] with the nearest valid name, [`DataError::Unrecognised`] with what was looked for, or what is
/// wrong with the files.
pub fn open_in(root: &Path, source: &str, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    match Source::parse(source)? {
        Source::Path(path) => open_path(path, split),
        Source::Named("shapes", options) => {
            Ok(Box::new(Shapes::new(ShapesOptions::parse(&options)?, split)?))
        }
        Source::Named("mnist", options) => open_mnist(root, &options, split),
        Source::Named("cifar10", options) => open_cifar(root, CifarKind::Cifar10, &options, split),
        Source::Named("cifar100", options) => open_cifar(root, CifarKind::Cifar100, &options, split),
        // A folder beside the user is a path even without a separator in it.
        Source::Named(..) if Path::new(source).exists() => open_path(Path::new(source), split),
        Source::Named(name, _) => {
            let known: Vec<String> = registry().iter().map(|entry| entry.name.to_owned()).collect();
            let nearest = potstill_base::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            Err(DataError::UnknownName {
                name: name.to_owned(),
                nearest,
                known,
            })
        }
    }
}

fn open_mnist(root: &Path, options: &Options<'_>, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    options.only(&["channels"])?;
    let mut channels = 1usize;
    options.number("channels", &mut channels)?;
    let folder = first_of(
        root,
        &["mnist", "MNIST/raw", "MNIST"],
        "put the four IDX files of MNIST there",
    )?;
    let mnist = MnistIdx::from_folder(&folder, split)?;
    match channels {
        1 => Ok(Box::new(mnist)),
        3 => Ok(Box::new(mnist.with_three_channels())),
        _ => Err(DataError::DatasetOption {
            dataset: "mnist".to_owned(),
            option: format!("channels={channels}"),
            problem: "is either 1 or 3".to_owned(),
            nearest: None,
        }),
    }
}

fn open_cifar(
    root: &Path,
    kind: CifarKind,
    options: &Options<'_>,
    split: Split,
) -> Result<Box<dyn Dataset>, DataError> {
    options.only(&[])?;
    let places: &[&str] = match kind {
        CifarKind::Cifar10 => &[
            "cifar10",
            "cifar-10-batches-bin",
            "cifar-10-binary.tar.gz",
            "cifar-10-batches-py",
            "cifar-10-python.tar.gz",
        ],
        CifarKind::Cifar100 => &[
            "cifar100",
            "cifar-100-binary",
            "cifar-100-binary.tar.gz",
            "cifar-100-python",
            "cifar-100-python.tar.gz",
        ],
    };
    let advice = format!(
        "`potstill data fetch {}` downloads it, or give its path",
        kind.name()
    );
    open_path(&first_of(root, places, &advice)?, split)
}

fn first_of(root: &Path, places: &[&str], advice: &str) -> Result<PathBuf, DataError> {
    let found = places
        .iter()
        .map(|place| root.join(place))
        .find(|path| path.exists());
    found.ok_or_else(|| DataError::Missing {
        path: root.join(places[0]),
        advice: format!("{advice} (also looked for {})", places[1..].join(", ")),
    })
}

fn open_path(path: &Path, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    if path.is_dir() {
        open_folder(path, split)
    } else if path.is_file() {
        open_archive(path, split)
    } else {
        Err(DataError::Missing {
            path: path.to_owned(),
            advice: "check the path, or give a data set's name".to_owned(),
        })
    }
}

fn open_folder(folder: &Path, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    // What is unpacked from the official archives lies in a folder of its own.
    for inner in [
        "cifar-10-batches-bin",
        "cifar-100-binary",
        "cifar-10-batches-py",
        "cifar-100-python",
        "MNIST/raw",
        "raw",
    ] {
        if folder.join(inner).is_dir() {
            return open_folder(&folder.join(inner), split);
        }
    }
    let has = |name: &str| folder.join(name).is_file();
    if let Some(cifar) = open_cifar_files(folder, &has, split) {
        return Ok(Box::new(cifar?));
    }
    if is_idx_folder(folder) {
        return Ok(Box::new(MnistIdx::from_folder(folder, split)?));
    }
    for name in split.folders() {
        for extension in ["tar", "tar.gz", "tgz"] {
            let archive = folder.join(format!("{name}.{extension}"));
            if archive.is_file() {
                return open_archive(&archive, split);
            }
        }
    }
    match ImageFolder::open(folder, split) {
        Ok(images) => Ok(Box::new(images)),
        Err(DataError::Format { problem, .. }) => Err(unrecognised(folder, &problem, split)),
        Err(other) => Err(other),
    }
}

fn open_archive(path: &Path, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    // CIFAR's archives start with one of its files; a few names tell, without unpacking all of a large archive.
    let names = match archive_members::first_names(path, 3) {
        Ok(names) if !names.is_empty() => names,
        Ok(_) => return Err(unrecognised(path, "it has no members", split)),
        // A file that is no archive at all is told apart from an archive that is broken later on.
        Err(_) if !starts_as_archive(path)? => return Err(unrecognised(path, "it is no tar archive", split)),
        Err(error) => return Err(error),
    };
    let has = |name: &str| names.iter().any(|found| found == name);
    if let Some(cifar) = open_cifar_files(path, &has, split) {
        return Ok(Box::new(cifar?));
    }
    Ok(Box::new(ImageTar::open(path, split, Keep::OnDisk)?))
}

fn starts_as_archive(path: &Path) -> Result<bool, DataError> {
    use std::io::Read;
    let mut start = Vec::new();
    archive_members::reader(path)?
        .take(512)
        .read_to_end(&mut start)
        .map_err(DataError::io("read", path))?;
    Ok(start.get(257..262) == Some(b"ustar"))
}

/// CIFAR from a folder or archive where one of its files is there.
fn open_cifar_files(
    path: &Path,
    has: &dyn Fn(&str) -> bool,
    split: Split,
) -> Option<Result<Cifar, DataError>> {
    for kind in [CifarKind::Cifar10, CifarKind::Cifar100] {
        let any = |files: fn(CifarKind, Split) -> &'static [&'static str]| {
            [Split::Train, Split::Test]
                .iter()
                .any(|split| files(kind, *split).iter().any(|name| has(name)))
        };
        if any(CifarKind::binary_files) {
            return Some(Cifar::from_binary(kind, path, split));
        }
        if any(CifarKind::pickle_files) {
            return Some(Cifar::from_pickles(kind, path, split));
        }
    }
    None
}

fn unrecognised(path: &Path, problem: &str, split: Split) -> DataError {
    let looked_for = format!(
        "CIFAR (data_batch_1.bin, train.bin, data_batch_1, train and meta), MNIST (train-images-idx3-ubyte, also .gz), \
         {split}.tar, and images in class folders (CLASS/FILE.jpg, {split}/CLASS/FILE.png): {problem}"
    );
    DataError::Unrecognised {
        path: path.to_owned(),
        looked_for,
    }
}

#[cfg(test)]
mod tests;
