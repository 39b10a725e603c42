//! One random picture: background, clutter, the shape, something in front of it, noise.
//!
//! What makes it hard on purpose: colours and textures say nothing about the class, the contrast may be low, the clutter is
//! made of pieces of the same shapes, and a part of the shape may be hidden.

use potstill_random::Stream;

use super::canvas::{Canvas, Colour, Coverage, Layer, Outline, Place, Texture};
use super::{Figure, ShapeSample};
use crate::{BoundingBox, Image, Mask};

/// The least share of the shape that what lies in front of it must leave visible; there are at most two such things.
const LEAST_VISIBLE: f32 = 0.7;

/// Draws a picture of `size`x`size` pixels with a shape of this class.
pub(super) fn draw(class: u32, figure: Figure, size: usize, stream: &mut Stream) -> ShapeSample {
    let (mut canvas, ground) = background(size, stream);
    for _ in 0..4 + stream.below(4) {
        paint(&mut canvas, &scrap(size, ground, stream));
    }
    let layer = target(figure, size, ground, stream);
    let coverage = paint(&mut canvas, &layer);
    let mut mask = Mask::empty(size, size);
    for (row, column, [covered, _]) in coverage.pixels() {
        mask.inside[row * size + column] = covered >= 2;
    }
    for _ in 0..stream.below(3) {
        occlude(&mut canvas, &mut mask, &occluder(&layer, size, ground, stream));
    }
    let image = add_noise(&canvas, stream);
    // The shape is large and mostly visible, so it has pixels.
    let bounding_box = mask.bounds().unwrap_or(BoundingBox::new(0.0, 0.0, 0.0, 0.0));
    ShapeSample {
        image,
        class,
        bounding_box,
        mask,
    }
}

fn paint(canvas: &mut Canvas, layer: &Layer) -> Coverage {
    let coverage = Coverage::of(layer, canvas.size);
    canvas.paint(&coverage, layer.colours);
    coverage
}

/// Paints a layer over the shape unless it would hide too much of it.
fn occlude(canvas: &mut Canvas, mask: &mut Mask, layer: &Layer) {
    let coverage = Coverage::of(layer, canvas.size);
    let hidden: Vec<usize> = coverage
        .pixels()
        .filter(|(_, _, [covered, _])| *covered >= 2)
        .map(|(row, column, _)| row * canvas.size + column)
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

/// A colour that fades into another across the picture, and the colour in the middle.
fn background(size: usize, stream: &mut Stream) -> (Canvas, Colour) {
    let ground: Colour = std::array::from_fn(|_| real(stream, 0.2, 0.8));
    let slope: Colour = std::array::from_fn(|_| real(stream, -0.25, 0.25));
    let [cos, sin] = direction(stream);
    let mut pixels = Vec::with_capacity(size * size);
    let step = 2.0 / size as f32;
    for row in 0..size {
        for column in 0..size {
            let (x, y) = (column as f32 * step - 1.0, row as f32 * step - 1.0);
            let along = cos * x + sin * y;
            pixels.push(std::array::from_fn(|channel| {
                ground[channel] + along * slope[channel]
            }));
        }
    }
    (Canvas { size, pixels }, ground)
}

/// The shape itself: large, near the middle, tilted.
fn target(figure: Figure, size: usize, ground: Colour, stream: &mut Stream) -> Layer {
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

/// A piece of clutter: a bar or a cut shape, smaller than the shape, anywhere.
fn scrap(size: usize, ground: Colour, stream: &mut Stream) -> Layer {
    let radius = size as f32 * real(stream, 0.06, 0.18);
    let centre = std::array::from_fn(|_| size as f32 * real(stream, 0.0, 1.0));
    let place = Place {
        centre,
        radius: [radius; 2],
        direction: direction(stream),
    };
    let outline = piece(stream);
    filled(outline, place, ground, 0.15, stream)
}

/// A piece that lies across the edge of the shape, where the shape tells most.
fn occluder(target: &Layer, size: usize, ground: Colour, stream: &mut Stream) -> Layer {
    let radius = size as f32 * real(stream, 0.08, 0.2);
    let [x, y] = direction(stream);
    let away = 0.8 * target.place.radius[0];
    let centre = [
        target.place.centre[0] + away * x,
        target.place.centre[1] + away * y,
    ];
    let place = Place {
        centre,
        radius: [radius; 2],
        direction: direction(stream),
    };
    let outline = piece(stream);
    filled(outline, place, ground, 0.15, stream)
}

fn piece(stream: &mut Stream) -> Outline {
    if stream.chance(0.3) {
        return Outline::Bar(real(stream, 0.15, 0.4));
    }
    Outline::Scrap(
        Figure::ALL[stream.below(Figure::ALL.len())],
        real(stream, -0.35, 0.35),
    )
}

/// A layer that is lighter or darker than the background by a random contrast, at least this one, in random colours.
fn filled(outline: Outline, place: Place, ground: Colour, contrast: f64, stream: &mut Stream) -> Layer {
    let first = differing(ground, real(stream, contrast, 0.6), stream);
    let second = differing(first, real(stream, 0.05, 0.3), stream);
    let periods = real(stream, 0.8, 2.0);
    let texture = match stream.below(4) {
        0 => Texture::Plain,
        1 => Texture::Stripes(periods),
        2 => Texture::Checks(periods),
        _ => Texture::Dots(1.5 * periods),
    };
    Layer {
        outline,
        place,
        texture,
        colours: [first, second],
    }
}

/// A colour that is this much lighter or darker than another on average, or less where it would leave the range of colours.
fn differing(colour: Colour, contrast: f32, stream: &mut Stream) -> Colour {
    let lightness = colour.iter().sum::<f32>() / 3.0;
    // Mostly away from the nearer end of the range, so that little of the contrast is lost.
    let away = if lightness > 0.5 { -contrast } else { contrast };
    let step = if stream.chance(0.85) { away } else { -away };
    std::array::from_fn(|channel| (colour[channel] + step + real(stream, -0.2, 0.2)).clamp(0.0, 1.0))
}

/// Noise of a random strength on each value, then bytes.
fn add_noise(canvas: &Canvas, stream: &mut Stream) -> Image {
    let strength = real(stream, 2.0, 14.0);
    let mut pixels = Vec::with_capacity(3 * canvas.pixels.len());
    for colour in &canvas.pixels {
        // The sum of four numbers of five bits is close enough to normal; three such sums come from one draw.
        let bits = stream.bits();
        for (channel, value) in colour.iter().enumerate() {
            let sum: u64 = (0..4).map(|part| bits >> (20 * channel + 5 * part) & 31).sum();
            // Mean 62, standard deviation 2 * sqrt((32² - 1) / 12) = 18.47.
            let noise = (sum as f32 - 62.0) * (1.0 / 18.47);
            pixels.push((value * 255.0 + noise * strength + 0.5).clamp(0.0, 255.0) as u8);
        }
    }
    Image {
        height: canvas.size,
        width: canvas.size,
        channels: 3,
        pixels,
    }
}

fn real(stream: &mut Stream, low: f64, high: f64) -> f32 {
    stream.uniform(low, high) as f32
}

/// A vector of length 1 in a random direction.
fn direction(stream: &mut Stream) -> [f32; 2] {
    loop {
        let (x, y) = (real(stream, -1.0, 1.0), real(stream, -1.0, 1.0));
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}

/// The direction of something upright, tilted by at most 37 degrees.
fn tilt(stream: &mut Stream) -> [f32; 2] {
    let sine = real(stream, -0.6, 0.6);
    [(1.0 - sine * sine).sqrt(), sine]
}
