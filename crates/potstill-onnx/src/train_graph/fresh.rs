//! Which of the weights that no layer owns a fresh start draws: filters that are standardised or of rows, and matrices.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{LayerPlan, Op, TrainGraph};

/// The deviation of a fresh matrix, as of a linear layer.
const MATRIX: f64 = 0.02;

impl TrainGraph {
    /// The layers that are weights read as they are which a fresh start draws, each with its deviation. A filter that is computed of a
    /// weight has that of a convolution by its outputs' fan; a matrix that is multiplied by that of a linear layer.
    pub fn drawn(&self) -> BTreeMap<usize, f64> {
        let makers: HashMap<usize, usize> = (self.steps.iter().enumerate())
            .map(|(index, step)| (step.output, index))
            .collect();
        let mut drawn = BTreeMap::new();
        for step in &self.steps {
            match &step.op {
                Op::ConvBy(shape) => {
                    for (layer, sizes) in self.weights_of(step.inputs[1], &makers) {
                        if let [outputs, inner @ ..] = sizes
                            && inner.iter().product::<usize>() > 1
                        {
                            let places: usize = inner[1..].iter().product();
                            let fan = (outputs * places / shape.groups).max(1);
                            drawn.insert(layer, (2.0 / fan as f64).sqrt());
                        }
                    }
                }
                Op::MatMul => {
                    for &input in &step.inputs {
                        let weights = self.weights_of(input, &makers);
                        let matrices = weights.iter().filter(|(_, sizes)| sizes.len() == 2);
                        drawn.extend(matrices.map(|&(layer, _)| (layer, MATRIX)));
                    }
                }
                _ => {}
            }
        }
        drawn
    }

    /// The weights that a fresh start leaves as the file has them: their names, and how many numbers they are.
    pub fn left_by_fresh(&self) -> (Vec<&str>, usize) {
        let drawn = self.drawn();
        let loose = self
            .layers
            .iter()
            .enumerate()
            .filter_map(|(index, layer)| match layer {
                LayerPlan::Loose { tensor } if !drawn.contains_key(&index) => Some(&self.tensors[*tensor]),
                _ => None,
            });
        let loose: Vec<_> = loose.collect();
        let numbers = loose.iter().map(|tensor| tensor.values.len()).sum();
        (
            loose.into_iter().map(|tensor| tensor.name.as_str()).collect(),
            numbers,
        )
    }

    /// The loose weights that a value is computed of, if nothing else goes into it but constants; with their shapes.
    fn weights_of(&self, value: usize, makers: &HashMap<usize, usize>) -> Vec<(usize, &[usize])> {
        let mut found = Vec::new();
        let (mut open, mut seen) = (vec![value], HashSet::new());
        while let Some(value) = open.pop() {
            if !seen.insert(value) {
                continue;
            }
            // What comes of the images is no weight.
            let Some(step) = makers.get(&value).map(|&index| &self.steps[index]) else {
                return Vec::new();
            };
            match step.op {
                Op::Weight(layer) => {
                    let shapes = self.layers[layer].tensors().into_iter();
                    found.extend(shapes.map(|tensor| (layer, self.tensors[tensor].shape.as_slice())));
                }
                _ => open.extend(&step.inputs),
            }
        }
        found
    }
}
