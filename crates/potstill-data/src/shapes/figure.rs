//! The shapes by name: which points they contain.
//!
//! Coordinates are the shape's own: its centre is the origin, y points down, and it reaches about 1 from the
//! centre. Only arithmetic that is exact on every machine is used (no sines), so that a data set has the same
//! bits everywhere.

/// A shape; the order is that of the classes.
///
/// ```
/// use potstill_data::shapes::Figure;
/// assert_eq!(Figure::ALL[4].name(), "ring");
/// assert!(!Figure::Ring.contains(0.0, 0.0), "it has a hole");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// A full circle.
    Disc,
    /// A square.
    Square,
    /// An equilateral triangle.
    Triangle,
    /// A star with five points.
    Star,
    /// A circle with a hole.
    Ring,
    /// A cross of two bars.
    Cross,
    /// A disc less a smaller disc.
    Crescent,
    /// A heart.
    Heart,
    /// A regular hexagon.
    Hexagon,
    /// An arrow with a shaft.
    Arrow,
    /// Half of a disc.
    HalfDisc,
    /// A regular pentagon.
    Pentagon,
}

impl Figure {
    /// All of them, in the order of the classes.
    pub const ALL: [Self; 12] = [
        Self::Disc,
        Self::Square,
        Self::Triangle,
        Self::Star,
        Self::Ring,
        Self::Cross,
        Self::Crescent,
        Self::Heart,
        Self::Hexagon,
        Self::Arrow,
        Self::HalfDisc,
        Self::Pentagon,
    ];

    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disc => "disc",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Ring => "ring",
            Self::Cross => "cross",
            Self::Crescent => "crescent",
            Self::Heart => "heart",
            Self::Hexagon => "hexagon",
            Self::Arrow => "arrow",
            Self::HalfDisc => "half-disc",
            Self::Pentagon => "pentagon",
        }
    }

    /// Whether the shape contains this point.
    pub fn contains(self, x: f32, y: f32) -> bool {
        let disc =
            |cx: f32, cy: f32, radius: f32| (x - cx) * (x - cx) + (y - cy) * (y - cy) < radius * radius;
        match self {
            Self::Disc => disc(0.0, 0.0, 0.85),
            Self::Square => x.abs().max(y.abs()) < 0.76,
            Self::Triangle => beyond(&TRIANGLE, x, y, 0.53) == 0,
            // A pentagram is where at most one of the five lines of its inner pentagon is crossed.
            Self::Star => beyond(&PENTAGON, x, y, 0.34) <= 1,
            Self::Ring => disc(0.0, 0.0, 0.92) && !disc(0.0, 0.0, 0.52),
            Self::Cross => x.abs().min(y.abs()) < 0.29 && x.abs().max(y.abs()) < 0.95,
            Self::Crescent => disc(0.3, 0.0, 0.98) && !disc(0.77, 0.0, 0.82),
            Self::Heart => heart(x * 1.35, 0.1 - y * 1.35),
            Self::Hexagon => beyond(&HEXAGON, x, y, 0.79) == 0,
            Self::Arrow => {
                let shaft = (-1.0..0.1).contains(&x) && y.abs() < 0.26;
                shaft || ((0.0..1.0).contains(&x) && y.abs() < 0.8 * (1.0 - x))
            }
            Self::HalfDisc => y > -0.42 && disc(0.0, -0.42, 1.05),
            Self::Pentagon => beyond(&PENTAGON, x, y, 0.75) == 0,
        }
    }
}

/// `(x² + y² - 1)³ < x² y³`.
fn heart(x: f32, y: f32) -> bool {
    let inner = x * x + y * y - 1.0;
    inner * inner * inner < x * x * y * y * y
}

/// How many sides of a polygon, given by their normals, the point lies beyond; the sides are `distance` from
/// the centre.
fn beyond(normals: &[[f32; 2]], x: f32, y: f32, distance: f32) -> usize {
    normals
        .iter()
        .filter(|normal| normal[0] * x + normal[1] * y > distance)
        .count()
}

const TRIANGLE: [[f32; 2]; 3] = [[0.0, 1.0], [0.866_025_4, -0.5], [-0.866_025_4, -0.5]];
const PENTAGON: [[f32; 2]; 5] = [
    [0.0, 1.0],
    [0.951_056_5, 0.309_017],
    [0.587_785_25, -0.809_017],
    [-0.587_785_25, -0.809_017],
    [-0.951_056_5, 0.309_017],
];
const HEXAGON: [[f32; 2]; 6] = [
    [0.0, 1.0],
    [0.866_025_4, 0.5],
    [0.866_025_4, -0.5],
    [0.0, -1.0],
    [-0.866_025_4, -0.5],
    [-0.866_025_4, 0.5],
];

#[cfg(test)]
mod tests {
    use super::Figure;

    /// Area and centroid by counting a fine grid over `[-1.5, 1.5]²`.
    fn measure(figure: Figure) -> (f64, f64, f64) {
        let (mut count, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
        let step = 0.01;
        for row in 0..300 {
            for column in 0..300 {
                let (x, y) = (-1.495 + step * column as f64, -1.495 + step * row as f64);
                if figure.contains(x as f32, y as f32) {
                    count += 1.0;
                    sum_x += x;
                    sum_y += y;
                }
            }
        }
        (count * step * step, sum_x / count, sum_y / count)
    }

    #[test]
    fn areas_are_those_of_geometry() {
        let pi = std::f64::consts::PI;
        let polygon = |sides: f64, apothem: f64| sides * apothem * apothem * (pi / sides).tan();
        let expected = [
            (Figure::Disc, pi * 0.85 * 0.85),
            (Figure::Square, 1.52 * 1.52),
            (Figure::Triangle, polygon(3.0, 0.53)),
            (Figure::Hexagon, polygon(6.0, 0.79)),
            (Figure::Pentagon, polygon(5.0, 0.75)),
            (Figure::Ring, pi * (0.92 * 0.92 - 0.52 * 0.52)),
            (Figure::Cross, 2.0 * 1.9 * 0.58 - 0.58 * 0.58),
            (Figure::HalfDisc, pi * 1.05 * 1.05 / 2.0),
            (Figure::Arrow, 1.0 * 0.52 + 0.8 + 0.052 - 0.052),
            // Five tips on a pentagon of side s: each an isosceles triangle with base angles of 72 degrees.
            (Figure::Star, {
                let side = 2.0 * 0.34 * (pi / 5.0).tan();
                polygon(5.0, 0.34) + 5.0 * side * side * (2.0 * pi / 5.0).tan() / 4.0
            }),
        ];
        for (figure, area) in expected {
            let (found, ..) = measure(figure);
            assert!(
                (found - area).abs() < 0.02 * area,
                "{}: area {found}, should be {area}",
                figure.name()
            );
        }
    }

    #[test]
    fn shapes_are_centred_and_of_like_size() {
        for figure in Figure::ALL {
            let (area, x, y) = measure(figure);
            assert!((1.1..2.4).contains(&area), "{}: area {area}", figure.name());
            assert!(
                x.abs() < 0.25 && y.abs() < 0.25,
                "{}: centroid {x}, {y}",
                figure.name()
            );
        }
    }
}
