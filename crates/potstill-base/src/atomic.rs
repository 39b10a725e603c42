//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::{Builder, NamedTempFile};

/// What the name of a neighbour begins with that is written before it takes the name of its file.
const NEIGHBOUR: &str = ".tmp";

/// Writes `bytes` to `path`: to a neighbour first, flushed to the disk, then renamed over what was there, and the folder flushed.
///
/// # Errors
/// Whatever the file system says. What was at `path` is then still there.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("summary.json");
/// potstill_base::write_atomically(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path)?, b"{}");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomically`], for content that `write` makes piece by piece.
///
/// # Errors
/// Whatever the file system or `write` says. What was at `path` is then still there.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(path);
    let file: NamedTempFile = Builder::new().prefix(NEIGHBOUR).tempfile_in(folder)?;
    let mut buffered = BufWriter::new(file.as_file());
    write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.as_file().sync_all()?;
    // Temporary files are private; a result is as readable as any file the user writes.
    #[cfg(unix)]
    file.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    flush_folder(folder)
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Flushes the names in a folder to the disk, so that a file that was made or renamed there is there after a power failure too.
///
/// # Errors
/// Whatever the file system says. Systems on which a folder cannot be flushed do nothing.
pub fn flush_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        match File::open(folder)?.sync_all() {
            // Some network file systems know no such thing.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            done => done?,
        }
    }
    Ok(())
}

/// Removes what writes that were killed left in a folder: neighbours that never took the name of their file. Only for a folder in
/// which nobody else writes.
///
/// # Errors
/// Whatever the file system says. A folder that is not there holds nothing.
pub fn remove_unfinished(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_unfinished(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file of this name is what a killed write left behind.
pub fn is_unfinished(name: &str) -> bool {
    // Six letters and digits, as `tempfile` draws them.
    name.strip_prefix(NEIGHBOUR)
        .is_some_and(|drawn| drawn.len() == 6 && drawn.chars().all(|letter| letter.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::{remove_unfinished, write_atomically, write_atomically_with};

    #[test]
    fn what_a_killed_write_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let killed = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        let (_, left) = killed.keep().unwrap();
        let kept = ["file", ".tmp", ".tmpfile", ".tmp-notes", "tmp123456"];
        for name in kept {
            fs::write(folder.path().join(name), "text").unwrap();
        }
        remove_unfinished(folder.path()).unwrap();
        assert!(!left.exists());
        assert!(kept.iter().all(|name| folder.path().join(name).exists()));
        remove_unfinished(&folder.path().join("none")).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"a longer text").unwrap();
        write_atomically(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn what_fails_half_way_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"old").unwrap();
        let failed = write_atomically_with(&path, |file| {
            io::Write::write_all(file, b"new, but ")?;
            Err(io::Error::other("the source broke"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the source broke");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"text").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}
