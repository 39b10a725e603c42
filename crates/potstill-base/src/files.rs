//! Files that a person names, read with a limit.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// Opens a file to read it. What is no file (a pipe, a device, a socket, also at the end of a link) is refused before it is
/// opened: reading it might never end, or change something.
///
/// # Errors
/// What the system says, and [`io::ErrorKind::InvalidInput`] for what is no file.
pub fn open_file(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() {
        return File::open(path);
    }
    let what = if kind.is_dir() {
        "it is a folder, not a file"
    } else {
        "it is a pipe or a device, not a file: save what it gives in a file first"
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// All bytes of a file of at most `most` bytes.
///
/// # Errors
/// As [`open_file`], and [`io::ErrorKind::FileTooLarge`].
///
/// ```
/// use potstill_base::read_file;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("note");
/// std::fs::write(&path, "12345")?;
/// assert_eq!(read_file(&path, 5)?, b"12345");
/// assert_eq!(read_file(&path, 4).unwrap_err().to_string(), "it has 5 bytes, and at most 4 are read");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_file(path)?;
    let length = file.metadata()?.len();
    let too_large = |length: u64| {
        let what = format!("it has {length} bytes, and at most {most} are read");
        io::Error::new(io::ErrorKind::FileTooLarge, what)
    };
    if length > most {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // The file may grow while it is read, or be one of those that state no length.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The text of a file of at most [`MOST_TEXT`] bytes.
///
/// # Errors
/// As [`read_file`], and [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    read_text_within(path, MOST_TEXT)
}

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// As [`read_text`].
pub fn read_text_within(path: &Path, most: u64) -> io::Result<String> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read_file(path, most)?).map_err(invalid)
}

/// The most bytes of a text that somebody writes by hand: recipes, lists of names.
pub const MOST_TEXT: u64 = 16 << 20;

/// The most bytes of what a program adds to as it goes: rows and events of a run's epochs.
pub const MOST_RECORDS: u64 = 2 << 30;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{open_file, read_text};

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| open_file(path).unwrap_err().to_string();
        assert_eq!(message(folder.path()), "it is a folder, not a file");
        let absent = open_file(&folder.path().join("absent")).unwrap_err();
        assert_eq!(absent.kind(), std::io::ErrorKind::NotFound);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
            for device in [Path::new("/dev/zero"), &link] {
                assert!(message(device).starts_with("it is a pipe or a device"));
            }
        }
    }

    #[test]
    fn text_is_utf_8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        std::fs::write(&path, [b'a', 0xff]).unwrap();
        assert_eq!(read_text(&path).unwrap_err().to_string(), "it is not UTF-8 text");
        std::fs::write(&path, "größe").unwrap();
        assert_eq!(read_text(&path).unwrap(), "größe");
    }
}
