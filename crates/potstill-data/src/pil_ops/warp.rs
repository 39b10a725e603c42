//! Operations on places: each new pixel is an old one.

use crate::Image;

/// The picture seen through `[a, b, c, d, e, f]`: the new pixel (x, y) is the old one under
/// `(a x + b y + c, d x + e y + f)`, with pixel centres at halves; black where there is none.
///
/// In 16 bits behind the point, as Pillow's transform for the nearest pixel.
pub(super) fn nearest(image: &Image, matrix: [f64; 6]) -> Image {
    let [a, b, c, d, e, f] = matrix;
    let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
    let steps = [a, b, d, e].map(fixed);
    let start = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
    let (height, width, channels) = (image.height, image.width, image.channels);
    let mut pixels = vec![0; image.pixels.len()];
    for (index, pixel) in pixels.chunks_exact_mut(channels.max(1)).enumerate() {
        let (x, y) = ((index % width.max(1)) as i64, (index / width.max(1)) as i64);
        let from_x = (start[0] + steps[0] * x + steps[1] * y) >> 16;
        let from_y = (start[1] + steps[2] * x + steps[3] * y) >> 16;
        let is_inside = (0..width as i64).contains(&from_x) && (0..height as i64).contains(&from_y);
        if is_inside {
            let at = (from_y as usize * width + from_x as usize) * channels;
            pixel.copy_from_slice(&image.pixels[at..at + channels]);
        }
    }
    Image { pixels, ..*image }
}

/// The matrix of a turn against the clock about the middle of the picture.
pub(super) fn rotation(degrees: f64, height: usize, width: usize) -> [f64; 6] {
    let angle = -(degrees.rem_euclid(360.0)).to_radians();
    // Pillow rounds so that right angles are exact.
    let round = |value: f64| (value * 1e15).round() / 1e15;
    let (cos, sin) = (round(angle.cos()), round(angle.sin()));
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]
}
