//! What a step does to one image once its draws are made: the same to its pixels, its boxes, its masks.

use super::colour::ColourChange;
use super::float_image::FloatImage;
use super::matrix::AffineMatrix;
use super::resample::Interpolation;
use super::step::PadMode;
use super::strong::PictureChange;
use super::window::Window;
use super::{crop, resample, warp};

/// What happens to an image and to everything in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Motion {
    /// Nothing.
    Stay,
    /// Mirrored left-right.
    Flip,
    /// A window of the same size, so far down and to the right, with padding where there is no picture.
    Shift {
        down: isize,
        right: isize,
        mode: PadMode,
    },
    /// A window as it is.
    Cut(Window),
    /// A window scaled to `[height, width]`.
    Scale {
        window: Window,
        size: [usize; 2],
        filter: Interpolation,
    },
    /// Moved in any way within the same size.
    Affine(AffineMatrix),
    /// An image of `[height, width]` in which the old one lies so far down and to the right; what is beyond it has this level.
    Canvas {
        down: isize,
        right: isize,
        size: [usize; 2],
        fill: f32,
    },
    /// Other colours at the same places.
    Colours(ColourChange),
    /// A change of the picture that no target but a class knows.
    Picture(PictureChange),
}

/// Which objects stay when an image is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those of which enough is left.
    Share,
    /// Those whose centre is inside, or of which enough is left.
    CentreOrShare,
    /// Those whose centre is inside.
    Centre,
}

/// A motion, and which objects stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    pub motion: Motion,
    pub keep: Keep,
}

impl From<Motion> for Move {
    fn from(motion: Motion) -> Self {
        Self {
            motion,
            keep: Keep::Share,
        }
    }
}

impl Motion {
    /// A canvas of this level, of 255.
    pub fn canvas([down, right]: [isize; 2], size: [usize; 2], fill: u8) -> Self {
        Self::Canvas {
            down,
            right,
            size,
            fill: f32::from(fill) / 255.0,
        }
    }

    /// Whether everything stays where it is.
    pub fn is_still(&self) -> bool {
        matches!(self, Self::Stay | Self::Colours(_) | Self::Picture(_))
    }

    /// The `[height, width]` that an image of this size has afterwards.
    pub fn size(&self, size: [usize; 2]) -> [usize; 2] {
        match self {
            Self::Stay
            | Self::Flip
            | Self::Shift { .. }
            | Self::Affine(_)
            | Self::Colours(_)
            | Self::Picture(_) => size,
            Self::Cut(window) => [window.height, window.width],
            Self::Scale { size, .. } | Self::Canvas { size, .. } => *size,
        }
    }

    /// Where the points of an image of this size go.
    pub fn matrix(&self, [_, width]: [usize; 2]) -> AffineMatrix {
        let back = |[left, top]: [f64; 2]| AffineMatrix::translation([-left, -top]);
        match self {
            Self::Stay | Self::Colours(_) | Self::Picture(_) => AffineMatrix::identity(),
            Self::Flip => AffineMatrix::flip(width as f64),
            Self::Shift { down, right, .. } => back([*right as f64, *down as f64]),
            Self::Cut(window) => back([window.left as f64, window.top as f64]),
            Self::Scale {
                window,
                size: [height, width],
                ..
            } => {
                let factors = [
                    *width as f64 / window.width as f64,
                    *height as f64 / window.height as f64,
                ];
                back([window.left as f64, window.top as f64]).then(&AffineMatrix::scaling(factors))
            }
            Self::Affine(matrix) => *matrix,
            Self::Canvas { down, right, .. } => back([-(*right as f64), -(*down as f64)]),
        }
    }

    /// The moved picture.
    pub fn image(&self, image: FloatImage) -> FloatImage {
        match self {
            Self::Stay => image,
            Self::Flip => crop::flip(&image),
            Self::Shift { down, right, mode } => crop::shift(&image, *down, *right, *mode),
            Self::Cut(window) => crop::cut(&image, *window),
            Self::Scale { window, size, filter } => resample::resize(&image, *window, *size, *filter),
            Self::Affine(matrix) => warp::bilinear(&image, matrix),
            Self::Canvas {
                down,
                right,
                size,
                fill,
            } => crop::canvas(&image, [*down, *right], *size, *fill),
            Self::Colours(change) => change.applied(image),
            Self::Picture(change) => change.applied(image),
        }
    }

    /// For each pixel of the moved image, row by row, the pixel of the old one, of this size, that its middle
    /// comes from; `None` where there was no picture.
    pub fn sources(&self, [height, width]: [usize; 2]) -> Vec<Option<usize>> {
        let [rows, columns] = self.size([height, width]);
        let each = |of_row: &dyn Fn(usize) -> Option<usize>, of_column: &dyn Fn(usize) -> Option<usize>| {
            let of_column: Vec<Option<usize>> = (0..columns).map(of_column).collect();
            let line = |row: Option<usize>| {
                of_column
                    .iter()
                    .map(move |column| Some(row? * width + (*column)?))
            };
            (0..rows).map(of_row).flat_map(line).collect()
        };
        // The middle of new pixel `at` is (at + 1/2) * from / to, whose whole part is computed exactly.
        let nearest = |at: usize, from: usize, to: usize| match self {
            // Where pixels are scaled as by PyTorch and OpenCV, labels are as well.
            Self::Scale {
                filter: Interpolation::BilinearPlain,
                ..
            } => at * from / to,
            _ => (2 * at + 1) * from / (2 * to),
        };
        match self {
            Self::Stay | Self::Colours(_) | Self::Picture(_) => (0..height * width).map(Some).collect(),
            Self::Flip => each(&Some, &|x| Some(width - 1 - x)),
            Self::Shift { down, right, mode } => {
                each(&|y| crop::source(y as isize + down, height, *mode), &|x| {
                    crop::source(x as isize + right, width, *mode)
                })
            }
            Self::Cut(window) => each(&|y| Some(window.top + y), &|x| Some(window.left + x)),
            Self::Scale { window, .. } => {
                each(&|y| Some(window.top + nearest(y, window.height, rows)), &|x| {
                    Some(window.left + nearest(x, window.width, columns))
                })
            }
            Self::Affine(matrix) => warp::nearest([height, width], matrix),
            Self::Canvas { down, right, .. } => {
                let inside = |at: usize, offset: isize, side: usize| {
                    usize::try_from(at as isize - offset).ok().filter(|&at| at < side)
                };
                each(&|y| inside(y, *down, height), &|x| inside(x, *right, width))
            }
        }
    }
}

#[cfg(test)]
#[path = "motion_tests.rs"]
mod tests;
