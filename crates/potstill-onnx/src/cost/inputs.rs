//! What is known of the tensors that an operator gets, and what shapes and stated sizes come to.

use crate::constants::Constant;

/// The inputs of an operator; none where one is left out.
pub(crate) struct Inputs<'a>(pub Vec<Option<&'a Constant>>);

impl Inputs<'_> {
    fn at(&self, at: usize) -> Option<&Constant> {
        self.0.get(at).copied().flatten()
    }

    pub(crate) fn shape(&self, at: usize) -> &[usize] {
        self.at(at).map_or(&[], |input| &input.shape)
    }

    pub(super) fn values(&self, at: usize) -> &[f64] {
        self.at(at).map_or(&[], |input| &input.values)
    }

    pub(super) fn is_there(&self, at: usize) -> bool {
        self.at(at).is_some()
    }

    pub(super) fn count(&self, at: usize) -> f64 {
        count(self.shape(at))
    }

    /// All numbers of all inputs.
    pub(super) fn sum(&self) -> f64 {
        (0..self.0.len()).map(|at| self.count(at)).sum()
    }

    /// The numbers of the shape that all inputs have together.
    pub(super) fn broadcast(&self) -> f64 {
        broadcast(self.0.iter().flatten().map(|input| input.shape.as_slice()))
    }
}

/// The numbers of a tensor of these sizes.
pub(crate) fn count(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

/// The numbers of the shape that several have together, each row repeated where another has more.
pub(super) fn broadcast<'a>(shapes: impl IntoIterator<Item = &'a [usize]>) -> f64 {
    let mut sizes: Vec<usize> = Vec::new();
    for shape in shapes {
        for (at, &size) in shape.iter().rev().enumerate() {
            match sizes.get_mut(at) {
                Some(largest) => *largest = size.max(*largest),
                None => sizes.push(size),
            }
        }
    }
    count(&sizes)
}

/// The product of sizes that a tensor states; no bound where they are not known.
pub(super) fn stated(sizes: &[f64]) -> f64 {
    if sizes.is_empty() {
        return f64::INFINITY;
    }
    sizes.iter().map(|&size| size.max(1.0)).product()
}
