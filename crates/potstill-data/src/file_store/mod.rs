//! The files of a folder, a tar archive or a zip archive: listed once, then read one by one without unpacking.

mod folder;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::borrow::Cow;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;

pub(crate) use self::zip::is_zip;
use crate::decode::{Header, read_header};
use crate::limits::MOST_IMAGE;
use crate::{DataError, DecodeOptions, archive_members};

/// Where the files are.
#[derive(Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Folder,
    /// An archive whose files are read from the disk when asked for.
    OnDisk,
    /// An archive that is packed as a whole, unpacked.
    InMemory(Vec<u8>),
}

/// A file of a store.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    /// Its path inside, with `/` between folders.
    pub name: String,
    place: Place,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
enum Place {
    /// In a file of their own.
    Own,
    /// In the archive, as they are.
    Plain { offset: u64, size: usize },
    /// In the archive, deflated.
    Deflated {
        offset: u64,
        packed: usize,
        size: usize,
        crc: u32,
    },
}

/// A store with what is in it.
pub(crate) struct Listed {
    pub store: FileStore,
    pub files: Vec<StoredFile>,
    /// Paths inside that are links and lead nowhere.
    pub dead_links: Vec<String>,
}

impl FileStore {
    /// Lists a folder, a tar archive (gzipped, packed by xz or plain) or a zip archive.
    pub fn list(path: &Path) -> Result<Listed, DataError> {
        if path.is_dir() {
            return folder::list(path);
        }
        if is_zip(path)? {
            return zip::list(path);
        }
        tar::list(path)
    }

    /// A file by itself, whatever it is called.
    pub fn single(path: &Path) -> (Self, StoredFile) {
        let store = Self {
            path: path.parent().unwrap_or(Path::new("")).to_owned(),
            kind: Kind::Folder,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = StoredFile {
            name: name.into_owned(),
            place: Place::Own,
        };
        (store, file)
    }

    /// Whether a file is an archive, by its content.
    pub fn is_archive(path: &Path) -> Result<bool, DataError> {
        if is_zip(path)? {
            return Ok(true);
        }
        let mut start = Vec::new();
        archive_members::reader(path)?
            .take(512)
            .read_to_end(&mut start)
            .map_err(DataError::io("read", path))?;
        Ok(start.get(257..262) == Some(b"ustar"))
    }

    /// Where a file is, for messages: its path, or `NAME in ARCHIVE`.
    pub fn source(&self, name: &str) -> String {
        match self.kind {
            Kind::Folder => self.path.join(name).display().to_string(),
            Kind::OnDisk | Kind::InMemory(_) => format!("{name} in {}", self.path.display()),
        }
    }

    /// All bytes of a file, which is one of an image or smaller.
    pub fn read(&self, file: &StoredFile) -> Result<Cow<'_, [u8]>, DataError> {
        self.read_at_most(file, MOST_IMAGE)
    }

    /// All bytes of a file of no more than `most`.
    pub fn read_at_most(&self, file: &StoredFile, most: u64) -> Result<Cow<'_, [u8]>, DataError> {
        if let Place::Plain { size, .. } | Place::Deflated { size, .. } = file.place
            && size as u64 > most
        {
            let problem = format!("has {size} bytes, and at most {most} are read");
            return Err(DataError::format(
                &self.path,
                format!("member {}", file.name),
                problem,
            ));
        }
        match file.place {
            Place::Own => {
                let path = self.path.join(&file.name);
                potstill_base::read_file(&path, most)
                    .map_err(DataError::io("read", &path))
                    .map(Cow::Owned)
            }
            Place::Plain { offset, size } => self.range(offset, size),
            Place::Deflated {
                offset,
                packed,
                size,
                crc,
            } => {
                let packed = self.range(offset, packed)?;
                self.inflated(&packed, size, crc, &file.name).map(Cow::Owned)
            }
        }
    }

    /// The first `most` bytes of a file, without the rest of it; some fewer of a member that packing hardly made smaller.
    pub fn beginning(&self, file: &StoredFile, most: usize) -> Result<Cow<'_, [u8]>, DataError> {
        match file.place {
            Place::Own => {
                let path = self.path.join(&file.name);
                let opened = potstill_base::open_file(&path).map_err(DataError::io("open", &path))?;
                let mut bytes = Vec::new();
                opened
                    .take(most as u64)
                    .read_to_end(&mut bytes)
                    .map_err(DataError::io("read", &path))?;
                Ok(Cow::Owned(bytes))
            }
            Place::Plain { offset, size } => self.range(offset, size.min(most)),
            Place::Deflated { offset, packed, .. } => {
                let packed = self.range(offset, packed.min(most))?;
                let mut bytes = Vec::new();
                // It ends within the packed bytes, which is no fault: what came out before is there.
                let _ = DeflateDecoder::new(&*packed)
                    .take(most as u64)
                    .read_to_end(&mut bytes);
                Ok(Cow::Owned(bytes))
            }
        }
    }

    fn range(&self, offset: u64, size: usize) -> Result<Cow<'_, [u8]>, DataError> {
        if let Kind::InMemory(bytes) = &self.kind {
            return Ok(Cow::Borrowed(&bytes[offset as usize..][..size]));
        }
        let mut bytes = vec![0; size];
        // A file handle for each read: workers share this value, and a shared handle has one position for all.
        let mut file = potstill_base::open_file(&self.path).map_err(DataError::io("open", &self.path))?;
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(DataError::io("read", &self.path))?;
        Ok(Cow::Owned(bytes))
    }

    fn inflated(&self, packed: &[u8], size: usize, crc: u32, name: &str) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let read = DeflateDecoder::new(packed)
            .take(size as u64 + 1)
            .read_to_end(&mut bytes);
        let mut sum = Crc::new();
        sum.update(&bytes);
        if read.is_ok() && bytes.len() == size && sum.sum() == crc {
            return Ok(bytes);
        }
        let problem = "is damaged: its bytes are not those that were packed; get the archive again";
        Err(DataError::format(&self.path, format!("member {name}"), problem))
    }

    /// What the first part of an image's file says.
    pub fn header(&self, file: &StoredFile, options: &DecodeOptions) -> Result<Header, DataError> {
        let source = self.source(&file.name);
        if matches!(file.place, Place::Own) {
            let path = self.path.join(&file.name);
            let opened = potstill_base::open_file(&path).map_err(DataError::io("open", &path))?;
            return read_header(&mut BufReader::new(opened), &source, options);
        }
        read_header(&mut Cursor::new(&*self.read(file)?), &source, options)
    }
}
