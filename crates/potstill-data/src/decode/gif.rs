//! GIF, by the crate `gif`: the first frame of an animation.

use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, Decoder, Frame, MemoryLimit};

use super::header::Header;
use super::{Bytes, rgb};
use crate::Image;

/// The size of the canvas, which a first frame that is larger extends, as by Pillow.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    let mut decoder = opened(reader)?;
    let canvas = [decoder.height(), decoder.width()];
    let [height, width] = extended(canvas, first_frame(&mut decoder)?);
    Ok(Header::upright(height as u64, width as u64))
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    let mut decoder = opened(Cursor::new(bytes))?;
    let canvas = [decoder.height(), decoder.width()];
    let frame = first_frame(&mut decoder)?;
    let [height, width] = extended(canvas, frame);
    let [top, left, rows, columns] = [frame.top, frame.left, frame.height, frame.width].map(usize::from);
    // Outside of the frame is the transparent color, or else the first one: the background is not asked.
    let mut indices = vec![frame.transparent.unwrap_or(0); height * width];
    let mut inside = vec![0; decoder.buffer_size()];
    decoder
        .read_into_buffer(&mut inside)
        .map_err(|error| error.to_string())?;
    for (row, values) in inside.chunks_exact(columns.max(1)).take(rows).enumerate() {
        let at = (top + row) * width + left;
        indices[at..at + columns].copy_from_slice(values);
    }
    let palette = decoder.palette().map_err(|error| error.to_string())?;
    Ok(Image {
        height,
        width,
        channels: 3,
        pixels: rgb::of_palette(&indices, palette),
    })
}

fn opened<R: Bytes>(reader: R) -> Result<Decoder<R>, String> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // The number of pixels is checked before.
    options.set_memory_limit(MemoryLimit::Unlimited);
    options.read_info(reader).map_err(|error| error.to_string())
}

fn first_frame<R: Bytes>(decoder: &mut Decoder<R>) -> Result<&Frame<'static>, String> {
    decoder
        .next_frame_info()
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "it has no frame".to_owned())
}

/// Height and width of the canvas with its first frame.
fn extended(canvas: [u16; 2], frame: &Frame<'_>) -> [usize; 2] {
    let ends = [(frame.top, frame.height), (frame.left, frame.width)];
    let ends = ends.map(|(start, length)| usize::from(start) + usize::from(length));
    [0, 1].map(|side| ends[side].max(usize::from(canvas[side])))
}
