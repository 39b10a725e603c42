//! Scaling with antialiasing, the algorithm of Pillow's `ImagingResample`: where the picture shrinks, the
//! filter widens with it; and bilinear without. Not rounded to bytes between the passes, so that a value is within one level of
//! Pillow's for 8 bits.

use serde::{Deserialize, Serialize};

use super::float_image::FloatImage;
use super::window::Window;

/// By which filter a picture is scaled; `bilinear` and `bicubic` are Pillow's, with antialiasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// The triangle filter.
    #[default]
    Bilinear,
    /// Of the four nearest pixels alone, however much the picture shrinks: `interpolate(antialias=False)` of PyTorch, and `OpenCV`'s
    /// `INTER_LINEAR`. Labels take the pixel of `floor(x * old / new)`, as by their `nearest`.
    BilinearPlain,
    /// Cubic convolution with a = -0.5 (Keys 1981). What it gives beyond black and white is cut off.
    Bicubic,
}

impl Interpolation {
    /// How far the filter reaches where the picture does not shrink.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear | Self::BilinearPlain => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The filter's value at a distance from its middle.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear | Self::BilinearPlain => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Bicubic => 0.0,
        }
    }

    /// Cuts off what is no colour; a triangle never leaves the range.
    fn clip(self, pixels: &mut [f32]) {
        if self == Self::Bicubic {
            for value in pixels {
                *value = value.clamp(0.0, 1.0);
            }
        }
    }
}

/// Scales a window of a picture to `[height, width]`.
pub(super) fn resize(
    image: &FloatImage,
    window: Window,
    [height, width]: [usize; 2],
    filter: Interpolation,
) -> FloatImage {
    let channels = image.channels;
    let horizontal: Vec<Taps> = taps(window.width, width, filter);
    let vertical: Vec<Taps> = taps(window.height, height, filter);

    let mut narrow = vec![0.0; window.height * width * channels];
    for (y, line) in narrow.chunks_exact_mut(width * channels).enumerate() {
        let start = ((window.top + y) * image.width + window.left) * channels;
        let from = &image.pixels[start..][..window.width * channels];
        for (pixel, taps) in line.chunks_exact_mut(channels).zip(&horizontal) {
            for (from, weight) in from[taps.start * channels..]
                .chunks_exact(channels)
                .zip(&taps.weights)
            {
                pixel
                    .iter_mut()
                    .zip(from)
                    .for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    filter.clip(&mut narrow);

    let mut pixels = vec![0.0; height * width * channels];
    for (line, taps) in pixels.chunks_exact_mut(width * channels).zip(&vertical) {
        for (from, weight) in narrow
            .chunks_exact(width * channels)
            .skip(taps.start)
            .zip(&taps.weights)
        {
            line.iter_mut()
                .zip(from)
                .for_each(|(sum, value)| *sum += weight * value);
        }
    }
    filter.clip(&mut pixels);
    FloatImage {
        height,
        width,
        channels,
        pixels,
    }
}

/// Which old pixels a new one is made of.
struct Taps {
    start: usize,
    /// They add up to 1.
    weights: Vec<f32>,
}

/// The taps of each of `to` new pixels along a side of `from` old ones.
fn taps(from: usize, to: usize, filter: Interpolation) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    if filter == Interpolation::BilinearPlain {
        return (0..to).map(|at| plain_tap(at, from, scale)).collect();
    }
    let widening = scale.max(1.0);
    let support = filter.support() * widening;
    let tap = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let start = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let weights: Vec<f64> = (start..end)
            .map(|old| filter.weight((old as f64 + 0.5 - centre) / widening))
            .collect();
        let sum: f64 = weights.iter().sum();
        Taps {
            start,
            weights: weights.iter().map(|weight| (weight / sum) as f32).collect(),
        }
    };
    (0..to).map(tap).collect()
}

/// The two nearest pixels along a side; at the edges, where there is one, that one.
fn plain_tap(at: usize, from: usize, scale: f64) -> Taps {
    let centre = ((at as f64 + 0.5) * scale - 0.5).max(0.0);
    let start = (centre as usize).min(from - 1);
    let share = (centre - start as f64) as f32;
    let weights = if start + 1 < from {
        vec![1.0 - share, share]
    } else {
        vec![1.0]
    };
    Taps { start, weights }
}

/// `[height, width]` scaled so that the shorter side has `size` pixels; the other is rounded down, as in
/// torchvision.
pub(super) fn shorter_to([height, width]: [usize; 2], size: usize) -> [usize; 2] {
    let longer = |longer: usize, shorter: usize| (size * longer / shorter.max(1)).max(1);
    if height <= width {
        [size, longer(width, height)]
    } else {
        [longer(height, width), size]
    }
}
