//! The EXIF orientation of an image: how a camera was held.

use crate::Image;

/// The tag of the orientation in a directory of TIFF, which EXIF is.
const TAG: u16 = 0x112;

/// How a stored image is turned and mirrored to be seen upright, by the numbers of EXIF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    /// As it is stored.
    pub const UPRIGHT: Self = Self(1);

    /// The orientation of this number; numbers that do not exist say nothing.
    pub fn of_number(number: u16) -> Self {
        match number {
            1..=8 => Self(number as u8),
            _ => Self::UPRIGHT,
        }
    }

    /// What a block of EXIF says, with or without `Exif` in front of it.
    pub fn of_exif(block: &[u8]) -> Self {
        let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        Self::of_number(read(block).unwrap_or(1))
    }

    /// Whether rows become columns.
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// The image upright.
    pub fn applied(self, image: Image) -> Image {
        if self == Self::UPRIGHT {
            return image;
        }
        let (rows, columns, channels) = (image.height, image.width, image.channels);
        let (height, width) = if self.swaps_sides() {
            (columns, rows)
        } else {
            (rows, columns)
        };
        let mut pixels = Vec::with_capacity(image.pixels.len());
        for y in 0..height {
            for x in 0..width {
                let (row, column) = match self.0 {
                    2 => (y, columns - 1 - x),
                    3 => (rows - 1 - y, columns - 1 - x),
                    4 => (rows - 1 - y, x),
                    5 => (x, y),
                    6 => (rows - 1 - x, y),
                    7 => (rows - 1 - x, columns - 1 - y),
                    8 => (x, columns - 1 - y),
                    _ => (y, x),
                };
                let at = (row * columns + column) * channels;
                pixels.extend_from_slice(&image.pixels[at..at + channels]);
            }
        }
        Image {
            height,
            width,
            channels,
            pixels,
        }
    }
}

/// The number in the first directory of a block of TIFF.
fn read(block: &[u8]) -> Option<u16> {
    let big = match block.get(..4)? {
        [b'I', b'I', 42, 0] => false,
        [b'M', b'M', 0, 42] => true,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = block.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    };
    let bytes: [u8; 4] = block.get(4..8)?.try_into().ok()?;
    let directory = if big {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    } as usize;
    let entries = short(directory)? as usize;
    let entry = |index: usize| directory.checked_add(2 + 12 * index);
    let found = (0..entries).map_while(entry).find(|&at| short(at) == Some(TAG))?;
    short(found.checked_add(8)?)
}

#[cfg(test)]
pub(in crate::decode) mod tests {
    use super::Orientation;
    use crate::Image;

    /// A block of EXIF that has an orientation behind another tag.
    pub(in crate::decode) fn block(orientation: u8, big: bool) -> Vec<u8> {
        let order = |little: &[u8]| -> Vec<u8> {
            if big {
                little.iter().rev().copied().collect()
            } else {
                little.to_vec()
            }
        };
        let mut bytes = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(order(&[8, 0, 0, 0]));
        bytes.extend(order(&[2, 0]));
        for (tag, value) in [([0x10, 1], 7), ([0x12, 1], orientation)] {
            bytes.extend(order(&tag));
            bytes.extend(order(&[3, 0]));
            bytes.extend(order(&[1, 0, 0, 0]));
            bytes.extend(order(&[value, 0]));
            bytes.extend([0, 0]);
        }
        bytes
    }

    #[test]
    fn it_is_read_in_either_byte_order() {
        for big in [false, true] {
            assert_eq!(Orientation::of_exif(&block(6, big)), Orientation(6));
            let named = [b"Exif\0\0".as_slice(), &block(8, big)].concat();
            assert_eq!(Orientation::of_exif(&named), Orientation(8));
            assert_eq!(Orientation::of_exif(&block(9, big)), Orientation::UPRIGHT);
        }
        for end in 0..block(6, false).len() {
            let _ = Orientation::of_exif(&block(6, false)[..end]);
        }
        assert_eq!(
            Orientation::of_exif(b"II*\0\xff\xff\xff\xff"),
            Orientation::UPRIGHT
        );
    }

    /// By `ImageOps.exif_transpose` of Pillow 13.0 from the rows `1 2 3` and `4 5 6`.
    #[test]
    fn images_are_turned_as_by_pillow() {
        let expected: [(u8, usize, [u8; 6]); 8] = [
            (1, 2, [1, 2, 3, 4, 5, 6]),
            (2, 2, [3, 2, 1, 6, 5, 4]),
            (3, 2, [6, 5, 4, 3, 2, 1]),
            (4, 2, [4, 5, 6, 1, 2, 3]),
            (5, 3, [1, 4, 2, 5, 3, 6]),
            (6, 3, [4, 1, 5, 2, 6, 3]),
            (7, 3, [6, 3, 5, 2, 4, 1]),
            (8, 3, [3, 6, 2, 5, 1, 4]),
        ];
        for (number, height, pixels) in expected {
            let image = Image {
                height: 2,
                width: 3,
                channels: 1,
                pixels: vec![1, 2, 3, 4, 5, 6],
            };
            let turned = Orientation(number).applied(image);
            assert_eq!(
                (turned.height, turned.pixels.as_slice()),
                (height, pixels.as_slice()),
                "{number}"
            );
        }
    }
}
