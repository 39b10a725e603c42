//! A linear layer whose weight does not change: packed once.

use super::linear::{LinearEnding, LinearShape};
use super::panels::{Panels, Right, pack};
use crate::isa::Isa;
use crate::scratch::Line;
use crate::{KernelError, Output, Pool};

/// A weight in the order in which the product reads it.
#[derive(Debug)]
pub struct PackedLinear {
    isa: Isa,
    inputs: usize,
    outputs: usize,
    panels: Panels,
    lines: Vec<Line>,
}

impl PackedLinear {
    /// Packs a weight `[outputs, inputs]` for the present instruction set.
    ///
    /// # Errors
    /// [`KernelError::Length`] when the weight is of another length; [`KernelError::Shape`] without inputs or outputs.
    pub fn new([outputs, inputs]: [usize; 2], weight: &[f32], pool: &Pool) -> Result<Self, KernelError> {
        let shape = LinearShape {
            rows: 0,
            inputs,
            outputs,
        };
        shape.check(None, Some(weight), None)?;
        let isa = Isa::current();
        let panels = Panels::new(isa, outputs, inputs);
        let mut lines = vec![Line::ZERO; panels.lines()];
        let right = Right {
            numbers: weight.as_ptr(),
            step: 1,
            column: inputs,
        };
        // SAFETY: the weight has these columns and this depth.
        unsafe { pack(isa, &panels, right, &mut lines, pool) };
        Ok(Self {
            isa,
            inputs,
            outputs,
            panels,
            lines,
        })
    }

    /// As [`LinearShape::forward`], on `rows` rows.
    ///
    /// # Errors
    /// [`KernelError::Length`] when a slice does not fit.
    pub fn forward(
        &self,
        rows: usize,
        x: &[f32],
        ending: LinearEnding<'_>,
        y: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        let shape = LinearShape {
            rows,
            inputs: self.inputs,
            outputs: self.outputs,
        };
        shape.forward_packed(self.isa, (&self.panels, &self.lines), x, ending, y, pool)
    }
}
