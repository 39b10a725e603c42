//! The digest that a safetensors file of ours carries in its own header.

use potstill_base::Digest;

/// The digest's name among the texts of a header.
pub const DIGEST_KEY: &str = "potstill_sha256";
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// What stands in the place of the digest while it is taken.
pub(super) fn blank() -> String {
    "0".repeat(DIGITS)
}

/// Where the digest stands in a file; `None` if the file carries none. A text cannot be mistaken for the key: within one a quotation
/// mark has a backslash before it.
fn place(header: &[u8]) -> Option<usize> {
    let key = format!("\"{DIGEST_KEY}\":\"");
    let begin = header
        .windows(key.len())
        .position(|bytes| bytes == key.as_bytes())?;
    let begin = begin + key.len();
    (begin + DIGITS < header.len()).then_some(begin)
}

/// Puts a digest into its place in a header.
pub(super) fn put(header: &mut [u8], digest: &str) {
    if let Some(begin) = place(header) {
        header[begin..begin + DIGITS].copy_from_slice(digest.as_bytes());
    }
}

/// Says whether the bytes of a file are those that were written, if it carries a digest.
pub(super) fn verify(file: &[u8]) -> Result<(), String> {
    let length = file.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(8);
    let Some(begin) = place(&file[..end.min(file.len())]) else {
        return Ok(());
    };
    let (said, rest) = file[begin..].split_at(DIGITS);
    let mut digest = Digest::new();
    digest.update(&file[..begin]);
    digest.update(blank());
    digest.update(rest);
    if digest.hexadecimal().as_bytes() == said {
        return Ok(());
    }
    Err("it is not as it was written: its bytes do not have the SHA-256 that it carries".into())
}
