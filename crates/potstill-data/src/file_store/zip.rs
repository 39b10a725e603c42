//! The files of a zip archive, stored or deflated.

use std::io::{BufReader, Read};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::{FileStore, Kind, Listed, Place, StoredFile};
use crate::DataError;
use crate::limits::{MOST_MEMBERS, most_unpacked, too_many_members};

/// Whether a file starts as a zip archive does.
pub(crate) fn is_zip(path: &Path) -> Result<bool, DataError> {
    let mut start = Vec::new();
    let file = potstill_base::open_file(path).map_err(DataError::io("open", path))?;
    file.take(4)
        .read_to_end(&mut start)
        .map_err(DataError::io("read", path))?;
    Ok(matches!(start[..], [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6]))
}

/// Lists an archive. Its directory at the end says where everything is.
pub(super) fn list(path: &Path) -> Result<Listed, DataError> {
    let file = potstill_base::open_file(path).map_err(DataError::io("open", path))?;
    let length = file.metadata().map_err(DataError::io("look at", path))?.len();
    let broken = |error: zip::result::ZipError| {
        DataError::format(path, "directory", format!("{error}; get the archive again"))
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    if archive.len() > MOST_MEMBERS {
        return Err(too_many_members(path));
    }
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        if !entry.is_file() {
            continue;
        }
        let name = entry.name().map_err(broken)?.replace('\\', "/");
        let wrong = |problem: String| DataError::format(path, format!("member {name}"), problem);
        if entry.encrypted() {
            return Err(wrong(
                "is encrypted; pack the archive without a password".to_owned(),
            ));
        }
        let offset = entry
            .data_start()
            .ok_or_else(|| wrong("has no place".to_owned()))?;
        let (packed, size) = (entry.compressed_size(), entry.size());
        if offset.saturating_add(packed) > length {
            return Err(wrong(format!(
                "starts at byte {offset} and has {packed} bytes: the archive is truncated; get it again"
            )));
        }
        if size > most_unpacked(packed) {
            let problem =
                format!("unpacks {packed} bytes to {size}, which no picture does; do not trust this archive");
            return Err(wrong(problem));
        }
        let (packed, size, crc) = (packed as usize, size as usize, entry.crc32());
        let place = match entry.compression() {
            CompressionMethod::Stored => Place::Plain { offset, size: packed },
            CompressionMethod::Deflated => Place::Deflated {
                offset,
                packed,
                size,
                crc,
            },
            other => {
                return Err(wrong(format!(
                    "is packed by {other}; pack it by deflate, as usual"
                )));
            }
        };
        files.push(StoredFile { name, place });
    }
    Ok(Listed {
        store: FileStore {
            path: path.to_owned(),
            kind: Kind::OnDisk,
        },
        files,
        dead_links: Vec::new(),
    })
}
