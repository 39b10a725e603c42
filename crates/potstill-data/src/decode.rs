//! JPEG and PNG files to pixels.
//!
//! JPEG goes through zune-jpeg: on CIFAR-10 files (4:2:0) its pixels differ from libjpeg-turbo's "fancy
//! upsampling" by 0.3 levels on average and by 4 at most, and its scalar and vector code give the same bits.

use std::io::Cursor;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::{DataError, Image};

/// Decodes a JPEG or PNG file to three channels: grey is repeated, transparency is dropped, 16 bits become 8.
///
/// The format is told by the first bytes, because extensions lie. `file` is only for the error.
///
/// ```
/// let message = potstill_data::decode(b"GIF89a", "cat.gif").unwrap_err().to_string();
/// assert!(message.starts_with("cat.gif: cannot decode this image"));
/// ```
///
/// # Errors
/// [`DataError::Decode`] for anything that is not a whole JPEG or PNG file.
pub fn decode(bytes: &[u8], file: &str) -> Result<Image, DataError> {
    let decoded = match bytes {
        [0xff, 0xd8, 0xff, ..] => decode_jpeg(bytes),
        [0x89, b'P', b'N', b'G', ..] => decode_png(bytes),
        [] => Err("the file is empty".to_owned()),
        _ => Err("the first bytes are those of neither a JPEG nor a PNG file".to_owned()),
    };
    decoded.map_err(|reason| DataError::Decode {
        file: file.to_owned(),
        // Some decoders end their sentence with a line break.
        reason: reason.trim().to_owned(),
    })
}

fn decode_jpeg(bytes: &[u8]) -> Result<Image, String> {
    // Without strict mode a truncated file decodes to a picture with a grey lower part, and nobody would
    // notice.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("it states no size")?;
    whole(Image {
        height,
        width,
        channels: 3,
        pixels,
    })
}

fn decode_png(bytes: &[u8]) -> Result<Image, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let size = reader
        .output_buffer_size()
        .ok_or("its size overflows the memory")?;
    let mut pixels = vec![0; size];
    let info = reader
        .next_frame(&mut pixels)
        .map_err(|error| error.to_string())?;
    pixels.truncate(info.buffer_size());
    let (height, width) = (info.height as usize, info.width as usize);
    let image = |channels, pixels| Image {
        height,
        width,
        channels,
        pixels,
    };
    let opaque = |stored: usize, kept: usize| {
        pixels
            .chunks_exact(stored)
            .flat_map(|pixel| pixel[..kept].iter().copied())
            .collect()
    };
    whole(match info.color_type {
        png::ColorType::Grayscale => image(1, pixels).into_rgb(),
        png::ColorType::GrayscaleAlpha => image(1, opaque(2, 1)).into_rgb(),
        png::ColorType::Rgba => image(3, opaque(4, 3)),
        png::ColorType::Rgb => image(3, pixels),
        png::ColorType::Indexed => return Err("its palette was not expanded".to_owned()),
    })
}

/// Holds the decoders to their promise that there are as many values as the size says.
fn whole(image: Image) -> Result<Image, String> {
    let expected = image.height * image.width * image.channels;
    if image.pixels.len() == expected && expected > 0 {
        return Ok(image);
    }
    Err(format!(
        "it decodes to {} values where {expected} are needed",
        image.pixels.len()
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::decode;

    /// A PNG file of 8-bit values with this many channels a pixel.
    pub(crate) fn png_bytes(width: usize, height: usize, channels: usize, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(match channels {
            1 => png::ColorType::Grayscale,
            2 => png::ColorType::GrayscaleAlpha,
            3 => png::ColorType::Rgb,
            _ => png::ColorType::Rgba,
        });
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    /// An 8x8 JPEG (4:2:0, quality 90) written by Pillow 13.0 from (row * 30, column * 30, 128), and Pillow's
    /// own decoding of its pixels (0, 0), (3, 5) and (7, 7).
    pub(crate) const JPEG: &[u8] = include_bytes!("../tests/fixtures/ramp_8x8.jpg");
    const JPEG_PIXELS: [(usize, [u8; 3]); 3] =
        [(0, [2, 2, 114]), (29, [86, 152, 125]), (63, [209, 208, 144])];

    #[test]
    fn a_jpeg_decodes_as_by_libjpeg_turbo() {
        let image = decode(JPEG, "ramp_8x8.jpg").unwrap();
        assert_eq!(image.shape(), [8, 8, 3]);
        for (at, expected) in JPEG_PIXELS {
            let found = &image.pixels[at * 3..at * 3 + 3];
            for (f, e) in found.iter().zip(expected) {
                assert!(
                    f.abs_diff(e) <= 3,
                    "pixel {at}: {found:?}, libjpeg-turbo {expected:?}"
                );
            }
        }
    }

    #[test]
    fn every_kind_of_png_becomes_rgb() {
        let shades = [1, 2, 3, 4, 5, 6, 7, 8];
        let pixels = |channels| {
            decode(&png_bytes(2, 1, channels, &shades[..2 * channels]), "x")
                .unwrap()
                .pixels
        };
        assert_eq!(pixels(1), [1, 1, 1, 2, 2, 2]);
        assert_eq!(pixels(2), [1, 1, 1, 3, 3, 3]);
        assert_eq!(pixels(3), [1, 2, 3, 4, 5, 6]);
        assert_eq!(pixels(4), [1, 2, 3, 5, 6, 7]);
    }

    #[test]
    fn a_broken_file_is_an_error_that_names_it() {
        let png = png_bytes(2, 1, 3, &[0; 6]);
        let half_png = &png[..png.len() / 2];
        let half_jpeg = &JPEG[..JPEG.len() - 20];
        for broken in [b"".as_slice(), b"GIF89a", half_png, half_jpeg, &JPEG[..20]] {
            let message = decode(broken, "cat/7.jpg").unwrap_err().to_string();
            assert!(message.starts_with("cat/7.jpg: cannot decode"), "{message}");
        }
    }
}
