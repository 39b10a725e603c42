//! A picture of one figure, large and near the middle: for classification.

use potstill_random::Stream;

use super::canvas::{Canvas, Colour, Coverage, Layer, Outline, Place};
use super::paint::{add_noise, background, covered, filled, mask, occluder, paint, real, scrap, tilt};
use super::{Drawing, DrawnFigure, Figure};
use crate::Mask;

/// The least share of the figure that what lies in front of it must leave visible; there are at most two such
/// things.
const LEAST_VISIBLE: f32 = 0.7;

/// Draws a picture of `size`x`size` pixels with a figure of this class.
pub(super) fn draw(class: u32, size: usize, stream: &mut Stream) -> Drawing {
    let (mut canvas, ground) = background(size, stream);
    for _ in 0..4 + stream.below(4) {
        paint(&mut canvas, &scrap(size, ground, stream));
    }
    let layer = figure(Figure::ALL[class as usize], size, ground, stream);
    let mut mask = mask(&paint(&mut canvas, &layer), size);
    for _ in 0..stream.below(3) {
        occlude(&mut canvas, &mut mask, &occluder(&layer, size, ground, stream));
    }
    Drawing {
        image: add_noise(&canvas, stream),
        figures: vec![DrawnFigure { class, mask }],
    }
}

/// Paints a layer over the figure unless it would hide too much of it.
fn occlude(canvas: &mut Canvas, mask: &mut Mask, layer: &Layer) {
    let coverage = Coverage::of(layer, canvas.size);
    let hidden: Vec<usize> = covered(&coverage, canvas.size)
        .filter(|&at| mask.inside[at])
        .collect();
    let area = mask.area() as f32;
    // The square root, because a second piece may hide as much again of what is left.
    if hidden.len() as f32 <= (1.0 - LEAST_VISIBLE.sqrt()) * area {
        canvas.paint(&coverage, layer.colours);
        for at in hidden {
            mask.inside[at] = false;
        }
    }
}

/// The figure itself: large, near the middle, tilted.
fn figure(figure: Figure, size: usize, ground: Colour, stream: &mut Stream) -> Layer {
    let size = size as f32;
    let radius = size * real(stream, 0.28, 0.44);
    let stretch = real(stream, 0.88, 1.14);
    let room = (0.5 * size - 0.9 * radius).max(0.0);
    let centre = std::array::from_fn(|_| 0.5 * size + real(stream, -1.0, 1.0) * room);
    let place = Place {
        centre,
        radius: [radius * stretch, radius / stretch],
        direction: tilt(stream),
    };
    filled(Outline::Whole(figure), place, ground, 0.25, stream)
}
