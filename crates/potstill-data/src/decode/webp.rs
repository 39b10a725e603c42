//! WebP, by image-webp; of an animation its first frame.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::exif::Orientation;
use super::header::Header;
use super::{Bytes, rgb};
use crate::Image;

/// What the parts of a file besides its pixels may take.
const MEMORY: usize = 64 << 20;

/// The size and orientation.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    let mut decoder = opened(reader)?;
    let (width, height) = decoder.dimensions();
    let exif = decoder.exif_metadata().ok().flatten();
    Ok(Header {
        orientation: exif.map_or(Orientation::UPRIGHT, |block| Orientation::of_exif(&block)),
        ..Header::upright(height, width)
    })
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    let mut decoder = opened(Cursor::new(bytes))?;
    let (width, height) = decoder.dimensions();
    let size = decoder
        .output_buffer_size()
        .ok_or("its size overflows the memory")?;
    let mut pixels = vec![0; size];
    decoder
        .read_image(&mut pixels)
        .map_err(|error| error.to_string())?;
    Ok(Image {
        height: height as usize,
        width: width as usize,
        channels: 3,
        pixels: if decoder.has_alpha() {
            rgb::without_alpha(&pixels)
        } else {
            pixels
        },
    })
}

fn opened<R: Bytes>(reader: R) -> Result<WebPDecoder<R>, String> {
    let mut decoder = WebPDecoder::new(reader).map_err(|error| error.to_string())?;
    decoder.set_memory_limit(MEMORY);
    Ok(decoder)
}
