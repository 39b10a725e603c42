//! From the path of a data set to the data set.

use std::path::Path;

use crate::file_store::{FileStore, is_zip};
use crate::mnist_idx::is_idx_folder;
use crate::{
    Cifar, CifarKind, DataError, Dataset, ImageFiles, MnistIdx, OpenOptions, Split, archive_members,
};

/// Opens the folder or archive at a path.
pub(crate) fn open_path(
    path: &Path,
    split: Split,
    options: &OpenOptions,
) -> Result<Box<dyn Dataset>, DataError> {
    if path.is_dir() {
        open_folder(path, split, options)
    } else if path.is_file() {
        open_archive(path, split, options)
    } else {
        Err(DataError::Missing {
            path: path.to_owned(),
            advice: "check the path, or give a data set's name".to_owned(),
        })
    }
}

fn open_folder(folder: &Path, split: Split, options: &OpenOptions) -> Result<Box<dyn Dataset>, DataError> {
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
            return open_folder(&folder.join(inner), split, options);
        }
    }
    let has = |name: &str| folder.join(name).is_file();
    if let Some(cifar) = open_cifar_files(folder, &has, split) {
        options.check_own_classes(&folder.display().to_string())?;
        return Ok(Box::new(cifar?));
    }
    if is_idx_folder(folder) {
        options.check_own_classes(&folder.display().to_string())?;
        return Ok(Box::new(MnistIdx::from_folder(folder, split)?));
    }
    for name in split.folders() {
        for extension in ["tar", "tar.gz", "tgz", "tar.xz", "txz", "zip"] {
            let archive = folder.join(format!("{name}.{extension}"));
            if archive.is_file() {
                return open_archive(&archive, split, options);
            }
        }
    }
    match ImageFiles::open(folder, split, options) {
        Ok(images) => Ok(Box::new(images)),
        // What is wrong with a table, or with the classes that are asked for, is told as it is.
        Err(DataError::Format { problem, .. })
            if options.labels.is_none() && options.class_order.is_none() =>
        {
            Err(unrecognised(folder, &problem, split))
        }
        Err(other) => Err(other),
    }
}

fn open_archive(path: &Path, split: Split, options: &OpenOptions) -> Result<Box<dyn Dataset>, DataError> {
    if is_zip(path)? {
        return Ok(Box::new(ImageFiles::open(path, split, options)?));
    }
    // CIFAR's archives start with one of its files; a few names tell, without unpacking all of a large
    // archive.
    let names = match archive_members::first_names(path, 3) {
        Ok(names) if !names.is_empty() => names,
        Ok(_) => return Err(unrecognised(path, "it has no members", split)),
        // A file that is no archive at all is told apart from an archive that is broken later on.
        Err(_) if !FileStore::is_archive(path)? => {
            return Err(unrecognised(path, "it is neither a tar nor a zip archive", split));
        }
        Err(error) => return Err(error),
    };
    let has = |name: &str| names.iter().any(|found| found == name);
    if let Some(cifar) = open_cifar_files(path, &has, split) {
        options.check_own_classes(&path.display().to_string())?;
        return Ok(Box::new(cifar?));
    }
    Ok(Box::new(ImageFiles::open(path, split, options)?))
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
