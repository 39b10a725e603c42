//! Matrix products and linear layers.

use super::{Live, Lowered, Lowering, layout::Layout};
use crate::train_graph::{
    node::Node,
    plan::{LayerPlan, Op},
    trace::Origin,
};

/// A weight of a linear layer: its place, and whether its rows are the inputs.
pub(super) type WeightOf = (usize, bool);

impl Lowering<'_> {
    /// `Gemm`: a linear layer of rows `[N, C]`.
    pub(super) fn gemm(&mut self, node: &Node) -> Lowered {
        let is_one = |name| node.number(name, 1.0) == 1.0;
        if !is_one("alpha") || !is_one("beta") || node.whole("transA", 0) != 0 {
            return Err("scales or transposes what it reads".into());
        }
        let weight = node.input(1).and_then(|name| self.linear_weight(name));
        let (weight, rows_are_inputs) = weight.ok_or("multiplies by no weight of the file")?;
        let rows_are_inputs = rows_are_inputs != (node.whole("transB", 0) != 0);
        let bias = match node.input(2) {
            Some(name) if self.is_zero(name) => None,
            Some(name) => Some(self.weight(name).ok_or("adds no weight of the file")?),
            None => None,
        };
        let outputs = self.layers.shape(weight)[usize::from(rows_are_inputs)];
        if bias.is_some_and(|bias| self.layers.shape(bias) != [outputs]) {
            return Err("has a bias that is no row".into());
        }
        let input = self.input(node, 0)?;
        if input.sizes.len() != 2 {
            return Err("reads something else than rows".into());
        }
        self.linear(&input, (weight, rows_are_inputs), bias, node.output())
    }

    /// `MatMul`: a linear layer if it multiplies by a weight, else a product of two tensors.
    pub(super) fn matmul(&mut self, node: &Node) -> Lowered {
        let by_weight = node.input(1).and_then(|name| self.linear_weight(name));
        let of_images = node
            .input(0)
            .is_some_and(|name| self.origin(name) == Origin::Images);
        if let Some(weight) = by_weight.filter(|_| of_images) {
            let input = self.input(node, 0)?;
            // With the sum behind it the layer has a bias.
            if let Some((index, bias)) = self.bias_behind(node, weight) {
                let output = self.nodes[index].output().to_owned();
                self.linear(&input, weight, Some(bias), &output)?;
                self.taken.insert(index);
                return Ok(());
            }
            return self.linear(&input, weight, None, node.output());
        }
        let (first, second) = (self.input(node, 0)?, self.input(node, 1)?);
        let rank = first.sizes.len().max(second.sizes.len());
        if first.sizes.len() < 2 || second.sizes.len() < 2 {
            return Err("multiplies by a row without a second axis".into());
        }
        let plain = Layout::plain(rank);
        let values = vec![self.fitted(&first, &plain)?, self.fitted(&second, &plain)?];
        let value = self.emit(Op::MatMul, values);
        self.give(node, value, plain, None)
    }

    /// A linear layer over the last axis, whatever the order of the others.
    fn linear(
        &mut self,
        input: &Live,
        (weight, rows_are_inputs): WeightOf,
        bias: Option<usize>,
        output: &str,
    ) -> Lowered {
        let layer = self.layers.layer(LayerPlan::Linear {
            weight,
            bias,
            rows_are_inputs,
        })?;
        let last = input.sizes.len() - 1;
        let layout = if input.layout.0.last() == Some(&last) {
            input.layout.clone()
        } else {
            input.layout.with_last(last)
        };
        let rows = self.asked(input, &layout);
        let value = self.emit(Op::Linear(layer), vec![rows]);
        self.give_as(output, value, layout, Some(last))
    }

    /// The weight that a matrix is, as it is or transposed.
    pub(super) fn linear_weight(&self, name: &str) -> Option<WeightOf> {
        let is_matrix = |place: &usize| self.layers.shape(*place).len() == 2;
        if let Some(place) = self.weight(name).filter(is_matrix) {
            return Some((place, true));
        }
        let maker = self.maker(name).filter(|maker| maker.kind == "Transpose")?;
        let turns = maker.list("perm").is_none_or(|order| order == [1, 0]);
        let place = self.weight(maker.input(0)?).filter(is_matrix)?;
        turns.then_some((place, false))
    }

    /// The operator behind a product that adds a bias to it and nothing else reads, and the bias.
    fn bias_behind(&self, node: &Node, (weight, rows_are_inputs): WeightOf) -> Option<(usize, usize)> {
        let index = self.only_reader(node.output())?;
        let sum = &self.nodes[index];
        let other = sum
            .inputs
            .iter()
            .find(|name| *name != node.output())
            .filter(|_| sum.kind == "Add")?;
        let bias = self.weight(other)?;
        let outputs = self.layers.shape(weight)[usize::from(rows_are_inputs)];
        let is_own = self.only_reader(other) == Some(index);
        (is_own && self.layers.shape(bias) == [outputs]).then_some((index, bias))
    }
}
