//! TIFF, by the crate `tiff`: the first image of a file.

use std::borrow::Cow;
use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::exif::Orientation;
use super::header::Header;
use super::{Bytes, rgb};
use crate::Image;

/// The size and orientation.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    let mut decoder = Decoder::new(reader).map_err(|error| told(&error))?;
    let (width, height) = decoder.dimensions().map_err(|error| told(&error))?;
    let orientation = decoder.find_tag_unsigned(Tag::Orientation).ok().flatten();
    Ok(Header {
        orientation: orientation.map_or(Orientation::UPRIGHT, Orientation::of_number),
        ..Header::upright(height, width)
    })
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    // The decoder knows no palettes: it is shown a grey image of the indices.
    let (bytes, palette) = match as_grey(bytes) {
        Some(grey) => {
            let palette = palette(bytes)?;
            (Cow::Owned(grey), Some(palette))
        }
        None => (Cow::Borrowed(bytes), None),
    };
    let mut decoder = Decoder::new(Cursor::new(&*bytes)).map_err(|error| told(&error))?;
    let (width, height) = decoder.dimensions().map_err(|error| told(&error))?;
    let (width, height) = (width as usize, height as usize);
    decoder = decoder.with_limits(limits(height, width));
    let color = decoder.colortype().map_err(|error| told(&error))?;
    let mut values = DecodingResult::U8(Vec::new());
    let layout = decoder
        .read_image_to_buffer(&mut values)
        .map_err(|error| told(&error))?;
    let mut stored = in_bytes(values)?;
    if layout.planes > 1 {
        stored = interleaved(&stored, layout.planes);
    }
    let pixels = match (color, palette) {
        (ColorType::Gray(bits @ (1 | 2 | 4 | 8)), Some(palette)) => {
            rgb::of_palette(&rgb::unpacked(&stored, bits.into(), width), &palette)
        }
        (_, Some(_)) => return Err("its palette has more than 256 colors".to_owned()),
        (ColorType::Gray(bits @ (1 | 2 | 4)), None) => {
            let most = (1u8 << bits) - 1;
            let values = rgb::unpacked(&stored, bits.into(), width);
            rgb::of_grey(values.into_iter().map(|value| value * (255 / most)))
        }
        (ColorType::Gray(8 | 16), None) => rgb::of_grey(stored),
        (ColorType::GrayA(8 | 16), None) => rgb::of_grey(firsts(&stored, 2)),
        // Grey with other channels behind it.
        (
            ColorType::Multiband {
                bit_depth: 8 | 16,
                num_samples,
            },
            None,
        ) => rgb::of_grey(firsts(&stored, num_samples.into())),
        (ColorType::RGB(8 | 16), None) => stored,
        (ColorType::RGBA(8 | 16), None) => rgb::without_alpha(&stored),
        (ColorType::CMYK(8 | 16), None) => rgb::of_cmyk(&stored),
        (ColorType::YCbCr(8), None) => rgb::of_ycbcr(&stored),
        (other, None) => {
            return Err(format!(
                "its colors are stored as {other:?}, which is not read; convert it to RGB"
            ));
        }
    };
    Ok(Image {
        height,
        width,
        channels: 3,
        pixels,
    })
}

/// Memory for the pixels, whose number is checked before, but not for any number of channels.
fn limits(height: usize, width: usize) -> Limits {
    const MOST_BYTES_A_PIXEL: usize = 10;
    let mut limits = Limits::default();
    let bytes = height.saturating_mul(width).saturating_mul(MOST_BYTES_A_PIXEL);
    limits.decoding_buffer_size = bytes.max(1 << 16);
    limits.intermediate_buffer_size = limits.intermediate_buffer_size.max(bytes);
    limits
}

/// 8 bits of each value: the upper ones of 16.
fn in_bytes(values: DecodingResult) -> Result<Vec<u8>, String> {
    match values {
        DecodingResult::U8(values) => Ok(values),
        DecodingResult::U16(values) => Ok(values.into_iter().map(|value| (value >> 8) as u8).collect()),
        _ => Err("its values are neither of 8 nor of 16 bits; convert it to RGB".to_owned()),
    }
}

/// The first of each pixel's channels.
fn firsts(stored: &[u8], channels: usize) -> impl Iterator<Item = u8> {
    stored.chunks_exact(channels.max(1)).map(|pixel| pixel[0])
}

/// The channels of each pixel together, from one plane for each channel.
fn interleaved(planes: &[u8], count: usize) -> Vec<u8> {
    let length = planes.len() / count;
    let pixel = |at: usize| (0..count).map(move |plane| planes[plane * length + at]);
    (0..length).flat_map(pixel).collect()
}

/// Red, green and blue of each index.
fn palette(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(|error| told(&error))?;
    let map = decoder
        .get_tag_u16_vec(Tag::ColorMap)
        .map_err(|error| told(&error))?;
    let length = map.len() / 3;
    let color = |at: usize| [0, 1, 2].map(|channel| (map[channel * length + at] >> 8) as u8);
    Ok((0..length).flat_map(color).collect())
}

/// The same file as a grey one, where its first image has a palette.
fn as_grey(bytes: &[u8]) -> Option<Vec<u8>> {
    const PHOTOMETRIC: u16 = 262;
    const GREY: u16 = 1;
    const PALETTE: u16 = 3;
    let is_big = bytes.starts_with(b"MM");
    let short = |at: usize| {
        let pair: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_big {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        })
    };
    if short(2)? != 42 {
        return None;
    }
    let offset: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    let directory = if is_big {
        u32::from_be_bytes(offset)
    } else {
        u32::from_le_bytes(offset)
    } as usize;
    let entries = usize::from(short(directory)?);
    let entry = (0..entries)
        .map(|index| directory + 2 + 12 * index)
        .find(|&at| short(at) == Some(PHOTOMETRIC))?;
    let value = entry + 8;
    if short(value)? != PALETTE {
        return None;
    }
    let mut grey = bytes.to_vec();
    let written = if is_big {
        GREY.to_be_bytes()
    } else {
        GREY.to_le_bytes()
    };
    grey[value..value + 2].copy_from_slice(&written);
    Some(grey)
}

fn told(error: &TiffError) -> String {
    error.to_string()
}
