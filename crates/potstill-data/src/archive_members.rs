//! Named files from a folder, from a tar archive or from one that is packed as a whole (gzip, xz), so that a reader need
//! not care which.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use potstill_base::read_file;

use crate::DataError;
use crate::limits::{Bounded, MOST_ANNOTATIONS, most_unpacked};

/// One file with its bytes.
#[derive(Debug)]
pub(crate) struct Member {
    /// The name without its folders.
    pub name: String,
    /// For messages: `FOLDER/NAME`, or `ARCHIVE`/`PATH IN ARCHIVE`.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Reads those of the `wanted` files that are there, in the order of `wanted`. `path` is a folder or an
/// archive, in which the files may lie at any depth.
pub(crate) fn read(path: &Path, wanted: &[&str]) -> Result<Vec<Member>, DataError> {
    let mut found = if path.is_dir() {
        from_folder(path, wanted)?
    } else {
        from_archive(path, wanted)?
    };
    found.sort_by_key(|member| wanted.iter().position(|name| *name == member.name));
    Ok(found)
}

/// The names (without folders) of the first `limit` files of an archive.
pub(crate) fn first_names(path: &Path, limit: usize) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    each_file(path, |inside, _| {
        names.push(file_name(inside));
        Ok(names.len() < limit)
    })?;
    Ok(names)
}

/// Every byte of a file, unpacked where it is packed.
pub(crate) fn read_unpacked(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    reader(path)?
        .read_to_end(&mut bytes)
        .map_err(DataError::io("read", path))?;
    Ok(bytes)
}

/// A reader of a file's content, unpacked where it is packed (told by its first bytes).
pub(crate) fn reader(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let file = potstill_base::open_file(path).map_err(DataError::io("open", path))?;
    let most = most_unpacked(file.metadata().map_err(DataError::io("look at", path))?.len());
    let file = BufReader::with_capacity(1 << 16, file);
    Ok(match packing(path)? {
        Packing::None => Box::new(file),
        Packing::Gzip => Box::new(Bounded::new(MultiGzDecoder::new(file), most)),
        Packing::Xz => Box::new(Bounded::new(XzReader::new(file, true), most)),
    })
}

/// Whether a file is packed as a whole.
pub(crate) fn is_packed(path: &Path) -> Result<bool, DataError> {
    Ok(packing(path)? != Packing::None)
}

/// How a file is packed as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Xz,
}

fn packing(path: &Path) -> Result<Packing, DataError> {
    let mut start = Vec::new();
    let file = potstill_base::open_file(path).map_err(DataError::io("open", path))?;
    file.take(6)
        .read_to_end(&mut start)
        .map_err(DataError::io("read", path))?;
    Ok(match start[..] {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Packing::Xz,
        _ => Packing::None,
    })
}

fn from_folder(folder: &Path, wanted: &[&str]) -> Result<Vec<Member>, DataError> {
    let mut found = Vec::new();
    for name in wanted {
        let path = folder.join(name);
        if path.is_file() {
            let bytes = read_file(&path, MOST_ANNOTATIONS).map_err(DataError::io("read", &path))?;
            found.push(Member {
                name: (*name).to_owned(),
                path,
                bytes,
            });
        }
    }
    Ok(found)
}

fn from_archive(archive: &Path, wanted: &[&str]) -> Result<Vec<Member>, DataError> {
    let mut found: Vec<Member> = Vec::new();
    each_file(archive, |inside, entry| {
        let name = file_name(inside);
        if wanted.contains(&name.as_str()) && !found.iter().any(|member| member.name == name) {
            let mut bytes = Vec::new();
            entry
                .read_to_end(&mut bytes)
                .map_err(DataError::io("unpack", archive))?;
            if bytes.len() as u64 != entry.size() {
                let problem = format!(
                    "has {} of its {} bytes: the archive is truncated; get it again",
                    bytes.len(),
                    entry.size()
                );
                return Err(DataError::format(
                    archive,
                    format!("member {}", inside.display()),
                    problem,
                ));
            }
            found.push(Member {
                name,
                path: archive.join(inside),
                bytes,
            });
        }
        Ok(found.len() < wanted.len())
    })?;
    Ok(found)
}

type Entry<'a> = tar::Entry<'a, Box<dyn Read>>;

/// Shows each regular file of an archive to `visit` until that says `false`.
fn each_file(
    archive: &Path,
    mut visit: impl FnMut(&Path, &mut Entry<'_>) -> Result<bool, DataError>,
) -> Result<(), DataError> {
    let mut tar = tar::Archive::new(reader(archive)?);
    for entry in tar.entries().map_err(DataError::io("unpack", archive))? {
        let mut entry = entry.map_err(DataError::io("unpack", archive))?;
        if entry.header().entry_type().is_file() {
            let inside = entry
                .path()
                .map_err(DataError::io("unpack", archive))?
                .into_owned();
            if !visit(&inside, &mut entry)? {
                break;
            }
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs::File;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{first_names, read};

    /// A tar archive in memory, with these members.
    pub(crate) fn tar_bytes(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    pub(crate) fn write_gzipped(path: &Path, bytes: &[u8]) {
        let mut encoder = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap();
    }

    #[test]
    fn files_are_found_in_a_folder_a_tar_and_a_gzipped_tar() {
        let dir = tempfile::tempdir().unwrap();
        let tar = tar_bytes(&[("top/b", b"bee"), ("top/c", b"sea"), ("top/a", b"hay")]);
        std::fs::write(dir.path().join("x.tar"), &tar).unwrap();
        write_gzipped(&dir.path().join("x.tar.gz"), &tar);
        std::fs::write(dir.path().join("a"), "hay").unwrap();
        std::fs::write(dir.path().join("b"), "bee").unwrap();
        for source in ["", "x.tar", "x.tar.gz"] {
            let members = read(&dir.path().join(source), &["a", "b", "none"]).unwrap();
            let found: Vec<_> = members
                .iter()
                .map(|m| (m.name.as_str(), m.bytes.as_slice()))
                .collect();
            assert_eq!(found, [("a", b"hay".as_slice()), ("b", b"bee")], "{source}");
        }
        assert_eq!(first_names(&dir.path().join("x.tar.gz"), 2).unwrap(), ["b", "c"]);
    }

    #[test]
    fn a_truncated_archive_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, packed) = (dir.path().join("x.tar"), dir.path().join("x.tar.gz"));
        let noise: Vec<u8> = (0..2000u32).map(|at| ((at * at) >> 3) as u8).collect();
        let tar = tar_bytes(&[("a", &noise)]);
        std::fs::write(&plain, &tar[..1500]).unwrap();
        write_gzipped(&packed, &tar);
        let whole = std::fs::read(&packed).unwrap();
        std::fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
        for path in [plain, packed] {
            let message = read(&path, &["a"]).unwrap_err().to_string();
            assert!(message.contains("x.tar"), "{message}");
        }
    }
}
