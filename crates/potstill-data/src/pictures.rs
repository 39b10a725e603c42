//! Pictures of which nothing is known: a file, or all of a folder or an archive, whatever their folders are called.

use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::layout::is_image;
use crate::parallel::{guarded, map_indices};
use crate::{DataError, Image, archive_members, decode, image_folder, image_tar, natural_order, open_path};

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
    source: Source,
    /// Files of a folder or archive that are no pictures.
    left_out: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Files(Vec<PathBuf>),
    Tar {
        path: PathBuf,
        members: Vec<Member>,
        /// All of a gzipped archive, unpacked.
        memory: Option<Vec<u8>>,
    },
}

#[derive(Debug)]
struct Member {
    name: String,
    offset: u64,
    size: usize,
}

impl Pictures {
    /// The picture in a file, or the pictures of a folder, with all folders in it, or of a tar archive, in natural order of their
    /// names.
    ///
    /// # Errors
    /// A path that is not there, a folder that cannot be listed, an archive that is broken.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Self::of_folder(path);
        }
        if !path.exists() {
            return Err(DataError::Missing {
                path: path.to_owned(),
                advice: "check the path".to_owned(),
            });
        }
        if open_path::starts_as_archive(path)? {
            return Self::of_tar(path);
        }
        Ok(Self {
            source: Source::Files(vec![path.to_owned()]),
            left_out: Vec::new(),
        })
    }

    fn of_folder(folder: &Path) -> Result<Self, DataError> {
        let mut names = Vec::new();
        image_folder::list(folder, "", 0, &mut names)?;
        names.sort_by(|a, b| natural_order::compare(a, b));
        let (pictures, others): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| is_image(file_name(name)));
        let inside = |name: &String| folder.join(name);
        Ok(Self {
            source: Source::Files(pictures.iter().map(inside).collect()),
            left_out: others
                .iter()
                .map(|name| inside(name).display().to_string())
                .collect(),
        })
    }

    fn of_tar(path: &Path) -> Result<Self, DataError> {
        let memory = archive_members::is_gzipped(path)?
            .then(|| archive_members::read_unpacked(path))
            .transpose()?;
        let listed = if let Some(bytes) = &memory {
            image_tar::list(path, Cursor::new(bytes), bytes.len() as u64)?
        } else {
            let file = File::open(path).map_err(DataError::io("open", path))?;
            let length = file.metadata().map_err(DataError::io("look at", path))?.len();
            image_tar::list(path, file, length)?
        };
        let member = |(name, offset, size): (String, u64, u64)| Member {
            name,
            offset,
            size: size as usize,
        };
        let mut members: Vec<Member> = listed.into_iter().map(member).collect();
        members.sort_by(|a, b| natural_order::compare(&a.name, &b.name));
        let (members, others): (Vec<Member>, Vec<Member>) = members
            .into_iter()
            .partition(|member| is_image(file_name(&member.name)));
        Ok(Self {
            left_out: others.iter().map(|member| describe(member, path)).collect(),
            source: Source::Tar {
                path: path.to_owned(),
                members,
                memory,
            },
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Files(files) => files.len(),
            Source::Tar { members, .. } => members.len(),
        }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Files of the folder or archive that are no pictures by their names.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Where a picture comes from; empty for a place beyond the end.
    pub fn name(&self, place: usize) -> String {
        match &self.source {
            Source::Files(files) => files
                .get(place)
                .map_or_else(String::new, |file| file.display().to_string()),
            Source::Tar { path, members, .. } => members
                .get(place)
                .map_or_else(String::new, |member| describe(member, path)),
        }
    }

    /// Reads and decodes a picture.
    ///
    /// # Errors
    /// A file that cannot be read or decoded, a place beyond the end.
    pub fn read(&self, place: usize) -> Result<Image, DataError> {
        let bytes = match &self.source {
            Source::Files(files) => files
                .get(place)
                .map(|file| fs::read(file).map_err(DataError::io("read", file))),
            Source::Tar {
                path,
                members,
                memory,
            } => members
                .get(place)
                .map(|member| read_member(path, member, memory.as_deref())),
        };
        let bytes = bytes.ok_or_else(|| DataError::OutOfRange {
            name: "pictures".to_owned(),
            index: place,
            len: self.len(),
        })??;
        decode(&bytes, &self.name(place))
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

/// A member for messages.
fn describe(member: &Member, archive: &Path) -> String {
    format!("{} in {}", member.name, archive.display())
}

fn read_member(archive: &Path, member: &Member, memory: Option<&[u8]>) -> Result<Vec<u8>, DataError> {
    if let Some(memory) = memory {
        return Ok(memory[member.offset as usize..][..member.size].to_vec());
    }
    let mut bytes = vec![0; member.size];
    let mut file = File::open(archive).map_err(DataError::io("open", archive))?;
    file.seek(SeekFrom::Start(member.offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(DataError::io("read", archive))?;
    Ok(bytes)
}

/// What stands behind the last `/`.
fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
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
