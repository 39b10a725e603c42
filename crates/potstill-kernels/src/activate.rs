//! Activations that follow nothing they could be fused with.

use crate::activation::{Activate, with_activation};
use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{Activation, KernelError, Output, Pool};

/// Elements that one task takes.
const TASK: usize = 16 * 1024;

/// `activation(x)`, element by element.
///
/// # Errors
/// [`KernelError::Length`] when the output is a slice of another length.
pub fn activate(
    x: &[f32],
    activation: Activation,
    y: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    let to = y.room("y", x.len())?;
    // SAFETY: there is room for as many elements, all of which are written.
    unsafe {
        activate_to(x, activation, to, pool);
        y.written(x.len());
    }
    Ok(())
}

/// # Safety
/// There is room for as many elements at `to`.
unsafe fn activate_to(x: &[f32], activation: Activation, to: *mut f32, pool: &Pool) {
    let (out, isa) = (Shared::at(to), Isa::current());
    with_activation!(activation, activation => {
        pool.run(x.len().div_ceil(TASK), |task| {
            let x = &x[task * TASK..x.len().min((task + 1) * TASK)];
            // SAFETY: the part is inside the output.
            let y = unsafe { out.ptr().add(task * TASK) };
            dispatch(isa, Forward { x, activation, y });
        });
    });
}

/// `dy` times the activation's derivative at `x`.
///
/// # Errors
/// As [`activate`].
pub fn activate_backward(
    x: &[f32],
    dy: &[f32],
    activation: Activation,
    dx: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    expect_length("dy", x.len(), dy.len())?;
    let to = dx.room("dx", x.len())?;
    // SAFETY: there is room for as many elements, all of which are written.
    unsafe {
        gate_to(x, dy, activation, to, pool);
        dx.written(x.len());
    }
    Ok(())
}

/// # Safety
/// There are as many gradients as elements, and there is room for as many at `to`.
unsafe fn gate_to(x: &[f32], dy: &[f32], activation: Activation, to: *mut f32, pool: &Pool) {
    let (out, isa) = (Shared::at(to), Isa::current());
    with_activation!(activation, activation => {
        pool.run(x.len().div_ceil(TASK), |task| {
            let range = task * TASK..x.len().min((task + 1) * TASK);
            let (x, dy) = (&x[range.clone()], &dy[range]);
            // SAFETY: the part is inside the output.
            let dx = unsafe { out.ptr().add(task * TASK) };
            dispatch(isa, Backward { x, dy, activation, dx });
        });
    });
}

struct Forward<'a, A> {
    x: &'a [f32],
    activation: A,
    y: *mut f32,
}

impl<A: Activate> Kernel for Forward<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for block in (0..self.x.len()).step_by(LANES) {
            let lanes = LANES.min(self.x.len() - block);
            // SAFETY: as many are left in both as are read and written.
            unsafe {
                let x = load::<L>(self.x.as_ptr().add(block), lanes);
                store(self.activation.apply(x), self.y.add(block), lanes);
            }
        }
    }
}

struct Backward<'a, A> {
    x: &'a [f32],
    dy: &'a [f32],
    activation: A,
    dx: *mut f32,
}

impl<A: Activate> Kernel for Backward<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for block in (0..self.x.len()).step_by(LANES) {
            let lanes = LANES.min(self.x.len() - block);
            // SAFETY: as many are left in all three as are read and written.
            unsafe {
                let x = load::<L>(self.x.as_ptr().add(block), lanes);
                let dy = load::<L>(self.dy.as_ptr().add(block), lanes);
                store(self.activation.gate(x, dy), self.dx.add(block), lanes);
            }
        }
    }
}
