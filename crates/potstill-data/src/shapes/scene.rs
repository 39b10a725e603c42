//! A scene of several figures anywhere in the picture, some in front of others: for detection, segmentation
//! and sets of classes.

use potstill_random::Stream;

use super::canvas::{Canvas, Colour, Coverage, Layer, Outline, Place};
use super::paint::{add_noise, background, covered, filled, mask, occluder, paint, real, scrap, tilt};
use super::{Drawing, DrawnFigure, Figure};

/// The least share of a figure that all that lies in front of it leaves visible.
const LEAST_VISIBLE: f32 = 0.5;
/// The least number of pixels that stay visible, so that there is something to recognise.
const LEAST_PIXELS: usize = 30;
/// How often a place for a figure is looked for before the figure is left out.
const TRIES: usize = 20;

/// The smallest pictures in which figures have [`LEAST_PIXELS`].
pub(super) const LEAST_SIZE: usize = 32;

/// Draws a scene of `size`x`size` pixels with at most so many figures, each of one of the first `classes`
/// classes. A figure for which there is no room is left out.
pub(super) fn draw(classes: usize, [least, most]: [usize; 2], size: usize, stream: &mut Stream) -> Drawing {
    let (mut canvas, ground) = background(size, stream);
    for _ in 0..4 + stream.below(4) {
        paint(&mut canvas, &scrap(size, ground, stream));
    }
    let mut scene = Scene {
        canvas,
        ground,
        placed: Vec::new(),
    };
    for _ in 0..least + stream.below(most - least + 1) {
        let class = stream.below(classes) as u32;
        scene.place(class, stream);
    }
    for _ in 0..stream.below(3) {
        scene.occlude(stream);
    }
    let figures = scene.placed.into_iter().map(|placed| placed.drawn);
    Drawing {
        figures: figures.collect(),
        image: add_noise(&scene.canvas, stream),
    }
}

struct Scene {
    canvas: Canvas,
    ground: Colour,
    placed: Vec<Placed>,
}

/// A figure in the scene.
struct Placed {
    layer: Layer,
    /// With what is still visible of it.
    drawn: DrawnFigure,
    /// Pixels of the figure when it was painted.
    area: usize,
}

impl Scene {
    /// Paints a figure in front of what is there, at a place where it is seen and leaves the others visible.
    fn place(&mut self, class: u32, stream: &mut Stream) {
        let size = self.canvas.size;
        for _ in 0..TRIES {
            let layer = figure(Figure::ALL[class as usize], size, self.ground, stream);
            let coverage = Coverage::of(&layer, size);
            let mask = mask(&coverage, size);
            let area = mask.area();
            if area >= LEAST_PIXELS && self.leaves_visible(&coverage) {
                self.paint(&coverage, &layer);
                let drawn = DrawnFigure { class, mask };
                self.placed.push(Placed { layer, drawn, area });
                return;
            }
        }
    }

    /// Paints a piece across the edge of one of the figures, unless it would hide too much of any.
    fn occlude(&mut self, stream: &mut Stream) {
        let Some(over) = self.placed.get(stream.below(self.placed.len())) else {
            return;
        };
        let layer = occluder(&over.layer, self.canvas.size, self.ground, stream);
        let coverage = Coverage::of(&layer, self.canvas.size);
        if self.leaves_visible(&coverage) {
            self.paint(&coverage, &layer);
        }
    }

    /// Whether enough of every figure would be visible behind a layer.
    fn leaves_visible(&self, coverage: &Coverage) -> bool {
        let size = self.canvas.size;
        self.placed.iter().all(|Placed { drawn, area, .. }| {
            let hidden = covered(coverage, size)
                .filter(|&at| drawn.mask.inside[at])
                .count();
            let left = drawn.mask.area() - hidden;
            hidden == 0 || (left >= LEAST_PIXELS && left as f32 >= LEAST_VISIBLE * *area as f32)
        })
    }

    fn paint(&mut self, coverage: &Coverage, layer: &Layer) {
        self.canvas.paint(coverage, layer.colours);
        for Placed { drawn, .. } in &mut self.placed {
            covered(coverage, self.canvas.size).for_each(|at| drawn.mask.inside[at] = false);
        }
    }
}

/// A figure of any size, anywhere, mostly inside the picture, tilted.
fn figure(figure: Figure, size: usize, ground: Colour, stream: &mut Stream) -> Layer {
    let size = size as f32;
    // From 5.5 pixels on the slimmest figures have the least number of pixels.
    let radius = real(stream, f64::from((0.08 * size).max(5.5)), f64::from(0.3 * size));
    let stretch = real(stream, 0.88, 1.14);
    let room = 0.5 * size - 0.7 * radius;
    let centre = std::array::from_fn(|_| 0.5 * size + real(stream, -1.0, 1.0) * room);
    let place = Place {
        centre,
        radius: [radius * stretch, radius / stretch],
        direction: tilt(stream),
    };
    filled(Outline::Whole(figure), place, ground, 0.25, stream)
}
