//! The layer that the logits come from, to be drawn anew for other classes.

use super::plan::{KeptTensor, LayerPlan, Op, Reduction, Size, Step};

/// The last layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadPlan {
    /// The layer.
    pub layer: usize,
    /// The path of the layer: what stands before `.weight`.
    pub path: String,
    /// Steps behind it that state its classes.
    behind: Vec<usize>,
}

/// The last layer with one row of its weight for each class, if nothing but pooling and an activation stands behind it.
pub(super) fn head(
    steps: &[Step],
    layers: &[LayerPlan],
    tensors: &[KeptTensor],
    logits: usize,
    classes: usize,
) -> Option<HeadPlan> {
    let mut value = logits;
    let mut behind = Vec::new();
    loop {
        let index = steps.iter().position(|step| step.output == value)?;
        let step = &steps[index];
        match &step.op {
            Op::Linear(layer) | Op::Conv(layer) => {
                let (weight, axis) = match &layers[*layer] {
                    LayerPlan::Linear {
                        weight,
                        rows_are_inputs,
                        ..
                    } => (*weight, usize::from(*rows_are_inputs)),
                    LayerPlan::Conv { weight, shape, .. } if shape.groups == 1 => (*weight, 0),
                    _ => return None,
                };
                let tensor = &tensors[weight];
                let path = tensor.name.strip_suffix(".weight").unwrap_or(&tensor.name);
                return (tensor.shape.get(axis) == Some(&classes)).then(|| HeadPlan {
                    layer: *layer,
                    path: path.to_owned(),
                    behind,
                });
            }
            Op::Reshape(_) => behind.push(index),
            Op::Permute(_)
            | Op::GlobalMean
            | Op::Activate(_)
            | Op::AveragePool(..)
            | Op::Reduce(Reduction::Mean, _) => {}
            _ => return None,
        }
        value = *step.inputs.first()?;
    }
}

impl HeadPlan {
    /// Whether steps behind the layer may state its classes.
    pub(super) fn is_restated(&self) -> bool {
        !self.behind.is_empty()
    }

    /// States other classes in the steps behind the layer. They are the last axis there.
    pub(super) fn restate(&self, steps: &mut [Step], from: usize, to: usize) {
        for &index in &self.behind {
            if let Op::Reshape(sizes) = &mut steps[index].op
                && let Some(last) = sizes.last_mut().filter(|size| **size == Size::Fixed(from))
            {
                *last = Size::Fixed(to);
            }
        }
    }
}
