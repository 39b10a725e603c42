//! Windows that slide over a map.

use std::sync::Arc;

use super::{Lowered, Lowering, layout::Layout, maps::Pads};
use crate::train_graph::{
    node::Node,
    plan::{Binary, Op, Size, WindowShape},
};

impl Lowering<'_> {
    /// The largest number or the mean of each window.
    pub(super) fn pool(&mut self, node: &Node) -> Lowered {
        let (map, sizes) = self.map(node, 0)?;
        let kernel = match node.list("kernel_shape") {
            Some(&[height, width]) if height > 0 && width > 0 => [height as usize, width as usize],
            _ => return Err("is no pooling of maps".into()),
        };
        if node.outputs.len() > 1 {
            return Err("gives the places of its maxima as well".into());
        }
        let mut pads = Pads::of(node, &sizes, kernel)?;
        if pads.dilation != [1; 2] {
            return Err("has dilated windows".into());
        }
        let inner = [sizes[2], sizes[3]].map(Size::fixed);
        let made = self.sizes(node.output())?;
        let outer = [2, 3].map(|axis| made.get(axis).and_then(|size| size.fixed()));
        let ([Some(h), Some(w)], [Some(rows), Some(columns)]) = (inner, outer) else {
            return Err("makes a map whose size depends on the batch".into());
        };
        let padded = pads;
        // Windows that reach beyond the padding (rounding up) need more of it.
        for (d, (size, count)) in [(h, rows), (w, columns)].into_iter().enumerate() {
            let needed = (count - 1) * pads.stride[d] + kernel[d];
            pads.after[d] = pads.after[d].max(needed.saturating_sub(size + pads.before[d]));
        }
        let window = WindowShape {
            kernel,
            stride: pads.stride,
            padding: [0; 2],
        };
        // The operations here know symmetric padding of at most half a window.
        let plain = pads
            .symmetric()
            .filter(|padding| (0..2).all(|d| padding[d] <= kernel[d] / 2) && pads == padded);
        let value = match (node.kind.as_str(), plain) {
            ("MaxPool", Some(padding)) => {
                self.emit(Op::MaxPool(WindowShape { padding, ..window }), vec![map])
            }
            ("MaxPool", None) => {
                let map = self.emit(pads.op(f32::NEG_INFINITY), vec![map]);
                self.emit(Op::MaxPool(window), vec![map])
            }
            (_, Some(padding)) => {
                let counts_padding = node.whole("count_include_pad", 0) != 0;
                self.emit(
                    Op::AveragePool(WindowShape { padding, ..window }, counts_padding),
                    vec![map],
                )
            }
            (_, None) => {
                let counts = if node.whole("count_include_pad", 0) == 0 {
                    Pads {
                        before: [0; 2],
                        after: [0; 2],
                        ..padded
                    }
                } else {
                    padded
                };
                let shares = shares(&pads, &counts, [h, w], [rows, columns]);
                self.uneven_means(map, &pads, window, shares, [rows, columns])
            }
        };
        self.give(node, value, Layout::channels_last(4), Some(1))
    }

    /// Means of windows that reach over the edge: of zeros put round the map, by the places that count.
    fn uneven_means(
        &mut self,
        map: usize,
        pads: &Pads,
        window: WindowShape,
        shares: Vec<f32>,
        [rows, columns]: [usize; 2],
    ) -> usize {
        let map = self.emit(pads.op(0.0), vec![map]);
        let means = self.emit(Op::AveragePool(window, true), vec![map]);
        let constant = Op::Constant {
            shape: vec![1, rows, columns, 1],
            values: Arc::from(shares),
        };
        let constant = self.emit(constant, vec![]);
        self.emit(Op::Binary(Binary::Multiply), vec![means, constant])
    }
}

/// The size of a window by the places of it that count, for each window.
fn shares(pads: &Pads, counts: &Pads, size: [usize; 2], made: [usize; 2]) -> Vec<f32> {
    let places = |d: usize, index: usize| {
        // The first place of the window, the map's own first place being 0.
        let start = (index * pads.stride[d]) as i64 - pads.before[d] as i64;
        let low = -(counts.before[d] as i64);
        let high = (size[d] + counts.after[d]) as i64;
        ((start + pads.kernel[d] as i64).min(high) - start.max(low)).max(1) as f32
    };
    let all = (pads.kernel[0] * pads.kernel[1]) as f32;
    let rows = 0..made[0];
    rows.flat_map(|row| (0..made[1]).map(move |column| (row, column)))
        .map(|(row, column)| all / (places(0, row) * places(1, column)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Pads, shares};

    #[test]
    fn places_beyond_the_edge_are_not_counted() {
        let pads = Pads {
            kernel: [3; 2],
            stride: [2; 2],
            dilation: [1; 2],
            before: [0; 2],
            after: [1; 2],
        };
        let counts = Pads {
            after: [0; 2],
            ..pads
        };
        // Of 4 rows the second window of 3 has two.
        assert_eq!(shares(&pads, &counts, [4, 4], [2, 2]), [1.0, 1.5, 1.5, 2.25]);
    }
}
