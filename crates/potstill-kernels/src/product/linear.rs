//! The three products of a linear layer.

use super::ending::Ending;
use super::panels::{Panels, Right, pack};
use super::pass::{Left, Product};
use crate::error::expect_length;
use crate::isa::Isa;
use crate::output::sealed;
use crate::scratch::{Line, Scratch};
use crate::{Activation, KernelError, Output, Pool};

/// A linear layer on rows: `[rows, inputs]` to `[rows, outputs]` by a weight `[outputs, inputs]`, as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearShape {
    /// Rows, of a batch and its places together.
    pub rows: usize,
    /// Numbers of a row that comes in.
    pub inputs: usize,
    /// Numbers of a row that goes out.
    pub outputs: usize,
}

/// What follows the product: `residual + activation(x W^T + bias)`.
#[derive(Debug, Default)]
pub struct LinearEnding<'a> {
    /// `[outputs]`.
    pub bias: Option<&'a [f32]>,
    /// Takes what the activation is applied to, `[rows, outputs]`, for the backward pass.
    pub before: Option<&'a mut Vec<f32>>,
    /// Of every number.
    pub activation: Activation,
    /// `[rows, outputs]`.
    pub residual: Option<&'a [f32]>,
}

impl LinearShape {
    /// `residual + activation(x W^T + bias)`, `[rows, outputs]`.
    ///
    /// # Errors
    /// [`KernelError::Length`] when a slice does not fit; [`KernelError::Shape`] without inputs or outputs.
    pub fn forward(
        &self,
        x: &[f32],
        weight: &[f32],
        ending: LinearEnding<'_>,
        y: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.check(Some(x), Some(weight), None)?;
        let isa = Isa::current();
        let panels = Panels::new(isa, self.outputs, self.inputs);
        let mut lines = Scratch::take(panels.lines());
        let right = Right {
            numbers: weight.as_ptr(),
            step: 1,
            column: self.inputs,
        };
        // SAFETY: the weight has these columns and this depth.
        unsafe { pack(isa, &panels, right, &mut lines, pool) };
        self.forward_packed(isa, (&panels, &lines), x, ending, y, pool)
    }

    /// As [`forward`](Self::forward), by a packed weight.
    pub(super) fn forward_packed(
        &self,
        isa: Isa,
        (panels, lines): (&Panels, &[Line]),
        x: &[f32],
        ending: LinearEnding<'_>,
        y: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.check(Some(x), None, None)?;
        let len = self.rows * self.outputs;
        let LinearEnding {
            bias,
            mut before,
            activation,
            residual,
        } = ending;
        for (argument, expected, given) in [("bias", self.outputs, bias), ("residual", len, residual)] {
            expect_length(argument, expected, given.map_or(expected, <[f32]>::len))?;
        }
        let to = y.room("y", len)?;
        let pointer = |given: Option<&[f32]>| given.map_or(std::ptr::null(), <[f32]>::as_ptr);
        let product = Product {
            isa,
            rows: self.rows,
            left: Left {
                numbers: x.as_ptr(),
                row: self.inputs,
                step: 1,
            },
            panels,
            lines,
            ending: Ending {
                bias: pointer(bias),
                before: match &mut before {
                    Some(before) => sealed::Output::room(*before, "before", len)?,
                    None => std::ptr::null_mut(),
                },
                activation,
                residual: pointer(residual),
            },
        };
        // SAFETY: lengths were checked, and the product writes every element of `y` and of `before`.
        unsafe {
            product.run(to, pool);
            y.written(len);
            if let Some(before) = before {
                sealed::Output::written(before, len);
            }
        }
        Ok(())
    }

    /// Gradient of the input: `dy W`, `[rows, inputs]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward_data(
        &self,
        dy: &[f32],
        weight: &[f32],
        dx: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.check(None, Some(weight), Some(dy))?;
        let left = Left {
            numbers: dy.as_ptr(),
            row: self.outputs,
            step: 1,
        };
        let to = dx.room("dx", self.rows * self.inputs)?;
        // SAFETY: lengths were checked, and every element is written.
        unsafe {
            multiply((self.rows, left), (self.outputs, self.inputs, weight), to, pool);
            dx.written(self.rows * self.inputs);
        }
        Ok(())
    }

    /// Gradient of the weight: `dy^T x`, `[outputs, inputs]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward_weight(
        &self,
        x: &[f32],
        dy: &[f32],
        dw: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.check(Some(x), None, Some(dy))?;
        let left = Left {
            numbers: dy.as_ptr(),
            row: 1,
            step: self.outputs,
        };
        let to = dw.room("dw", self.outputs * self.inputs)?;
        // SAFETY: lengths were checked, and every element is written.
        unsafe {
            multiply((self.outputs, left), (self.rows, self.inputs, x), to, pool);
            dw.written(self.outputs * self.inputs);
        }
        Ok(())
    }

    pub(super) fn check(
        &self,
        x: Option<&[f32]>,
        weight: Option<&[f32]>,
        dy: Option<&[f32]>,
    ) -> Result<(), KernelError> {
        let Self {
            rows,
            inputs,
            outputs,
        } = *self;
        if inputs == 0 || outputs == 0 {
            let reason = format!("a linear layer from {inputs} to {outputs} numbers");
            return Err(KernelError::Shape { reason });
        }
        for (argument, expected, given) in [
            ("x", rows * inputs, x),
            ("weight", outputs * inputs, weight),
            ("dy", rows * outputs, dy),
        ] {
            expect_length(argument, expected, given.map_or(expected, <[f32]>::len))?;
        }
        Ok(())
    }
}

/// The product of a left operand of some rows with a row-major right one.
///
/// # Safety
/// The left operand has the rows and the depth; there is room for `rows * columns` numbers at `to`.
unsafe fn multiply(
    (rows, left): (usize, Left),
    (depth, columns, right): (usize, usize, &[f32]),
    to: *mut f32,
    pool: &Pool,
) {
    let isa = Isa::current();
    let panels = Panels::new(isa, columns, depth);
    let mut lines = Scratch::take(panels.lines());
    let right = Right {
        numbers: right.as_ptr(),
        step: columns,
        column: 1,
    };
    // SAFETY: as the caller promises.
    unsafe {
        pack(isa, &panels, right, &mut lines, pool);
        let product = Product {
            isa,
            rows,
            left,
            panels: &panels,
            lines: &lines,
            ending: Ending::NONE,
        };
        product.run(to, pool);
    }
}
