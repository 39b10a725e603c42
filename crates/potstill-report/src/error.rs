//! Everything that can go wrong here: what, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a record could not be read or written, or runs could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file is missing or unreadable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be made, written or put in its place.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not the record it should be.
    #[error("{}:{line}: not a {what}: {problem}{}", path.display(), hint(*torn))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was expected there.
        what: &'static str,
        /// What is wrong with the text.
        problem: String,
        /// True where the file ends in the middle of a line.
        torn: bool,
    },
    /// An image that cannot be drawn.
    #[error("an image of {width} x {height} pixels cannot be drawn: {problem}")]
    Tile {
        /// Its rows.
        height: usize,
        /// Its columns.
        width: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The record comes from a newer Potstill.
    #[error(
        "{}:{line}: schema_version {found}, but this Potstill reads up to {newest}; use a newer one",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The version in the file.
        found: u32,
        /// The newest version that this crate reads.
        newest: u32,
    },
    /// A group to compare holds no run.
    #[error("the group `{group}` holds no run; give it at least one summary")]
    EmptyGroup {
        /// Its name.
        group: String,
    },
    /// A group mixes runs whose mean would mean nothing.
    #[error(
        "the group `{group}` mixes runs that differ in {what} ({first} and {second}); \
         a group is one recipe with several seeds, so put these runs into groups of their own"
    )]
    MixedGroup {
        /// Its name.
        group: String,
        /// The field that differs.
        what: &'static str,
        /// The field's value in the first run.
        first: String,
        /// The other value.
        second: String,
    },
    /// A group holds the same seed twice, which would make its spread look smaller than it is.
    #[error("the group `{group}` holds seed {seed} twice; give each run once, each with a seed of its own")]
    RepeatedSeed {
        /// Its name.
        group: String,
        /// The seed.
        seed: u64,
    },
}

impl ReportError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}

fn hint(torn: bool) -> &'static str {
    if torn {
        " (the file ends in the middle of this line, as after a crash; delete the line)"
    } else {
        ""
    }
}
