//! The length of a pickle, told before it is run.
//!
//! A pickle is a program for a stack machine: a byte is an instruction, and an instruction can be a value on the stack. Deflated,
//! fifty million of them fit in fifty kilobytes. This one goes over the instructions and their arguments without running any, and
//! refuses a pickle that is too long for a checkpoint. Instructions: `pickletools.py` of Python.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use zip::ZipArchive;

/// Instructions of all pickles of a file. A network of a thousand tensors with its optimiser takes about a hundred thousand.
const MOST_INSTRUCTIONS: u64 = 500_000;

/// Bytes of all pickles of a file: names, settings, the notes of a training, but no tensors.
const MOST_BYTES: u64 = 64 << 20;

/// Pickles at the start of a file that is no archive: a magic number, a version, facts of the system, the object, its storages.
const IN_A_ROW: usize = 5;

/// Refuses a checkpoint whose pickles are too long; what is wrong in them otherwise is left to whoever runs them.
///
/// # Errors
/// Why the file is refused.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let open = || potstill_base::open_file(path).map_err(|error| error.to_string());
    let mut start = Vec::new();
    open()?
        .take(512)
        .read_to_end(&mut start)
        .map_err(|error| error.to_string())?;
    if start.get(257..262) == Some(b"ustar") {
        return Err(
            "it is a tar archive of PyTorch before 0.1.10: load it there, and save it anew".to_owned(),
        );
    }
    let mut budget = Budget::default();
    // What only begins like an archive is run as pickles, too.
    if start.starts_with(b"PK")
        && let Ok(archive) = ZipArchive::new(BufReader::new(open()?))
    {
        return in_archive(archive, &mut budget);
    }
    let mut file = BufReader::new(open()?);
    for _ in 0..IN_A_ROW {
        if !budget.one_pickle(&mut file)? {
            break;
        }
    }
    Ok(())
}

/// The pickles of an archive. An entry that cannot be opened here is told by its reader.
fn in_archive(mut archive: ZipArchive<BufReader<File>>, budget: &mut Budget) -> Result<(), String> {
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else {
            continue;
        };
        if entry.name().is_ok_and(|name| name.ends_with("data.pkl")) {
            budget.one_pickle(&mut BufReader::new(entry))?;
        }
    }
    Ok(())
}

/// What may still come.
struct Budget {
    instructions: u64,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            instructions: MOST_INSTRUCTIONS,
            bytes: MOST_BYTES,
        }
    }
}

/// How an instruction's argument ends.
enum Argument {
    /// After so many bytes.
    Bytes(u64),
    /// After as many bytes as its first so many bytes say, the lowest byte first.
    Counted(usize),
    /// After so many line breaks.
    Lines(usize),
}

impl Argument {
    /// The argument of an instruction; `None` at the end of a pickle.
    fn of(instruction: u8) -> Option<Self> {
        Some(match instruction {
            b'.' => return None,
            b'I' | b'L' | b'F' | b'V' | b'S' | b'g' | b'p' | b'P' => Self::Lines(1),
            b'c' | b'i' => Self::Lines(2),
            b'K' | b'q' | b'h' | 0x80 | 0x82 => Self::Bytes(1),
            b'M' | 0x83 => Self::Bytes(2),
            b'J' | b'r' | b'j' | 0x84 => Self::Bytes(4),
            b'G' | 0x95 => Self::Bytes(8),
            b'U' | b'C' | 0x8a | 0x8c => Self::Counted(1),
            b'T' | b'X' | b'B' | 0x8b => Self::Counted(4),
            0x8d | 0x8e | 0x96 => Self::Counted(8),
            _ => Self::Bytes(0),
        })
    }
}

impl Budget {
    /// Goes over one pickle; says whether it came to its end.
    fn one_pickle(&mut self, reader: &mut impl BufRead) -> Result<bool, String> {
        loop {
            let mut instruction = [0];
            if reader.read_exact(&mut instruction).is_err() {
                return Ok(false);
            }
            self.instructions = self.instructions.checked_sub(1).ok_or_else(|| {
                format!("its pickle has more than {MOST_INSTRUCTIONS} instructions, which no checkpoint of a network needs")
            })?;
            let Some(argument) = Argument::of(instruction[0]) else {
                return Ok(true);
            };
            let length = match argument {
                Argument::Bytes(length) => length,
                Argument::Counted(width) => {
                    let mut count = [0; 8];
                    if reader.read_exact(&mut count[..width]).is_err() {
                        return Ok(false);
                    }
                    u64::from_le_bytes(count)
                }
                Argument::Lines(lines) => {
                    for _ in 0..lines {
                        let left = self.bytes.saturating_add(1);
                        let read = skip_line(&mut reader.take(left)).map_err(|error| error.to_string())?;
                        self.spend(read)?;
                    }
                    0
                }
            };
            self.spend(length.saturating_add(1))?;
            let skipped = io::copy(&mut reader.take(length), &mut io::sink());
            if !skipped.is_ok_and(|skipped| skipped == length) {
                return Ok(false);
            }
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), String> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or_else(|| {
            format!(
                "its pickle has more than {} MiB beside the tensors, which no checkpoint of a network needs",
                MOST_BYTES >> 20
            )
        })?;
        Ok(())
    }
}

/// Passes over a line with its break; its length.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        length += used as u64;
        reader.consume(used);
        if end.is_some() || used == 0 {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, MOST_BYTES, MOST_INSTRUCTIONS};

    fn over(mut pickle: &[u8]) -> Result<bool, String> {
        Budget::default().one_pickle(&mut pickle)
    }

    #[test]
    fn arguments_are_no_instructions() {
        // A dict with the key "..." and the value -1, in the words of protocols 2 and 0; each dot of a text would be the end.
        assert_eq!(
            over(b"\x80\x02}q\x00X\x03\x00\x00\x00...J\xff\xff\xff\xffs."),
            Ok(true)
        );
        assert_eq!(over(b"(dV...\nI-1\ns."), Ok(true));
        assert_eq!(over(b"cmodule.one\nname.two\n."), Ok(true));
        for cut in [&b"\x80"[..], b"X\x03\x00", b"X\x03\x00\x00\x00..", b"V...", b""] {
            assert_eq!(over(cut), Ok(false), "{cut:?}");
        }
    }

    #[test]
    fn long_pickles_are_refused_wherever_their_length_is() {
        let nones = vec![b'N'; MOST_INSTRUCTIONS as usize + 1];
        assert!(
            over(&nones)
                .unwrap_err()
                .contains("more than 500000 instructions")
        );
        let length = (MOST_BYTES as u32 + 1).to_le_bytes();
        let text = [&b"X"[..], &length].concat();
        assert!(over(&text).unwrap_err().contains("more than 64 MiB"));
        let huge = [&b"\x8e"[..], &[0xff; 8]].concat();
        assert!(over(&huge).unwrap_err().contains("more than 64 MiB"));
        let line = [&b"V"[..], &vec![b'a'; MOST_BYTES as usize + 9]].concat();
        assert!(over(&line).unwrap_err().contains("more than 64 MiB"));
    }
}
