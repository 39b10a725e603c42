//! Images in rows, each with marks on it and lines of text below it, as one SVG file that needs no others.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::ReportError;
use crate::xml::escape;

/// One image with what is marked on it and its caption.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tile {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width * 3` bytes: red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
    /// `height * width * 4` bytes that lie over the image: red, green, blue and how much they hide; empty for nothing.
    pub overlay: Vec<u8>,
    /// Boxes on the image.
    pub boxes: Vec<MarkedBox>,
    /// The lines below it.
    pub caption: Vec<String>,
}

/// A box that is drawn on an image, with a word.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedBox {
    /// Left, upper, right and lower edge, in pixels of the image.
    pub edges: [f64; 4],
    /// The word at its upper edge.
    pub label: String,
    /// Red, green and blue.
    pub colour: [u8; 3],
}

/// Tiles in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct TileSheet {
    /// What stands above them.
    pub title: String,
    /// The height and the width that a tile has at most, in pixels of the picture.
    pub side: usize,
    /// The tiles, row by row.
    pub rows: Vec<Vec<Tile>>,
}

/// The room between two tiles.
const GAP: usize = 14;
/// From one line of text to the next.
const LINE: usize = 15;
const MARGIN: usize = 16;
/// The room for the title.
const TITLE: usize = 26;

impl TileSheet {
    /// The tiles as one picture. Pixels of images that are smaller than their tile are shown as squares, not smoothed.
    ///
    /// # Errors
    /// [`ReportError::Tile`] where an image's bytes are not as many as its size says.
    pub fn svg(&self) -> Result<String, ReportError> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = (2 * MARGIN + columns * (self.side + GAP)).max(360);
        let mut body = String::new();
        let mut top = MARGIN + TITLE;
        for row in &self.rows {
            let lines = row.iter().map(|tile| tile.caption.len()).max().unwrap_or(0);
            let height = row.iter().map(|tile| tile.shown(self.side)[0]).max();
            let height = height.unwrap_or(0);
            for (column, tile) in row.iter().enumerate() {
                let left = MARGIN + column * (self.side + GAP);
                tile.draw([left, top], self.side, height, &mut body)?;
            }
            top += height + lines * LINE + GAP;
        }
        let height = top + MARGIN;
        let title = escape(&self.title);
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{title}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <text x=\"{MARGIN}\" y=\"{}\" font-size=\"15\" font-weight=\"600\" fill=\"#222\">{title}</text>\n{body}</svg>\n",
            MARGIN + 12
        ))
    }
}

impl Tile {
    /// The height and width of the picture of an image whose longer side is `side`.
    fn shown(&self, side: usize) -> [usize; 2] {
        let longer = self.height.max(self.width).max(1);
        [self.height, self.width].map(|own| (own * side).div_ceil(longer))
    }

    /// Draws the tile with its left upper corner at `left`, `top`; its caption begins below `room`.
    fn draw(
        &self,
        [left, top]: [usize; 2],
        side: usize,
        room: usize,
        body: &mut String,
    ) -> Result<(), ReportError> {
        let [height, width] = self.shown(side);
        let squares = if self.width.max(self.height) < side {
            " style=\"image-rendering: pixelated\""
        } else {
            ""
        };
        let image = |pixels: &[u8], kind| -> Result<String, ReportError> {
            let file = STANDARD.encode(self.encoded(pixels, kind)?);
            Ok(format!(
                "<image width=\"{}\" height=\"{}\"{squares} href=\"data:image/png;base64,{file}\"/>",
                self.width, self.height
            ))
        };
        // Writing into a text cannot fail.
        let _ = writeln!(
            body,
            "<svg x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\">",
            self.width, self.height
        );
        let _ = writeln!(body, "{}", image(&self.rgb, png::ColorType::Rgb)?);
        if !self.overlay.is_empty() {
            let _ = writeln!(body, "{}", image(&self.overlay, png::ColorType::Rgba)?);
        }
        let pixel = self.width.max(1) as f64 / width.max(1) as f64;
        self.boxes.iter().for_each(|marked| marked.draw(pixel, body));
        let _ = writeln!(body, "</svg>");
        for (line, text) in self.caption.iter().enumerate() {
            let (y, text) = (top + room + (line + 1) * LINE, escape(text));
            let _ = writeln!(body, "<text x=\"{left}\" y=\"{y}\" fill=\"#444\">{text}</text>");
        }
        Ok(())
    }

    /// Pixels of this kind as a PNG file.
    fn encoded(&self, pixels: &[u8], kind: png::ColorType) -> Result<Vec<u8>, ReportError> {
        encoded([self.height, self.width], pixels, kind)
    }
}

/// The class of every pixel of `[height, width]`, row by row, as a grey PNG of 8 bits.
///
/// # Errors
/// [`ReportError::Tile`] where there are more or fewer labels than pixels.
pub fn label_map_png(size: [usize; 2], labels: &[u8]) -> Result<Vec<u8>, ReportError> {
    encoded(size, labels, png::ColorType::Grayscale)
}

fn encoded([height, width]: [usize; 2], pixels: &[u8], kind: png::ColorType) -> Result<Vec<u8>, ReportError> {
    let wrong = |problem: String| ReportError::Tile {
        height,
        width,
        problem,
    };
    let sides = [height, width].map(|side| u32::try_from(side).unwrap_or(0));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, sides[1], sides[0]);
    encoder.set_color(kind);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| wrong(error.to_string()))?;
    writer
        .write_image_data(pixels)
        .and_then(|()| writer.finish())
        .map_err(|error| wrong(error.to_string()))?;
    Ok(file)
}

impl MarkedBox {
    /// Draws the box in pixels of its image, of which one is `pixel` times as large as one of the picture.
    fn draw(&self, pixel: f64, body: &mut String) {
        let [left, top, right, bottom] = self.edges;
        let [red, green, blue] = self.colour;
        let (width, height) = ((right - left).max(0.0), (bottom - top).max(0.0));
        let _ = writeln!(
            body,
            "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"none\" stroke=\"rgb({red},{green},{blue})\" \
             stroke-width=\"{:.3}\"/>",
            1.5 * pixel
        );
        if self.label.is_empty() {
            return;
        }
        // Above the box, or inside where it begins at the upper edge of the image.
        let size = 10.0 * pixel;
        let y = if top < size { top + size } else { top - 2.0 * pixel };
        let _ = writeln!(
            body,
            "<text x=\"{left:.2}\" y=\"{y:.2}\" font-size=\"{size:.2}\" fill=\"rgb({red},{green},{blue})\" stroke=\"#fff\" \
             stroke-width=\"{:.3}\" paint-order=\"stroke\">{}</text>",
            2.5 * pixel,
            escape(&self.label)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{MarkedBox, Tile, TileSheet};
    use crate::ReportError;

    fn tile(bytes: usize) -> Tile {
        Tile {
            height: 2,
            width: 3,
            rgb: (0..bytes).map(|i| (13 * i) as u8).collect(),
            caption: vec!["a < b".into(), "teacher 93 %".into()],
            ..Tile::default()
        }
    }

    fn svg(rows: Vec<Vec<Tile>>) -> Result<String, ReportError> {
        let sheet = TileSheet {
            title: "Two & one".into(),
            side: 96,
            rows,
        };
        sheet.svg()
    }

    #[test]
    fn every_image_is_in_the_picture_and_can_be_read_back() {
        let svg = svg(vec![vec![tile(18), tile(18)], vec![tile(18)]]).unwrap();
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
    fn marks_are_in_pixels_of_the_image() {
        let marked = MarkedBox {
            edges: [0.5, 1.0, 2.5, 2.0],
            label: "cat 93 %".into(),
            colour: [255, 0, 7],
        };
        let tile = Tile {
            overlay: vec![128; 24],
            boxes: vec![marked],
            ..tile(18)
        };
        let svg = svg(vec![vec![tile]]).unwrap();
        assert!(
            svg.contains("width=\"96\" height=\"64\" viewBox=\"0 0 3 2\""),
            "{svg}"
        );
        let rectangle = "<rect x=\"0.50\" y=\"1.00\" width=\"2.00\" height=\"1.00\" fill=\"none\" stroke=\"rgb(255,0,7)\"";
        assert!(svg.contains(rectangle), "{svg}");
        let counts = [svg.matches("<image ").count(), svg.matches("cat 93 %").count()];
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn bytes_that_do_not_fit_are_an_error() {
        let message = svg(vec![vec![tile(17)]]).unwrap_err().to_string();
        assert!(message.contains("3 x 2"), "{message}");
    }
}
