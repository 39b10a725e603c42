//! The files of a tar archive.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use super::{FileStore, Kind, Listed, Place, StoredFile};
use crate::limits::{MOST_MEMBERS, too_many_members};
use crate::{DataError, archive_members};

/// Bytes of a tar block; headers and contents are padded to it.
const BLOCK: u64 = 512;

/// Lists an archive. One that is packed as a whole is unpacked into memory.
pub(super) fn list(path: &Path) -> Result<Listed, DataError> {
    let (kind, files) = if archive_members::is_packed(path)? {
        let bytes = archive_members::read_unpacked(path)?;
        let files = members(path, Cursor::new(&bytes), bytes.len() as u64)?;
        (Kind::InMemory(bytes), files)
    } else {
        let file = potstill_base::open_file(path).map_err(DataError::io("open", path))?;
        let length = file.metadata().map_err(DataError::io("look at", path))?.len();
        (Kind::OnDisk, members(path, file, length)?)
    };
    Ok(Listed {
        store: FileStore {
            path: path.to_owned(),
            kind,
        },
        files,
        dead_links: Vec::new(),
    })
}

/// Every regular file of an archive of `length` bytes.
fn members(path: &Path, archive: impl Read + Seek, length: u64) -> Result<Vec<StoredFile>, DataError> {
    let mut found = Vec::new();
    let (mut members, mut end) = (0, 0);
    let mut last = String::from("the start");
    let mut tar = tar::Archive::new(archive);
    let wrong = |last: &str, byte: u64, problem: String| {
        DataError::format(path, format!("after member {last}, byte {byte}"), problem)
    };
    for entry in tar.entries_with_seek().map_err(DataError::io("read", path))? {
        members += 1;
        if members > MOST_MEMBERS {
            return Err(too_many_members(path));
        }
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
            let size = size as usize;
            found.push(StoredFile {
                name,
                place: Place::Plain { offset, size },
            });
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
