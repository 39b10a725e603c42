//! SHA-256 as text.

use sha2::{Digest as _, Sha256};

/// A SHA-256 under way. Equal input in other pieces gives the same digest.
///
/// ```
/// use potstill_base::Digest;
/// let mut digest = Digest::new();
/// digest.update("ab");
/// digest.update(b"c");
/// assert_eq!(digest.hexadecimal(), Digest::of("abc"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// The digest of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digest of these bytes, in 64 hexadecimal digits.
    pub fn of(bytes: impl AsRef<[u8]>) -> String {
        let mut digest = Self::new();
        digest.update(bytes);
        digest.hexadecimal()
    }

    /// Takes in bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// Takes in numbers, as the bytes that they have in a file: little-endian.
    pub fn update_floats(&mut self, values: &[f32]) {
        // A piece at a time: a digest of one number after the other takes several times as long.
        let mut bytes = [0; 4096];
        for values in values.chunks(bytes.len() / 4) {
            for (bytes, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
                *bytes = value.to_le_bytes();
            }
            self.0.update(&bytes[..4 * values.len()]);
        }
    }

    /// The digest of what was taken in.
    pub fn bytes(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// The digest of what was taken in, in 64 hexadecimal digits.
    pub fn hexadecimal(self) -> String {
        hexadecimal(&self.bytes())
    }
}

/// Bytes as hexadecimal digits, two for each.
///
/// ```
/// assert_eq!(potstill_base::hexadecimal(&[0, 0x7f, 0xff]), "007fff");
/// ```
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-4, the examples of one block and of none.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of("abc"), abc);
        assert_eq!(Digest::new().hexadecimal(), nothing);
    }

    #[test]
    fn numbers_count_as_their_bytes() {
        let values: Vec<f32> = (0..3000_u16).map(|index| f32::from(index) * 0.37).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut digest = Digest::new();
        digest.update_floats(&values);
        assert_eq!(digest.hexadecimal(), Digest::of(bytes));
    }
}
