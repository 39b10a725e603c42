//! Windows bitmaps.
//!
//! Read here and not by a library: zune-bmp 0.5 mixes up rows that are filled up to four bytes, and `image` would bring
//! color management with it.

mod runs;

use super::header::{Header, ended};
use super::{Bytes, rgb};
use crate::Image;

/// Bytes in front of the information about the image.
const FILE_HEADER: usize = 14;
/// The length of that information in the first version of the format.
const FIRST_VERSION: u32 = 12;

/// The size.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    let mut start = [0; FILE_HEADER + 12];
    reader.read_exact(&mut start).map_err(|error| ended(&error))?;
    size(&start)
}

/// The size that the first bytes of a file state.
fn size(start: &[u8]) -> Result<Header, String> {
    let long = |at: usize| long(start, FILE_HEADER + at);
    if long(0)? == FIRST_VERSION {
        let sides = long(4)?;
        return Ok(Header::upright(sides >> 16, sides & 0xffff));
    }
    let [width, height] = [long(4)? as i32, long(8)? as i32];
    Ok(Header::upright(height.unsigned_abs(), width.unsigned_abs()))
}

/// How a bitmap stores its pixels.
struct Layout<'a> {
    width: usize,
    height: usize,
    is_from_the_top: bool,
    bits: usize,
    /// Blue, green, red and perhaps one more byte of each color.
    palette: Vec<u8>,
    /// Which bits of a pixel of 16 or 32 bits are red, green and blue.
    masks: [u32; 3],
    compression: u32,
    data: &'a [u8],
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    let layout = Layout::read(bytes)?;
    let (height, width) = (layout.height, layout.width);
    let mut rows = match (layout.compression, layout.bits) {
        (0, 1 | 4 | 8) => layout.indexed_rows()?,
        (0 | 3 | 6, 16) => layout.masked_rows::<2>()?,
        (0 | 3, 24) => layout.colored_rows()?,
        (0 | 3 | 6, 32) => layout.masked_rows::<4>()?,
        (1, 8) | (2, 4) => {
            let indices = runs::indices(layout.data, [height, width], layout.bits)?;
            rgb::of_palette(&indices, &layout.palette)
        }
        (compression, bits) => {
            return Err(format!(
                "its compression {compression} at {bits} bits a pixel is not read"
            ));
        }
    };
    if !layout.is_from_the_top {
        rows = rows
            .chunks_exact(3 * width.max(1))
            .rev()
            .flatten()
            .copied()
            .collect();
    }
    Ok(Image {
        height,
        width,
        channels: 3,
        pixels: rows,
    })
}

impl<'a> Layout<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let info = |at: usize| long(bytes, FILE_HEADER + at);
        let Header { height, width, .. } = size(bytes)?;
        let length = info(0)?;
        let is_first = length == FIRST_VERSION;
        let bits = (if is_first { info(8)? } else { info(12)? } >> 16) as usize;
        let compression = if is_first { 0 } else { info(16)? };
        let color = if is_first { 3 } else { 4 };
        let count = match (is_first, bits) {
            (_, 9..) => 0,
            (false, _) if info(32)? > 0 => info(32)?.min(256) as usize,
            _ => 1 << bits,
        };
        let palette_at = FILE_HEADER.saturating_add(length as usize);
        let colors = bytes
            .get(palette_at..palette_at.saturating_add(count * color))
            .ok_or_else(truncated)?;
        let masks = match (compression, bits) {
            (3 | 6, _) => [info(40)?, info(44)?, info(48)?],
            (_, 16) => [0x7c00, 0x3e0, 0x1f],
            _ => [0xff_0000, 0xff00, 0xff],
        };
        Ok(Self {
            width,
            height,
            is_from_the_top: !is_first && (info(8)? as i32) < 0,
            bits,
            palette: colors
                .chunks_exact(color)
                .flat_map(|color| [color[2], color[1], color[0]])
                .collect(),
            masks,
            compression,
            data: bytes.get(long(bytes, 10)? as usize..).ok_or_else(truncated)?,
        })
    }

    /// The bytes of each row, without those that fill it up to a multiple of four.
    fn rows(&self) -> Result<impl Iterator<Item = &'a [u8]>, String> {
        let used = (self.width * self.bits).div_ceil(8);
        let stride = used.next_multiple_of(4);
        // The last row may lack what fills it up.
        let needed = (stride * self.height).saturating_sub(stride - used);
        let data = self.data.get(..needed).ok_or_else(truncated)?;
        Ok(data.chunks(stride.max(1)).map(move |row| &row[..used]))
    }

    fn indexed_rows(&self) -> Result<Vec<u8>, String> {
        let rows = self.rows()?;
        let indices: Vec<u8> = rows
            .flat_map(|row| rgb::unpacked(row, self.bits, self.width))
            .collect();
        Ok(rgb::of_palette(&indices, &self.palette))
    }

    fn colored_rows(&self) -> Result<Vec<u8>, String> {
        let pixels = self.rows()?.flat_map(|row| row.chunks_exact(3));
        Ok(pixels.flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect())
    }

    /// Pixels of `BYTES` bytes whose colors are told apart by masks.
    fn masked_rows<const BYTES: usize>(&self) -> Result<Vec<u8>, String> {
        let value = |pixel: &[u8]| {
            pixel
                .iter()
                .rev()
                .fold(0, |value, &byte| value << 8 | u32::from(byte))
        };
        let color = |pixel: &[u8]| self.masks.map(|mask| part(value(pixel), mask));
        Ok(self
            .rows()?
            .flat_map(|row| row.chunks_exact(BYTES))
            .flat_map(color)
            .collect())
    }
}

/// What a mask cuts from a pixel, scaled to 255 and rounded down, as by Pillow.
fn part(pixel: u32, mask: u32) -> u8 {
    let most = mask >> mask.trailing_zeros().min(31);
    let value = (pixel & mask) >> mask.trailing_zeros().min(31);
    (u64::from(value) * 255 / u64::from(most.max(1))) as u8
}

fn long(bytes: &[u8], at: usize) -> Result<u32, String> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_le_bytes).ok_or_else(truncated)
}

fn truncated() -> String {
    "it is truncated: there are fewer bytes than its size needs".to_owned()
}
