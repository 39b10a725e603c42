//! PBM, PGM and PPM: a few numbers as text, then the pixels as text or bytes.

use std::io::Cursor;

use super::header::{Header, ended};
use super::{Bytes, rgb};
use crate::Image;

/// What stands in front of the pixels.
struct Preamble {
    /// The digit of `P1` to `P6`.
    kind: u8,
    header: Header,
    /// The greatest value; 1 in black and white.
    most: u16,
}

/// The size.
pub(super) fn header(reader: &mut dyn Bytes) -> Result<Header, String> {
    Ok(preamble(reader)?.header)
}

fn preamble(reader: &mut dyn Bytes) -> Result<Preamble, String> {
    let mut magic = [0; 2];
    reader.read_exact(&mut magic).map_err(|error| ended(&error))?;
    let kind = magic[1];
    let width: u32 = number(reader)?;
    let height: u32 = number(reader)?;
    let most = match kind {
        b'1' | b'4' => 1,
        _ => number(reader)?,
    };
    let most = u16::try_from(most).map_err(|_| format!("its greatest value {most} is above 65535"))?;
    if most == 0 {
        return Err("its greatest value is 0".to_owned());
    }
    Ok(Preamble {
        kind,
        header: Header::upright(height, width),
        most,
    })
}

/// The next number, and the one character behind it; comments from `#` to the end of their line are passed over.
fn number(reader: &mut dyn Bytes) -> Result<u32, String> {
    let mut digits = String::new();
    let mut is_comment = false;
    loop {
        let mut byte = [0];
        reader.read_exact(&mut byte).map_err(|error| ended(&error))?;
        match byte[0] {
            b'\n' | b'\r' if is_comment => is_comment = false,
            _ if is_comment => {}
            b'#' => is_comment = true,
            b'0'..=b'9' if digits.len() < 9 => digits.push(char::from(byte[0])),
            space if space.is_ascii_whitespace() && digits.is_empty() => {}
            space if space.is_ascii_whitespace() => {
                return digits.parse().map_err(|_| format!("`{digits}` is no number"));
            }
            other => {
                return Err(format!(
                    "its header has `{}` where a number should be",
                    other.escape_ascii()
                ));
            }
        }
    }
}

/// The pixels.
pub(super) fn pixels(bytes: &[u8]) -> Result<Image, String> {
    let mut reader = Cursor::new(bytes);
    let Preamble { kind, header, most } = preamble(&mut reader)?;
    let data = bytes.get(reader.position() as usize..).unwrap_or_default();
    let Header { height, width, .. } = header;
    let channels = if matches!(kind, b'3' | b'6') { 3 } else { 1 };
    let values = height * width * channels;
    let stored = match kind {
        b'1' => bits_of_text(data, values),
        b'2' | b'3' => numbers_of_text(data, values)?,
        b'4' => {
            let rows = data.get(..height * width.div_ceil(8)).ok_or_else(truncated)?;
            rgb::unpacked(rows, 1, width).into_iter().map(u16::from).collect()
        }
        _ if most < 256 => data.iter().take(values).map(|&value| u16::from(value)).collect(),
        _ => {
            let pairs = data.chunks_exact(2).take(values);
            pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
        }
    };
    if stored.len() < values {
        return Err(truncated());
    }
    let is_ink = matches!(kind, b'1' | b'4');
    let light = stored.into_iter().map(|value| {
        if is_ink {
            255 * u8::from(value == 0)
        } else {
            scaled(value, most)
        }
    });
    Ok(Image {
        height,
        width,
        channels: 3,
        pixels: if channels == 3 {
            light.collect()
        } else {
            rgb::of_grey(light)
        },
    })
}

/// A value from `0..=most` to `0..=255`, halves to the even number, as by Pillow.
fn scaled(value: u16, most: u16) -> u8 {
    (f64::from(value) / f64::from(most) * 255.0)
        .round_ties_even()
        .min(255.0) as u8
}

/// Digits 0 and 1, which need no space between them.
fn bits_of_text(text: &[u8], count: usize) -> Vec<u16> {
    let digits = text.iter().filter(|byte| matches!(byte, b'0' | b'1'));
    digits.take(count).map(|&digit| u16::from(digit - b'0')).collect()
}

fn numbers_of_text(text: &[u8], count: usize) -> Result<Vec<u16>, String> {
    let words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let number = |word: &[u8]| {
        let digits = std::str::from_utf8(word)
            .ok()
            .and_then(|digits| digits.parse().ok());
        digits.ok_or_else(|| format!("`{}` is no value of a pixel", word.escape_ascii()))
    };
    words.take(count).map(number).collect()
}

fn truncated() -> String {
    "it is truncated: there are fewer pixels than its size says".to_owned()
}
