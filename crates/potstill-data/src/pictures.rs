//! Pictures of which nothing is known: a file, or all of a folder or an archive, whatever their folders are called.

use std::path::Path;

use crate::file_store::{FileStore, Listed, StoredFile};
use crate::parallel::{guarded, map_indices};
use crate::{DataError, DecodeOptions, Image, LeftOutReason, decode_with, natural_order};

/// Pictures without labels, read and decoded when asked for.
///
/// ```no_run
/// use potstill_data::Pictures;
/// let holiday = Pictures::open("holiday/".as_ref())?;
/// for place in 0..holiday.len() {
///     println!("{}: {:?}", holiday.name(place), holiday.read(place)?.shape());
/// }
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Pictures {
    store: FileStore,
    files: Vec<StoredFile>,
    decoding: DecodeOptions,
    /// Files of a folder or archive that are no pictures.
    left_out: Vec<String>,
}

impl Pictures {
    /// The picture in a file, or the pictures of a folder, with all folders in it, or of a tar or zip archive, in natural
    /// order of their names.
    ///
    /// # Errors
    /// A path that is not there, a folder that cannot be listed, an archive that is broken.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if !path.exists() {
            return Err(DataError::Missing {
                path: path.to_owned(),
                advice: "check the path".to_owned(),
            });
        }
        if !path.is_dir() && !FileStore::is_archive(path)? {
            let (store, file) = FileStore::single(path);
            return Ok(Self {
                store,
                files: vec![file],
                decoding: DecodeOptions::default(),
                left_out: Vec::new(),
            });
        }
        let Listed {
            store,
            mut files,
            dead_links,
        } = FileStore::list(path)?;
        files.sort_by(|a, b| natural_order::compare(&a.name, &b.name));
        let others = files.extract_if(.., |file| LeftOutReason::of(&file.name).is_some());
        let others = others.map(|file| file.name).chain(dead_links);
        Ok(Self {
            left_out: others.map(|name| store.source(&name)).collect(),
            store,
            files,
            decoding: DecodeOptions::default(),
        })
    }

    /// The same pictures, decoded so.
    #[must_use]
    pub fn decoded_by(self, decoding: DecodeOptions) -> Self {
        Self { decoding, ..self }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Files of the folder or archive that are no pictures by their names, and links that lead nowhere.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Where a picture comes from; empty for a place beyond the end.
    pub fn name(&self, place: usize) -> String {
        self.files
            .get(place)
            .map_or_else(String::new, |file| self.store.source(&file.name))
    }

    /// Reads and decodes a picture.
    ///
    /// # Errors
    /// A file that cannot be read or decoded, a place beyond the end.
    pub fn read(&self, place: usize) -> Result<Image, DataError> {
        let file = self.files.get(place).ok_or_else(|| DataError::OutOfRange {
            name: "pictures".to_owned(),
            index: place,
            len: self.len(),
        })?;
        decode_with(&self.store.read(file)?, &self.name(place), &self.decoding)
    }

    /// Reads these pictures on so many threads, each with what is wrong with it.
    pub fn read_all(&self, places: std::ops::Range<usize>, threads: usize) -> Vec<Result<Image, DataError>> {
        let first = places.start;
        let read = |at: usize| {
            let place = first + at;
            Ok::<_, std::convert::Infallible>(guarded(|| self.read(place), || self.name(place)))
        };
        map_indices(places.len(), threads, read).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Pictures;
    use crate::archive_members::tests::tar_bytes;
    use crate::decode::tests::{JPEG, png_bytes};

    #[test]
    fn pictures_of_files_folders_and_archives_are_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let grey = |shade| png_bytes(2, 1, 1, &[shade; 2]);
        fs::create_dir_all(dir.path().join("b/deeper")).unwrap();
        for (name, bytes) in [
            ("b/10.png", grey(10)),
            ("b/2.PNG", grey(2)),
            ("b/deeper/1.jpg", JPEG.to_vec()),
        ] {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        fs::write(dir.path().join("notes.txt"), "hello").unwrap();
        let all = Pictures::open(dir.path()).unwrap();
        assert_eq!((all.len(), all.left_out().len()), (3, 1));
        assert!(
            all.name(0).ends_with("2.PNG") && all.name(1).ends_with("10.png"),
            "{}",
            all.name(0)
        );
        assert_eq!(all.read(1).unwrap().pixels, [10; 6]);
        let read = all.read_all(0..3, 2);
        assert_eq!(read[2].as_ref().unwrap().shape(), [8, 8, 3]);
        let tar = dir.path().join("some.tar");
        fs::write(
            &tar,
            tar_bytes(&[("x/2.png", &grey(2)), ("1.png", &grey(1)), ("a.txt", b"")]),
        )
        .unwrap();
        let packed = Pictures::open(&tar).unwrap();
        assert_eq!((packed.len(), packed.read(0).unwrap().pixels[0]), (2, 1));
        assert!(packed.name(1).starts_with("x/2.png in "), "{}", packed.name(1));
    }

    #[test]
    fn one_file_is_a_picture_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("picture");
        fs::write(&file, JPEG).unwrap();
        assert_eq!(Pictures::open(&file).unwrap().read(0).unwrap().shape(), [8, 8, 3]);
        fs::write(&file, "no picture").unwrap();
        let broken = Pictures::open(&file).unwrap();
        assert!(
            broken.read_all(0..1, 4)[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("picture: cannot decode")
        );
        assert!(broken.read(1).is_err());
        let missing = Pictures::open(&dir.path().join("no/such.png")).unwrap_err();
        assert!(
            missing.to_string().contains("no/such.png does not exist"),
            "{missing}"
        );
    }
}
