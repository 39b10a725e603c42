//! IDX, the format of MNIST: big-endian sizes, then bytes. Gzipped files are unpacked.
//!
//! Format: <http://yann.lecun.com/exdb/mnist/>, "File formats". Images are `[n, rows, columns]`, labels
//! `[n]`.

use std::path::{Path, PathBuf};

use crate::dataset::name_of;
use crate::info::class_names;
use crate::{DataError, Dataset, DatasetInfo, Image, Sample, Split, Target, TargetKind, archive_members};

/// Grey images from IDX files, held in memory.
///
/// ```no_run
/// use potstill_data::{Dataset, MnistIdx, Split};
/// let digits = MnistIdx::from_folder("data/mnist".as_ref(), Split::Test)?.with_three_channels();
/// assert_eq!(digits.image(0)?.shape(), [28, 28, 3]);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct MnistIdx {
    info: DatasetInfo,
    images_file: PathBuf,
    labels: Vec<u8>,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    rgb: bool,
}

impl MnistIdx {
    /// Reads the files of a split from a folder: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, for
    /// the test split `t10k-...`, each also with `.gz`. A folder with `images-idx3-ubyte` and
    /// `labels-idx1-ubyte` has no splits and is read whole for either. Where there is a `classes.txt`, its
    /// lines name the classes.
    ///
    /// # Errors
    /// Where a file is missing or is not what [`from_files`](Self::from_files) needs.
    pub fn from_folder(folder: &Path, split: Split) -> Result<Self, DataError> {
        let (images, labels) = find_files(folder, split).ok_or_else(|| DataError::Missing {
            path: folder.join(format!("{}images-idx3-ubyte", prefix(split))),
            advice: format!(
                "the {split} split needs this file and the one with its labels, plain or with .gz"
            ),
        })?;
        let mut mnist = Self::from_files(&images, &labels)?;
        mnist.info.name = name_of(folder, split);
        let file = images.file_name().unwrap_or_default().to_string_lossy();
        mnist.info.has_splits = file.starts_with(prefix(split));
        let names = folder.join("classes.txt");
        if names.is_file() {
            mnist.name_classes(&names)?;
        }
        Ok(mnist)
    }

    /// Reads a file of images and the file of their labels. Classes are named by their numbers.
    ///
    /// # Errors
    /// Where a file cannot be read, has another magic number or length than its format says, or their counts
    /// differ.
    pub fn from_files(images: &Path, labels: &Path) -> Result<Self, DataError> {
        let (sizes, pixels) = read_idx::<3>(images)?;
        let ([count], labels_read) = read_idx::<1>(labels)?;
        if sizes[0] != count {
            let problem = format!(
                "there are {count} labels for {} images of {}",
                sizes[0],
                images.display()
            );
            return Err(DataError::format(labels, "byte 4", problem));
        }
        let classes = labels_read.iter().max().map_or(0, |&label| label as usize + 1);
        Ok(Self {
            info: DatasetInfo::new(
                images.file_name().unwrap_or_default().to_string_lossy(),
                TargetKind::Class,
                (0..classes).map(|class| class.to_string()),
            ),
            images_file: images.to_owned(),
            labels: labels_read,
            height: sizes[1],
            width: sizes[2],
            pixels,
            rgb: false,
        })
    }

    /// Repeats the grey channel, so that images have three.
    #[must_use]
    pub fn with_three_channels(self) -> Self {
        Self { rgb: true, ..self }
    }

    /// Takes the class names from a file with one class a line, with or without its number before the name.
    fn name_classes(&mut self, path: &Path) -> Result<(), DataError> {
        let text = potstill_base::read_text(path).map_err(DataError::io("read", path))?;
        let names: Vec<String> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .enumerate()
            .map(|(at, line)| {
                let numbered = line
                    .split_once(char::is_whitespace)
                    .filter(|(number, _)| *number == at.to_string());
                numbered.map_or(line, |(_, name)| name).trim().to_owned()
            })
            .collect();
        if names.len() < self.info.classes.len() {
            let problem = format!(
                "names {} classes, but there are labels up to {}",
                names.len(),
                self.info.classes.len() - 1
            );
            return Err(DataError::format(path, format!("line {}", names.len()), problem));
        }
        self.info.classes = class_names(names);
        Ok(())
    }
}

/// Whether a folder has the images of any split as IDX files.
pub(crate) fn is_idx_folder(folder: &Path) -> bool {
    [Split::Train, Split::Test]
        .iter()
        .any(|split| find_files(folder, *split).is_some())
}

fn prefix(split: Split) -> &'static str {
    match split {
        Split::Train => "train-",
        Split::Validation => "validation-",
        Split::Test => "t10k-",
    }
}

fn find_files(folder: &Path, split: Split) -> Option<(PathBuf, PathBuf)> {
    let find = |prefix: &str, kind: &str| {
        let names =
            ["-", "."].map(|dot| format!("{prefix}{}", kind.replacen("-idx", &format!("{dot}idx"), 1)));
        names
            .iter()
            .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
            .find(|path| path.is_file())
    };
    let pair = |prefix: &str| {
        Some((
            find(prefix, "images-idx3-ubyte")?,
            find(prefix, "labels-idx1-ubyte")?,
        ))
    };
    let has_splits =
        find("train-", "images-idx3-ubyte").is_some() || find("t10k-", "images-idx3-ubyte").is_some();
    if has_splits { pair(prefix(split)) } else { pair("") }
}

/// Reads an IDX file of bytes with `N` dimensions: its sizes and its values.
fn read_idx<const N: usize>(path: &Path) -> Result<([usize; N], Vec<u8>), DataError> {
    let mut bytes = archive_members::read_unpacked(path)?;
    let header = 4 + 4 * N;
    let magic = [0, 0, 8, N as u8];
    if bytes.get(..4) != Some(&magic) {
        let found = bytes
            .get(..4)
            .map_or_else(|| "less".to_owned(), |found| format!("{found:?}"));
        let problem =
            format!("an IDX file of bytes with {N} dimensions starts with {magic:?}, this one with {found}");
        return Err(DataError::format(path, "byte 0", problem));
    }
    if bytes.len() < header {
        return Err(DataError::format(
            path,
            format!("byte {}", bytes.len()),
            "the sizes are cut off; get the file again",
        ));
    }
    let sizes: [usize; N] = std::array::from_fn(|dimension| {
        bytes[4 + 4 * dimension..][..4]
            .iter()
            .fold(0, |size, &byte| size << 8 | byte as usize)
    });
    let needed = sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size));
    let values = bytes.split_off(header);
    if needed != Some(values.len()) {
        let problem = format!(
            "sizes {sizes:?} do not fit the {} bytes that follow; get the file again",
            values.len()
        );
        return Err(DataError::format(path, format!("byte {header}"), problem));
    }
    Ok((sizes, values))
}

impl Dataset for MnistIdx {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::Class(u32::from(self.labels[index])))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let target = self.target(index)?;
        let size = self.height * self.width;
        let pixels = self.pixels[index * size..][..size].to_vec();
        let grey = Image {
            height: self.height,
            width: self.width,
            channels: 1,
            pixels,
        };
        let image = if self.rgb { grey.into_rgb() } else { grey };
        Ok(Sample { image, target })
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.in_range(index)?;
        Ok([self.height, self.width, if self.rgb { 3 } else { 1 }])
    }

    fn source(&self, index: usize) -> String {
        format!("image {index} of {}", self.images_file.display())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::Path;

    use super::MnistIdx;
    use crate::archive_members::tests::write_gzipped;
    use crate::{Dataset, Split};

    const IMAGES: &[u8] = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03abcdef";
    const LABELS: &[u8] = b"\0\0\x08\x01\0\0\0\x02\x04\x01";

    pub(crate) fn write_split(folder: &Path, prefix: &str) {
        fs::write(folder.join(format!("{prefix}images-idx3-ubyte")), IMAGES).unwrap();
        fs::write(folder.join(format!("{prefix}labels-idx1-ubyte")), LABELS).unwrap();
    }

    #[test]
    fn plain_and_gzipped_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), "train-");
        write_gzipped(&dir.path().join("t10k-images-idx3-ubyte.gz"), IMAGES);
        write_gzipped(&dir.path().join("t10k-labels-idx1-ubyte.gz"), LABELS);
        for split in [Split::Train, Split::Test] {
            let mnist = MnistIdx::from_folder(dir.path(), split).unwrap();
            assert_eq!(
                (mnist.len(), mnist.label(0).unwrap(), mnist.classes().len()),
                (2, 4, 5)
            );
            let image = mnist.image(1).unwrap();
            assert_eq!(
                (image.shape(), image.pixels.as_slice()),
                ([1, 3, 1], b"def".as_slice())
            );
            assert!(mnist.source(1).starts_with("image 1 of "));
            let rgb = mnist.with_three_channels().image(0).unwrap();
            assert_eq!(
                (rgb.shape(), rgb.pixels.as_slice()),
                ([1, 3, 3], b"aaabbbccc".as_slice())
            );
        }
    }

    #[test]
    fn a_folder_without_splits_may_name_its_classes() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), "");
        fs::write(
            dir.path().join("classes.txt"),
            "0 Greek/alpha\n1 Greek/beta\n2 c\n3 d\n4 e\n5 f\n",
        )
        .unwrap();
        let set = MnistIdx::from_folder(dir.path(), Split::Test).unwrap();
        assert_eq!(set.classes()[..3], ["Greek/alpha", "Greek/beta", "c"]);
        assert!(!set.info().has_splits);
        fs::write(dir.path().join("classes.txt"), "0 a\n").unwrap();
        let message = MnistIdx::from_folder(dir.path(), Split::Test)
            .unwrap_err()
            .to_string();
        assert!(message.contains("labels up to 4"), "{message}");
    }

    #[test]
    fn broken_files_are_errors_that_name_the_byte() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), "train-");
        let message = |file: &str, bytes: &[u8]| {
            write_split(dir.path(), "train-");
            fs::write(dir.path().join(file), bytes).unwrap();
            MnistIdx::from_folder(dir.path(), Split::Train)
                .unwrap_err()
                .to_string()
        };
        let images = "train-images-idx3-ubyte";
        assert!(message(images, LABELS).contains("train-images-idx3-ubyte, byte 0"));
        assert!(message(images, &IMAGES[..2]).contains("with less"));
        assert!(message(images, &IMAGES[..9]).contains("byte 9"));
        assert!(message(images, &IMAGES[..20]).contains("byte 16: sizes [2, 1, 3] do not fit the 4 bytes"));
        let three = b"\0\0\x08\x01\0\0\0\x03\x04\x01\x01";
        assert!(message("train-labels-idx1-ubyte", three).contains("3 labels for 2 images"));
        let missing = MnistIdx::from_folder(dir.path(), Split::Test)
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("t10k-images-idx3-ubyte does not exist"),
            "{missing}"
        );
    }
}
