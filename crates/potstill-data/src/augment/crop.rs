//! Windows of a picture: padded, central, random, mirrored.

use potstill_random::Stream;

use super::{FloatImage, PadMode};

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

impl Window {
    pub fn whole(image: &FloatImage) -> Self {
        Self {
            top: 0,
            left: 0,
            height: image.height,
            width: image.width,
        }
    }

    /// A window in the middle; an odd rest goes as in torchvision (half to even).
    fn centre([height, width]: [usize; 2], [inner_height, inner_width]: [usize; 2]) -> Self {
        let start = |outer: usize, inner: usize| ((outer - inner) as f64 / 2.0).round_ties_even() as usize;
        Self {
            top: start(height, inner_height),
            left: start(width, inner_width),
            height: inner_height,
            width: inner_width,
        }
    }
}

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

/// Pads each side and cuts a window of the old size; both offsets are drawn from `0..=2 * pad`, the vertical one first.
pub(super) fn pad_crop(
    image: &FloatImage,
    pad: usize,
    mode: PadMode,
    stream: &mut Stream,
) -> Result<FloatImage, String> {
    if mode == PadMode::Reflect && pad >= image.height.min(image.width) {
        return Err(format!(
            "pad = {pad} cannot be mirrored from an image of {}x{}; it must be smaller than both sides",
            image.height, image.width
        ));
    }
    let (down, right) = (stream.below(2 * pad + 1), stream.below(2 * pad + 1));
    Ok(shift(
        image,
        down as isize - pad as isize,
        right as isize - pad as isize,
        mode,
    ))
}

/// The picture whose pixel (y, x) is pixel (y + down, x + right) of the old one, with padding beyond its edges.
fn shift(image: &FloatImage, down: isize, right: isize, mode: PadMode) -> FloatImage {
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
fn source(at: isize, size: usize, mode: PadMode) -> Option<usize> {
    let last = size as isize - 1;
    match mode {
        _ if (0..=last).contains(&at) => Some(at as usize),
        PadMode::Zero => None,
        PadMode::Reflect if at < 0 => Some((-at) as usize),
        PadMode::Reflect => Some((2 * last - at) as usize),
    }
}

/// Cuts the middle.
pub(super) fn centre_crop(image: &FloatImage, [height, width]: [usize; 2]) -> Result<FloatImage, String> {
    if height > image.height || width > image.width {
        return Err(format!(
            "a window of {height}x{width} does not fit an image of {}x{}; resize before cropping",
            image.height, image.width
        ));
    }
    let window = Window::centre([image.height, image.width], [height, width]);
    let channels = image.channels;
    let pixels = (window.top..window.top + height)
        .flat_map(|y| &image.pixels[(y * image.width + window.left) * channels..][..width * channels])
        .copied()
        .collect();
    Ok(FloatImage {
        height,
        width,
        channels,
        pixels,
    })
}

/// A window with a random share of the area and random proportions, as `RandomResizedCrop.get_params` of torchvision: ten
/// tries, then the greatest central window whose proportions are allowed.
pub(super) fn random_window(
    [height, width]: [usize; 2],
    scale: [f64; 2],
    ratio: [f64; 2],
    stream: &mut Stream,
) -> Window {
    let area = (height * width) as f64;
    for _ in 0..10 {
        let target = area * stream.uniform(scale[0], scale[1]);
        let aspect = stream.uniform(ratio[0].ln(), ratio[1].ln()).exp();
        let inner_width = (target * aspect).sqrt().round_ties_even() as usize;
        let inner_height = (target / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&inner_width) && (1..=height).contains(&inner_height) {
            let top = stream.below(height - inner_height + 1);
            let left = stream.below(width - inner_width + 1);
            return Window {
                top,
                left,
                height: inner_height,
                width: inner_width,
            };
        }
    }
    let aspect = width as f64 / height as f64;
    let sides = if aspect < ratio[0] {
        [
            ((width as f64 / ratio[0]).round_ties_even() as usize).clamp(1, height),
            width,
        ]
    } else if aspect > ratio[1] {
        [
            height,
            ((height as f64 * ratio[1]).round_ties_even() as usize).clamp(1, width),
        ]
    } else {
        [height, width]
    };
    Window::centre([height, width], sides)
}

#[cfg(test)]
mod tests {
    use potstill_random::Seed;

    use super::{PadMode, Window, centre_crop, flip, pad_crop, random_window, shift};
    use crate::FloatImage;

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
    fn all_offsets_of_a_padded_crop_occur() {
        let image = grey(1, 1, &[1.0]);
        let mut stream = Seed::new(1).stream("test", &[]);
        let hits = (0..9000)
            .filter(|_| pad_crop(&image, 1, PadMode::Zero, &mut stream).unwrap().pixels == [1.0])
            .count();
        // One of the nine offsets keeps the only pixel: 1000 expected, standard deviation 30.
        assert!((880..1120).contains(&hits), "{hits}");
        assert!(
            pad_crop(&image, 1, PadMode::Reflect, &mut stream)
                .unwrap_err()
                .contains("cannot be mirrored")
        );
    }

    #[test]
    fn the_middle_is_cut() {
        let image = grey(3, 4, &(0..12).map(|at| at as f32).collect::<Vec<_>>());
        let middle = centre_crop(&image, [1, 2]).unwrap();
        assert_eq!(
            (middle.shape(), middle.pixels.as_slice()),
            ([1, 2, 1], [5.0, 6.0].as_slice())
        );
        assert!(
            centre_crop(&image, [4, 4])
                .unwrap_err()
                .contains("4x4 does not fit an image of 3x4")
        );
    }

    #[test]
    fn random_windows_stay_inside_and_keep_their_limits() {
        let mut stream = Seed::new(2).stream("test", &[]);
        for _ in 0..1000 {
            let Window {
                top,
                left,
                height,
                width,
            } = random_window([60, 80], [0.25, 0.5], [0.5, 2.0], &mut stream);
            assert!(top + height <= 60 && left + width <= 80);
            let share = (height * width) as f64 / 4800.0;
            let aspect = width as f64 / height as f64;
            assert!(
                (0.24..0.52).contains(&share) && (0.48..2.1).contains(&aspect),
                "{height}x{width}"
            );
        }
        // No window of an area of 1 with these proportions fits, so it is the fallback.
        let fallback = random_window([10, 100], [1.0, 1.0], [0.5, 2.0], &mut stream);
        assert_eq!(
            fallback,
            Window {
                top: 0,
                left: 40,
                height: 10,
                width: 20
            }
        );
    }
}
