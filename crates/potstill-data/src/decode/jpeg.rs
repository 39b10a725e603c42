//! JPEG, by zune-jpeg.
//!
//! On CIFAR-10 files (4:2:0) its pixels differ from libjpeg-turbo's "fancy upsampling" by 0.3 levels on average and
//! by 4 at most, and its scalar and vector code give the same bits.
//!
//! Damaged files are treated as by libjpeg, which is what Pillow goes by: strange bytes are passed over with a
//! warning, a file that ends before its end mark is refused. Otherwise its lower part would be grey, and nobody
//! would notice.

use std::io::{Cursor, SeekFrom};

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::Bytes;
use super::exif::Orientation;
use super::header::{Header, ended};
use crate::Image;

/// The end mark of the image.
const END: [u8; 2] = [0xff, 0xd9];

/// The size and orientation. The reader is left where the compressed pixels begin.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    let mut size = None;
    let mut orientation = Orientation::UPRIGHT;
    loop {
        match next_marker(reader)? {
            // The start of the image, and marks without a length.
            0x01 | 0xd0..=0xd8 => {}
            0xd9 => break,
            marker => {
                let length = u64::from(u16::from_be_bytes(bytes(reader)?));
                let mut segment = length
                    .checked_sub(2)
                    .ok_or("a segment is shorter than its own length")?;
                match marker {
                    // Every start of a frame: not the tables of Huffman codes, arithmetic codes and JPEG-LS.
                    0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if segment >= 5 => {
                        let [_, h1, h0, w1, w0] = bytes(reader)?;
                        size = Some([[h1, h0], [w1, w0]].map(|side| usize::from(u16::from_be_bytes(side))));
                        segment -= 5;
                    }
                    0xe1 => {
                        let mut block = vec![0; segment as usize];
                        reader.read_exact(&mut block).map_err(|error| ended(&error))?;
                        if block.starts_with(b"Exif\0\0") {
                            orientation = Orientation::of_exif(&block);
                        }
                        segment = 0;
                    }
                    _ => {}
                }
                reader
                    .seek(SeekFrom::Current(segment as i64))
                    .map_err(|error| ended(&error))?;
                if marker == 0xda {
                    break;
                }
            }
        }
    }
    let [height, width] = size.ok_or("it states no size")?;
    Ok(Header {
        height,
        width,
        orientation,
    })
}

/// The next mark. What is before it and is none is passed over, as libjpeg does with a warning.
fn next_marker(reader: &mut dyn Bytes) -> Result<u8, String> {
    loop {
        let [mut byte] = bytes(reader)?;
        if byte != 0xff {
            continue;
        }
        while byte == 0xff {
            [byte] = bytes(reader)?;
        }
        if byte != 0 {
            return Ok(byte);
        }
    }
}

fn bytes<const N: usize>(reader: &mut dyn Bytes) -> Result<[u8; N], String> {
    let mut found = [0; N];
    reader.read_exact(&mut found).map_err(|error| ended(&error))?;
    Ok(found)
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    let mut reader = Cursor::new(bytes);
    header(&mut reader)?;
    let compressed = bytes.get(reader.position() as usize..).unwrap_or_default();
    if !compressed.windows(2).any(|pair| pair == END) {
        return Err(
            "it is truncated: it ends before the end mark of the image; get the file again".to_owned(),
        );
    }
    decoded(bytes, true).or_else(|_| decoded(bytes, false))
}

fn decoded(bytes: &[u8], is_strict: bool) -> Result<Image, String> {
    // How many pixels there may be is checked before; JPEG has no sides that are longer.
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_strict_mode(is_strict)
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("it states no size")?;
    Ok(Image {
        height,
        width,
        channels: 3,
        pixels,
    })
}
