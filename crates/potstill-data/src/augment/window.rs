//! Windows of a picture: central ones and random ones.

use potstill_random::Stream;

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

impl Window {
    /// All of a picture of this size.
    pub fn whole([height, width]: [usize; 2]) -> Self {
        Self {
            top: 0,
            left: 0,
            height,
            width,
        }
    }

    /// A window in the middle, or why there is none.
    pub fn centre([height, width]: [usize; 2], inner: [usize; 2]) -> Result<Self, String> {
        if inner[0] > height || inner[1] > width {
            return Err(format!(
                "a window of {}x{} does not fit an image of {height}x{width}; resize before cropping",
                inner[0], inner[1]
            ));
        }
        Ok(Self::middle([height, width], inner))
    }

    /// A window in the middle that fits; an odd rest goes as in torchvision (half to even).
    fn middle([height, width]: [usize; 2], [inner_height, inner_width]: [usize; 2]) -> Self {
        let start = |outer: usize, inner: usize| ((outer - inner) as f64 / 2.0).round_ties_even() as usize;
        Self {
            top: start(height, inner_height),
            left: start(width, inner_width),
            height: inner_height,
            width: inner_width,
        }
    }
}

/// A window with a random share of the area and random proportions, as `RandomResizedCrop.get_params` of
/// torchvision: ten tries, then the greatest central window whose proportions are allowed.
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
    Window::middle([height, width], sides)
}

/// The top and left of a random window of this size within an image; 0 along a side where it does not fit.
pub(super) fn random_place(size: [usize; 2], inner: [usize; 2], stream: &mut Stream) -> [usize; 2] {
    [0, 1].map(|axis| stream.below(size[axis].saturating_sub(inner[axis]) + 1))
}

/// `[height, width]` scaled so that the shorter side has `shorter` pixels, or the longer one `longer` if it would have more; rounded down,
/// as by torchvision's detectors.
pub(super) fn shorter_within([height, width]: [usize; 2], shorter: usize, longer: usize) -> [usize; 2] {
    let (least, most) = (height.min(width).max(1), height.max(width).max(1));
    let factor = (shorter as f64 / least as f64).min(longer as f64 / most as f64);
    [height, width].map(|side| ((side as f64 * factor).floor() as usize).max(1))
}

/// `[height, width]` scaled by a factor, rounded to the nearest pixel.
pub(super) fn jittered(size: [usize; 2], factor: f64) -> [usize; 2] {
    size.map(|side| ((side as f64 * factor + 0.5) as usize).max(1))
}

#[cfg(test)]
mod tests {
    use potstill_random::Seed;

    use super::{Window, random_window};

    #[test]
    fn a_window_that_does_not_fit_is_refused() {
        let refused = Window::centre([3, 4], [4, 4]).unwrap_err();
        assert!(refused.contains("4x4 does not fit an image of 3x4"), "{refused}");
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
