//! Images in a folder without classes, of which nothing is known: to learn from a teacher with.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::decode::format::extension;
use crate::decode::{decode_with, read_header};
use crate::limits::MOST_IMAGE;
use crate::{
    DataError, Dataset, DatasetInfo, DecodeOptions, LeftOut, LeftOutReason, Sample, Target, TargetKind,
    natural_order,
};

/// Images that lie in a folder itself, in natural order of their names, read and decoded when asked for. Every image has three channels,
/// and [`Target::None`].
///
/// ```no_run
/// use potstill_data::{Dataset, TargetKind, Unlabelled};
/// // web/1.jpg, web/2.jpg, ...
/// let web = Unlabelled::open("web".as_ref(), ["cat", "dog"])?;
/// assert_eq!(web.info().target, TargetKind::None);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Unlabelled {
    info: DatasetInfo,
    files: Vec<PathBuf>,
    decode: DecodeOptions,
}

impl Unlabelled {
    /// Whether images lie in this folder itself and no folder of them beside.
    pub fn is_at(folder: &Path) -> bool {
        let Ok(entries) = fs::read_dir(folder) else {
            return false;
        };
        let mut has_image = false;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = entry.path();
            if path.is_dir() && !name.starts_with('.') {
                return false;
            }
            // Labels lie beside the images.
            if extension(&name) == "cls" {
                return false;
            }
            has_image |= path.is_file() && LeftOutReason::of(&name).is_none();
        }
        has_image
    }

    /// Lists the images of a folder. The classes are those that a network is to tell apart, in the order of its outputs.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn open(
        folder: &Path,
        classes: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, DataError> {
        let (mut names, mut others) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder).map_err(DataError::io("list", folder))? {
            let path = entry.map_err(DataError::io("list", folder))?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            match LeftOutReason::of(&name) {
                None if path.is_file() => names.push((name, path)),
                None if path.is_dir() => others.push((LeftOutReason::NoImage, name)),
                None => others.push((LeftOutReason::DeadLink, name)),
                Some(reason) => others.push((reason, name)),
            }
        }
        names.sort_by(|(a, _), (b, _)| natural_order::compare(a, b));
        others.sort_unstable();
        let mut left_out = LeftOut::default();
        for (reason, name) in others {
            left_out.add(reason, name);
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let info = DatasetInfo::new(format!("{name}, without labels"), TargetKind::None, classes);
        Ok(Self {
            info: info.with_left_out(left_out),
            decode: DecodeOptions::default(),
            files: names.into_iter().map(|(_, path)| path).collect(),
        })
    }

    /// The same, decoded in this way.
    #[must_use]
    pub fn with_decode(self, decode: DecodeOptions) -> Self {
        Self { decode, ..self }
    }
}

impl Dataset for Unlabelled {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::None)
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.in_range(index)?;
        let path = &self.files[index];
        let bytes = potstill_base::read_file(path, MOST_IMAGE).map_err(DataError::io("read", path))?;
        let image = decode_with(&bytes, &path.display().to_string(), &self.decode)?;
        Ok(Sample {
            image,
            target: Target::None,
        })
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.in_range(index)?;
        let path = &self.files[index];
        let file = potstill_base::open_file(path).map_err(DataError::io("open", path))?;
        let source = path.display().to_string();
        let header = read_header(&mut BufReader::new(file), &source, &self.decode)?;
        Ok(header.shape(&self.decode))
    }

    fn source(&self, index: usize) -> String {
        self.files
            .get(index)
            .map_or_else(String::new, |path| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::decode::tests::png_bytes;
    use crate::{Dataset, Target, Unlabelled};

    #[test]
    fn images_without_classes_are_listed_in_natural_order() {
        let dir = tempfile::tempdir().unwrap();
        for (name, shade) in [("10.png", 10), ("2.png", 2)] {
            fs::write(dir.path().join(name), png_bytes(1, 1, 1, &[shade])).unwrap();
        }
        fs::write(dir.path().join("notes.txt"), "hello").unwrap();
        assert!(Unlabelled::is_at(dir.path()));
        let images = Unlabelled::open(dir.path(), ["cat", "dog"]).unwrap();
        assert_eq!((images.len(), images.classes().len()), (2, 2));
        assert_eq!(images.image(0).unwrap().pixels[0], 2);
        assert_eq!(images.target(1).unwrap(), Target::None);
        assert!(images.source(1).ends_with("10.png") && images.info().left_out.files()[0].1 == "notes.txt");
        let refused = images.label(0).unwrap_err().to_string();
        assert_eq!(refused, "each image needs a class, but this one has no label");
        fs::create_dir(dir.path().join("cat")).unwrap();
        assert!(!Unlabelled::is_at(dir.path()), "a folder of a class lies beside");
        assert!(!Unlabelled::is_at(&dir.path().join("cat")) && !Unlabelled::is_at(&dir.path().join("none")));
    }
}
