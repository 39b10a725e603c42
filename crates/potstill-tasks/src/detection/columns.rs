//! The corners of many boxes, column by column.

use burn::tensor::Tensor;

/// x1, y1, x2 and y2 of R boxes, `[R, 1]` each.
#[derive(Debug, Clone)]
pub(super) struct Columns(pub [Tensor<2>; 4]);

impl Columns {
    /// Of the rows `[R, 4]`.
    pub fn of(boxes: &Tensor<2>) -> Self {
        Self([0, 1, 2, 3].map(|column| boxes.clone().narrow(1, column, 1)))
    }

    /// Of middles, widths and heights.
    pub fn about([x, y]: [Tensor<2>; 2], [width, height]: [Tensor<2>; 2]) -> Self {
        let (across, down) = (width * 0.5, height * 0.5);
        Self([
            x.clone() - across.clone(),
            y.clone() - down.clone(),
            x + across,
            y + down,
        ])
    }

    /// The rows `[R, 4]`.
    pub fn rows(self) -> Tensor<2> {
        Tensor::cat(self.0.into(), 1)
    }

    /// Widths and heights.
    pub fn sides(&self) -> [Tensor<2>; 2] {
        let [left, top, right, bottom] = self.0.clone();
        [right - left, bottom - top]
    }

    /// The middles, x and y.
    pub fn center(&self) -> [Tensor<2>; 2] {
        let [left, top, right, bottom] = self.0.clone();
        [(left + right) * 0.5, (top + bottom) * 0.5]
    }

    /// The areas.
    pub fn area(&self) -> Tensor<2> {
        let [width, height] = self.sides();
        width * height
    }

    /// The angles whose tangents are width by height.
    pub fn proportion(&self) -> Tensor<2> {
        let [width, height] = self.sides();
        (width / height).atan()
    }

    /// The areas in common with the boxes of the same rows.
    pub fn common_with(&self, other: &Self) -> Tensor<2> {
        let [left, top, right, bottom] = self.0.clone();
        let [other_left, other_top, other_right, other_bottom] = other.0.clone();
        let side = |begin: Tensor<2>, end: Tensor<2>| (end - begin).clamp_min(0.0);
        let width = side(left.max_pair(other_left), right.min_pair(other_right));
        width * side(top.max_pair(other_top), bottom.min_pair(other_bottom))
    }

    /// The smallest boxes around those of the same rows.
    pub fn around(&self, other: &Self) -> Self {
        let [left, top, right, bottom] = self.0.clone();
        let [other_left, other_top, other_right, other_bottom] = other.0.clone();
        Self([
            left.min_pair(other_left),
            top.min_pair(other_top),
            right.max_pair(other_right),
            bottom.max_pair(other_bottom),
        ])
    }
}
