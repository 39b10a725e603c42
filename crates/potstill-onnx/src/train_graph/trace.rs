//! What two runs of a file tell of its tensors: their sizes, and the values of those that no weight and no pixel goes into.
//!
//! Exporters write shape arithmetic by the thousand of operators. None of it is computed here: the file runs with two and with three
//! images, and what comes out equal is constant, what grows from 2 k to 3 k is k for each image.

use std::collections::{HashMap, HashSet};

use rten::Value;
use rten_tensor::{AsView, Layout};

use super::{literal::Literal, node::Node, plan::Size, sample::Sample};
use crate::{Array, OnnxError, OnnxNetwork};

/// What a tensor is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Of shapes and of constants alone.
    Constant,
    /// Of weights as well.
    Weights,
    /// Of the images.
    Images,
}

/// A whole number that may grow with the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// The same for any batch.
    Fixed(i64),
    /// So many for each image.
    PerImage(i64),
    /// Neither.
    Unclear,
}

/// What is known of the tensors of a file.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// What each tensor is made from; a weight is not in it.
    pub origins: HashMap<String, Origin>,
    /// The sizes of each tensor that has them.
    pub sizes: HashMap<String, Vec<Size>>,
    /// The values of constants of floats, and of whole numbers that do not grow with the batch.
    pub constants: HashMap<String, Literal>,
    /// Constants of floats that have a row for each image, all rows alike: one row, and the sizes of all.
    pub for_each_image: HashMap<String, (Literal, Vec<Size>)>,
    /// What the file says of two drawn images; none if its logits are no floats.
    pub sample: Option<Sample>,
}

impl Trace {
    /// Runs a file twice on drawn images of `[C, H, W]`. `weights` are the names of what trains, `written` the other tensors in the file.
    ///
    /// # Errors
    /// An operator that fails; a file that takes one number of images only.
    pub fn of(
        network: &OnnxNetwork,
        nodes: &[Node],
        weights: &HashSet<&str>,
        written: HashMap<String, Literal>,
        image: [usize; 3],
    ) -> Result<Self, OnnxError> {
        let mut trace = Self {
            constants: written,
            ..Self::default()
        };
        trace.mark(nodes, weights);
        let wanted = trace.wanted(nodes, network);
        let mut names: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let drawn = Sample::images(2, image);
        names.push(network.logits());
        let mut few = network.stepwise(&drawn, &names)?;
        names.pop();
        let logits = few.kept.pop().and_then(Array::of);
        let many = network.stepwise(&Sample::images(3, image), &names)?;
        trace.sample = logits.map(|logits| Sample {
            images: drawn,
            logits,
        });
        for (name, (shape, _)) in &few.tensors {
            let other = many.tensors.get(name).map(|(shape, _)| shape.as_slice());
            if let Some(sizes) = other.and_then(|other| sizes(shape, other)) {
                trace.sizes.insert(name.clone(), sizes);
            }
        }
        for (name, (few, many)) in wanted.iter().zip(few.kept.iter().zip(&many.kept)) {
            trace.note(name, few, many);
        }
        Ok(trace)
    }

    /// Marks what each tensor is made from.
    fn mark(&mut self, nodes: &[Node], weights: &HashSet<&str>) {
        for node in nodes {
            let of = |name: &str| {
                let known = self.origins.get(name).copied();
                known.unwrap_or(
                    match (weights.contains(name), self.constants.contains_key(name)) {
                        (true, _) => Origin::Weights,
                        (_, true) => Origin::Constant,
                        _ => Origin::Images,
                    },
                )
            };
            let read = match node.kind.as_str() {
                // Sizes are not what is in a tensor, and kinds are not either.
                "Shape" | "Size" => &[][..],
                "CastLike" => &node.inputs[..1.min(node.inputs.len())],
                _ => &node.inputs[..],
            };
            let read = read.iter().filter(|name| !name.is_empty());
            let origin = read.map(|name| of(name)).max().unwrap_or(Origin::Constant);
            let made: Vec<_> = node.outputs.iter().filter(|name| !name.is_empty()).collect();
            self.origins
                .extend(made.into_iter().map(|name| (name.clone(), origin)));
        }
    }

    /// The constants that are computed, and read by an operator that is not one itself.
    fn wanted(&self, nodes: &[Node], network: &OnnxNetwork) -> Vec<String> {
        let is_constant = |name: &str| self.origins.get(name) == Some(&Origin::Constant);
        let live = nodes.iter().filter(|node| !is_constant(node.output()));
        let read = live.flat_map(|node| &node.inputs);
        let unknown = read.filter(|name| is_constant(name) && !self.constants.contains_key(*name));
        let names: HashSet<&String> = unknown
            .filter(|name| network.node(name.as_str()).is_some())
            .collect();
        let mut names: Vec<String> = names.into_iter().cloned().collect();
        names.sort();
        names
    }

    fn note(&mut self, name: &str, few: &Value, many: &Value) {
        let alike = few.shape().to_vec() == many.shape().to_vec();
        match (few, many) {
            (Value::FloatTensor(few), Value::FloatTensor(many)) if alike => {
                let (shape, few): (_, Vec<f32>) = (few.shape().to_vec(), few.iter().copied().collect());
                if few
                    .iter()
                    .zip(many.iter())
                    .all(|(a, b)| a.to_bits() == b.to_bits())
                {
                    self.constants.insert(name.into(), Literal::floats(shape, few));
                }
            }
            (Value::FloatTensor(few), Value::FloatTensor(many)) => {
                let shapes = [few.shape().to_vec(), many.shape().to_vec()];
                let [few, many] = [few, many].map(|tensor| tensor.iter().copied().collect::<Vec<f32>>());
                if let Some(found) = one_row(&shapes, &few, &many) {
                    self.for_each_image.insert(name.into(), found);
                }
            }
            (Value::Int32Tensor(few), Value::Int32Tensor(many)) if alike => {
                let shape = few.shape().to_vec();
                let fixed = few.iter().zip(many.iter()).map(|(a, b)| match whole(*a, *b) {
                    Whole::Fixed(number) => Some(number),
                    _ => None,
                });
                if let Some(fixed) = fixed.collect() {
                    self.constants.insert(name.into(), Literal::whole(shape, fixed));
                }
            }
            (Value::UInt8Tensor(few), Value::UInt8Tensor(many)) if alike && few.iter().eq(many.iter()) => {
                let values = few.iter().map(|&value| i64::from(value)).collect();
                self.constants
                    .insert(name.into(), Literal::whole(few.shape().to_vec(), values));
            }
            _ => {}
        }
    }
}

/// The sizes of a tensor that has these for 2 and for 3 images.
fn sizes(few: &[usize], many: &[usize]) -> Option<Vec<Size>> {
    if few.len() != many.len() {
        return None;
    }
    few.iter()
        .zip(many)
        .map(|(&few, &many)| match whole(few as i32, many as i32) {
            Whole::Fixed(_) => Some(Size::Fixed(few)),
            Whole::PerImage(each) => usize::try_from(each).ok().map(Size::PerImage),
            Whole::Unclear => None,
        })
        .collect()
}

/// One row of a constant that has one for each of 2 and of 3 images, all alike.
fn one_row(
    [few_shape, many_shape]: &[Vec<usize>; 2],
    few: &[f32],
    many: &[f32],
) -> Option<(Literal, Vec<Size>)> {
    let sizes = sizes(few_shape, many_shape)?;
    let is_row = |(axis, size): (usize, &Size)| (axis == 0) == (*size == Size::PerImage(1));
    if !sizes.iter().enumerate().all(is_row) {
        return None;
    }
    let row = few.get(..few.len() / 2)?;
    let alike = |rows: &[f32]| !row.is_empty() && rows.chunks(row.len()).all(|other| other == row);
    let mut shape = few_shape.clone();
    shape[0] = 1;
    (alike(few) && alike(many)).then(|| (Literal::floats(shape, row.to_vec()), sizes))
}

fn whole(few: i32, many: i32) -> Whole {
    let (few, many) = (i64::from(few), i64::from(many));
    if few == many {
        Whole::Fixed(few)
    } else if 3 * few == 2 * many {
        Whole::PerImage(few / 2)
    } else {
        Whole::Unclear
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, sizes};

    #[test]
    fn what_grows_with_the_batch_is_told_from_what_does_not() {
        let found = sizes(&[2, 8, 32], &[3, 8, 48]);
        assert_eq!(
            found,
            Some(vec![Size::PerImage(1), Size::Fixed(8), Size::PerImage(16)])
        );
        assert_eq!(sizes(&[2, 8], &[4, 8]), None);
    }
}
