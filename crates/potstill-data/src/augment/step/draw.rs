//! The draws of a step for one image.

use potstill_random::Stream;

use super::affine::random_matrix;
use super::sizes::NARROW_MOST;
use super::{PadMode, Step};
use crate::augment::colour::ColourChange;
use crate::augment::motion::{Keep, Motion, Move};
use crate::augment::resample::{self, Interpolation};
use crate::augment::window::{Window, jittered, random_place, random_window, shorter_within};
use crate::augment::{class_share, iou_crop, strong};
use crate::{DataError, Target};

impl Step {
    /// Makes the draws for an image of this size with this target.
    pub(in crate::augment) fn draw(
        &self,
        size: [usize; 2],
        target: &Target,
        stream: &mut Stream,
    ) -> Result<Vec<Move>, DataError> {
        let [height, width] = size;
        let moves = match *self {
            Self::ResizeRange {
                ref shorter,
                longer,
                interpolation,
            } => {
                let lengths = shorter.all();
                // One length is no draw.
                let at = if lengths.len() > 1 {
                    stream.below(lengths.len())
                } else {
                    0
                };
                let length = lengths.get(at).copied().unwrap_or(1);
                vec![scaled(size, shorter_within(size, length, longer), interpolation).into()]
            }
            Self::ScaleJitter { range, interpolation } => {
                let factor = stream.uniform(range[0], range[1]);
                vec![scaled(size, jittered(size, factor), interpolation).into()]
            }
            Self::Crop {
                size: to,
                cat_max_ratio,
            } => {
                let offset = class_share::random_offset(size, to.sides(), cat_max_ratio, target, stream);
                vec![Move {
                    motion: Motion::canvas(offset.map(|side| -(side as isize)), to.sides(), 0),
                    keep: Keep::CentreOrShare,
                }]
            }
            Self::Photometric {
                brightness,
                contrast,
                saturation,
                hue,
            } => vec![
                Motion::Colours(ColourChange::drawn(brightness, contrast, saturation, hue, stream)).into(),
            ],
            Self::SsdCrop { scale, aspect } => iou_crop::random_crop(size, scale, aspect, target, stream)
                .map(|window| Move {
                    motion: Motion::Cut(window),
                    keep: Keep::Centre,
                })
                .into_iter()
                .collect(),
            Self::FixMatch { operations, cutout } => strong::draw(size, operations, cutout, stream),
            Self::ZoomOut { most, fill } => {
                if stream.chance(0.5) {
                    let factor = stream.uniform(1.0, most);
                    let canvas = size.map(|side| (side as f64 * factor) as usize);
                    vec![on_canvas(size, canvas, fill, stream).into()]
                } else {
                    Vec::new()
                }
            }
            Self::NarrowCrop { fill } => vec![narrow([height, width], fill, stream).into()],
            Self::Letterbox {
                size: frame,
                fill,
                interpolation,
            } => letterboxed(size, frame.sides(), fill, interpolation),
            _ => vec![self.draw_simple(size, stream)?.into()],
        };
        Ok(moves)
    }

    /// Makes the draws of a step that looks at nothing but the size.
    fn draw_simple(&self, size: [usize; 2], stream: &mut Stream) -> Result<Motion, DataError> {
        let motion = match *self {
            Self::Flip if stream.chance(0.5) => Motion::Flip,
            Self::PadCrop { pad, mode } => {
                check_mirror(pad, mode, size).map_err(|problem| self.error(problem))?;
                let (down, right) = (stream.below(2 * pad + 1), stream.below(2 * pad + 1));
                Motion::Shift {
                    down: down as isize - pad as isize,
                    right: right as isize - pad as isize,
                    mode,
                }
            }
            Self::RandomResizedCrop {
                size: to,
                scale,
                ratio,
                interpolation,
            } => Motion::Scale {
                window: random_window(size, scale, ratio, stream),
                size: to.sides(),
                filter: interpolation,
            },
            Self::Resize {
                size: to,
                interpolation,
            } => scaled(size, to.sides(), interpolation),
            Self::ResizeShorter {
                size: to,
                interpolation,
            } => scaled(size, resample::shorter_to(size, to), interpolation),
            Self::Affine {
                degrees,
                translate,
                scale,
                shear,
            } => Motion::Affine(random_matrix(size, degrees, translate, scale, shear, stream)),
            Self::CentreCrop { size: to } => {
                let window = Window::centre(size, to.sides()).map_err(|problem| self.error(problem))?;
                if window == Window::whole(size) {
                    return Ok(Motion::Stay);
                }
                Motion::Cut(window)
            }
            // Drawn above.
            _ => Motion::Stay,
        };
        Ok(motion)
    }
}

/// An image at a random place of a canvas that is not smaller.
fn on_canvas(size: [usize; 2], canvas: [usize; 2], fill: u8, stream: &mut Stream) -> Motion {
    let [down, right] = [0, 1].map(|axis| stream.below(canvas[axis] - size[axis] + 1) as isize);
    Motion::canvas([down, right], canvas, fill)
}

/// The draws of FastestDet's `random_crop` and `random_narrow`.
fn narrow(size: [usize; 2], fill: u8, stream: &mut Stream) -> Motion {
    let between = |side: usize, factors: [f64; 2], stream: &mut Stream| {
        let [least, most] = factors.map(|factor| (side as f64 * factor) as usize);
        (least + stream.below(most - least + 1)).max(1)
    };
    if stream.chance(0.5) {
        let inner = size.map(|side| between(side, [0.75, 1.0], stream));
        let [top, left] = random_place(size, inner, stream);
        let [height, width] = inner;
        return Motion::Cut(Window {
            top,
            left,
            height,
            width,
        });
    }
    let canvas = size.map(|side| between(side, [1.0, NARROW_MOST], stream));
    on_canvas(size, canvas, fill, stream)
}

/// Scaled into a frame with its proportions; an odd rest goes to the bottom and the right.
fn letterboxed(size: [usize; 2], frame: [usize; 2], fill: u8, filter: Interpolation) -> Vec<Move> {
    let factor = (frame[0] as f64 / size[0] as f64).min(frame[1] as f64 / size[1] as f64);
    let inner = [0, 1].map(|axis| {
        let side = (size[axis] as f64 * factor).round_ties_even() as usize;
        side.clamp(1, frame[axis])
    });
    let offset = [0, 1].map(|axis| ((frame[axis] - inner[axis]) / 2) as isize);
    vec![
        scaled(size, inner, filter).into(),
        Motion::canvas(offset, frame, fill).into(),
    ]
}

/// All of a picture of this size, scaled; one that has the new size already stays as it is.
fn scaled(from: [usize; 2], to: [usize; 2], filter: Interpolation) -> Motion {
    if from == to {
        return Motion::Stay;
    }
    Motion::Scale {
        window: Window::whole(from),
        size: to,
        filter,
    }
}

/// Mirroring at an edge needs a picture behind it.
fn check_mirror(pad: usize, mode: PadMode, [height, width]: [usize; 2]) -> Result<(), String> {
    if mode == PadMode::Reflect && pad >= height.min(width) {
        return Err(format!(
            "pad = {pad} cannot be mirrored from an image of {height}x{width}; it must be smaller than both sides"
        ));
    }
    Ok(())
}
