//! What a forward pass carries through the layers, and what it leaves behind.

use std::{borrow::Cow, mem};

use burn::tensor::Tensor;

use potstill_random::Stream;
use potstill_settings::BatchNorms;

use crate::{BatchStatistics, Draws, Insertion, Point, PointSide, Precision, Visitor, inserted::Layer};

/// What batch norm does in a pass. Always said, never guessed from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the statistics of the batch, and note them for the running statistics.
    Batch,
    /// Normalise by the running statistics. Weights may be folded: no gradients are needed.
    Running,
    /// Normalise by the running statistics, with gradients to the input (and to whatever parameter is
    /// tracked).
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
    prefix: String,
    kept: Vec<(Point, Option<Tensor<4>>)>,
    moments: Vec<BatchStatistics>,
    macs: u64,
    untracked: u64,
    draws: Option<Draws>,
}

impl<'v> Pass<'v> {
    /// A pass without a visitor.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            precision: Precision::Single,
            visitor: None,
            layers: &[],
            prefix: String::new(),
            kept: Vec::new(),
            moments: Vec::new(),
            macs: 0,
            untracked: 0,
            draws: None,
        }
    }

    /// Lets layers draw in the pass. Without that dropout passes everything through.
    pub fn set_draws(&mut self, draws: Draws) {
        self.draws = Some(draws);
    }

    /// The stream of a layer that draws; `None` in a pass that draws nothing.
    pub fn stream(&self, layer: &str) -> Option<Stream> {
        self.draws.as_ref().map(|draws| draws.stream(layer))
    }

    /// A pass that shows `visitor` the maps it wants.
    pub fn visited(mode: Mode, visitor: &'v mut dyn Visitor) -> Self {
        Self {
            visitor: Some(visitor),
            ..Self::new(mode)
        }
    }

    /// Lets folded convolutions compute in `precision`. Only a pass in [`Mode::Running`] folds; no other is
    /// touched.
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

    /// Runs `body` in a pass in which these layers stand at their points. What it leaves behind, this pass
    /// has.
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
            prefix: mem::take(&mut self.prefix),
            kept: mem::take(&mut self.kept),
            moments: mem::take(&mut self.moments),
            macs: self.macs,
            untracked: self.untracked,
            draws: self.draws.clone(),
        };
        let result = body(&mut inner);
        let Pass {
            prefix,
            kept,
            moments,
            macs,
            untracked,
            ..
        } = inner;
        (self.prefix, self.kept, self.moments) = (prefix, kept, moments);
        (self.macs, self.untracked) = (macs, untracked);
        result
    }

    /// Runs `body` with the paths of all its points below `name`: a part of a model does not know where in
    /// the model it stands. An empty name changes nothing.
    pub fn within<R>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> R) -> R {
        if name.is_empty() {
            return body(self);
        }
        let inner = self.full(name).into_owned();
        let outer = mem::replace(&mut self.prefix, inner);
        let result = body(self);
        self.prefix = outer;
        result
    }

    /// Runs `body` and gives, besides its result, the maps `[N, H, W, C]` that it went on with at these
    /// points, in their order; `None` for a point that it did not come by.
    pub fn keeping<R>(
        &mut self,
        points: impl IntoIterator<Item = Point>,
        body: impl FnOnce(&mut Self) -> R,
    ) -> (R, Vec<Option<Tensor<4>>>) {
        let full = |Point { path, side }| Point {
            path: self.full(&path).into_owned(),
            side,
        };
        let wanted = points.into_iter().map(|point| (full(point), None)).collect();
        let outer = mem::replace(&mut self.kept, wanted);
        let result = body(self);
        let kept = mem::replace(&mut self.kept, outer);
        (result, kept.into_iter().map(|(_, map)| map).collect())
    }

    /// The path from the model's root.
    fn full<'p>(&self, path: &'p str) -> Cow<'p, str> {
        if self.prefix.is_empty() {
            path.into()
        } else {
            format!("{}.{path}", self.prefix).into()
        }
    }

    /// Whether the map at this point is read or kept, or a layer stands there.
    pub fn wants(&self, path: &str, side: PointSide) -> bool {
        let path = &*self.full(path);
        let is_kept = |(point, _): &(Point, _)| point.side == side && point.path == path;
        self.layers_at(path, side).next().is_some()
            || self.is_visited_at(path, side)
            || self.kept.iter().any(is_kept)
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

    /// Takes the map `[N, H, W, C]` at this point through the layers that stand there, shows it to the
    /// visitor, if it wants it, and gives back the map to go on with.
    pub fn show(&mut self, path: &str, side: PointSide, mut map: Tensor<4>) -> Tensor<4> {
        let path = &*self.full(path);
        for layer in self.layers_at(path, side) {
            if let Some(visitor) = &mut self.visitor {
                visitor.enters_layer(path, side, self.macs);
            }
            // The points of an inserted layer have paths from the model's root.
            let prefix = mem::take(&mut self.prefix);
            map = layer.forward(map, self);
            self.prefix = prefix;
        }
        map = match &mut self.visitor {
            Some(visitor) if visitor.wants(path, side) => {
                visitor.reached(self.macs);
                visitor.visit(path, side, map)
            }
            _ => map,
        };
        for (point, kept) in &mut self.kept {
            if point.side == side && point.path == path {
                *kept = Some(map.clone());
            }
        }
        map
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
