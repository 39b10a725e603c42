//! Which pixels outlines cover.
//!
//! The rule is that of COCO's tools, so that a mask is the one that others train on and are measured by:
//! outlines are drawn on a grid five times as fine, and a pixel is inside if the middle of its column crosses
//! the outline above it an odd number of times.

use super::RunMask;

/// How much finer the grid is.
const FINE: i64 = 5;
/// No image is greater; a coordinate beyond this is drawn as this.
const FARTHEST: i64 = FINE * (1 << 15);

impl RunMask {
    /// The pixels that a closed outline covers in an image of `[height, width]`. Its corners are `[x, y]` in pixels.
    ///
    /// ```
    /// use potstill_metrics::RunMask;
    /// let square = [[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]];
    /// let mask = RunMask::from_outline([2, 4], &square);
    /// assert_eq!(mask.to_rows(), [false, true, true, false, false, true, true, false]);
    /// ```
    pub fn from_outline([height, width]: [usize; 2], corners: &[[f64; 2]]) -> Self {
        let mut crossings = crossings(&outline(corners), height, width);
        crossings.sort_unstable();
        let (mut counts, mut end, mut inside) = (Vec::new(), 0, false);
        // What is crossed as often as it is not stays as it is.
        for crossed in crossings
            .chunk_by(|a, b| a == b)
            .filter(|same| same.len() % 2 == 1)
        {
            counts.push((crossed[0] - end) as u32);
            (end, inside) = (crossed[0], !inside);
        }
        if end < height * width {
            counts.push((height * width - end) as u32);
        }
        Self {
            size: [height, width],
            counts,
        }
    }

    /// The pixels that any of several outlines covers.
    pub fn from_outlines<'a>(size: [usize; 2], outlines: impl IntoIterator<Item = &'a [[f64; 2]]>) -> Self {
        let masks = outlines
            .into_iter()
            .map(|corners| Self::from_outline(size, corners));
        masks
            .reduce(|all, one| all.union(&one))
            .unwrap_or_else(|| Self::empty(size))
    }
}

/// The points of the fine grid `[x, y]` that the closed outline goes through, in order.
fn outline(corners: &[[f64; 2]]) -> Vec<[i64; 2]> {
    let fine = |value: f64| ((FINE as f64 * value + 0.5) as i64).clamp(-FARTHEST, FARTHEST);
    let corners: Vec<[i64; 2]> = corners.iter().map(|point| point.map(fine)).collect();
    let mut points = Vec::new();
    for (&from, &to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        edge(from, to, &mut points);
    }
    points
}

/// The points of one edge, one for each step along its longer axis. They are computed from its left (or
/// upper) end.
fn edge(from: [i64; 2], to: [i64; 2], points: &mut Vec<[i64; 2]>) {
    let lengths = [0, 1].map(|axis: usize| (to[axis] - from[axis]).abs());
    let (long, short) = if lengths[0] >= lengths[1] { (0, 1) } else { (1, 0) };
    let backwards = from[long] > to[long];
    let (start, end) = if backwards { (to, from) } else { (from, to) };
    let length = lengths[long];
    let slope = (end[short] - start[short]) as f64 / length.max(1) as f64;
    for step in 0..=length {
        let step = if backwards { length - step } else { step };
        let mut point = [0; 2];
        point[long] = start[long] + step;
        point[short] = (start[short] as f64 + slope * step as f64 + 0.5) as i64;
        points.push(point);
    }
}

/// Where the outline crosses the middles of the columns of an image: the pixel below the crossing, counted down the columns.
fn crossings(points: &[[i64; 2]], height: usize, width: usize) -> Vec<usize> {
    let crossing = |pair: &[[i64; 2]]| {
        let [[before, upper], [after, lower]] = [pair[0], pair[1]];
        if before == after {
            return None;
        }
        // The middle of pixel `n` is point `FINE * n + 2` of the fine grid.
        let x = if after < before { after } else { after - 1 } - FINE / 2;
        let y = upper.min(lower) - FINE / 2;
        let column = usize::try_from(x.div_euclid(FINE))
            .ok()
            .filter(|column| *column < width)?;
        let row = (-(-y).div_euclid(FINE)).clamp(0, height as i64) as usize;
        (x % FINE == 0).then_some(column * height + row)
    };
    points.windows(2).filter_map(crossing).collect()
}
