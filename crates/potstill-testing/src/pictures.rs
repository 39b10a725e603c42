//! Small pictures in files.

use std::{fs, path::Path};

/// Writes an RGB picture of `[height, width]` as PNG, with the colour of each pixel by its row and column; makes the folders on the way.
pub fn write_png(path: &Path, [height, width]: [usize; 2], colour: impl Fn(usize, usize) -> [u8; 3]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
    let pixels: Vec<u8> = places.flat_map(|(y, x)| colour(y, x)).collect();
    let file = fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
}

/// The same with a colour that differs from pixel to pixel.
pub fn write_coloured_png(path: &Path, size: [usize; 2]) {
    write_png(path, size, |y, x| {
        [(9 * y % 256) as u8, (5 * x % 256) as u8, (x * y % 256) as u8]
    });
}
