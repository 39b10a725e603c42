//! The Python version of CIFAR: each file a pickled dict with `data` (a `[n, 3072]` array of bytes) and
//! labels.
//!
//! Format: <https://www.cs.toronto.edu/~kriz/cifar.html>, "Python / Matlab versions".

use std::path::Path;

use crate::archive_members::{self, Member};
use crate::cifar::{Cifar, CifarKind, IMAGE_BYTES};
use crate::pickle::{self, Value};
use crate::{DataError, Split};

impl CifarKind {
    /// The files of a split in the Python version.
    pub(crate) fn pickle_files(self, split: Split) -> &'static [&'static str] {
        match (self, split) {
            (Self::Cifar10, Split::Train) => &[
                "data_batch_1",
                "data_batch_2",
                "data_batch_3",
                "data_batch_4",
                "data_batch_5",
            ],
            (_, Split::Validation) => &[],
            (Self::Cifar10, Split::Test) => &["test_batch"],
            (Self::Cifar100, Split::Train) => &["train"],
            (Self::Cifar100, Split::Test) => &["test"],
        }
    }

    /// The file with the class names, and their key in it.
    fn pickle_names(self) -> (&'static str, &'static str) {
        match self {
            Self::Cifar10 => ("batches.meta", "label_names"),
            Self::Cifar100 => ("meta", "fine_label_names"),
        }
    }

    fn pickle_labels_key(self) -> &'static str {
        match self {
            Self::Cifar10 => "labels",
            Self::Cifar100 => "fine_labels",
        }
    }
}

impl Cifar {
    /// Reads a split of the Python version from its folder or from its (gzipped) tar archive. Nothing in the
    /// pickles is ever executed.
    ///
    /// # Errors
    /// Where a file of the split is missing, holds anything but dicts, lists, strings, numbers and arrays of
    /// bytes, or lacks the data or the labels.
    pub fn from_pickles(kind: CifarKind, path: &Path, split: Split) -> Result<Self, DataError> {
        let files = kind.pickle_files(split);
        if files.is_empty() {
            let problem = "has no part to validate with; hold one back from the training images (`data.validation = 0.1`)";
            return Err(DataError::format(path, format!("{split} split"), problem));
        }
        let (names_file, names_key) = kind.pickle_names();
        let mut wanted = files.to_vec();
        wanted.push(names_file);
        let members = archive_members::read(path, &wanted)?;
        let named = |name: &str| members.iter().find(|member| member.name == name);

        let classes = named(names_file)
            .map(|member| class_names(member, names_key))
            .transpose()?;
        let mut cifar = Self::new(kind, split, classes);
        for name in files {
            let member = named(name).ok_or_else(|| DataError::Missing {
                path: path.join(name),
                advice: format!("the {split} split of {} needs {}", kind.name(), files.join(", ")),
            })?;
            add_batch(&mut cifar, member, kind.pickle_labels_key())?;
        }
        Ok(cifar)
    }
}

fn add_batch(cifar: &mut Cifar, member: &Member, labels_key: &str) -> Result<(), DataError> {
    let batch = load(member)?;
    let Some(Value::Array { shape, bytes }) = batch.get("data") else {
        return Err(lacks(member, "data", "an array of bytes"));
    };
    if shape.len() != 2 || shape[1] != IMAGE_BYTES {
        return Err(lacks(
            member,
            "data",
            &format!("of shape [n, {IMAGE_BYTES}] (it is {shape:?})"),
        ));
    }
    let labels: Option<Vec<u32>> = batch.get(labels_key).and_then(Value::items).and_then(|labels| {
        labels
            .iter()
            .map(|label| u32::try_from(label.int()?).ok())
            .collect()
    });
    let labels = labels.ok_or_else(|| lacks(member, labels_key, "a list of labels"))?;
    cifar.add_file(&member.path.display().to_string(), &labels, bytes)
}

fn class_names(member: &Member, key: &str) -> Result<Vec<String>, DataError> {
    let meta = load(member)?;
    let names: Option<Vec<String>> = meta
        .get(key)
        .and_then(Value::items)
        .and_then(|names| names.iter().map(Value::text).collect());
    names.ok_or_else(|| lacks(member, key, "a list of names"))
}

fn load(member: &Member) -> Result<Value<'_>, DataError> {
    pickle::load(&member.bytes)
        .map_err(|error| DataError::format(&member.path, format!("byte {}", error.offset), error.problem))
}

fn lacks(member: &Member, key: &str, what: &str) -> DataError {
    DataError::format(
        &member.path,
        format!("key `{key}`"),
        format!("is not {what}; get the file again"),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::archive_members::tests::{tar_bytes, write_gzipped};
    use crate::cifar::tests::planes;
    use crate::pickle::tests::{PickleWriter, array, dict, list, number, string};
    use crate::{Cifar, CifarKind, Dataset, Split};

    /// A file as Python 2 wrote the official ones.
    fn batch(labels_key: &str, labels: &[u8]) -> Vec<u8> {
        let data: Vec<u8> = (0..labels.len()).flat_map(planes).collect();
        let labels: Vec<PickleWriter> = labels.iter().map(|&label| number(label)).collect();
        dict(&[
            ("batch_label", string("testing batch 1 of 1")),
            (labels_key, list(&labels)),
            ("data", array([labels.len(), 3072], &data)),
        ])
        .file()
    }

    #[test]
    fn cifar10_is_read_from_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("test_batch"), batch("labels", &[3, 9])).unwrap();
        let test = Cifar::from_pickles(CifarKind::Cifar10, dir.path(), Split::Test).unwrap();
        assert_eq!(
            (test.len(), [0, 1].map(|at| test.label(at).unwrap())),
            (2, [3, 9])
        );
        // Image 1's planes start at 1; its pixel (0, 2) is the third of each plane of 1024.
        assert_eq!(
            test.image(1).unwrap().pixels[6..9],
            [3, ((3 + 1024) % 251) as u8, ((3 + 2048) % 251) as u8]
        );
        let missing = Cifar::from_pickles(CifarKind::Cifar10, dir.path(), Split::Train).unwrap_err();
        assert!(missing.to_string().contains("data_batch_1 does not exist"));
    }

    #[test]
    fn cifar100_is_read_from_its_archive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cifar-100-python.tar.gz");
        let meta = dict(&[("fine_label_names", list(&[string("ant"), string("bat")]))]).file();
        let train = batch("fine_labels", &[1, 0, 1]);
        write_gzipped(
            &path,
            &tar_bytes(&[
                ("cifar-100-python/meta", &meta),
                ("cifar-100-python/train", &train),
            ]),
        );
        let train = Cifar::from_pickles(CifarKind::Cifar100, &path, Split::Train).unwrap();
        assert_eq!(train.classes(), ["ant", "bat"]);
        assert_eq!((train.len(), train.label(0).unwrap()), (3, 1));
        assert!(train.source(2).starts_with("record 2 of ") && train.source(2).ends_with("train"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let message = |bytes: &[u8]| {
            fs::write(dir.path().join("test_batch"), bytes).unwrap();
            Cifar::from_pickles(CifarKind::Cifar10, dir.path(), Split::Test)
                .unwrap_err()
                .to_string()
        };
        assert!(message(&batch("fine_labels", &[1])).contains("key `labels`: is not a list of labels"));
        assert!(message(&batch("labels", &[10])).contains("record 0: label 10"));
        assert!(message(&dict(&[("data", number(1))]).file()).contains("key `data`: is not an array"));
        let truncated = &batch("labels", &[1])[..100];
        assert!(
            message(truncated).contains("test_batch, byte "),
            "{}",
            message(truncated)
        );
        assert!(message(b"\x80\x02cos\nsystem\n(U\x02lstR.").contains("`os.system`"));
    }
}
