//! Parts of a picture: mirrored, shifted, cut.

use super::float_image::FloatImage;
use super::step::PadMode;
use super::window::Window;

/// Mirrors left-right.
pub(super) fn flip(image: &FloatImage) -> FloatImage {
    let row = image.width * image.channels;
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for line in image.pixels.chunks_exact(row) {
        for pixel in line.chunks_exact(image.channels).rev() {
            pixels.extend_from_slice(pixel);
        }
    }
    FloatImage { pixels, ..*image }
}

/// The picture whose pixel (y, x) is pixel (y + down, x + right) of the old one, with padding beyond its
/// edges.
pub(super) fn shift(image: &FloatImage, down: isize, right: isize, mode: PadMode) -> FloatImage {
    let channels = image.channels;
    let mut pixels = vec![0.0; image.pixels.len()];
    let columns: Vec<Option<usize>> = (0..image.width)
        .map(|x| source(x as isize + right, image.width, mode))
        .collect();
    for (y, line) in pixels.chunks_exact_mut(image.width * channels).enumerate() {
        let Some(from_y) = source(y as isize + down, image.height, mode) else {
            continue;
        };
        let from_line = &image.pixels[from_y * image.width * channels..][..image.width * channels];
        for (pixel, from_x) in line.chunks_exact_mut(channels).zip(&columns) {
            if let Some(x) = from_x {
                pixel.copy_from_slice(&from_line[x * channels..][..channels]);
            }
        }
    }
    FloatImage { pixels, ..*image }
}

/// Where a coordinate of the padded picture lies in a side of `size`; none for black.
pub(super) fn source(at: isize, size: usize, mode: PadMode) -> Option<usize> {
    let last = size as isize - 1;
    match mode {
        _ if (0..=last).contains(&at) => Some(at as usize),
        PadMode::Zero => None,
        PadMode::Reflect if at < 0 => Some((-at) as usize),
        PadMode::Reflect => Some((2 * last - at) as usize),
    }
}

/// A window of the picture.
pub(super) fn cut(image: &FloatImage, window: Window) -> FloatImage {
    let channels = image.channels;
    let pixels = (window.top..window.top + window.height)
        .flat_map(|y| &image.pixels[(y * image.width + window.left) * channels..][..window.width * channels])
        .copied()
        .collect();
    FloatImage {
        height: window.height,
        width: window.width,
        channels,
        pixels,
    }
}

/// A picture of `[height, width]` in which the old one lies so far `[down, right]`; the rest has the level `fill`.
pub(super) fn canvas(
    image: &FloatImage,
    [down, right]: [isize; 2],
    [height, width]: [usize; 2],
    fill: f32,
) -> FloatImage {
    let channels = image.channels;
    let mut pixels = vec![fill; height * width * channels];
    // The columns of the canvas that have a picture.
    let first = right.clamp(0, width as isize) as usize;
    let end = (right + image.width as isize).clamp(0, width as isize) as usize;
    for (y, line) in pixels.chunks_exact_mut((width * channels).max(1)).enumerate() {
        let from_y = y as isize - down;
        if !(0..image.height as isize).contains(&from_y) || first >= end {
            continue;
        }
        let from = (from_y as usize * image.width + (first as isize - right) as usize) * channels;
        let length = (end - first) * channels;
        line[first * channels..][..length].copy_from_slice(&image.pixels[from..][..length]);
    }
    FloatImage {
        height,
        width,
        channels,
        pixels,
    }
}

#[cfg(test)]
mod tests {
    use super::{FloatImage, PadMode, Window, canvas, cut, flip, shift};

    /// A picture of one channel.
    fn grey(height: usize, width: usize, pixels: &[f32]) -> FloatImage {
        FloatImage {
            height,
            width,
            channels: 1,
            pixels: pixels.to_vec(),
        }
    }

    #[test]
    fn flipping_mirrors_whole_pixels() {
        let image = FloatImage {
            height: 1,
            width: 3,
            channels: 2,
            pixels: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        assert_eq!(flip(&image).pixels, [5.0, 6.0, 3.0, 4.0, 1.0, 2.0]);
    }

    #[test]
    fn shifting_brings_black_or_the_mirrored_picture() {
        let image = grey(3, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let zero = shift(&image, 1, -2, PadMode::Zero);
        assert_eq!(zero.pixels, [0.0, 0.0, 4.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0]);
        // Row 3 is row 1 mirrored at row 2; column -1 is column 1, column -2 is column 2.
        let reflect = shift(&image, 1, -2, PadMode::Reflect);
        assert_eq!(reflect.pixels, [6.0, 5.0, 4.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0]);
    }

    #[test]
    fn a_canvas_shows_the_picture_at_its_place() {
        let image = grey(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let inside = canvas(&image, [1, 1], [3, 5], 9.0).pixels;
        let rows = [[9.0; 5], [9.0, 1.0, 2.0, 3.0, 9.0], [9.0, 4.0, 5.0, 6.0, 9.0]];
        assert_eq!(inside, rows.as_flattened());
        assert_eq!(canvas(&image, [-1, -2], [2, 2], 0.0).pixels, [6.0, 0.0, 0.0, 0.0]);
        assert_eq!(canvas(&image, [5, 0], [1, 1], 7.0).pixels, [7.0]);
    }

    #[test]
    fn a_window_is_cut() {
        let image = grey(3, 4, &(0..12).map(|at| at as f32).collect::<Vec<_>>());
        let window = Window::centre([3, 4], [1, 2]).unwrap();
        let middle = cut(&image, window);
        assert_eq!(
            (middle.shape(), middle.pixels.as_slice()),
            ([1, 2, 1], [5.0, 6.0].as_slice())
        );
    }
}
