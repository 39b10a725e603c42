//! The folder of the cache in which one thing is prepared and kept: one run works in it, others wait.

use std::{
    fs::{self, File, TryLockError},
    path::PathBuf,
    thread,
    time::Duration,
};

use super::{failed, kept::Kept};
use crate::{CacheKey, MethodError, PrepareContext};

/// Counted up whenever centres or decisions would be others from the same features: what was kept before is not used any more.
const REVISION: u32 = 2;

/// What the room is asked for, or whose it is now.
pub(super) enum Claim<T> {
    /// It was there.
    Kept(T),
    /// This run has to make it.
    Mine,
    /// The study was stopped while another run made it.
    Stopped,
}

/// The finished file.
pub(super) const DONE: &str = "found.safetensors";
/// What an interrupted search goes on from.
pub(super) const PART_DONE: &str = "unfinished.safetensors";

/// The folder of one thing that is kept, locked while it is worked on.
pub(super) struct Room {
    pub folder: PathBuf,
    /// Whose the files are: the folder's name, which tells teacher, data and settings.
    owner: String,
    lock: Option<File>,
}

impl Room {
    pub fn open(context: &mut dyn PrepareContext, name: &str, settings: &str) -> Result<Self, MethodError> {
        let settings = format!("revision {REVISION} {settings}");
        let folder = context.cache_entry(name, CacheKey::TeacherAndData, &settings)?;
        fs::create_dir_all(&folder).map_err(failed)?;
        let owner = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            folder,
            owner,
            lock: None,
        })
    }

    /// What is kept, as `of` reads it; where there is nothing to be trusted, the folder for this run alone.
    pub fn claim<T>(
        &mut self,
        context: &mut dyn PrepareContext,
        of: impl Fn(&Kept) -> Option<T>,
    ) -> Result<Claim<T>, MethodError> {
        // What is there is taken whoever works in the folder. What is wrong with it is told by whoever makes it anew.
        let there = Kept::read(&self.path(DONE), &self.owner).ok().flatten();
        if let Some(found) = there.as_ref().and_then(&of) {
            return Ok(Claim::Kept(found));
        }
        if !self.lock(context)? {
            return Ok(Claim::Stopped);
        }
        // The run that was waited for may have made it.
        let there = self.read(DONE, context);
        Ok(there.as_ref().and_then(of).map_or(Claim::Mine, Claim::Kept))
    }

    /// Takes the folder for this run, or waits until another one that prepares the same is done with it. `false` if the study was
    /// stopped meanwhile.
    fn lock(&mut self, context: &mut dyn PrepareContext) -> Result<bool, MethodError> {
        let lock = File::create(self.folder.join("lock")).map_err(failed)?;
        let mut waits = false;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut waits, true) {
                        context.message("another run is preparing the same: waiting for it");
                    }
                    if context.should_stop() {
                        return Ok(false);
                    }
                    thread::sleep(Duration::from_millis(200));
                }
            }
        }
        self.lock = Some(lock);
        Ok(true)
    }

    /// What an earlier pass kept under this name, if it can be trusted.
    pub fn read(&self, name: &str, context: &mut dyn PrepareContext) -> Option<Kept> {
        let path = self.path(name);
        Kept::read(&path, &self.owner).unwrap_or_else(|reason| {
            context.message(&format!("{} is made anew: {reason}", path.display()));
            None
        })
    }

    pub fn write(&self, name: &str, kept: &Kept) -> Result<(), MethodError> {
        kept.write(&self.path(name), &self.owner)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Takes away what only an unfinished pass needs.
    pub fn tidy(&self) {
        for name in ["features.f32", "features.json", "projected.f32", PART_DONE] {
            // What cannot be removed is only in the way.
            let _ = fs::remove_file(self.path(name));
        }
    }
}
