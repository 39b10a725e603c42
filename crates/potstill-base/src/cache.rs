//! A folder of the cache in which one thing is made and kept.

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{Digest, write_atomically};

/// The finished content of an entry.
const CONTENT: &str = "content";
const LOCK: &str = "lock";
/// Before a file's owner and checksum; the number is that of the format.
const MAGIC: &str = "potstill-cache 1";
/// Between two looks at a lock that somebody else has.
const PATIENCE: Duration = Duration::from_millis(200);

/// The user's cache: `$POTSTILL_CACHE`, or `potstill` in the cache of the system; none if no variable names one.
pub fn cache_folder() -> Option<PathBuf> {
    let named = |name| {
        let value = env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    named("POTSTILL_CACHE")
        .or_else(|| Some(named("XDG_CACHE_HOME")?.join("potstill")))
        .or_else(|| Some(named("HOME")?.join(".cache/potstill")))
}

/// Why the cache cannot be used, or not be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The file system fails.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what was written there.
    #[error("{} cannot be trusted: {reason}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
}

impl CacheError {
    /// Turns an [`io::Error`] at `path` into an error that names both.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// Who looks something up, and may have to wait for it.
pub trait CacheUser {
    /// Tells the user something in a line.
    fn message(&mut self, line: &str);

    /// Whether to give up waiting.
    fn should_stop(&self) -> bool;
}

/// What looking up an entry gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The entry is there.
    Hit(T),
    /// The entry has to be made, and is locked for this run until it is dropped.
    Miss,
    /// The run is to stop; another one was making the entry.
    Cancelled,
}

/// The folder of one thing that is kept, locked while it is made.
///
/// Every file of an entry carries its owner (the folder's name, which stands for the key) and a checksum. A file that was cut off,
/// changed or moved there from elsewhere is never read as content.
///
/// ```
/// use potstill_base::{CacheEntry, CacheUser, Digest, Lookup};
/// struct Quiet;
/// impl CacheUser for Quiet {
///     fn message(&mut self, _: &str) {}
///     fn should_stop(&self) -> bool { false }
/// }
/// let cache = tempfile::tempdir()?;
/// let key = Digest::of("all that the answer depends on");
/// let mut entry = CacheEntry::open(cache.path(), "answer", &key)?;
/// assert_eq!(entry.lookup(&mut Quiet, |bytes| Some(bytes[0]))?, Lookup::Miss);
/// entry.finish(&[42])?;
/// assert_eq!(entry.lookup(&mut Quiet, |bytes| Some(bytes[0]))?, Lookup::Hit(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CacheEntry {
    folder: PathBuf,
    owner: String,
    lock: Option<File>,
}

impl CacheEntry {
    /// The entry `name` for this key (a digest of everything that the content depends on) in the folder `cache`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(cache: &Path, name: &str, key: &str) -> Result<Self, CacheError> {
        // 96 bits tell all keys apart and keep paths short.
        let short = key.get(..24).unwrap_or(key);
        let owner = format!("{name}-{short}");
        let folder = cache.join(&owner);
        // A file of that name is from an older version.
        if folder.is_file() {
            fs::remove_file(&folder).map_err(CacheError::io("remove", &folder))?;
        }
        fs::create_dir_all(&folder).map_err(CacheError::io("make the folder", &folder))?;
        Ok(Self {
            folder,
            owner,
            lock: None,
        })
    }

    /// The content as `decode` reads it; where there is none that can be trusted, the entry for this run alone. Waits while another
    /// run makes it.
    ///
    /// # Errors
    /// The file system fails.
    pub fn lookup<T>(
        &mut self,
        user: &mut (impl CacheUser + ?Sized),
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Lookup<T>, CacheError> {
        // Finished content is taken whoever has the lock. What is wrong with it is told by whoever makes it anew.
        if let Ok(Some(content)) = self.read(CONTENT)
            && let Some(found) = decode(&content)
        {
            return Ok(Lookup::Hit(found));
        }
        if !self.wait_for_lock(user)? {
            return Ok(Lookup::Cancelled);
        }
        // The run that was waited for may have made it.
        let Some(content) = self.read_or_tell(CONTENT, user) else {
            return Ok(Lookup::Miss);
        };
        if let Some(found) = decode(&content) {
            self.lock = None;
            return Ok(Lookup::Hit(found));
        }
        user.message(&made_anew(&self.path(CONTENT), "it holds something else"));
        Ok(Lookup::Miss)
    }

    /// Takes the lock, or waits for it. `false` if the run is to stop meanwhile.
    fn wait_for_lock(&mut self, user: &mut (impl CacheUser + ?Sized)) -> Result<bool, CacheError> {
        if self.lock.is_some() {
            return Ok(true);
        }
        let path = self.path(LOCK);
        let lock = File::create(&path).map_err(CacheError::io("make", &path))?;
        let mut waits = false;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(CacheError::io("lock", &path)(error)),
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut waits, true) {
                        user.message("another run is preparing the same: waiting for it");
                    }
                    if user.should_stop() {
                        return Ok(false);
                    }
                    thread::sleep(PATIENCE);
                }
            }
        }
        self.lock = Some(lock);
        Ok(true)
    }

    /// Writes the content, removes what only unfinished work needs, and lets other runs in.
    ///
    /// # Errors
    /// The file system fails; unfinished work is then still there.
    pub fn finish(&mut self, content: &[u8]) -> Result<(), CacheError> {
        self.write(CONTENT, content)?;
        self.remove_partial();
        self.lock = None;
        Ok(())
    }

    /// What an interrupted run left under this name, if it can be trusted; the user is told if not.
    pub fn read_partial(&self, name: &str, user: &mut (impl CacheUser + ?Sized)) -> Option<Vec<u8>> {
        self.read_or_tell(name, user)
    }

    /// Leaves `bytes` under this name for a run that goes on after this one is interrupted.
    ///
    /// # Errors
    /// The file system fails.
    pub fn write_partial(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        self.write(name, bytes)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where unfinished work may have a file of its own, which [`finish`](Self::finish) removes. No checksum guards it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes everything but the content.
    pub fn remove_partial(&self) {
        let Ok(files) = fs::read_dir(&self.folder) else {
            return;
        };
        for file in files.flatten() {
            if file.file_name() != CONTENT && file.file_name() != LOCK {
                // What cannot be removed is only in the way.
                let _ = fs::remove_file(file.path());
            }
        }
    }

    fn read_or_tell(&self, name: &str, user: &mut (impl CacheUser + ?Sized)) -> Option<Vec<u8>> {
        self.read(name).unwrap_or_else(|error| {
            let reason = match &error {
                CacheError::Untrusted { reason, .. } => (*reason).to_owned(),
                CacheError::Io { source, .. } => source.to_string(),
            };
            user.message(&made_anew(&self.path(name), &reason));
            None
        })
    }

    /// The file's bytes without its first line; none if there is no file.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let path = self.path(name);
        let untrusted = |reason| {
            let path = path.clone();
            CacheError::Untrusted { path, reason }
        };
        let mut bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(CacheError::io("read", &path))?,
        };
        let begin = bytes.iter().position(|&byte| byte == b'\n');
        let begin = begin.ok_or_else(|| untrusted("it is no file of the cache"))? + 1;
        let line = String::from_utf8_lossy(&bytes[..begin - 1]);
        let words = line.strip_prefix(MAGIC).map(str::trim_start);
        let words = words.and_then(|words| words.split_once(' '));
        let (owner, checksum) = words.ok_or_else(|| untrusted("it is no file of the cache"))?;
        if owner != self.owner {
            return Err(untrusted("it was made for something else"));
        }
        if checksum != Digest::of(&bytes[begin..]) {
            return Err(untrusted("its checksum is not that of its content"));
        }
        Ok(Some(bytes.split_off(begin)))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        let path = self.path(name);
        let mut file = format!("{MAGIC} {} {}\n", self.owner, Digest::of(bytes)).into_bytes();
        file.extend_from_slice(bytes);
        write_atomically(&path, &file).map_err(CacheError::io("write", &path))
    }
}

fn made_anew(path: &Path, reason: &str) -> String {
    format!("{} is made anew: {reason}", path.display())
}
