//! What a forward pass carries through the layers, and what it leaves behind.

use burn::tensor::Tensor;

use crate::{Moments, Precision, Side, Visitor};

/// What batch norm does in a pass. Always said, never guessed from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Normalise by the statistics of the batch, and note them for the running statistics.
    Batch,
    /// Normalise by the running statistics. Weights may be folded: no gradient is owed to anything.
    Running,
    /// Normalise by the running statistics, with gradients to the input (and to whatever parameter is tracked).
    RunningWithGradient,
}

/// One forward pass: its mode, its visitor, and its by-products.
pub struct Pass<'v> {
    mode: Mode,
    precision: Precision,
    visitor: Option<&'v mut dyn Visitor>,
    moments: Vec<Moments>,
    multiplications: u64,
}

impl<'v> Pass<'v> {
    /// A pass that nobody looks into.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            precision: Precision::Single,
            visitor: None,
            moments: Vec::new(),
            multiplications: 0,
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

    /// Whether somebody wants the map at this point.
    pub fn wants(&self, path: &str, side: Side) -> bool {
        self.visitor
            .as_ref()
            .is_some_and(|visitor| visitor.wants(path, side))
    }

    /// Shows the map `[N, H, W, C]` at this point to the visitor, if it wants it, and gives back the map to go on with.
    pub fn show(&mut self, path: &str, side: Side, map: Tensor<4>) -> Tensor<4> {
        match &mut self.visitor {
            Some(visitor) if visitor.wants(path, side) => {
                visitor.reached(self.multiplications);
                visitor.visit(path, side, map)
            }
            _ => map,
        }
    }

    /// Notes batch moments for the running statistics.
    pub(crate) fn note(&mut self, moments: Moments) {
        self.moments.push(moments);
    }

    /// Counts multiply-accumulate operations.
    pub fn count(&mut self, multiplications: u64) {
        self.multiplications += multiplications;
    }

    /// Multiply-accumulate operations of the convolutions and linear layers so far, for the whole batch.
    pub fn multiplications(&self) -> u64 {
        self.multiplications
    }

    /// Ends the pass: the batch moments it met, in order.
    pub fn into_moments(self) -> Vec<Moments> {
        self.moments
    }
}
