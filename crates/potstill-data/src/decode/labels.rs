//! PNG files whose pixels are labels: indices of a palette and shades of grey as they are stored, of 1 to 16 bits. As pictures, palettes
//! would be looked up and 16 bits cut.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Transformations};

use super::DecodeOptions;
use crate::DataError;
use crate::limits::can_hold;

/// The values of a file of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelImage {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values, row by row.
    pub values: Vec<u16>,
}

impl LabelImage {
    /// Reads a file.
    ///
    /// # Errors
    /// [`DataError::Decode`] for a file that is no PNG, holds colours, or is broken; [`DataError::TooLarge`].
    pub fn decode(bytes: &[u8], file: &str, options: &DecodeOptions) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::Decode {
            file: file.to_owned(),
            reason,
        };
        if !bytes.starts_with(b"\x89PNG") {
            let reason = "a file of labels is a PNG file of indices: other formats change values or hold colours; save it as PNG";
            return Err(wrong(reason.to_owned()));
        }
        let mut decoder = Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(Transformations::IDENTITY);
        let mut reader = decoder.read_info().map_err(|error| wrong(error.to_string()))?;
        let (height, width) = (reader.info().height as usize, reader.info().width as usize);
        if (height as u64).saturating_mul(width as u64) > options.max_pixels {
            return Err(DataError::TooLarge {
                file: file.to_owned(),
                height,
                width,
                max_pixels: options.max_pixels,
            });
        }
        if !can_hold(bytes.len() as u64, (height as u64).saturating_mul(width as u64)) {
            let bytes = bytes.len();
            return Err(wrong(format!(
                "it states {height}x{width} pixels, which its {bytes} bytes cannot hold"
            )));
        }
        let size = reader
            .output_buffer_size()
            .ok_or_else(|| wrong("its size overflows the memory".to_owned()))?;
        let mut stored = vec![0; size];
        let info = reader
            .next_frame(&mut stored)
            .map_err(|error| wrong(error.to_string()))?;
        let lines = stored.chunks_exact(info.line_size.max(1)).take(height);
        let channels = info.color_type.samples();
        let mut values = Vec::with_capacity(height * width);
        for line in lines {
            let samples = unpacked(line, info.bit_depth, width * channels);
            match info.color_type {
                ColorType::Grayscale | ColorType::Indexed => values.extend(samples),
                ColorType::GrayscaleAlpha => values.extend(samples.chunks_exact(2).map(|pixel| pixel[0])),
                ColorType::Rgb | ColorType::Rgba => {
                    let grey = grey(&samples, channels).ok_or_else(|| wrong(COLOURS.to_owned()))?;
                    values.extend(grey);
                }
            }
        }
        Ok(Self {
            height,
            width,
            values,
        })
    }
}

const COLOURS: &str = "it holds colours where indices of classes are needed; save it with a palette or in grey (`mode` \"P\" or \"L\" of \
                       Pillow), each value the number of a class";

/// The values of colours that are shades of grey.
fn grey(samples: &[u16], channels: usize) -> Option<Vec<u16>> {
    samples
        .chunks_exact(channels)
        .map(|pixel| (pixel[0] == pixel[1] && pixel[1] == pixel[2]).then_some(pixel[0]))
        .collect()
}

/// The first `count` samples of a line.
fn unpacked(line: &[u8], depth: BitDepth, count: usize) -> Vec<u16> {
    let packed = |bits: usize| {
        let mask = (1u16 << bits) - 1;
        let sample = |at: usize| {
            let shift = 8 - bits - at * bits % 8;
            (u16::from(line[at * bits / 8]) >> shift) & mask
        };
        (0..count).map(sample).collect()
    };
    match depth {
        BitDepth::One => packed(1),
        BitDepth::Two => packed(2),
        BitDepth::Four => packed(4),
        BitDepth::Eight => line.iter().take(count).map(|&value| u16::from(value)).collect(),
        BitDepth::Sixteen => line
            .chunks_exact(2)
            .take(count)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::LabelImage;
    use crate::DecodeOptions;

    /// A PNG file of samples of this depth, packed.
    fn label_bytes(
        [height, width]: [usize; 2],
        color: png::ColorType,
        depth: png::BitDepth,
        packed: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![9; 3 << depth as usize]);
        }
        encoder.write_header().unwrap().write_image_data(packed).unwrap();
        bytes
    }

    fn values(
        size: [usize; 2],
        color: png::ColorType,
        depth: png::BitDepth,
        packed: &[u8],
    ) -> Result<Vec<u16>, String> {
        let bytes = label_bytes(size, color, depth, packed);
        let image = LabelImage::decode(&bytes, "x.png", &DecodeOptions::default());
        image.map(|image| image.values).map_err(|error| error.to_string())
    }

    #[test]
    fn indices_are_read_as_they_are_stored() {
        use png::BitDepth::{Eight, Four, One, Sixteen, Two};
        use png::ColorType::{Grayscale, Indexed, Rgb};
        let same = |found: Result<Vec<u16>, String>, expected: &[u16]| assert_eq!(found.unwrap(), expected);
        same(values([2, 2], Indexed, Eight, &[0, 3, 255, 20]), &[0, 3, 255, 20]);
        same(values([1, 3], Indexed, Four, &[0x1f, 0x20]), &[1, 15, 2]);
        // Each row starts with a byte of its own.
        same(
            values([2, 3], Indexed, Two, &[0b0110_1100, 0b1100_0100]),
            &[1, 2, 3, 3, 0, 1],
        );
        same(
            values([1, 9], Grayscale, One, &[0b1010_0001, 0b1000_0000]),
            &[1, 0, 1, 0, 0, 0, 0, 1, 1],
        );
        same(
            values([1, 2], Grayscale, Sixteen, &[0x65, 0x90, 0, 7]),
            &[26_000, 7],
        );
        same(values([1, 2], Rgb, Eight, &[4, 4, 4, 7, 7, 7]), &[4, 7]);
    }

    #[test]
    fn colours_and_other_formats_are_refused() {
        let colours = values([1, 1], png::ColorType::Rgb, png::BitDepth::Eight, &[128, 64, 128]);
        assert!(
            colours
                .unwrap_err()
                .contains("it holds colours where indices of classes are needed")
        );
        let jpeg = LabelImage::decode(b"\xff\xd8\xff", "x.jpg", &DecodeOptions::default());
        assert!(jpeg.unwrap_err().to_string().contains("save it as PNG"));
    }
}
