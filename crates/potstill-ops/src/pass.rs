//! What a forward pass carries through the layers, and what it leaves behind.

use burn::tensor::Tensor;

use potstill_settings::BatchNorms;

use crate::{BatchStatistics, Insertion, PointSide, Precision, Visitor, inserted::Layer};

/// What batch norm does in a pass. Always said, never guessed from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the statistics of the batch, and note them for the running statistics.
    Batch,
    /// Normalise by the running statistics. Weights may be folded: no gradients are needed.
    Running,
    /// Normalise by the running statistics, with gradients to the input (and to whatever parameter is tracked).
    RunningWithGradient,
}

impl From<BatchNorms> for Mode {
    /// The mode of a frozen network whose batch norms normalise so.
    fn from(statistics: BatchNorms) -> Self {
        match statistics {
            BatchNorms::Running => Self::Running,
            BatchNorms::Batch => Self::Batch,
        }
    }
}

/// One forward pass: its mode, its visitor, the layers that were put into the network, and its by-products.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_ops::{Conv2d, Conv2dConfig, Mode, Pass, Scope};
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "example");
/// let conv = Conv2d::he_normal(Conv2dConfig::new(3, 4, 3), &scope);
/// let mut pass = Pass::new(Mode::Running);
/// let map = conv.forward(Tensor::ones([1, 8, 8, 3], &Device::flex()), &mut pass);
/// assert_eq!(map.dims(), [1, 8, 8, 4]);
/// assert_eq!(pass.macs(), 8 * 8 * 4 * 3 * 3 * 3);
/// ```
pub struct Pass<'v> {
    mode: Mode,
    precision: Precision,
    visitor: Option<&'v mut dyn Visitor>,
    layers: &'v [(Insertion, Layer)],
    moments: Vec<BatchStatistics>,
    macs: u64,
    untracked: u64,
}

impl<'v> Pass<'v> {
    /// A pass that nobody looks into.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            precision: Precision::Single,
            visitor: None,
            layers: &[],
            moments: Vec::new(),
            macs: 0,
            untracked: 0,
        }
    }

    /// A pass that shows `visitor` the maps it wants.
    pub fn visited(mode: Mode, visitor: &'v mut dyn Visitor) -> Self {
        Self {
            visitor: Some(visitor),
            ..Self::new(mode)
        }
    }

    /// Lets folded convolutions compute in `precision`. Only a pass in [`Mode::Running`] folds; no other is touched.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// In what folded convolutions compute.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The batch-norm mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Runs `body` in a pass in which these layers stand at their points. What it leaves behind, this pass has.
    pub(crate) fn with_layers<R>(
        &mut self,
        layers: &[(Insertion, Layer)],
        body: impl FnOnce(&mut Pass<'_>) -> R,
    ) -> R {
        if layers.is_empty() {
            return body(self);
        }
        let mut inner = Pass {
            mode: self.mode,
            precision: self.precision,
            visitor: match &mut self.visitor {
                Some(visitor) => Some(&mut **visitor),
                None => None,
            },
            layers,
            moments: std::mem::take(&mut self.moments),
            macs: self.macs,
            untracked: 0,
        };
        let result = body(&mut inner);
        let (moments, macs) = (inner.moments, inner.macs);
        (self.moments, self.macs) = (moments, macs);
        result
    }

    /// Whether somebody wants the map at this point, or a layer stands there.
    pub fn wants(&self, path: &str, side: PointSide) -> bool {
        self.layers_at(path, side).next().is_some() || self.is_visited_at(path, side)
    }

    fn is_visited_at(&self, path: &str, side: PointSide) -> bool {
        self.visitor
            .as_ref()
            .is_some_and(|visitor| visitor.wants(path, side))
    }

    fn layers_at<'p>(&self, path: &'p str, side: PointSide) -> impl Iterator<Item = &'v Layer> + use<'v, 'p> {
        self.layers
            .iter()
            .filter(move |(Insertion { point, .. }, _)| point.side == side && point.path == path)
            .map(|(_, layer)| layer)
    }

    /// Takes the map `[N, H, W, C]` at this point through the layers that stand there, shows it to the visitor, if it wants it, and
    /// gives back the map to go on with.
    pub fn show(&mut self, path: &str, side: PointSide, mut map: Tensor<4>) -> Tensor<4> {
        for layer in self.layers_at(path, side) {
            if let Some(visitor) = &mut self.visitor {
                visitor.enters_layer(path, side, self.macs);
            }
            map = layer.forward(map, self);
        }
        match &mut self.visitor {
            Some(visitor) if visitor.wants(path, side) => {
                visitor.reached(self.macs);
                visitor.visit(path, side, map)
            }
            _ => map,
        }
    }

    /// Notes batch moments for the running statistics.
    pub(crate) fn note(&mut self, moments: BatchStatistics) {
        self.moments.push(moments);
    }

    /// Counts multiply-accumulate operations.
    pub fn count(&mut self, macs: u64) {
        self.macs += macs;
    }

    /// Counts what was computed beside the pass and no gradient goes back through.
    pub fn count_untracked(&mut self, macs: u64) {
        self.untracked += macs;
    }

    /// What was computed beside the pass so far.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// Multiply-accumulate operations of the convolutions and linear layers so far, for the whole batch.
    pub fn macs(&self) -> u64 {
        self.macs
    }

    /// Ends the pass: the batch moments it met, in order.
    pub fn into_batch_statistics(self) -> Vec<BatchStatistics> {
        self.moments
    }
}
