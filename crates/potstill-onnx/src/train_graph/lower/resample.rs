//! Linear resizing as two products by matrices, for places that no operation here knows: with the corners aligned, for one.

use super::Lowering;
use crate::train_graph::plan::{Op, Size};

/// Where the centre of a new pixel lies among the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    AlignedCorners,
    Asymmetric,
}

impl Places {
    /// The places of a coordinate transformation of ONNX.
    pub fn of(mode: &str) -> Option<Self> {
        match mode {
            "align_corners" => Some(Self::AlignedCorners),
            "asymmetric" => Some(Self::Asymmetric),
            _ => None,
        }
    }

    fn of_pixel(self, at: usize, from: usize, to: usize) -> f64 {
        let [at, from, to] = [at, from, to].map(|number| number as f64);
        match self {
            Self::AlignedCorners => at * (from - 1.0) / (to - 1.0).max(1.0),
            Self::Asymmetric => at * from / to,
        }
    }
}

/// A matrix `[to, from]` that makes so many pixels of others, each of the two nearest. Beyond the border are the pixels at it.
fn matrix(from: usize, to: usize, places: Places) -> Vec<f32> {
    let mut rows = vec![0.0; from * to];
    let last = from.saturating_sub(1);
    for (at, row) in rows.chunks_mut(from.max(1)).enumerate() {
        let place = places.of_pixel(at, from, to).clamp(0.0, last as f64);
        let (first, part) = (place.floor() as usize, (place - place.floor()) as f32);
        row[first] += 1.0 - part;
        row[(first + 1).min(last)] += part;
    }
    rows
}

impl Lowering<'_> {
    /// A map `[N, H, W, C]` with so many rows and columns instead of `from`.
    pub(super) fn resampled(
        &mut self,
        map: usize,
        sizes: &[Size],
        (from, to): ([usize; 2], [usize; 2]),
        places: Places,
    ) -> usize {
        let channels = sizes[1].fixed().unwrap_or(1);
        // Columns first, whose axis stands before the channels; then rows, with columns and channels as one axis.
        let matrices = [0, 1].map(|axis| matrix(from[axis], to[axis], places));
        let [of_rows, of_columns] = matrices;
        let map = self.multiplied(of_columns, vec![1, 1, to[1], from[1]], map);
        let flat = vec![sizes[0], Size::Fixed(from[0]), Size::Fixed(to[1] * channels)];
        let rows = self.emit(Op::Reshape(flat), vec![map]);
        let rows = self.multiplied(of_rows, vec![1, to[0], from[0]], rows);
        let whole = vec![
            sizes[0],
            Size::Fixed(to[0]),
            Size::Fixed(to[1]),
            Size::Fixed(channels),
        ];
        self.emit(Op::Reshape(whole), vec![rows])
    }

    /// A value multiplied by a constant matrix from the left.
    fn multiplied(&mut self, values: Vec<f32>, shape: Vec<usize>, value: usize) -> usize {
        let values = values.into();
        let matrix = self.emit(Op::Constant { shape, values }, vec![]);
        self.emit(Op::MatMul, vec![matrix, value])
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, matrix};

    #[test]
    fn rows_are_those_of_the_definitions() {
        let aligned = matrix(3, 5, Places::AlignedCorners);
        assert_eq!(aligned[..6], [1.0, 0.0, 0.0, 0.5, 0.5, 0.0]);
        assert_eq!(aligned[12..], [0.0, 0.0, 1.0]);
        let asymmetric = matrix(2, 4, Places::Asymmetric);
        assert_eq!(asymmetric, [1.0, 0.0, 0.5, 0.5, 0.0, 1.0, 0.0, 1.0]);
    }
}
