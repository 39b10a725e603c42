//! Operations on values: each pixel stays where it is.

use crate::Image;

/// The picture with each value replaced.
pub(super) fn each(image: &Image, new: impl Fn(u8) -> u8) -> Image {
    Image {
        pixels: image.pixels.iter().map(|&value| new(value)).collect(),
        ..*image
    }
}

/// Each channel stretched so that its least value is 0 and its greatest 255; one of a single value stays.
pub(super) fn stretched(image: &Image) -> Image {
    let channels = image.channels.max(1);
    let mut pixels = image.pixels.clone();
    for channel in 0..channels {
        let own = || image.pixels.iter().skip(channel).step_by(channels).copied();
        let (Some(least), Some(most)) = (own().min(), own().max()) else {
            continue;
        };
        if least < most {
            // Pillow's arithmetic, in double precision.
            let scale = 255.0 / f64::from(most - least);
            let offset = -f64::from(least) * scale;
            for value in pixels.iter_mut().skip(channel).step_by(channels) {
                *value = (f64::from(*value) * scale + offset).clamp(0.0, 255.0) as u8;
            }
        }
    }
    Image { pixels, ..*image }
}

/// From `base` by way of the picture (factor 1) and beyond it, as `Image.blend`. A base shorter than the
/// picture is repeated.
pub(super) fn blend(base: &[u8], image: &Image, factor: f32) -> Image {
    // Pillow computes in single precision, cuts off what is behind the point, and clips only outside of 0..1.
    let between = (0.0..=1.0).contains(&factor);
    let value = |(&base, &own): (&u8, &u8)| {
        let (base, own) = (f32::from(base), f32::from(own));
        let mixed = base + factor * (own - base);
        if between {
            mixed as u8
        } else {
            mixed.clamp(0.0, 255.0) as u8
        }
    };
    let pixels = if factor == 1.0 {
        image.pixels.clone()
    } else {
        base.iter().cycle().zip(&image.pixels).map(value).collect()
    };
    Image { pixels, ..*image }
}

/// The luma of a pixel (ITU-R 601), in Pillow's fixed point.
pub(crate) fn luma(pixel: &[u8]) -> u8 {
    match *pixel {
        [red, green, blue] => {
            let sum = u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471;
            ((sum + 0x8000) >> 16) as u8
        }
        _ => pixel.first().copied().unwrap_or(0),
    }
}

/// The picture without colours, in as many channels.
pub(super) fn grey(image: &Image) -> Vec<u8> {
    let channels = image.channels.max(1);
    let pixels = image.pixels.chunks_exact(channels);
    pixels
        .flat_map(|pixel| std::iter::repeat_n(luma(pixel), channels))
        .collect()
}

/// The mean of the picture without colours, rounded.
pub(super) fn mean_grey(image: &Image) -> u8 {
    let channels = image.channels.max(1);
    let count = (image.pixels.len() / channels).max(1);
    let sum: u64 = image
        .pixels
        .chunks_exact(channels)
        .map(|pixel| u64::from(luma(pixel)))
        .sum();
    (sum as f64 / count as f64 + 0.5) as u8
}

/// The picture under Pillow's `SMOOTH`: a mean over 3x3 pixels in which the middle counts five times. The
/// outermost pixels stay.
pub(super) fn smooth(image: &Image) -> Vec<u8> {
    let (height, width, channels) = (image.height, image.width, image.channels);
    let line = width * channels;
    let mut smoothed = image.pixels.clone();
    for y in 1..height.saturating_sub(1) {
        let inside = y * line + channels..((y + 1) * line).saturating_sub(channels);
        for (at, value) in smoothed
            .iter_mut()
            .enumerate()
            .take(inside.end)
            .skip(inside.start)
        {
            let row = |middle: usize| {
                [middle - channels, middle, middle + channels].map(|i| u32::from(image.pixels[i]))
            };
            let around: u32 = [row(at - line), row(at), row(at + line)].iter().flatten().sum();
            let sum = around + 4 * u32::from(image.pixels[at]);
            // A thirteenth never ends in a half, so this rounds as a computation in floats does.
            *value = ((2 * sum + 13) / 26) as u8;
        }
    }
    smoothed
}

/// Each channel looked up in its own table, which makes its histogram even.
pub(super) fn equalize(image: &Image) -> Image {
    let channels = image.channels.max(1);
    let tables: Vec<[u8; 256]> = (0..channels)
        .map(|channel| even_table(image.pixels.iter().skip(channel).step_by(channels)))
        .collect();
    let pixels = image.pixels.iter().zip(tables.iter().cycle());
    Image {
        pixels: pixels.map(|(&value, table)| table[usize::from(value)]).collect(),
        ..*image
    }
}

/// What each value becomes: its rank in 255 equal steps, with the greatest value left out of the count.
fn even_table<'a>(values: impl Iterator<Item = &'a u8>) -> [u8; 256] {
    let mut histogram = [0usize; 256];
    values.for_each(|&value| histogram[usize::from(value)] += 1);
    let mut table = std::array::from_fn(|value| value as u8);
    let greatest = histogram.iter().rev().find(|&&count| count > 0).copied();
    let step = (histogram.iter().sum::<usize>() - greatest.unwrap_or(0)) / 255;
    // With one value, or fewer than 255 pixels below the greatest, Pillow leaves the channel as it is.
    if step == 0 {
        return table;
    }
    let mut below = step / 2;
    for (new, count) in table.iter_mut().zip(histogram) {
        *new = (below / step).min(255) as u8;
        below += count;
    }
    table
}
