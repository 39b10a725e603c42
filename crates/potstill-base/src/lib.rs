//! What every floor needs and no floor should write twice.
//!
//! * [`write_atomically`]: a file that is there whole or not at all; [`remove_unfinished`]: what killed writes left;
//! * [`OwnerLock`]: a folder that one process at a time works in, and who it is;
//! * [`Digest`] and [`hexadecimal`]: SHA-256 as text;
//! * [`CacheEntry`]: a folder of the cache that one run at a time works in, and files that are trusted by their checksum;
//! * [`RecordFile`]: records that several runs read and write at once;
//! * [`open_file`], [`read_file`], [`read_text`]: what a person names, with a limit; no pipes and devices;
//! * [`printable`]: text of a stranger, made safe to be shown;
//! * [`nearest`]: the name that somebody probably meant.
//!
//! Floor 0: no tensor library, nothing of Potstill.

mod atomic;
mod cache;
mod digest;
mod files;
mod nearest;
mod owner_lock;
mod printable;
mod records;
mod utc;

pub use atomic::{flush_folder, is_unfinished, remove_unfinished, write_atomically, write_atomically_with};
pub use cache::{CacheEntry, CacheError, CacheUser, Lookup, cache_folder};
pub use digest::{Digest, hexadecimal};
pub use files::{MOST_RECORDS, MOST_TEXT, open_file, read_file, read_text, read_text_within};
pub use nearest::{did_you_mean, nearest, quoted};
pub use owner_lock::{Claim, Owner, OwnerLock};
pub use printable::{printable, printable_lines};
pub use records::RecordFile;
pub use utc::utc;
