//! What random pictures are made of: background, clutter, figures, pieces in front of them, noise.
//!
//! What makes them hard on purpose: colours and textures say nothing about the class, the contrast may be
//! low, the clutter is made of pieces of the same shapes, and a part of a figure may be hidden.

use potstill_random::Stream;

use super::canvas::{Canvas, Colour, Coverage, Layer, Outline, Place, Texture};
use super::figure::Figure;
use crate::{Image, Mask};

/// Paints a layer and says what it covers.
pub(super) fn paint(canvas: &mut Canvas, layer: &Layer) -> Coverage {
    let coverage = Coverage::of(layer, canvas.size);
    canvas.paint(&coverage, layer.colours);
    coverage
}

/// The pixels at least half of which a layer covers, by their places in the canvas.
pub(super) fn covered(coverage: &Coverage, size: usize) -> impl Iterator<Item = usize> + '_ {
    let covered = coverage.pixels().filter(|(_, _, [covered, _])| *covered >= 2);
    covered.map(move |(row, column, _)| row * size + column)
}

/// The mask of those pixels.
pub(super) fn mask(coverage: &Coverage, size: usize) -> Mask {
    let mut mask = Mask::empty(size, size);
    covered(coverage, size).for_each(|at| mask.inside[at] = true);
    mask
}

/// A colour that fades into another across the picture, and the colour in the middle.
pub(super) fn background(size: usize, stream: &mut Stream) -> (Canvas, Colour) {
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

/// A piece of clutter: a bar or a cut shape, smaller than the shape, anywhere.
pub(super) fn scrap(size: usize, ground: Colour, stream: &mut Stream) -> Layer {
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

/// A piece that lies across the edge of a figure, where the figure tells most.
pub(super) fn occluder(figure: &Layer, size: usize, ground: Colour, stream: &mut Stream) -> Layer {
    let radius = size as f32 * real(stream, 0.08, 0.2);
    let [x, y] = direction(stream);
    let away = 0.8 * figure.place.radius[0];
    let centre = [
        figure.place.centre[0] + away * x,
        figure.place.centre[1] + away * y,
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

/// A layer that is lighter or darker than the background by a random contrast, at least this one, in random
/// colours.
pub(super) fn filled(
    outline: Outline,
    place: Place,
    ground: Colour,
    contrast: f64,
    stream: &mut Stream,
) -> Layer {
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

/// A colour that is this much lighter or darker than another on average, or less where it would leave the
/// range of colours.
fn differing(colour: Colour, contrast: f32, stream: &mut Stream) -> Colour {
    let lightness = colour.iter().sum::<f32>() / 3.0;
    // Mostly away from the nearer end of the range, so that little of the contrast is lost.
    let away = if lightness > 0.5 { -contrast } else { contrast };
    let step = if stream.chance(0.85) { away } else { -away };
    std::array::from_fn(|channel| (colour[channel] + step + real(stream, -0.2, 0.2)).clamp(0.0, 1.0))
}

/// Noise of a random strength on each value, then bytes.
pub(super) fn add_noise(canvas: &Canvas, stream: &mut Stream) -> Image {
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

pub(super) fn real(stream: &mut Stream, low: f64, high: f64) -> f32 {
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
pub(super) fn tilt(stream: &mut Stream) -> [f32; 2] {
    let sine = real(stream, -0.6, 0.6);
    [(1.0 - sine * sine).sqrt(), sine]
}
