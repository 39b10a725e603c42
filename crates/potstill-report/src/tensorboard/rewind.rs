//! Event files of a run that goes back to an earlier step.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use potstill_base::{MOST_RECORDS, read_file};

use super::{BEGINNING, DELIMITED, FIXED32, FIXED64, VARINT, masked_crc};
use crate::ReportError;

/// Cuts every event file of the folder off before the first record of a step after `step`, and before one that a crash broke off. A
/// file that then holds no more than its version goes.
pub(super) fn cut_off(folder: &Path, step: u64) -> Result<(), ReportError> {
    for path in event_files(folder).map_err(ReportError::read(folder))? {
        let bytes = read_file(&path, MOST_RECORDS).map_err(ReportError::read(&path))?;
        let kept = kept(&bytes, step);
        let cut = if kept.records < 2 {
            fs::remove_file(&path)
        } else if kept.bytes < bytes.len() {
            let file = OpenOptions::new().write(true).open(&path);
            file.and_then(|file| {
                file.set_len(kept.bytes as u64)?;
                file.sync_all()
            })
        } else {
            Ok(())
        };
        cut.map_err(ReportError::write(&path))?;
    }
    Ok(())
}

fn event_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(BEGINNING) && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// What stays of a file.
struct Kept {
    records: usize,
    bytes: usize,
}

/// The whole records at the beginning of a file whose steps are not after `step`.
fn kept(bytes: &[u8], step: u64) -> Kept {
    let mut kept = Kept { records: 0, bytes: 0 };
    while let Some((payload, end)) = record(bytes, kept.bytes) {
        if step_of(payload).is_none_or(|found| found > step) {
            break;
        }
        kept = Kept {
            records: kept.records + 1,
            bytes: end,
        };
    }
    kept
}

/// The payload of the record that begins here, and where the next one begins; `None` where it is not whole.
fn record(bytes: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let length: [u8; 8] = bytes.get(start..start.checked_add(8)?)?.try_into().ok()?;
    let first = start.checked_add(12)?;
    let last = first.checked_add(usize::try_from(u64::from_le_bytes(length)).ok()?)?;
    let payload = bytes.get(first..last)?;
    let sum = bytes.get(last..last.checked_add(4)?)?;
    (sum == masked_crc(payload).to_le_bytes()).then_some((payload, last + 4))
}

/// The step of an `Event`, its field 2; 0 where it is left out, as its first record does; `None` where it is no event.
fn step_of(mut event: &[u8]) -> Option<u64> {
    let mut step = 0;
    while !event.is_empty() {
        let key = varint(&mut event)?;
        let length = match key & 7 {
            VARINT => {
                let number = varint(&mut event)?;
                if key >> 3 == 2 {
                    step = number;
                }
                0
            }
            FIXED64 => 8,
            FIXED32 => 4,
            DELIMITED => usize::try_from(varint(&mut event)?).ok()?,
            _ => return None,
        };
        event = event.get(length..)?;
    }
    Some(step)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
