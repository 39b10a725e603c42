//! Tensors of floats, as they go into a file and come out of it.

use rten::Value;
use rten_tensor::Layout;

/// A tensor of floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape, the batch first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl Array {
    /// A value of floats; none if it holds anything else.
    pub(crate) fn of(value: Value) -> Option<Self> {
        let tensor = value.into_tensor::<f32>()?;
        Some(Self {
            shape: tensor.shape().to_vec(),
            values: tensor.into_data(),
        })
    }

    /// `count` rows from row `start`, the last one repeated where there are no more.
    pub(crate) fn rows(&self, start: usize, count: usize) -> Self {
        let row = self.values.len() / self.shape[0].max(1);
        let mut values = Vec::with_capacity(count * row);
        for i in start..start + count {
            let i = i.min(self.shape[0] - 1);
            values.extend_from_slice(&self.values[i * row..(i + 1) * row]);
        }
        let mut shape = self.shape.clone();
        shape[0] = count;
        Self { shape, values }
    }

    /// An array of the same shape with no rows yet.
    pub(crate) fn emptied(&self) -> Self {
        let mut shape = self.shape.clone();
        if let Some(rows) = shape.first_mut() {
            *rows = 0;
        }
        Self {
            shape,
            values: Vec::new(),
        }
    }

    /// Takes the first `count` rows of `part` over.
    pub(crate) fn append(&mut self, part: &Self, count: usize) {
        let row = part.values.len() / part.shape[0].max(1);
        self.values.extend_from_slice(&part.values[..count * row]);
        self.shape[0] += count;
    }
}
