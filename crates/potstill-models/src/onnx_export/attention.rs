//! Tokens, attention and windows. All of it has channels last.

use potstill_onnx::write::Attribute;
use potstill_ops::{TracedMap, Weight};

use super::{
    forms::Form,
    lowering::{Lowering, numbers},
};

impl Lowering<'_> {
    /// Room for the class token, and its numbers added together with the positions: no shape has to be computed in the file, as the
    /// repetition of the token for each image would want.
    pub(super) fn class_token(&mut self, map: TracedMap, x: TracedMap, class: &Weight, positions: &Weight) {
        let x = self.get(x, Form::Last);
        let room = self.graph.list(&[0, 0, 1, 0, 0, 0, 0, 0]);
        let padded = self.inner("Pad", &[&x, &room], vec![]);
        if self.keep_norms {
            let positions = self.weight(positions);
            let placed = self.inner("Add", &[&padded, &positions], vec![]);
            let class = self.weight(class);
            let [_, tokens, _] = self.size(map).map(|size| size as i64);
            let behind = self.graph.list(&[0, 0, 0, 0, tokens - 1, 0]);
            let class = self.inner("Pad", &[&class, &behind], vec![]);
            self.emit(map, Form::Last, "Add", &[&placed, &class], vec![]);
            return;
        }
        let mut added = numbers(positions);
        added
            .iter_mut()
            .zip(numbers(class))
            .for_each(|(position, class)| *position += class);
        let added = self.weight_as(positions, &positions.shape.clone(), &added);
        self.emit(map, Form::Last, "Add", &[&padded, &added], vec![]);
    }

    /// `softmax(q k^T / sqrt(d) + bias) v`, head by head. A single row in each image has no axis of its own.
    pub(super) fn attend(&mut self, map: TracedMap, x: TracedMap, heads: usize, bias: Option<&Weight>) {
        let x = self.get(x, Form::Last);
        let [rows, tokens, channels] = self.size(map);
        let width = channels / heads;
        let mut lead = vec![0];
        if rows > 1 {
            lead.push(rows as i64);
        }
        let split = [tokens, heads, width].map(|size| size as i64);
        let split = self.graph.list(&[&lead[..], &split].concat());
        let order = |last: [i64; 3]| {
            let axes = lead.len() as i64;
            let last = last.map(|axis| axes + axis);
            let order = (0..axes).chain(last).collect();
            vec![Attribute::Ints("perm", order)]
        };
        let [query, key, value] = [0, 1, 2].map(|part| {
            let [from, to] = [part, part + 1].map(|at| self.graph.list(&[(at * channels) as i64]));
            let axis = self.graph.list(&[3]);
            let part = self.inner("Slice", &[&x, &from, &to, &axis], vec![]);
            self.inner("Reshape", &[&part, &split], vec![])
        });
        let query = self.inner("Transpose", &[&query], order([1, 0, 2]));
        let key = self.inner("Transpose", &[&key], order([1, 2, 0]));
        let value = self.inner("Transpose", &[&value], order([1, 0, 2]));
        let scale = self.graph.number((width as f64).powf(-0.5) as f32);
        let query = self.inner("Mul", &[&query, &scale], vec![]);
        let mut scores = self.inner("MatMul", &[&query, &key], vec![]);
        if let Some(bias) = bias {
            let bias = self.weight(bias);
            scores = self.inner("Add", &[&scores, &bias], vec![]);
        }
        let shares = self.inner("Softmax", &[&scores], vec![Attribute::Int("axis", -1)]);
        let mixed = self.inner("MatMul", &[&shares, &value], vec![]);
        let mixed = self.inner("Transpose", &[&mixed], order([1, 0, 2]));
        let joined = [rows, tokens, channels].map(|size| size as i64);
        let joined = self.graph.list(&[&[0][..], &joined].concat());
        self.emit(map, Form::Last, "Reshape", &[&mixed, &joined], vec![]);
    }

    /// `[N, H, W, C]` as rows of windows, `[N, G, T, C]`.
    pub(super) fn partition(&mut self, map: TracedMap, x: TracedMap, window: usize) {
        let [height, width, channels] = self.size(x);
        let blocks = [height / window, window, width / window, window, channels];
        self.in_blocks(map, x, blocks, [0, 1, 3, 2, 4, 5]);
    }

    /// The reverse.
    pub(super) fn merge(&mut self, map: TracedMap, x: TracedMap, window: usize) {
        let [height, width, channels] = self.size(map);
        let blocks = [height / window, width / window, window, window, channels];
        self.in_blocks(map, x, blocks, [0, 1, 3, 2, 4, 5]);
    }

    /// Squares of 2x2 places as one, column by column.
    pub(super) fn merge_patches(&mut self, map: TracedMap, x: TracedMap) {
        let [height, width, channels] = self.size(x);
        let blocks = [height / 2, 2, width / 2, 2, channels];
        self.in_blocks(map, x, blocks, [0, 1, 3, 4, 2, 5]);
    }

    /// A map cut into blocks, whose axes are put into another order.
    fn in_blocks(&mut self, map: TracedMap, x: TracedMap, blocks: [usize; 5], order: [i64; 6]) {
        let x = self.get(x, Form::Last);
        let blocks = blocks.map(|size| size as i64);
        let blocks = self.graph.list(&[&[0][..], &blocks].concat());
        let cut = self.inner("Reshape", &[&x, &blocks], vec![]);
        let turned = self.inner("Transpose", &[&cut], vec![Attribute::Ints("perm", order.into())]);
        let shape = self.size(map).map(|size| size as i64);
        let shape = self.graph.list(&[&[0][..], &shape].concat());
        self.emit(map, Form::Last, "Reshape", &[&turned, &shape], vec![]);
    }
}
