//! Norms, with a scale and a shift of their own, with constant ones, or with none.

use super::{
    Lowered, Lowering, Refusal,
    layout::Layout,
    maps::{decimal, rounded},
    numbers::axis,
};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{Binary, LayerPlan, Op, Size},
    trace::Origin,
};

impl Lowering<'_> {
    /// Batch norm of a map, or of rows `[N, C]` and `[N, C, L]` as maps of one column.
    pub(super) fn batch_norm(&mut self, node: &Node) -> Lowered {
        let has_statistics = [3, 4].map(|at| node.input(at).is_some_and(|name| self.weight(name).is_some()));
        if has_statistics == [false; 2] && self.origin(node.output()) == Origin::Weights {
            // Weights that are standardised: each filter by its own mean and variance.
            return self.instance_norm(node);
        }
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let channels = input.sizes.get(1).and_then(|size| size.fixed());
        let statistic = |at: usize, what: &str| {
            let place = self.row_of(node, at, channels);
            place.ok_or_else(|| Refusal::from(format!("has a {what} that is no tensor of the file")))
        };
        let statistics = [statistic(3, "mean")?, statistic(4, "variance")?];
        let affine = self.affine_rows(node, channels);
        let layer = self.layers.layer(LayerPlan::BatchNorm {
            affine,
            statistics,
            momentum: rounded(1.0 - decimal(node.number("momentum", 0.9))),
            epsilon: decimal(node.number("epsilon", 1e-5)),
        })?;
        let layout = Layout::channels_last(rank);
        let value = self.asked(&input, &layout);
        let sizes = layout.ordered(&input.sizes);
        let as_map = match *sizes {
            [n, c] => Some(vec![n, Size::Fixed(1), Size::Fixed(1), c]),
            [n, l, c] => Some(vec![n, l, Size::Fixed(1), c]),
            _ => None,
        };
        let value = match as_map {
            None if rank == 4 => self.emit(Op::BatchNorm(layer), vec![value]),
            None => return Err(format!("normalises a tensor of {rank} axes").into()),
            Some(as_map) => {
                let map = self.emit(Op::Reshape(as_map), vec![value]);
                let map = self.emit(Op::BatchNorm(layer), vec![map]);
                self.emit(Op::Reshape(sizes), vec![map])
            }
        };
        let value = match affine {
            Some(_) => value,
            None => self.scaled(node, value, rank, rank - 1)?,
        };
        self.give(node, value, layout, Some(1))
    }

    /// Instance norm, which group norms are written as: then a constant scale of ones and shift of zeros.
    pub(super) fn instance_norm(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        if rank < 3 || (node.kind != "InstanceNormalization" && input.sizes[0] != Size::Fixed(1)) {
            return Err("normalises over the batch".into());
        }
        let layout = Layout::plain(rank);
        let value = self.asked(&input, &layout);
        let epsilon = decimal(node.number("epsilon", 1e-5));
        let value = self.emit(Op::InstanceNorm(epsilon), vec![value]);
        let value = self.scaled(node, value, rank, 1)?;
        self.give(node, value, layout, Some(1))
    }

    pub(super) fn layer_norm(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let last = rank - 1;
        if axis(node.whole("axis", -1), rank)? != last {
            return Err("normalises over several axes".into());
        }
        let epsilon = decimal(node.number("epsilon", 1e-5));
        let layout = if input.layout.0.last() == Some(&last) {
            input.layout.clone()
        } else {
            input.layout.with_last(last)
        };
        let rows = self.asked(&input, &layout);
        let value = if let Some(tensors) = self.affine_rows(node, input.sizes[last].fixed()) {
            let layer = self.layers.layer(LayerPlan::LayerNorm { tensors, epsilon })?;
            self.emit(Op::LayerNorm(layer), vec![rows])
        } else {
            let value = self.emit(Op::Standardise(epsilon), vec![rows]);
            self.scaled(node, value, rank, last)?
        };
        self.give(node, value, layout, Some(last))
    }

    /// Scale and shift of a norm where both are weights.
    fn affine_rows(&self, node: &Node, channels: Option<usize>) -> Option<[usize; 2]> {
        Some([self.row_of(node, 1, channels)?, self.row_of(node, 2, channels)?])
    }

    /// The weight at an input, if it is a row of so many numbers.
    fn row_of(&self, node: &Node, at: usize, channels: Option<usize>) -> Option<usize> {
        let place = self.weight(node.input(at)?)?;
        (self.layers.shape(place) == [channels?]).then_some(place)
    }

    /// A normalised value of so many axes, scaled and shifted along the axis at a place, as far as a norm does that.
    fn scaled(&mut self, node: &Node, value: usize, rank: usize, place: usize) -> Result<usize, Refusal> {
        let mut value = value;
        for (at, function, idle) in [(1, Binary::Multiply, 1.0), (2, Binary::Add, 0.0)] {
            let Some(name) = node.input(at).filter(|name| !self.is_all(name, idle)) else {
                continue;
            };
            let live = self.live(name)?;
            if self.origin(name) == Origin::Images || live.sizes.len() != 1 {
                return Err("has a scale or a shift that is computed".into());
            }
            let mut sizes = vec![Size::Fixed(1); rank];
            sizes[place] = live.sizes[0];
            let each = self.emit(Op::Reshape(sizes), vec![live.value]);
            value = self.emit(Op::Binary(function), vec![value, each]);
        }
        Ok(value)
    }

    /// Whether a constant is zeros, which exporters write where there is no bias.
    pub(super) fn is_zero(&self, name: &str) -> bool {
        self.is_all(name, 0.0)
    }

    /// Whether a constant is this number everywhere.
    fn is_all(&self, name: &str, number: f32) -> bool {
        let values = self.constant(Some(name)).and_then(Literal::as_floats);
        values.is_some_and(|values| values.iter().all(|&value| value == number))
    }
}
