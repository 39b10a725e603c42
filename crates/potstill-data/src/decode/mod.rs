//! Files of images to pixels: JPEG, PNG, WebP, BMP, TIFF, GIF, PBM, PGM and PPM.
//!
//! Every image becomes red, green and blue of 8 bits, as by `convert("RGB")` of Pillow: grey is repeated, palettes are
//! looked up, transparency is dropped. Of 16 bits the upper 8 are kept (where Pillow makes nearly all of a grey image
//! white).

mod bmp;
mod exif;
pub(crate) mod format;
mod gif;
mod header;
mod jpeg;
mod labels;
mod netpbm;
mod options;
mod png;
mod rgb;
mod tiff;
mod webp;

use std::io::{BufRead, Cursor, Read, Seek};

pub(crate) use self::exif::Orientation;
use self::format::{ImageFormat, SNIFFED};
pub(crate) use self::header::Header;
pub(crate) use self::labels::LabelImage;
pub use self::options::DecodeOptions;
use crate::limits::can_hold;
use crate::{DataError, Image};

/// What a file's header is read from.
pub(crate) trait Bytes: BufRead + Seek {}

impl<T: BufRead + Seek + ?Sized> Bytes for T {}

/// Decodes a file of an image to three channels, by [`DecodeOptions::default`].
///
/// The format is told by the first bytes, because extensions lie. `file` is only for the error.
///
/// ```
/// let message = potstill_data::decode(b"%PDF-1.7", "cat.jpg").unwrap_err().to_string();
/// assert!(message.starts_with("cat.jpg: cannot decode this image: it is PDF, which is not read"));
/// ```
///
/// # Errors
/// As [`decode_with`].
pub fn decode(bytes: &[u8], file: &str) -> Result<Image, DataError> {
    decode_with(bytes, file, &DecodeOptions::default())
}

/// Decodes a file of an image to three channels.
///
/// ```
/// use potstill_data::{DecodeOptions, decode_with};
/// let options = DecodeOptions { max_pixels: 5, ..DecodeOptions::default() };
/// let small = decode_with(b"P5 1 1 255 \x07", "small.pgm", &options)?;
/// assert_eq!(small.pixels, [7, 7, 7]);
/// let message = decode_with(b"P5 3 2 255 \x01\x02\x03\x04\x05\x06", "large.pgm", &options).unwrap_err().to_string();
/// assert!(message.starts_with("large.pgm is of 2x3 (height x width), 6 pixels, and at most 5 are read"));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
///
/// # Errors
/// [`DataError::TooLarge`] for an image that states more pixels than are allowed, [`DataError::Decode`] for anything
/// that is no whole file of a format that is read.
pub fn decode_with(bytes: &[u8], file: &str, options: &DecodeOptions) -> Result<Image, DataError> {
    let wrong = |reason: String| DataError::Decode {
        file: file.to_owned(),
        // Some decoders end their sentence with a line break.
        reason: reason.trim().to_owned(),
    };
    let (format, header) = sniffed(&mut Cursor::new(bytes)).map_err(wrong)?;
    check_size(&header, bytes.len() as u64, file, options)?;
    let image = format.pixels(bytes).and_then(whole).map_err(wrong)?;
    Ok(if options.exif_orientation {
        header.orientation.applied(image)
    } else {
        image
    })
}

/// What a file's first part says, with nothing decoded.
///
/// # Errors
/// As [`decode_with`], except for what is wrong behind the header.
pub(crate) fn read_header(
    reader: &mut dyn Bytes,
    file: &str,
    options: &DecodeOptions,
) -> Result<Header, DataError> {
    let wrong = |reason: String| DataError::Decode {
        file: file.to_owned(),
        reason: reason.trim().to_owned(),
    };
    let (_, header) = sniffed(reader).map_err(wrong)?;
    let length = reader.seek(std::io::SeekFrom::End(0));
    check_size(
        &header,
        length.map_err(|error| wrong(error.to_string()))?,
        file,
        options,
    )?;
    Ok(header)
}

/// The format of a file and what its header says.
fn sniffed(reader: &mut dyn Bytes) -> Result<(ImageFormat, Header), String> {
    let mut start = Vec::with_capacity(SNIFFED);
    let begin = reader.stream_position().map_err(|error| error.to_string())?;
    reader
        .take(SNIFFED as u64)
        .read_to_end(&mut start)
        .and_then(|_| reader.seek(std::io::SeekFrom::Start(begin)))
        .map_err(|error| error.to_string())?;
    let format = ImageFormat::of(&start).ok_or_else(|| format::unknown(&start))?;
    Ok((format, format.header(reader)?))
}

/// Holds what the header of a file of `bytes` bytes states to what is allowed, and to what so many bytes can hold.
fn check_size(header: &Header, bytes: u64, file: &str, options: &DecodeOptions) -> Result<(), DataError> {
    let Header { height, width, .. } = *header;
    if header.pixels() > options.max_pixels {
        return Err(DataError::TooLarge {
            file: file.to_owned(),
            height,
            width,
            max_pixels: options.max_pixels,
        });
    }
    if can_hold(bytes, header.pixels()) {
        return Ok(());
    }
    Err(DataError::Decode {
        file: file.to_owned(),
        reason: format!(
            "it states {height}x{width} pixels (height x width), which its {bytes} bytes cannot hold"
        ),
    })
}

impl ImageFormat {
    /// The size and orientation that a file of this format states.
    fn header(self, reader: &mut dyn Bytes) -> Result<Header, String> {
        match self {
            Self::Jpeg => jpeg::header(reader),
            Self::Png => png::header(reader),
            Self::WebP => webp::header(reader),
            Self::Bmp => bmp::header(reader),
            Self::Tiff => tiff::header(reader),
            Self::Gif => gif::header(reader),
            Self::Netpbm => netpbm::header(reader),
        }
    }

    /// Decodes a file of this format.
    fn pixels(self, bytes: &[u8]) -> Result<Image, String> {
        match self {
            Self::Jpeg => jpeg::pixels(bytes),
            Self::Png => png::pixels(bytes),
            Self::WebP => webp::pixels(bytes),
            Self::Bmp => bmp::pixels(bytes),
            Self::Tiff => tiff::pixels(bytes),
            Self::Gif => gif::pixels(bytes),
            Self::Netpbm => netpbm::pixels(bytes),
        }
    }
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
    use super::{DecodeOptions, decode, decode_with};

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
    pub(crate) const JPEG: &[u8] = include_bytes!("../../tests/fixtures/ramp_8x8.jpg");
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

    /// A file of the cases that the workspace may have beside it.
    fn case(name: &str) -> Option<Vec<u8>> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/cases/images")
            .join(name);
        let found = std::fs::read(path).ok();
        #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
        if found.is_none() {
            eprintln!("skipped: no shared case {name}");
        }
        found
    }

    /// What libjpeg warns of and passes over. Without the case at hand, the bytes are put between the segments here.
    #[test]
    fn strange_bytes_between_segments_are_passed_over() {
        let strange = [&JPEG[..20], &[0x11, 0x22, 0, 0xff, 0, 7, 9], &JPEG[20..]].concat();
        assert_eq!(
            decode(&strange, "strange").unwrap(),
            decode(JPEG, "plain").unwrap()
        );
        if let (Some(strange), Some(plain)) = (
            case("extra-bytes-between-segments.jpg"),
            case("the-same-picture.jpg"),
        ) {
            assert_eq!(
                decode(&strange, "strange").unwrap(),
                decode(&plain, "plain").unwrap()
            );
        }
    }

    #[test]
    fn a_jpeg_that_ends_too_early_is_refused() {
        let mut files: Vec<Vec<u8>> = [1, 2, 3, 20].map(|cut| JPEG[..JPEG.len() - cut].to_vec()).into();
        files.extend(case("last-bytes-missing.jpg"));
        for file in files {
            let message = decode(&file, "cut.jpg").unwrap_err().to_string();
            assert!(
                message.starts_with("cut.jpg: cannot decode this image: it is truncated"),
                "{message}"
            );
        }
        // With its end mark Pillow decodes it, whatever is missing before.
        let ended = [&JPEG[..JPEG.len() - 9], &[0xff, 0xd9]].concat();
        assert_eq!(decode(&ended, "ended.jpg").unwrap().shape(), [8, 8, 3]);
    }

    #[test]
    fn the_content_tells_the_format() {
        if let Some(webp) = case("webp-named-jpg.jpg") {
            assert_eq!(decode(&webp, "webp-named-jpg.jpg").unwrap().shape(), [48, 64, 3]);
        }
        let reason = |start: &[u8]| decode(start, "x.jpg").unwrap_err().to_string();
        assert!(reason(b"\0\0\0\x18ftypheic\0\0\0\0").contains("it is HEIF, which is not read; convert it"));
        assert!(reason(b"<!DOCTYPE html>").contains("it is HTML or SVG text"));
        assert!(reason(b"version https://git-lfs").contains("`git lfs pull`"));
        assert!(reason(&[0; 40]).contains("zeros"));
        assert!(reason(b"").contains("the file is empty"));
    }

    /// A hundred bytes that state more pixels than can be allocated.
    #[test]
    fn an_absurd_size_is_refused_by_the_header() {
        let mut png = png_bytes(1, 1, 3, &[0; 3]);
        png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        let checksum = {
            let mut crc = flate2::Crc::new();
            crc.update(&png[12..29]);
            crc.sum()
        };
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let message = decode(&png, "cat/bomb.png").unwrap_err().to_string();
        assert_eq!(
            message,
            "cat/bomb.png is of 30000x30000 (height x width), 900000000 pixels, and at most 178956970 are read; shrink it or \
             remove it, or allow more by the key `data.max_pixels` of a recipe (`--max-pixels` on the command line)"
        );
        let message = decode(b"P6 70000 70000 255\n", "x.ppm").unwrap_err().to_string();
        assert!(message.starts_with("x.ppm is of 70000x70000"), "{message}");
    }

    #[test]
    fn an_orientation_is_followed_where_that_is_asked_for() {
        let block = [b"Exif\0\0".as_slice(), &super::exif::tests::block(6, true)].concat();
        let length = (block.len() as u16 + 2).to_be_bytes();
        let turned = [&JPEG[..2], &[0xff, 0xe1], &length, &block, &JPEG[2..]].concat();
        let stored = decode(JPEG, "x").unwrap();
        assert_eq!(
            decode(&turned, "x").unwrap(),
            stored,
            "torchvision does not look at it"
        );
        let options = DecodeOptions {
            exif_orientation: true,
            ..DecodeOptions::default()
        };
        let upright = decode_with(&turned, "x", &options).unwrap();
        // A quarter to the right: the first row is the first column from below.
        assert_eq!(upright.pixels[..3], stored.pixels[7 * 8 * 3..][..3]);
        assert_eq!(upright.pixels[7 * 3..][..3], stored.pixels[..3]);
    }

    #[test]
    fn a_broken_file_is_an_error_that_names_it() {
        let png = png_bytes(2, 1, 3, &[0; 6]);
        let half_png = &png[..png.len() / 2];
        let half_jpeg = &JPEG[..JPEG.len() - 20];
        for broken in [
            b"".as_slice(),
            b"GIF89a",
            b"BM",
            b"P5 1",
            half_png,
            half_jpeg,
            &JPEG[..20],
        ] {
            let message = decode(broken, "cat/7.jpg").unwrap_err().to_string();
            assert!(message.starts_with("cat/7.jpg: cannot decode"), "{message}");
        }
    }
}
