//! Small images in rows, each with lines of text below it, as one SVG file that needs no others.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::ReportError;
use crate::xml::escape;

/// One image with its caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width * 3` bytes: red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
    /// The lines below it.
    pub caption: Vec<String>,
}

/// The side of a tile in pixels, and the room between two.
const SIDE: usize = 96;
const GAP: usize = 14;
/// From one line of text to the next.
const LINE: usize = 15;
const MARGIN: usize = 16;
/// The room for the title.
const TITLE: usize = 26;

/// The tiles as one picture, row by row. Pixels are shown as squares, not smoothed.
///
/// # Errors
/// [`ReportError::Tile`] where an image's bytes are not as many as its size says.
pub fn tiles_svg(title: &str, rows: &[Vec<Tile>]) -> Result<String, ReportError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = (2 * MARGIN + columns * (SIDE + GAP)).max(360);
    let mut body = String::new();
    let mut top = MARGIN + TITLE;
    for row in rows {
        let lines = row.iter().map(|tile| tile.caption.len()).max().unwrap_or(0);
        for (column, tile) in row.iter().enumerate() {
            draw(tile, MARGIN + column * (SIDE + GAP), top, &mut body)?;
        }
        top += SIDE + lines * LINE + GAP;
    }
    let height = top + MARGIN;
    let title = escape(title);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"{}\" font-size=\"15\" font-weight=\"600\" fill=\"#222\">{title}</text>\n{body}</svg>\n",
        MARGIN + 12
    ))
}

fn draw(tile: &Tile, left: usize, top: usize, body: &mut String) -> Result<(), ReportError> {
    let image = STANDARD.encode(encoded(tile)?);
    // Writing into a text cannot fail.
    let _ = writeln!(
        body,
        "<image x=\"{left}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" style=\"image-rendering: pixelated\" \
         href=\"data:image/png;base64,{image}\"/>"
    );
    for (line, text) in tile.caption.iter().enumerate() {
        let (y, text) = (top + SIDE + (line + 1) * LINE, escape(text));
        let _ = writeln!(body, "<text x=\"{left}\" y=\"{y}\" fill=\"#444\">{text}</text>");
    }
    Ok(())
}

/// The image as a PNG file.
fn encoded(tile: &Tile) -> Result<Vec<u8>, ReportError> {
    let wrong = |problem: String| ReportError::Tile {
        height: tile.height,
        width: tile.width,
        problem,
    };
    let [height, width] = [tile.height, tile.width].map(|side| u32::try_from(side).unwrap_or(0));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| wrong(error.to_string()))?;
    writer
        .write_image_data(&tile.rgb)
        .and_then(|()| writer.finish())
        .map_err(|error| wrong(error.to_string()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{Tile, tiles_svg};

    fn tile(bytes: usize) -> Tile {
        Tile {
            height: 2,
            width: 3,
            rgb: (0..bytes).map(|i| (13 * i) as u8).collect(),
            caption: vec!["a < b".into(), "teacher 93 %".into()],
        }
    }

    #[test]
    fn every_image_is_in_the_picture_and_can_be_read_back() {
        let svg = tiles_svg("Two & one", &[vec![tile(18), tile(18)], vec![tile(18)]]).unwrap();
        assert_eq!(svg.matches("<image ").count(), 3);
        assert_eq!(svg.matches("a &lt; b").count(), 3);
        assert!(svg.contains("Two &amp; one"));
        let data = svg.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let file = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.height, info.width), (2, 3));
        assert_eq!(pixels, tile(18).rgb);
    }

    #[test]
    fn bytes_that_do_not_fit_are_an_error() {
        let message = tiles_svg("x", &[vec![tile(17)]]).unwrap_err().to_string();
        assert!(message.contains("3 x 2"), "{message}");
    }
}
