//! One forward pass that tells everything about a network's shapes, so that nobody types a shape list.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use potstill_ops::{Frozen, Mode, Pass, Point, Side, Visitor, count_trainable};

use crate::Classifier;

/// What a probe saw.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Every point the pass came by, in order, with the size of its map `[H, W, C]`.
    pub points: Vec<(Point, [usize; 3])>,
    /// Learned numbers.
    pub parameters: usize,
    /// Multiply-accumulate operations of one image (twice as many floating-point operations).
    pub multiplications: u64,
    /// Output classes.
    pub classes: usize,
    sizes: BTreeMap<Point, [usize; 3]>,
}

impl Probe {
    /// The size `[H, W, C]` of the map at this point.
    pub fn size(&self, point: &Point) -> Option<[usize; 3]> {
        self.sizes.get(point).copied()
    }
}

/// Runs `network` once, on one black image of size `[H, W]`, and notes every point.
pub fn probe(network: &Classifier, [height, width]: [usize; 2], device: &Device) -> Probe {
    let frozen = Frozen::new(network);
    let mut witness = Witness { points: Vec::new() };
    let image = Tensor::zeros([1, height, width, network.channels()], &device.clone().inner());
    let mut pass = Pass::visited(Mode::Running, &mut witness);
    let logits = frozen.get().forward(image, &mut pass);
    let multiplications = pass.multiplications();
    Probe {
        sizes: witness.points.iter().cloned().collect(),
        points: witness.points,
        parameters: count_trainable(network.parameters()),
        multiplications,
        classes: logits.dims()[1],
    }
}

/// Wants every point and notes its size.
struct Witness {
    points: Vec<(Point, [usize; 3])>,
}

impl Visitor for Witness {
    fn wants(&self, _: &str, _: Side) -> bool {
        true
    }

    fn visit(&mut self, path: &str, side: Side, map: Tensor<4>) -> Tensor<4> {
        let [_, h, w, c] = map.dims();
        self.points.push((
            Point {
                path: path.into(),
                side,
            },
            [h, w, c],
        ));
        map
    }
}
