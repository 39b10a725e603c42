//! PNG, by the crate `png`.

use std::io::Cursor;

use png::{ColorType, Decoder, Transformations};

use super::exif::Orientation;
use super::header::Header;
use super::{Bytes, rgb};
use crate::Image;

/// The size and orientation.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    let reader = Decoder::new(reader)
        .read_info()
        .map_err(|error| error.to_string())?;
    let info = reader.info();
    let exif = info.exif_metadata.as_deref();
    Ok(Header {
        orientation: exif.map_or(Orientation::UPRIGHT, Orientation::of_exif),
        ..Header::upright(info.height, info.width)
    })
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let size = reader
        .output_buffer_size()
        .ok_or("its size overflows the memory")?;
    let mut pixels = vec![0; size];
    let info = reader
        .next_frame(&mut pixels)
        .map_err(|error| error.to_string())?;
    pixels.truncate(info.buffer_size());
    let pixels = match info.color_type {
        ColorType::Grayscale => rgb::of_grey(pixels),
        ColorType::GrayscaleAlpha => rgb::of_grey(pixels.chunks_exact(2).map(|pixel| pixel[0])),
        ColorType::Rgba => rgb::without_alpha(&pixels),
        ColorType::Rgb => pixels,
        ColorType::Indexed => return Err("its palette was not expanded".to_owned()),
    };
    Ok(Image {
        height: info.height as usize,
        width: info.width as usize,
        channels: 3,
        pixels,
    })
}
