//! One forward pass that tells everything about a network's shapes, so that nobody types a shape list.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use potstill_ops::{Frozen, Mode, Pass, Point, PointSide, Visitor, count_trainable};

use crate::{Model, ModelError, ScoreLayout};

/// What a probe saw.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Every point the pass came by, in order, with the size of its map `[H, W, C]`.
    pub points: Vec<(Point, [usize; 3])>,
    /// Trainable parameters.
    pub parameters: usize,
    /// Multiply-accumulate operations of one image (twice as many floating-point operations).
    pub macs: u64,
    /// Multiply-accumulate operations of one image between the point before and this one; nothing for none.
    pub costs: BTreeMap<Point, u64>,
    /// Output classes.
    pub classes: usize,
    /// What a detector's class scores are of; `None` of other networks, and where it is not known.
    pub scores: Option<ScoreLayout>,
    sizes: BTreeMap<Point, [usize; 3]>,
}

impl Probe {
    /// What is known of a network that notes its points itself.
    pub(crate) fn told(
        points: Vec<(Point, [usize; 3])>,
        parameters: usize,
        macs: u64,
        classes: usize,
    ) -> Self {
        Self {
            sizes: points.iter().cloned().collect(),
            points,
            parameters,
            macs,
            costs: BTreeMap::new(),
            classes,
            scores: None,
        }
    }

    /// The same of a detector whose class scores are of this.
    #[must_use]
    pub(crate) fn with_scores(self, scores: Option<ScoreLayout>) -> Self {
        Self { scores, ..self }
    }

    /// The size `[H, W, C]` of the map at this point.
    pub fn size(&self, point: &Point) -> Option<[usize; 3]> {
        self.sizes.get(point).copied()
    }
}

/// Runs `network` once, on one black image of size `[H, W]`, and notes every point.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_models::{BuildOptions, find, probe};
/// use potstill_ops::{Point, Scope};
/// use potstill_random::Seed;
///
/// let device = Device::flex();
/// let scope = Scope::new(&device, Seed::new(0), "student");
/// let network = find("cifar_resnet8")?.build(BuildOptions::default(), &scope)?;
/// let probe = probe(&network, [32, 32], &device)?;
/// assert_eq!(probe.size(&Point::post("layer2.0")), Some([16, 16, 32]));
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
///
/// # Errors
/// [`ModelError::Input`] if the network cannot take such an image; [`ModelError::Description`] if a program's own
/// network gives other outputs or has other points than it says.
pub fn probe(network: &Model, [height, width]: [usize; 2], device: &Device) -> Result<Probe, ModelError> {
    let size = [height, width, network.channels()];
    network.check(size)?;
    let frozen = Frozen::new(network);
    let mut recorder = ShapeRecorder::default();
    let [height, width, channels] = size;
    let image = Tensor::zeros([1, height, width, channels], &device.clone().inner());
    let mut pass = Pass::visited(Mode::Running, &mut recorder);
    let outputs = frozen.get().forward(image, &mut pass);
    let macs = pass.macs();
    let probe = Probe {
        sizes: recorder.points.iter().cloned().collect(),
        points: recorder.points,
        costs: recorder.costs,
        parameters: count_trainable(network.parameters()),
        macs,
        classes: outputs.classes(),
        scores: outputs.detections().ok().and_then(ScoreLayout::of),
    };
    network.description().check(&outputs, &probe)?;
    Ok(probe)
}

/// Wants every point and notes its size.
#[derive(Default)]
struct ShapeRecorder {
    points: Vec<(Point, [usize; 3])>,
    costs: BTreeMap<Point, u64>,
    reached: u64,
    counted: u64,
}

impl ShapeRecorder {
    /// Enters the multiplications since the last count.
    fn count(&mut self, point: &Point) {
        if self.reached > self.counted {
            *self.costs.entry(point.clone()).or_default() += self.reached - self.counted;
            self.counted = self.reached;
        }
    }
}

impl Visitor for ShapeRecorder {
    fn wants(&self, _: &str, _: PointSide) -> bool {
        true
    }

    fn reached(&mut self, macs: u64) {
        self.reached = macs;
    }

    fn enters_layer(&mut self, path: &str, side: PointSide, macs: u64) {
        self.reached = macs;
        let path = path.into();
        self.count(&Point { path, side });
    }

    fn visit(&mut self, path: &str, side: PointSide, map: Tensor<4>) -> Tensor<4> {
        let [_, h, w, c] = map.dims();
        let point = Point {
            path: path.into(),
            side,
        };
        self.count(&point);
        self.points.push((point, [h, w, c]));
        map
    }
}
