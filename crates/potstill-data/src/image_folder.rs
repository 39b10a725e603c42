//! A folder with a folder of images for each class: `[SPLIT/]CLASS/FILE`, as `ImageFolder` of
//! torchvision.
//!
//! Classes are in natural order (`2` before `10`), which differs from torchvision's plain order for unpadded
//! numbers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::name_of;
use crate::layout::{self, Layout};
use crate::{DataError, Dataset, DatasetInfo, Sample, Split, Target, TargetKind, decode};

/// Folders nested deeper than this are taken for a loop of links.
const MAX_DEPTH: usize = 16;

/// Images in class folders, read and decoded when asked for. Every image has three channels.
///
/// ```no_run
/// use potstill_data::{Dataset, ImageFolder, Split};
/// // pets/train/cat/1.jpg, pets/train/dog/1.jpg, ...
/// let pets = ImageFolder::open("pets".as_ref(), Split::Train)?;
/// println!("{} images of {}", pets.len(), pets.classes().join(", "));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct ImageFolder {
    info: DatasetInfo,
    files: Vec<(PathBuf, u32)>,
}

impl ImageFolder {
    /// Lists the images of a split. Without folders named `train`, `test` or `val` all images belong to
    /// either split.
    ///
    /// # Errors
    /// Where a folder cannot be listed, the split is not there, or no class folder has an image.
    pub fn open(folder: &Path, split: Split) -> Result<Self, DataError> {
        let mut paths = Vec::new();
        list(folder, "", 0, &mut paths)?;
        paths.sort_unstable();
        let Layout {
            classes,
            images,
            ignored,
        } = layout::arrange(&paths, split).map_err(|reason| {
            DataError::format(folder, format!("{} files", paths.len()), reason.problem(split))
        })?;
        let ignored = ignored
            .iter()
            .map(|&at| folder.join(&paths[at]).display().to_string());
        let info = DatasetInfo::new(name_of(folder, split), TargetKind::Class, classes);
        Ok(Self {
            info: info.with_ignored(ignored.collect()),
            files: images
                .iter()
                .map(|&(at, label)| (folder.join(&paths[at]), label))
                .collect(),
        })
    }
}

/// Appends the `/`-separated paths of all files below `folder`.
pub(crate) fn list(
    folder: &Path,
    prefix: &str,
    depth: usize,
    paths: &mut Vec<String>,
) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        return Err(DataError::format(
            folder,
            "folder",
            "is nested too deep: is there a loop of links?",
        ));
    }
    for entry in fs::read_dir(folder).map_err(DataError::io("list", folder))? {
        let entry = entry.map_err(DataError::io("list", folder))?;
        let name = entry.file_name();
        let path = entry.path();
        let Some(name) = name.to_str() else {
            return Err(DataError::format(&path, "name", "is not Unicode; rename it"));
        };
        let inside = format!("{prefix}{name}");
        // `metadata` of the path, unlike that of the entry, follows links.
        if fs::metadata(&path)
            .map_err(DataError::io("look at", &path))?
            .is_dir()
        {
            list(&path, &format!("{inside}/"), depth + 1, paths)?;
        } else {
            paths.push(inside);
        }
    }
    Ok(())
}

impl Dataset for ImageFolder {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::Class(self.files[index].1))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let target = self.target(index)?;
        let path = &self.files[index].0;
        let bytes = fs::read(path).map_err(DataError::io("read", path))?;
        let image = decode(&bytes, &path.display().to_string())?;
        Ok(Sample { image, target })
    }

    fn source(&self, index: usize) -> String {
        self.files
            .get(index)
            .map_or_else(String::new, |(path, _)| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::decode::tests::png_bytes;
    use crate::{Dataset, ImageFolder, Split};

    #[test]
    fn images_are_read_with_their_class_and_file() {
        let dir = tempfile::tempdir().unwrap();
        for (class, shade) in [("train/c10", 10), ("train/c2", 2), ("val/c2", 3)] {
            fs::create_dir_all(dir.path().join(class)).unwrap();
            fs::write(
                dir.path().join(class).join("1.png"),
                png_bytes(1, 2, 1, &[shade, shade]),
            )
            .unwrap();
        }
        fs::write(dir.path().join("train/c2/readme.txt"), "hello").unwrap();
        let train = ImageFolder::open(dir.path(), Split::Train).unwrap();
        assert_eq!(
            (train.classes(), train.len()),
            (["c2".to_owned(), "c10".to_owned()].as_slice(), 2)
        );
        let image = train.image(1).unwrap();
        assert_eq!(
            (train.label(1).unwrap(), image.shape(), image.pixels[0]),
            (1, [2, 1, 3], 10)
        );
        assert!(train.source(1).ends_with("1.png") && train.info().ignored[0].ends_with("readme.txt"));
        let test = ImageFolder::open(dir.path(), Split::Test).unwrap();
        assert_eq!((test.len(), test.image(0).unwrap().pixels[0]), (1, 3));
    }

    #[test]
    fn what_is_missing_or_broken_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = ImageFolder::open(dir.path(), Split::Train)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("0 files: there are no images (JPEG"),
            "{message}"
        );
        fs::create_dir_all(dir.path().join("train/cat")).unwrap();
        fs::write(dir.path().join("train/cat/1.jpg"), "not a picture").unwrap();
        let train = ImageFolder::open(dir.path(), Split::Train).unwrap();
        assert!(
            train
                .image(0)
                .unwrap_err()
                .to_string()
                .contains("1.jpg: cannot decode")
        );
        assert!(train.image(1).unwrap_err().to_string().contains("no image 1"));
        fs::remove_file(dir.path().join("train/cat/1.jpg")).unwrap();
        assert!(train.image(0).unwrap_err().to_string().contains("cannot read"));
        fs::write(dir.path().join("train/cat/1.jpg"), "").unwrap();
        let message = ImageFolder::open(dir.path(), Split::Test)
            .unwrap_err()
            .to_string();
        assert!(message.contains("no test split: train found"), "{message}");
    }
}
