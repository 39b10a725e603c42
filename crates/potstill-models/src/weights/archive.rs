//! PyTorch's zip archives, brought into a form in which every reader finds the directory.
//!
//! `torch.save` ends its archives with zip64 records of 76 bytes, whether they are needed or not. A reader that
//! allows for something before the archive may take them for the distance by which everything is shifted: where
//! the directory's first entry has 76 bytes as well (46, and names such as `mobilenet_v2-7ebf99e0/data.pkl` of
//! 30), an entry stands where the shifted directory would begin. PyTorch's own reader believes the offsets that
//! are written down, and so does this one.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek},
    path::Path,
};

use tempfile::NamedTempFile;
use zip::{
    ZipArchive, ZipWriter,
    read::{ArchiveOffset, Config},
};

/// Why a TorchScript archive is refused.
pub(super) const TORCHSCRIPT: &str = "it is a TorchScript archive, a program with its tensors: save the tensors alone, \
                                      `torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\")`";

/// The archive written anew where a reader that allows for a shift would look for its directory in the wrong
/// place; `None` where the file is no zip archive, or one that any reader finds its way in.
///
/// # Errors
/// Why the file is refused: TorchScript, or no place for the new one.
pub(super) fn rewritten(path: &Path) -> Result<Option<NamedTempFile>, String> {
    let open = || {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| error.to_string())
    };
    let mut start = [0; 4];
    if open()?.read_exact(&mut start).is_err() || start != *b"PK\x03\x04" {
        return Ok(None);
    }
    let as_written = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let Ok(mut archive) = ZipArchive::with_config(as_written, open()?) else {
        return Ok(None);
    };
    if is_torchscript(&archive) {
        return Err(TORCHSCRIPT.to_owned());
    }
    let is_found = ZipArchive::new(open()?)
        .is_ok_and(|usual| (usual.offset(), usual.len()) == (archive.offset(), archive.len()));
    if is_found {
        return Ok(None);
    }
    let anew = NamedTempFile::new().map_err(|error| format!("no place to unpack it: {error}"))?;
    copy(&mut archive, &anew).map_err(|error| format!("it cannot be unpacked: {error}"))?;
    Ok(Some(anew))
}

/// A TorchScript archive holds the code of the program, and the constants that stand in it.
fn is_torchscript<R: Read + Seek>(archive: &ZipArchive<R>) -> bool {
    archive
        .file_names()
        .flatten()
        .any(|name| name == "constants.pkl" || name.ends_with("/constants.pkl"))
}

/// Writes every entry as it is, in a folder whose name has not the fatal length.
fn copy<R: Read + Seek>(archive: &mut ZipArchive<R>, to: &NamedTempFile) -> zip::result::ZipResult<()> {
    let mut writer = ZipWriter::new(BufWriter::new(to.reopen()?));
    let names = archive.file_names().flatten();
    let root = names
        .filter_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
        .min();
    let root = root.unwrap_or_default();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?.into_owned();
        let inner = name.strip_prefix(&root).unwrap_or(&name);
        writer.raw_copy_file_rename(entry, format!("archive/{inner}"))?;
    }
    writer
        .finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok(())
}
