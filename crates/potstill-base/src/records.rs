//! Records of one length in a file, each trusted by its own checksum.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{CacheError, Digest};

/// Bytes of a record's checksum, which stands before it.
const CHECKSUM: usize = 8;

/// A file of records of one length, written in any order.
///
/// A record that is missing, torn or from another file is not there: its checksum is over the owner and the index as well. Runs that
/// write equal records at the same time do no harm to each other, and a run that is killed leaves what it has written.
///
/// ```
/// use potstill_base::RecordFile;
/// let folder = tempfile::tempdir()?;
/// let mut file = RecordFile::open(&folder.path().join("logits"), "teacher 1", 3)?;
/// file.write(5, b"abc")?;
/// assert_eq!(file.read(5)?.as_deref(), Some(&b"abc"[..]));
/// assert_eq!(file.read(4)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecordFile {
    file: File,
    path: PathBuf,
    owner: String,
    length: usize,
}

impl RecordFile {
    /// The file at `path`, made if it is not there. `owner` says what its records of `length` bytes are of.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, owner: &str, length: usize) -> Result<Self, CacheError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Self {
            file: options.open(path).map_err(CacheError::io("open", path))?,
            path: path.to_owned(),
            owner: owner.to_owned(),
            length,
        })
    }

    /// The record at this index, if it can be trusted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&mut self, index: usize) -> Result<Option<Vec<u8>>, CacheError> {
        let mut bytes = vec![0; CHECKSUM + self.length];
        let read = self.seek(index).and_then(|()| self.file.read_exact(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result.map_err(CacheError::io("read", &self.path))?,
        }
        let record = bytes.split_off(CHECKSUM);
        Ok((bytes == self.checksum(index, &record)).then_some(record))
    }

    /// Writes the record at this index.
    ///
    /// # Errors
    /// The record has another length, or the file cannot be written.
    pub fn write(&mut self, index: usize, record: &[u8]) -> Result<(), CacheError> {
        let written = if record.len() == self.length {
            let bytes = [&self.checksum(index, record), record].concat();
            self.seek(index).and_then(|()| self.file.write_all(&bytes))
        } else {
            let message = format!("a record has {} bytes, not {}", record.len(), self.length);
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        };
        written.map_err(CacheError::io("write", &self.path))
    }

    fn seek(&mut self, index: usize) -> io::Result<()> {
        let start = index as u64 * (CHECKSUM + self.length) as u64;
        self.file.seek(SeekFrom::Start(start)).map(|_| ())
    }

    fn checksum(&self, index: usize, record: &[u8]) -> [u8; CHECKSUM] {
        let mut digest = Digest::new();
        digest.update(&self.owner);
        digest.update((index as u64).to_le_bytes());
        digest.update(record);
        let mut checksum = [0; CHECKSUM];
        checksum.copy_from_slice(&digest.bytes()[..CHECKSUM]);
        checksum
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::RecordFile;

    #[test]
    fn what_is_torn_moved_or_of_another_owner_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let mut file = RecordFile::open(&path, "one", 4).unwrap();
        for index in [2, 0, 1] {
            file.write(index, &[index as u8 + 1; 4]).unwrap();
        }
        assert_eq!(file.read(1).unwrap().unwrap(), [2; 4]);
        assert_eq!(file.read(3).unwrap(), None);
        let mut other = RecordFile::open(&path, "two", 4).unwrap();
        assert_eq!(other.read(1).unwrap(), None);

        let mut bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 3 * 12);
        // A bit of the first record, and the second in the place of the third.
        bytes[9] ^= 1;
        bytes.copy_within(12..24, 24);
        fs::write(&path, &bytes[..35]).unwrap();
        let mut file = RecordFile::open(&path, "one", 4).unwrap();
        let read = [0, 1, 2].map(|index| file.read(index).unwrap());
        assert_eq!(read, [None, Some(vec![2; 4]), None]);
        assert!(file.write(0, &[0; 5]).is_err());
    }

    #[test]
    fn zeros_of_a_hole_are_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RecordFile::open(&folder.path().join("records"), "one", 4).unwrap();
        file.write(9, &[0; 4]).unwrap();
        assert_eq!(file.read(3).unwrap(), None);
        assert_eq!(file.read(9).unwrap().unwrap(), [0; 4]);
    }

    #[test]
    fn many_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let record = |index: usize| vec![index as u8; 100];
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut file = RecordFile::open(&path, "one", 100).unwrap();
                    for index in 0..200 {
                        if file.read(index).unwrap().is_none() {
                            file.write(index, &record(index)).unwrap();
                        }
                    }
                });
            }
        });
        let mut file = RecordFile::open(&path, "one", 100).unwrap();
        assert!((0..200).all(|index| file.read(index).unwrap() == Some(record(index))));
    }
}
