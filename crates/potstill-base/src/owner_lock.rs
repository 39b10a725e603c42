//! A lock that says whose it is.

use std::{
    env, fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use crate::{printable, utc};

/// A file that one process at a time holds locked, with the words who it is. The system takes the lock from a process that ends,
/// however it ends; the file is removed with the lock.
///
/// ```
/// use potstill_base::{Claim, OwnerLock};
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("run.lock");
/// let Claim::Taken(lock) = OwnerLock::claim(&path)? else { unreachable!() };
/// let Claim::Owned(owner) = OwnerLock::claim(&path)? else { unreachable!() };
/// assert!(owner.to_string().starts_with(&format!("process {} on ", std::process::id())));
/// drop(lock);
/// assert!(matches!(OwnerLock::claim(&path)?, Claim::Taken(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OwnerLock {
    file: File,
    path: PathBuf,
}

/// What asking for a lock gives.
#[derive(Debug)]
pub enum Claim {
    /// It is ours until it is dropped.
    Taken(OwnerLock),
    /// Somebody else has it.
    Owned(Owner),
}

/// Who has a lock: `process 4711 on host, since 2026-11-30 07:36:02 UTC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OwnerLock {
    /// Takes the lock at this path, if nobody has it.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn claim(path: &Path) -> io::Result<Claim> {
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = options.open(path)?;
            match file.try_lock() {
                // A file system without locks has none to hold.
                Err(TryLockError::Error(error)) if is_lockless(&error) => {}
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => return Ok(Claim::Owned(Owner::read(&mut file))),
                Ok(()) => {}
            }
            // Whoever had it may have removed the file between our two calls: then ours is a lock on nothing.
            if is_at(&file, path) {
                let path = path.to_owned();
                // It is the lock that counts. A full disk must not keep its owner from tidying up.
                let _ = file
                    .set_len(0)
                    .and_then(|()| file.write_all(Owner::this().0.as_bytes()));
                return Ok(Claim::Taken(Self { file, path }));
            }
        }
    }
}

/// Whether a file system says by this that it has no locks.
fn is_lockless(error: &io::Error) -> bool {
    // `ENOLCK`, by which network file systems without a lock service say it.
    let no_locks = cfg!(target_os = "linux").then_some(37);
    error.kind() == io::ErrorKind::Unsupported || (no_locks.is_some() && error.raw_os_error() == no_locks)
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // While it is locked: nobody else has it yet.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a path names this file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let (ours, there) = (file.metadata().map(identity), fs::metadata(path).map(identity));
    matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
}

/// Other systems do not remove a file that is open.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// More of a lock file is not shown.
const LONGEST: u64 = 300;

impl Owner {
    /// This process.
    fn this() -> Self {
        let (process, host, since) = (process::id(), host(), utc(SystemTime::now()));
        Self(format!("process {process} on {host}, since {since}"))
    }

    /// The one who wrote a lock file.
    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        let read = file.take(LONGEST).read_to_string(&mut text);
        let text = text.trim();
        if read.is_err() || text.is_empty() {
            return Self("another process".into());
        }
        // The file of a stranger may hold anything.
        Self(printable(text).into_owned())
    }
}

/// The name of this machine.
fn host() -> String {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let told = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    let named = ["HOSTNAME", "COMPUTERNAME"]
        .iter()
        .filter_map(|name| env::var(name).ok());
    let mut names = told.chain(named).map(|name| name.trim().to_owned());
    names
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "this machine".into())
}

#[cfg(test)]
mod tests {
    use std::{fs, io, thread};

    use super::{Claim, OwnerLock, is_lockless};

    #[test]
    fn a_file_system_without_locks_is_known_from_a_broken_one() {
        assert!(is_lockless(&io::ErrorKind::Unsupported.into()));
        // EIO and, on Linux, ENOLCK.
        assert!(!is_lockless(&io::Error::from_raw_os_error(5)));
        assert_eq!(
            is_lockless(&io::Error::from_raw_os_error(37)),
            cfg!(target_os = "linux")
        );
    }

    #[test]
    fn one_of_many_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for _ in 0..20 {
            let claims: Vec<Claim> = thread::scope(|scope| {
                let all: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| OwnerLock::claim(&path).unwrap()))
                    .collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let taken = claims.iter().filter(|claim| matches!(claim, Claim::Taken(_)));
            assert_eq!(taken.count(), 1);
            drop(claims);
            assert!(!path.exists());
        }
    }

    #[test]
    fn the_file_of_one_who_was_killed_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "process 1 on elsewhere, since a long time").unwrap();
        let Claim::Taken(lock) = OwnerLock::claim(&path).unwrap() else {
            panic!("nobody has it");
        };
        let Claim::Owned(owner) = OwnerLock::claim(&path).unwrap() else {
            panic!("it is taken");
        };
        assert!(!owner.to_string().contains("elsewhere"), "{owner}");
        drop(lock);
    }

    #[test]
    fn what_a_stranger_calls_itself_gives_no_orders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "\u{1b}[2Jme,\u{202e} since\nnow\n").unwrap();
        let file = fs::File::open(&path).unwrap();
        file.lock().unwrap();
        let Claim::Owned(owner) = OwnerLock::claim(&path).unwrap() else {
            panic!("it is taken");
        };
        assert_eq!(owner.to_string(), r"\u{1b}[2Jme,\u{202e} since\nnow");
    }
}
