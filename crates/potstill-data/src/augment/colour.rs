//! Photometric distortion: brightness, contrast, saturation and hue.

use potstill_random::Stream;

use super::float_image::FloatImage;

/// The drawn changes of the colours of one image. Values are cut to `[0, 1]` once, at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ColourChange {
    /// What is added to each value.
    brightness: f32,
    /// What each value is multiplied by.
    contrast: f32,
    /// Whether contrast comes behind saturation and hue.
    contrast_last: bool,
    saturation: f32,
    /// The turn of the hue, in degrees.
    hue: f32,
}

impl ColourChange {
    /// Each change with a chance of one half, within these limits.
    pub fn drawn(
        brightness: f64,
        contrast: [f64; 2],
        saturation: [f64; 2],
        hue: f64,
        stream: &mut Stream,
    ) -> Self {
        let mut half = |low: f64, high: f64, still: f64| {
            // Both draws are made, so that no change shifts the draws of another.
            let (chance, value) = (stream.chance(0.5), stream.uniform(low, high));
            if chance { value as f32 } else { still as f32 }
        };
        let most = brightness / 255.0;
        Self {
            brightness: half(-most, most, 0.0),
            contrast: half(contrast[0], contrast[1], 1.0),
            saturation: half(saturation[0], saturation[1], 1.0),
            hue: half(-hue, hue, 0.0),
            contrast_last: stream.chance(0.5),
        }
    }

    /// The picture in other colours; one of a single channel has no saturation and no hue.
    pub fn applied(&self, mut image: FloatImage) -> FloatImage {
        let (before, after) = if self.contrast_last {
            (1.0, self.contrast)
        } else {
            (self.contrast, 1.0)
        };
        for value in &mut image.pixels {
            *value = (*value + self.brightness) * before;
        }
        if image.channels == 3 {
            for pixel in image.pixels.as_chunks_mut::<3>().0 {
                *pixel = self.tinted(*pixel);
            }
        }
        for value in &mut image.pixels {
            *value = (*value * after).clamp(0.0, 1.0);
        }
        image
    }

    /// A pixel with another saturation and hue.
    fn tinted(&self, pixel: [f32; 3]) -> [f32; 3] {
        let greatest = pixel.into_iter().fold(f32::MIN, f32::max);
        // In the cone of hue, saturation and value the greatest of the three stays as it is.
        let saturated = pixel.map(|value| greatest - (greatest - value) * self.saturation);
        if self.hue == 0.0 {
            saturated
        } else {
            turned(saturated, self.hue)
        }
    }
}

/// A pixel whose hue is turned by these degrees.
fn turned(pixel: [f32; 3], degrees: f32) -> [f32; 3] {
    let [red, green, blue] = pixel;
    let greatest = red.max(green).max(blue);
    let chroma = greatest - red.min(green).min(blue);
    if chroma == 0.0 {
        return pixel;
    }
    // In sixths of the circle.
    let sixths = if greatest == red {
        (green - blue) / chroma
    } else if greatest == green {
        2.0 + (blue - red) / chroma
    } else {
        4.0 + (red - green) / chroma
    };
    let hue = (sixths + degrees / 60.0).rem_euclid(6.0);
    let value = |offset: f32| {
        let place = (offset + hue).rem_euclid(6.0);
        greatest - chroma * place.min(4.0 - place).clamp(0.0, 1.0)
    };
    [value(5.0), value(3.0), value(1.0)]
}

#[cfg(test)]
mod tests {
    use potstill_random::Seed;

    use super::{ColourChange, turned};
    use crate::FloatImage;

    const STILL: ColourChange = ColourChange {
        brightness: 0.0,
        contrast: 1.0,
        contrast_last: false,
        saturation: 1.0,
        hue: 0.0,
    };

    fn applied(change: ColourChange, pixel: [f32; 3]) -> Vec<f32> {
        let image = FloatImage {
            height: 1,
            width: 1,
            channels: 3,
            pixels: pixel.to_vec(),
        };
        change.applied(image).pixels
    }

    fn assert_near(found: &[f32], expected: [f64; 3]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-6,
                "{found} is not {expected}"
            );
        }
    }

    /// Expected values by Python's `colorsys`.
    #[test]
    fn hues_are_turned_as_by_colorsys() {
        // hsv = rgb_to_hsv(.2, .5, .7); hsv_to_rgb((h + 30 / 360) % 1, s, v), and so on.
        assert_near(&turned([0.2, 0.5, 0.7], 30.0), [0.2, 0.25, 0.7]);
        assert_near(&turned([0.2, 0.5, 0.7], -120.0), [0.5, 0.7, 0.2]);
        assert_near(&turned([0.9, 0.1, 0.3], 18.0), [0.9, 0.14, 0.1]);
        assert_near(&turned([0.4, 0.4, 0.4], 90.0), [0.4, 0.4, 0.4]);
    }

    #[test]
    fn each_change_does_its_own() {
        let pixel = [0.2, 0.5, 0.7];
        assert_near(&applied(STILL, pixel), [0.2, 0.5, 0.7]);
        let brighter = ColourChange {
            brightness: 0.4,
            ..STILL
        };
        assert_near(&applied(brighter, pixel), [0.6, 0.9, 1.0]);
        let grey = ColourChange {
            saturation: 0.5,
            ..STILL
        };
        assert_near(&applied(grey, pixel), [0.45, 0.6, 0.7]);
        // What is above white comes back where contrast is the last.
        let both = ColourChange {
            brightness: 0.4,
            contrast: 0.5,
            contrast_last: true,
            ..STILL
        };
        assert_near(&applied(both, pixel), [0.3, 0.45, 0.55]);
    }

    #[test]
    fn half_of_the_images_change_in_each_way() {
        let mut stream = Seed::new(0).stream("test", &[]);
        let drawn: Vec<ColourChange> = (0..1000)
            .map(|_| ColourChange::drawn(32.0, [0.5, 1.5], [0.5, 1.5], 18.0, &mut stream))
            .collect();
        let changed = |is: fn(&ColourChange) -> bool| drawn.iter().filter(|change| is(change)).count();
        for count in [
            changed(|change| change.brightness != 0.0),
            changed(|change| change.contrast != 1.0),
            changed(|change| change.saturation != 1.0),
            changed(|change| change.hue != 0.0),
            changed(|change| change.contrast_last),
        ] {
            assert!((440..560).contains(&count), "{count}");
        }
        assert!(
            drawn
                .iter()
                .all(|change| change.brightness.abs() <= 32.0 / 255.0 && change.hue.abs() <= 18.0)
        );
    }
}
