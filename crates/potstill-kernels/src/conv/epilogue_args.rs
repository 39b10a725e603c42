//! What happens to the finished sums of a pass.

use super::tile::Finish;
use crate::isa::LANES;
use crate::norm::Moments;
use crate::scratch::Shared;
use crate::{Activation, Pool};

/// What happens to the finished sums.
#[derive(Default)]
pub(crate) struct EpilogueArgs<'a> {
    /// Added per channel, in the [`padded`] form.
    pub shift: Option<Vec<f32>>,
    pub residual: Option<&'a [f32]>,
    pub activation: Activation,
    pub moments: Option<&'a mut Moments>,
}

/// Per-channel values with every group padded to whole vectors.
pub(crate) fn padded(values: &[f32], groups: usize) -> Vec<f32> {
    let channels = values.len() / groups;
    let mut out = vec![0.0; groups * channels.next_multiple_of(LANES)];
    for (out, values) in out
        .chunks_mut(channels.next_multiple_of(LANES))
        .zip(values.chunks(channels))
    {
        out[..channels].copy_from_slice(values);
    }
    out
}

/// The ending as seen by a task, which has moments of its own.
#[derive(Clone, Copy)]
pub(crate) struct EpiloguePart<'a> {
    shift: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
    activation: Activation,
    /// Sums and sums of squares of whole vectors. Null for none.
    moments: *mut f64,
}

impl EpilogueArgs<'_> {
    /// Runs tasks that each finish sums of one of `groups` groups of `channels` channels (task `i` of group `i % groups`), and
    /// adds up their moments in order.
    pub fn run(
        self,
        tasks: usize,
        (groups, channels): (usize, usize),
        pool: &Pool,
        body: impl Fn(usize, EpiloguePart) + Sync,
    ) {
        let width = channels.next_multiple_of(LANES);
        let kept = if self.moments.is_some() { 2 * width } else { 0 };
        let mut sums = vec![0.0_f64; tasks * kept];
        let shared = Shared::new(&mut sums);
        let (shift, residual, activation) = (self.shift.as_deref(), self.residual, self.activation);
        pool.run(tasks, |index| {
            let moments = if kept > 0 {
                // SAFETY: every task has its sums.
                unsafe { shared.ptr().add(index * kept) }
            } else {
                std::ptr::null_mut()
            };
            let part = EpiloguePart {
                shift,
                residual,
                activation,
                moments,
            };
            body(index, part);
        });
        if let Some(moments) = self.moments {
            for (index, sums) in sums.chunks(kept).enumerate() {
                moments.add(index % groups * channels, channels, sums, width);
            }
        }
    }
}

impl EpiloguePart<'_> {
    /// What a tile does that begins with this block of a group of `channels` channels; none if that is nothing.
    pub fn finish(&self, group: usize, block: usize, channels: usize) -> Option<Finish> {
        let plain = self.shift.is_none()
            && self.residual.is_none()
            && self.activation == Activation::None
            && self.moments.is_null();
        if plain {
            return None;
        }
        let (width, first) = (channels.next_multiple_of(LANES), block * LANES);
        Some(Finish {
            shift: self
                .shift
                .map_or(std::ptr::null(), |shift| shift[group * width + first..].as_ptr()),
            residual: self.residual.map_or(std::ptr::null(), |residual| {
                residual[group * channels + first..].as_ptr()
            }),
            activation: self.activation,
            moments: if self.moments.is_null() {
                self.moments
            } else {
                // SAFETY: the block's sums are among the task's.
                unsafe { self.moments.add(first) }
            },
            square_step: width,
        })
    }
}
