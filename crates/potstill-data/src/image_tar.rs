//! The layout of an image folder inside a tar archive: listed once, then read by offsets, without unpacking.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::dataset::name_of;
use crate::layout::{self, Layout};
use crate::{DataError, Dataset, DatasetInfo, Sample, Split, Target, TargetKind, archive_members, decode};

/// Bytes of a tar block; headers and contents are padded to it.
const BLOCK: u64 = 512;

/// Where the archive's bytes stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In the file; each image is read when asked for.
    OnDisk,
    /// In memory; the file is read once. A gzipped archive always is.
    InMemory,
}

/// Images in class folders inside a tar archive. Every image has three channels.
///
/// ```no_run
/// use potstill_data::{Dataset, ImageTar, Keep, Split};
/// let pets = ImageTar::open("pets.tar".as_ref(), Split::Train, Keep::OnDisk)?;
/// let first = pets.sample(0)?;
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct ImageTar {
    info: DatasetInfo,
    path: PathBuf,
    images: Vec<Member>,
    memory: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Member {
    name: String,
    offset: u64,
    size: usize,
    label: u32,
}

impl ImageTar {
    /// Lists the images of a split; the layout is that of [`crate::ImageFolder`], also below one outer
    /// folder.
    ///
    /// # Errors
    /// Where the archive cannot be read or is truncated (with the member and the byte), the split is not
    /// there, or no class folder has an image.
    pub fn open(path: &Path, split: Split, keep: Keep) -> Result<Self, DataError> {
        let memory = (keep == Keep::InMemory || archive_members::is_gzipped(path)?)
            .then(|| archive_members::read_unpacked(path))
            .transpose()?;
        let listed = if let Some(bytes) = &memory {
            list(path, Cursor::new(bytes), bytes.len() as u64)?
        } else {
            let file = File::open(path).map_err(DataError::io("open", path))?;
            let length = file.metadata().map_err(DataError::io("look at", path))?.len();
            list(path, file, length)?
        };
        let names: Vec<String> = listed.iter().map(|member| member.0.clone()).collect();
        let Layout {
            classes,
            images,
            ignored,
        } = layout::arrange(&names, split).map_err(|reason| {
            DataError::format(path, format!("{} members", names.len()), reason.problem(split))
        })?;
        let member = |&(at, label): &(usize, u32)| {
            let (name, offset, size) = &listed[at];
            Member {
                name: name.clone(),
                offset: *offset,
                size: *size as usize,
                label,
            }
        };
        let ignored = ignored
            .iter()
            .map(|&at| format!("{} in {}", names[at], path.display()));
        let info = DatasetInfo::new(name_of(path, split), TargetKind::Class, classes);
        Ok(Self {
            info: info.with_ignored(ignored.collect()),
            path: path.to_owned(),
            images: images.iter().map(member).collect(),
            memory,
        })
    }

    fn read(&self, member: &Member) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; member.size];
        // A file handle for each read: workers share this value, and a shared handle has one position for
        // all.
        let mut file = File::open(&self.path).map_err(DataError::io("open", &self.path))?;
        file.seek(SeekFrom::Start(member.offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(DataError::io("read", &self.path))?;
        Ok(bytes)
    }
}

/// Name, offset and size of every regular file of an archive of `length` bytes.
pub(crate) fn list(
    path: &Path,
    archive: impl Read + Seek,
    length: u64,
) -> Result<Vec<(String, u64, u64)>, DataError> {
    let mut found = Vec::new();
    let mut end = 0;
    let mut last = String::from("the start");
    let mut tar = tar::Archive::new(archive);
    let wrong = |last: &str, byte: u64, problem: String| {
        DataError::format(path, format!("after member {last}, byte {byte}"), problem)
    };
    for entry in tar.entries_with_seek().map_err(DataError::io("read", path))? {
        let entry = entry.map_err(|error| {
            wrong(
                &last,
                end,
                format!("no tar header: {error}; get the archive again"),
            )
        })?;
        let name = entry
            .path()
            .map_err(DataError::io("read", path))?
            .to_string_lossy()
            .replace('\\', "/");
        let (offset, size) = (entry.raw_file_position(), entry.size());
        if offset.saturating_add(size) > length {
            let problem = format!(
                "the archive is truncated: this member starts at byte {offset} and has {size} bytes; get it again"
            );
            return Err(DataError::format(
                path,
                format!("member {name}, byte {length}"),
                problem,
            ));
        }
        end = (offset + size).next_multiple_of(BLOCK);
        last.clone_from(&name);
        if entry.header().entry_type().is_file() {
            found.push((name, offset, size));
        }
    }
    // An archive ends with blocks of zeros. One that was cut between two members lacks them: without this
    // check it would only be a smaller data set.
    if length < end + BLOCK {
        let problem = "the archive is truncated: its end mark is missing; get it again".to_owned();
        return Err(wrong(&last, length, problem));
    }
    Ok(found)
}

impl Dataset for ImageTar {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::Class(self.images[index].label))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let target = self.target(index)?;
        let member = &self.images[index];
        let source = self.source(index);
        let image = match &self.memory {
            Some(memory) => decode(&memory[member.offset as usize..][..member.size], &source)?,
            None => decode(&self.read(member)?, &source)?,
        };
        Ok(Sample { image, target })
    }

    fn source(&self, index: usize) -> String {
        let name = self.images.get(index).map_or("no member", |member| &member.name);
        format!("{name} in {}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::archive_members::tests::{tar_bytes, write_gzipped};
    use crate::decode::tests::{JPEG, png_bytes};
    use crate::{Dataset, ImageTar, Keep, Split};

    fn archive() -> Vec<u8> {
        let (one, two) = (png_bytes(2, 1, 1, &[1, 1]), png_bytes(2, 1, 1, &[2, 2]));
        tar_bytes(&[
            ("dog/2.png", &two),
            ("cat/1.png", &one),
            ("cat/0.jpg", JPEG),
            ("notes.txt", b"hello"),
        ])
    }

    #[test]
    fn images_are_read_from_disk_from_memory_and_from_gzip() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, packed) = (dir.path().join("pets.tar"), dir.path().join("pets.tar.gz"));
        fs::write(&plain, archive()).unwrap();
        write_gzipped(&packed, &archive());
        for (path, keep) in [
            (&plain, Keep::OnDisk),
            (&plain, Keep::InMemory),
            (&packed, Keep::OnDisk),
        ] {
            let set = ImageTar::open(path, Split::Train, keep).unwrap();
            assert_eq!(
                (set.classes(), set.len()),
                (["cat".to_owned(), "dog".to_owned()].as_slice(), 3)
            );
            assert_eq!(
                (0..3).map(|at| set.label(at).unwrap()).collect::<Vec<_>>(),
                [0, 0, 1]
            );
            assert_eq!(set.image(0).unwrap().shape(), [8, 8, 3]);
            assert_eq!(set.image(1).unwrap().pixels, [1; 6]);
            assert_eq!(set.image(2).unwrap().pixels, [2; 6]);
            assert!(
                set.source(2).starts_with("dog/2.png in ")
                    && set.info().ignored[0].starts_with("notes.txt in ")
            );
        }
    }

    #[test]
    fn a_cut_at_any_block_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pets.tar");
        let whole = archive();
        let without_marks = whole.len() - 1024;
        for length in (1..=without_marks).step_by(128) {
            fs::write(&path, &whole[..length]).unwrap();
            let message = ImageTar::open(&path, Split::Train, Keep::OnDisk)
                .unwrap_err()
                .to_string();
            assert!(
                message.contains("pets.tar, ") && message.contains("byte"),
                "cut at {length}: {message}"
            );
        }
        // Inside the contents of the second member, whose header starts at byte 1024.
        fs::write(&path, &whole[..1024 + 512 + 10]).unwrap();
        let message = ImageTar::open(&path, Split::Train, Keep::OnDisk)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("member cat/1.png, byte 1546: the archive is truncated"),
            "{message}"
        );
    }

    #[test]
    fn a_broken_image_is_named_with_its_archive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pets.tar");
        fs::write(&path, tar_bytes(&[("cat/1.jpg", &JPEG[..150])])).unwrap();
        let message = ImageTar::open(&path, Split::Train, Keep::OnDisk)
            .unwrap()
            .image(0)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("cat/1.jpg in ") && message.contains("cannot decode"),
            "{message}"
        );
    }
}
