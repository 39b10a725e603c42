//! The binary version of CIFAR: records of a label (CIFAR-100: a coarse and a fine one) and three planes of
//! 32x32.
//!
//! Format: <https://www.cs.toronto.edu/~kriz/cifar.html>, "Binary version".

use std::path::Path;

use crate::archive_members::{self, Member};
use crate::cifar::{Cifar, CifarKind, IMAGE_BYTES};
use crate::{DataError, Split};

impl CifarKind {
    /// The files of a split in the binary version.
    pub(crate) fn binary_files(self, split: Split) -> &'static [&'static str] {
        match (self, split) {
            (Self::Cifar10, Split::Train) => &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
            ],
            (_, Split::Validation) => &[],
            (Self::Cifar10, Split::Test) => &["test_batch.bin"],
            (Self::Cifar100, Split::Train) => &["train.bin"],
            (Self::Cifar100, Split::Test) => &["test.bin"],
        }
    }

    fn binary_names_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "batches.meta.txt",
            Self::Cifar100 => "fine_label_names.txt",
        }
    }

    /// Bytes of labels before each image; the last of them is the one that is read.
    fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }
}

impl Cifar {
    /// Reads a split of the binary version from its folder or from its (gzipped) tar archive.
    ///
    /// # Errors
    /// Where a file of the split is missing, is not a whole number of records, or has a label beyond the
    /// classes.
    pub fn from_binary(kind: CifarKind, path: &Path, split: Split) -> Result<Self, DataError> {
        let files = kind.binary_files(split);
        if files.is_empty() {
            let problem = "has no part to validate with; hold one back from the training images (`data.validation = 0.1`)";
            return Err(DataError::format(path, format!("{split} split"), problem));
        }
        let mut wanted = files.to_vec();
        wanted.push(kind.binary_names_file());
        let members = archive_members::read(path, &wanted)?;
        let named = |name: &str| members.iter().find(|member| member.name == name);

        let classes = named(kind.binary_names_file()).map(|member| class_names(&member.bytes));
        let mut cifar = Self::new(kind, split, classes);
        for name in files {
            let member = named(name).ok_or_else(|| DataError::Missing {
                path: path.join(name),
                advice: format!("the {split} split of {} needs {}", kind.name(), files.join(", ")),
            })?;
            let (labels, planes) = records(kind, member)?;
            cifar.add_file(&member.path.display().to_string(), &labels, &planes)?;
        }
        Ok(cifar)
    }
}

fn records(kind: CifarKind, member: &Member) -> Result<(Vec<u32>, Vec<u8>), DataError> {
    let record = kind.label_bytes() + IMAGE_BYTES;
    let whole = member.bytes.len() / record;
    if member.bytes.is_empty() || !member.bytes.len().is_multiple_of(record) {
        let problem = format!(
            "the file has {} bytes, no whole number of records of {record} bytes; get the file again",
            member.bytes.len()
        );
        return Err(DataError::format(
            &member.path,
            format!("record {whole}, byte {}", whole * record),
            problem,
        ));
    }
    let mut labels = Vec::with_capacity(whole);
    let mut planes = Vec::with_capacity(whole * IMAGE_BYTES);
    for record in member.bytes.chunks_exact(record) {
        let (label, image) = record.split_at(kind.label_bytes());
        labels.push(label[label.len() - 1] as u32);
        planes.extend_from_slice(image);
    }
    Ok((labels, planes))
}

fn class_names(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::archive_members::tests::{tar_bytes, write_gzipped};
    use crate::cifar::tests::planes;
    use crate::{Cifar, CifarKind, Dataset, Split};

    fn record(labels: &[u8], start: usize) -> Vec<u8> {
        [labels, &planes(start)].concat()
    }

    #[test]
    fn cifar10_is_read_from_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        for file in 1..=5u8 {
            let records = [record(&[file], 0), record(&[file + 1], 5)].concat();
            fs::write(dir.path().join(format!("data_batch_{file}.bin")), records).unwrap();
        }
        let train = Cifar::from_binary(CifarKind::Cifar10, dir.path(), Split::Train).unwrap();
        assert_eq!(
            (train.len(), train.name(), train.classes()[3].as_str()),
            (10, "cifar10 train", "cat")
        );
        assert_eq!(
            (0..10).map(|at| train.label(at).unwrap()).collect::<Vec<_>>(),
            [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
        );
        assert!(train.source(7).starts_with("record 1 of ") && train.source(7).ends_with("data_batch_4.bin"));
        // The second record's planes start at 5, and its pixel (1, 0) is the 33rd of each plane of 1024.
        let image = train.image(1).unwrap();
        assert_eq!(
            image.pixels[32 * 3..][..3],
            [37, ((37 + 1024) % 251) as u8, ((37 + 2048) % 251) as u8]
        );
        assert!(train.image(10).unwrap_err().to_string().contains("no image 10"));
        let missing = Cifar::from_binary(CifarKind::Cifar10, dir.path(), Split::Test).unwrap_err();
        assert!(
            missing.to_string().contains("test_batch.bin does not exist"),
            "{missing}"
        );
    }

    #[test]
    fn cifar100_has_fine_labels_and_the_names_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cifar-100-binary.tar.gz");
        let test = [record(&[9, 1], 0), record(&[9, 0], 1)].concat();
        let files: [(&str, &[u8]); 2] = [
            ("cifar-100-binary/fine_label_names.txt", b"ant\nbat\n\n"),
            ("cifar-100-binary/test.bin", &test),
        ];
        write_gzipped(&path, &tar_bytes(&files));
        let test = Cifar::from_binary(CifarKind::Cifar100, &path, Split::Test).unwrap();
        assert_eq!(test.classes(), ["ant", "bat"]);
        assert_eq!([0, 1].map(|at| test.label(at).unwrap()), [1, 0]);
    }

    #[test]
    fn broken_records_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = |bytes: &[u8]| {
            fs::write(dir.path().join("test_batch.bin"), bytes).unwrap();
            Cifar::from_binary(CifarKind::Cifar10, dir.path(), Split::Test)
                .unwrap_err()
                .to_string()
        };
        let two = [record(&[1], 0), record(&[10], 0)].concat();
        assert!(
            message(&two).contains("test_batch.bin, record 1: label 10"),
            "{}",
            message(&two)
        );
        assert!(
            message(&two[..6000]).contains("record 1, byte 3073"),
            "{}",
            message(&two[..6000])
        );
        assert!(message(&[]).contains("0 bytes"));
    }
}
