//! The forward pass of batch norm, the shortcut and the activation, in one sweep.

use super::sweep::{Chunks, Step, sweep};
use crate::activation::{Activate, with_activation};
use crate::error::expect_length;
use crate::isa::{Isa, Lanes, load, store};
use crate::scratch::Shared;
use crate::{Activation, KernelError, Output, Pool};

/// `z = activation(scale * y + shift + residual)` for `y: [pixels, channels]`; `scale` and `shift` have one value per channel
/// (see [`super::fold_batch_norm`]).
///
/// # Errors
/// [`KernelError`] when there are no channels or lengths do not fit.
pub fn bn_apply(
    y: &[f32],
    scale: &[f32],
    shift: &[f32],
    residual: Option<&[f32]>,
    activation: Activation,
    z: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    let channels = scale.len();
    if channels == 0 {
        return Err(KernelError::Shape {
            reason: "batch norm over zero channels".to_owned(),
        });
    }
    expect_length("y", y.len() / channels * channels, y.len())?;
    expect_length("shift", channels, shift.len())?;
    residual.map_or(Ok(()), |r| expect_length("residual", y.len(), r.len()))?;
    let target = Shared::at(z.room("z", y.len())?);
    let chunks = Chunks::new(y.len(), channels);
    let (scale, shift) = (chunks.spread(scale), chunks.spread(shift));
    let isa = Isa::current();
    with_activation!(activation, activation => pool.run(chunks.count(), |index| {
        let (start, len) = chunks.chunk(index);
        let step = ApplyStep {
            y: y[start..].as_ptr(),
            scale: scale.as_ptr(),
            shift: shift.as_ptr(),
            residual: residual.map_or(std::ptr::null(), |r| r[start..].as_ptr()),
            activation,
            // SAFETY: the chunk is inside `z`.
            z: unsafe { target.ptr().add(start) },
        };
        // SAFETY: all maps have the length of `y`, the channel values a period; chunks do not overlap.
        unsafe { sweep(isa, chunks.period, len, &step) };
    }));
    // SAFETY: the chunks together are the map.
    unsafe { z.written(y.len()) };
    Ok(())
}

struct ApplyStep<A> {
    y: *const f32,
    scale: *const f32,
    shift: *const f32,
    residual: *const f32,
    activation: A,
    z: *mut f32,
}

impl<A: Activate> Step for ApplyStep<A> {
    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, at: usize) -> [L; 5] {
        // SAFETY: as the trait's caller promises.
        unsafe {
            [
                L::load(self.scale.add(at)),
                L::load(self.shift.add(at)),
                L::zero(),
                L::zero(),
                L::zero(),
            ]
        }
    }
    #[inline(always)]
    unsafe fn step<L: Lanes>(&self, [scale, shift, ..]: &mut [L; 5], at: usize, lanes: usize) {
        // SAFETY: as the trait's caller promises.
        unsafe {
            let mut value = shift.fma(*scale, load(self.y.add(at), lanes));
            if !self.residual.is_null() {
                value = value.add(load(self.residual.add(at), lanes));
            }
            store(self.activation.apply(value), self.z.add(at), lanes);
        }
    }
}
