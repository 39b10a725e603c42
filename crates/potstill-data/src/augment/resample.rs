//! Bilinear scaling with antialiasing, the algorithm of Pillow's `ImagingResample` with its triangle filter:
//! where the picture shrinks, the filter widens with it. Not rounded to bytes between the passes.

use super::float_image::FloatImage;
use super::window::Window;

/// Scales a window of a picture to `[height, width]`.
pub(super) fn resize(image: &FloatImage, window: Window, [height, width]: [usize; 2]) -> FloatImage {
    let channels = image.channels;
    let horizontal: Vec<Taps> = taps(window.width, width);
    let vertical: Vec<Taps> = taps(window.height, height);

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
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let tap = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let start = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let weights: Vec<f64> = (start..end)
            .map(|old| (1.0 - ((old as f64 + 0.5 - centre) / support).abs()).max(0.0))
            .collect();
        let sum: f64 = weights.iter().sum();
        Taps {
            start,
            weights: weights.iter().map(|weight| (weight / sum) as f32).collect(),
        }
    };
    (0..to).map(tap).collect()
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
