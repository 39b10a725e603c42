//! Painting layers on a picture: placed, textured, with edges smoothed by 2x2 samples a pixel.

use super::figure::Figure;

/// A colour: red, green, blue in `[0, 1]`.
pub(super) type Colour = [f32; 3];

/// What a layer covers, in its own coordinates.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outline {
    /// A whole shape.
    Whole(Figure),
    /// A shape cut off to the right of a line: clutter that has edges and curves like the shapes without
    /// being one.
    Scrap(Figure, f32),
    /// A bar of half-length 1 and this half-width.
    Bar(f32),
}

impl Outline {
    fn contains(self, x: f32, y: f32) -> bool {
        match self {
            Self::Whole(figure) => figure.contains(x, y),
            Self::Scrap(figure, cut) => x < cut && figure.contains(x, y),
            Self::Bar(half_width) => x.abs() < 1.0 && y.abs() < half_width,
        }
    }
}

/// How a layer is filled, in its own coordinates; the number is how many periods there are in a length of 1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Texture {
    Plain,
    Stripes(f32),
    Checks(f32),
    Dots(f32),
}

impl Texture {
    /// Whether a point has the second colour.
    fn is_second(self, x: f32, y: f32) -> bool {
        let phase = |value: f32, periods: f32| {
            let turns = value * periods;
            turns - turns.floor()
        };
        match self {
            Self::Plain => false,
            Self::Stripes(periods) => phase(x, periods) < 0.5,
            Self::Checks(periods) => (phase(x, periods) < 0.5) != (phase(y, periods) < 0.5),
            Self::Dots(periods) => {
                let (x, y) = (phase(x, periods) - 0.5, phase(y, periods) - 0.5);
                x * x + y * y < 0.09
            }
        }
    }
}

/// Where a layer lies: its own coordinates are turned by a direction, scaled, and moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Pixels from the left and from the top.
    pub centre: [f32; 2],
    /// Pixels that a length of 1 takes along each of the layer's own axes.
    pub radius: [f32; 2],
    /// The layer's own x axis: a vector of length 1.
    pub direction: [f32; 2],
}

/// One thing to paint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    pub outline: Outline,
    pub place: Place,
    pub texture: Texture,
    pub colours: [Colour; 2],
}

/// How much of each pixel a layer covers, in quarters.
pub(super) struct Coverage {
    /// First row and first column.
    top: usize,
    left: usize,
    width: usize,
    /// Quarters covered, and quarters that have the second colour.
    quarters: Vec<[u8; 2]>,
}

impl Coverage {
    /// Samples a layer on a canvas of `size`x`size` pixels.
    pub fn of(layer: &Layer, size: usize) -> Self {
        let Place {
            centre,
            radius,
            direction: [cos, sin],
        } = layer.place;
        // No outline reaches further than 1.5 from its centre (the tips of a scaled heart or triangle are
        // nearer).
        let reach = 1.5 * radius[0].max(radius[1]);
        let bounds = |centre: f32| {
            let low = (centre - reach).floor().clamp(0.0, size as f32) as usize;
            low..((centre + reach).ceil().clamp(0.0, size as f32) as usize).max(low)
        };
        let (rows, columns) = (bounds(centre[1]), bounds(centre[0]));
        let mut quarters = Vec::with_capacity(rows.len() * columns.len());
        for row in rows.clone() {
            for column in columns.clone() {
                let mut covered = [0, 0];
                for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                    let (x, y) = (column as f32 + dx - centre[0], row as f32 + dy - centre[1]);
                    let (own_x, own_y) = ((cos * x + sin * y) / radius[0], (cos * y - sin * x) / radius[1]);
                    if layer.outline.contains(own_x, own_y) {
                        covered[0] += 1;
                        covered[1] += u8::from(layer.texture.is_second(own_x, own_y));
                    }
                }
                quarters.push(covered);
            }
        }
        Self {
            top: rows.start,
            left: columns.start,
            width: columns.len(),
            quarters,
        }
    }

    /// Row, column, and quarters of each pixel that is covered at all.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize, [u8; 2])> + '_ {
        let covered = self
            .quarters
            .iter()
            .enumerate()
            .filter(|(_, quarters)| quarters[0] > 0);
        covered.map(|(at, quarters)| (self.top + at / self.width, self.left + at % self.width, *quarters))
    }
}

/// A picture being painted.
pub(super) struct Canvas {
    pub size: usize,
    pub pixels: Vec<Colour>,
}

impl Canvas {
    /// Paints a layer over what is there.
    pub fn paint(&mut self, coverage: &Coverage, colours: [Colour; 2]) {
        for (row, column, [covered, second]) in coverage.pixels() {
            let pixel = &mut self.pixels[row * self.size + column];
            let (first, second) = ((covered - second) as f32 / 4.0, second as f32 / 4.0);
            for (channel, value) in pixel.iter_mut().enumerate() {
                *value = *value * (1.0 - first - second)
                    + first * colours[0][channel]
                    + second * colours[1][channel];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Canvas, Coverage, Figure, Layer, Outline, Place, Texture};

    fn square(texture: Texture, direction: [f32; 2]) -> Layer {
        // The square's sides are 0.76 from its centre: radius 2 / 0.76 makes them 2 pixels.
        let place = Place {
            centre: [3.5, 4.0],
            radius: [2.0 / 0.76; 2],
            direction,
        };
        Layer {
            outline: Outline::Whole(Figure::Square),
            place,
            texture,
            colours: [[1.0; 3], [0.0; 3]],
        }
    }

    #[test]
    fn edges_between_pixels_are_smoothed() {
        let layer = square(Texture::Plain, [1.0, 0.0]);
        let mut canvas = Canvas {
            size: 8,
            pixels: vec![[0.2; 3]; 64],
        };
        canvas.paint(&Coverage::of(&layer, 8), layer.colours);
        let row: Vec<f32> = canvas.pixels[3 * 8..4 * 8].iter().map(|pixel| pixel[1]).collect();
        // From column 1.5 to 5.5: the outer columns are half covered.
        assert_eq!(row, [0.2, 0.6, 1.0, 1.0, 1.0, 0.6, 0.2, 0.2]);
        assert_eq!(canvas.pixels[8 + 3], [0.2; 3], "row 1 is above the square");
        assert_eq!(canvas.pixels[2 * 8 + 3], [1.0; 3], "row 2 is its first");
    }

    #[test]
    fn a_quarter_turn_turns_the_stripes() {
        // Periods of 4 pixels: two of one colour, two of the other.
        let stripes = Texture::Stripes(2.0 / 0.76 / 4.0);
        let second = |direction, row: usize, column: usize| {
            let coverage = Coverage::of(&square(stripes, direction), 8);
            coverage
                .pixels()
                .find(|pixel| (pixel.0, pixel.1) == (row, column))
                .unwrap()
                .2[1]
        };
        assert_eq!((second([1.0, 0.0], 3, 4), second([1.0, 0.0], 3, 2)), (4, 0));
        assert_eq!((second([1.0, 0.0], 5, 4), second([1.0, 0.0], 2, 2)), (4, 0));
        assert_eq!((second([0.0, 1.0], 5, 4), second([0.0, 1.0], 3, 4)), (4, 0));
    }

    #[test]
    fn what_lies_outside_the_picture_is_cut() {
        let mut layer = square(Texture::Dots(1.0), [0.6, 0.8]);
        for centre in [[-1.0, 4.0], [-100.0, -100.0], [8.5, 200.0], [4.0, 9.0]] {
            layer.place.centre = centre;
            assert!(
                Coverage::of(&layer, 8)
                    .pixels()
                    .all(|(row, column, _)| row < 8 && column < 8)
            );
        }
    }
}
