//! The forward pass that notes the operations that a network is made of, instead of computing.

mod operation;
mod record;

use std::mem;

pub use operation::{Operation, TracedNorm, Weight};

use crate::{Insertion, Point, PointSide, inserted::Layer};

/// A map of a trace: the number of the step that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TracedMap(pub usize);

/// One operation of a traced network.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub operation: Operation,
    /// The maps that it takes.
    pub inputs: Vec<TracedMap>,
    /// The size `[H, W, C]` of the map that it makes.
    pub size: [usize; 3],
}

/// A traced network: its operations in the order in which they run.
#[derive(Debug, Clone)]
pub struct TracedGraph {
    /// The steps; the number of a step is that of its map. The first one makes the images.
    pub steps: Vec<Step>,
    /// The points that the pass came by, and the map that the network went on with there.
    pub points: Vec<(Point, TracedMap)>,
    /// Whether the operations are those for images of this very size.
    pub is_sized: bool,
}

/// A forward pass that notes operations. It normalises by the running statistics.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_ops::{Conv2d, Conv2dConfig, Operation, Scope, Trace};
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "example");
/// let conv = Conv2d::he_normal(Conv2dConfig::new(3, 4, 3).stride(2), &scope);
/// let (mut trace, images) = Trace::new([9, 8, 3], Vec::new());
/// let map = conv.forward(images, &mut trace);
/// let graph = trace.finish();
/// assert_eq!(graph.steps[map.0].size, [5, 4, 4]);
/// assert!(matches!(graph.steps[map.0].operation, Operation::Convolution { .. }));
/// ```
#[derive(Debug)]
pub struct Trace {
    steps: Vec<Step>,
    points: Vec<(Point, TracedMap)>,
    is_sized: bool,
    wanted: Vec<Point>,
    layers: Vec<(Insertion, Layer)>,
    prefix: String,
}

impl Trace {
    /// A trace for images of this size `[H, W, C]`, and the images. The maps at the points `wanted` are made even where that takes an
    /// operation more.
    pub fn new(images: [usize; 3], wanted: Vec<Point>) -> (Self, TracedMap) {
        let first = Step {
            operation: Operation::Images,
            inputs: Vec::new(),
            size: images,
        };
        let trace = Self {
            steps: vec![first],
            points: Vec::new(),
            is_sized: false,
            wanted,
            layers: Vec::new(),
            prefix: String::new(),
        };
        (trace, TracedMap(0))
    }

    /// The map that the network went on with at a point of this path below the present one, after its activation.
    pub fn map_at(&self, path: &str) -> Option<TracedMap> {
        let path = self.full(path);
        let mut points = self.points.iter().rev();
        let met = points.find(|(point, _)| point.side == PointSide::Post && point.path == path);
        met.map(|(_, map)| *map)
    }

    /// Ends the trace.
    pub fn finish(self) -> TracedGraph {
        TracedGraph {
            steps: self.steps,
            points: self.points,
            is_sized: self.is_sized,
        }
    }

    /// Runs `body` while these layers stand at their points.
    pub(crate) fn with_layers<R>(
        &mut self,
        layers: &[(Insertion, Layer)],
        body: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let outer = mem::replace(&mut self.layers, layers.to_vec());
        let result = body(self);
        self.layers = outer;
        result
    }

    /// The path from the model's root.
    fn full(&self, path: &str) -> String {
        if self.prefix.is_empty() {
            path.into()
        } else {
            format!("{}.{path}", self.prefix)
        }
    }

    /// The layers that stand at a point, by its path from the root.
    fn layers_at(&self, path: &str, side: PointSide) -> impl Iterator<Item = &Layer> {
        let stands = move |(insertion, _): &&(Insertion, Layer)| {
            insertion.point.side == side && insertion.point.path == path
        };
        self.layers.iter().filter(stands).map(|(_, layer)| layer)
    }

    fn size_of(&self, map: TracedMap) -> [usize; 3] {
        self.steps[map.0].size
    }

    fn push(
        &mut self,
        operation: Operation,
        inputs: impl Into<Vec<TracedMap>>,
        size: [usize; 3],
    ) -> TracedMap {
        self.steps.push(Step {
            operation,
            inputs: inputs.into(),
            size,
        });
        TracedMap(self.steps.len() - 1)
    }
}
