//! Dealing the channels of groups out again.

use crate::error::expect_length;
use crate::scratch::Shared;
use crate::{KernelError, Pool};

/// Pixels that a task moves: some tens of KiB of them.
const FLOATS: usize = 16 * 1024;

/// Channel `j` of group `i` of `x: [pixels, channels]` becomes channel `j * groups + i` of `out`. The inverse has
/// `channels / groups` groups.
///
/// # Errors
/// [`KernelError`] when the groups do not divide the channels or lengths do not fit.
pub fn channel_shuffle(
    x: &[f32],
    channels: usize,
    groups: usize,
    out: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    if groups == 0 || channels == 0 || !channels.is_multiple_of(groups) {
        let reason = format!("{channels} channels do not make {groups} groups");
        return Err(KernelError::Shape { reason });
    }
    expect_length("x", x.len() / channels * channels, x.len())?;
    expect_length("out", x.len(), out.len())?;
    let (each, together) = (channels / groups, (FLOATS / channels).max(1) * channels);
    let shared = Shared::new(out);
    pool.run(x.len().div_ceil(together), |task| {
        let start = task * together;
        let len = together.min(x.len() - start);
        // SAFETY: tasks move disjoint pixels.
        let out = unsafe { shared.part(start, len) };
        let pixels = x[start..start + len].chunks_exact(channels);
        for (from, to) in pixels.zip(out.chunks_exact_mut(channels)) {
            for (i, group) in from.chunks_exact(each).enumerate() {
                let places = to[i..].iter_mut().step_by(groups);
                places.zip(group).for_each(|(to, from)| *to = *from);
            }
        }
    });
    Ok(())
}
