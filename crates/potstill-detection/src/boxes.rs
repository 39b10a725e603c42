//! Boxes.

/// `[x1, y1, x2, y2]`: left, top, right and bottom in pixels.
pub type Corners = [f32; 4];

/// The area of a box.
pub fn area([left, top, right, bottom]: Corners) -> f32 {
    (right - left) * (bottom - top)
}

/// The middle of a box, x and y.
pub fn center([left, top, right, bottom]: Corners) -> [f32; 2] {
    [0.5 * (left + right), 0.5 * (top + bottom)]
}

/// The share of the union that two boxes have in common (IoU); 0 where both are empty.
///
/// ```
/// use potstill_detection::overlap;
/// assert_eq!(overlap([0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]), 0.5);
/// ```
pub fn overlap(one: Corners, two: Corners) -> f32 {
    let (common, union) = common_and_union(one, two);
    if common > 0.0 { common / union } else { 0.0 }
}

/// The overlap less the share of the smallest box around both that neither covers (GIoU, Rezatofighi et al. 2019), in `[-1, 1]`.
pub fn generalized_overlap(one: Corners, two: Corners) -> f32 {
    let (common, union) = common_and_union(one, two);
    let around = area([
        one[0].min(two[0]),
        one[1].min(two[1]),
        one[2].max(two[2]),
        one[3].max(two[3]),
    ]);
    if around <= 0.0 {
        return 0.0;
    }
    let overlap = if union > 0.0 { common / union } else { 0.0 };
    overlap - (around - union) / around
}

fn common_and_union(one: Corners, two: Corners) -> (f32, f32) {
    let width = (one[2].min(two[2]) - one[0].max(two[0])).max(0.0);
    let height = (one[3].min(two[3]) - one[1].max(two[1])).max(0.0);
    let common = width * height;
    (common, area(one) + area(two) - common)
}

/// The part of a box inside an image of `[height, width]`.
pub fn clip([left, top, right, bottom]: Corners, [height, width]: [usize; 2]) -> Corners {
    let (height, width) = (height as f32, width as f32);
    [
        left.clamp(0.0, width),
        top.clamp(0.0, height),
        right.clamp(0.0, width),
        bottom.clamp(0.0, height),
    ]
}

/// Whether both sides of a box are at least `least` long.
pub fn has_sides([left, top, right, bottom]: Corners, least: f32) -> bool {
    right - left >= least && bottom - top >= least
}
