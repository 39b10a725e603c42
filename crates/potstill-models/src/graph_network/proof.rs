//! Whether the network that was read of a file computes what the file itself computes.

use burn::tensor::{Tensor, TensorData};
use potstill_onnx::{Array, OnnxError, train_graph::Sample};
use potstill_ops::{Frozen, Mode, Pass, Point, Scope, Taps};

use super::{GraphNetwork, GraphWeights, MapView, Op, TrainGraph};
use crate::ModelError;

/// What logits may be away from the file's, as a share of the largest: two engines sum in another order, and networks are deep.
const TOLERANCE: f32 = 1e-3;

impl GraphNetwork {
    /// Builds the network of a file as the file has it, and holds it to what the file itself says of two drawn images.
    ///
    /// # Errors
    /// [`OnnxError::Misread`] with the difference, and the first tensor of the file that differs.
    pub fn proven(graph: TrainGraph, scope: &Scope) -> Result<Self, ModelError> {
        let classes = graph.classes;
        let network = Self::build(graph, classes, GraphWeights::File, scope)?;
        if let Some(sample) = &network.graph.sample {
            network.hold(sample)?;
        }
        Ok(network)
    }

    fn hold(&self, sample: &Sample) -> Result<(), ModelError> {
        let points = self.points();
        let (logits, maps) = self.computed(&sample.images, &[]);
        debug_assert!(maps.is_empty());
        let theirs = &sample.logits.values;
        let largest = theirs
            .iter()
            .fold(0.0, |largest: f32, value| larger(largest, value.abs()));
        let pairs = logits.iter().zip(theirs);
        let difference = pairs.fold(0.0, |most: f32, (a, b)| larger(most, (a - b).abs()));
        // Of a file whose own logits are no numbers nothing is told.
        if !largest.is_finite() || (logits.len() == theirs.len() && difference <= TOLERANCE * largest) {
            return Ok(());
        }
        Err(OnnxError::Misread {
            file: self.graph.file.clone(),
            difference,
            largest,
            first: self.first_difference(&sample.images, &points),
        }
        .into())
    }

    /// The tensors that can be compared, in order: all numbers of a tensor of the file are in the map.
    fn points(&self) -> Vec<Point> {
        let named = self.graph.steps.iter().flat_map(|step| {
            let inside = match &step.op {
                Op::Unit(unit) => &unit.inside[..],
                _ => &[],
            };
            let own = step.point.as_ref();
            let own = own.filter(|point| !matches!(point.view, MapView::Tokens { skipped: 1.., .. }));
            inside.iter().flatten().chain(own.map(|point| &point.name))
        });
        named.map(Point::post).collect()
    }

    /// Logits and the maps at these points, flat.
    fn computed(&self, images: &Array, points: &[Point]) -> (Vec<f32>, Vec<Vec<f32>>) {
        let frozen = Frozen::new(self);
        let [count, channels, height, width] = [0, 1, 2, 3].map(|axis| images.shape[axis]);
        let images = TensorData::new(images.values.clone(), [count, channels, height, width]);
        let images = Tensor::<4>::from_data(images, &frozen.get().device()).permute([0, 2, 3, 1]);
        let mut taps = Taps::at(points);
        let mut pass = Pass::visited(Mode::Running, &mut taps);
        let logits = frozen.get().logits(images, &mut pass);
        let map = |point| taps.map(point).map(|map| map.into_data().iter().collect());
        let maps = points.iter().filter_map(map).collect();
        (logits.into_data().iter().collect(), maps)
    }

    /// The first of these tensors whose numbers are not the file's, whatever their order.
    fn first_difference(&self, images: &Array, points: &[Point]) -> Option<String> {
        let (_, ours) = self.computed(images, points);
        let names: Vec<&str> = points.iter().map(|point| point.path.as_str()).collect();
        let theirs = self.graph.tensors_of(images, &names).ok()?;
        let all = names.iter().zip(ours.iter().zip(&theirs));
        let mut differing = all.filter(|(_, (ours, theirs))| {
            let [ours, theirs] = [told(ours), told(&theirs.values)];
            let pairs = ours.into_iter().zip(theirs);
            // The mean may be near zero by chance: it is as large as the others can be.
            !pairs
                .into_iter()
                .all(|(a, b)| (a - b).abs() <= f64::from(TOLERANCE) * theirs[1])
        });
        differing.next().map(|(name, _)| (*name).to_owned())
    }
}

/// The mean of some numbers, and the root of the mean of their squares.
fn told(values: &[f32]) -> [f64; 2] {
    let count = values.len().max(1) as f64;
    let mean = |of: fn(f64) -> f64| values.iter().map(|&value| of(f64::from(value))).sum::<f64>() / count;
    [mean(|value| value), mean(|value| value * value).sqrt()]
}

/// The larger of two numbers; one that is none wins.
fn larger(a: f32, b: f32) -> f32 {
    if b.is_nan() || b > a { b } else { a }
}
