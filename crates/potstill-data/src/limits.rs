//! How much of a file is read. What a file states about itself is held to these before anything of that size is made.

use std::io::{self, Read};
use std::path::Path;

use crate::DataError;

/// Bytes of a file of one image.
pub(crate) const MOST_IMAGE: u64 = 512 << 20;

/// Bytes of a file of annotations; that of COCO's training images has 450 MB.
pub(crate) const MOST_ANNOTATIONS: u64 = 2 << 30;

/// Pixels that may be stated whatever the length of the file: 48 MB in memory.
const HARMLESS_PIXELS: u64 = 1 << 24;

/// No format that is read packs more pixels into a byte than PNG, whose compression makes 1032 bytes of one, of 8 pixels each;
/// but for files that say nothing more than one colour.
const MOST_PIXELS_A_BYTE: u64 = 10_000;

/// Whether a file of so many bytes can hold so many pixels. One that states more is cut off, or made to take all memory.
pub(crate) fn can_hold(bytes: u64, pixels: u64) -> bool {
    pixels <= HARMLESS_PIXELS || pixels <= bytes.saturating_mul(MOST_PIXELS_A_BYTE)
}

/// Members of an archive, which all are listed before the first is read.
pub(crate) const MOST_MEMBERS: usize = 500_000;

/// What to say of an archive that has more.
pub(crate) fn too_many_members(path: &Path) -> DataError {
    let problem =
        format!("there are more than {MOST_MEMBERS}; unpack it: a folder may have any number of files");
    DataError::format(path, "members", problem)
}

/// Bytes that a packed file of `packed` bytes may unpack to. Photographs hardly shrink, raw pixels to a tenth.
pub(crate) fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(50).max(64 << 20)
}

/// A reader that ends in an error where more comes out than may.
pub(crate) struct Bounded<R> {
    inner: R,
    most: u64,
    left: u64,
}

impl<R: Read> Bounded<R> {
    /// At most `most` bytes.
    pub fn new(inner: R, most: u64) -> Self {
        Self {
            inner,
            most,
            left: most,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(left) = self.left.checked_sub(read as u64) {
            self.left = left;
            return Ok(read);
        }
        let what = format!(
            "it unpacks to more than {} bytes, far more than it has; if it is to be trusted, unpack it by hand",
            self.most
        );
        Err(io::Error::new(io::ErrorKind::FileTooLarge, what))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, repeat};

    use super::{Bounded, can_hold, most_unpacked};

    #[test]
    fn a_few_bytes_hold_no_large_picture() {
        assert!(can_hold(69, 4096 * 4096));
        assert!(!can_hold(69, 5000 * 5000));
        // A black picture of one bit a pixel, by `zlib`.
        assert!(can_hold(25_000_000 / 8256, 5000 * 5000));
    }

    #[test]
    fn what_unpacks_without_end_is_stopped() {
        let mut bytes = Vec::new();
        let error = Bounded::new(repeat(0), 1000).read_to_end(&mut bytes).unwrap_err();
        assert!(error.to_string().contains("more than 1000 bytes"));
        let mut whole = Vec::new();
        Bounded::new(repeat(0).take(1000), 1000)
            .read_to_end(&mut whole)
            .unwrap();
        assert_eq!(whole.len(), 1000);
        assert_eq!([1, 10 << 20].map(most_unpacked), [64 << 20, 500 << 20]);
    }
}
