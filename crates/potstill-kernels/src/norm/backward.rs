//! The backward pass of batch norm, the shortcut and the activation: one sweep that sums, one that writes.
//!
//! With `g` the gradient behind the activation's gate, `x̂ = (y - mean) * inv_std` and `M` pixels (Ioffe and Szegedy 2015,
//! section 3): `dbeta = Σ g`, `dgamma = Σ g x̂`, `dy = gamma * inv_std * (g - dbeta / M - x̂ * dgamma / M)`.

use super::moments::{fold, fold_batch_norm};
use super::sweep::{Chunks, Step, sweep};
use crate::activation::{Activate, NoActivation, with_activation};
use crate::error::expect_length;
use crate::isa::{Isa, Lanes, load, store};
use crate::output::sealed::Output as _;
use crate::scratch::Shared;
use crate::{Activation, KernelError, Output, Pool};

/// From what the activation's derivative is found.
#[derive(Debug, Clone, Copy)]
pub enum GateSource<'a> {
    /// The output `z` of the layer; for activations that [gate by output](Activation::gates_by_output).
    Output(&'a [f32]),
    /// The input of the activation, computed again from `y` and the residual that the forward pass added.
    Input {
        /// What the forward pass added.
        residual: Option<&'a [f32]>,
    },
}

/// What the backward pass of `z = activation(batch_norm(y) + residual)` reads. Maps are `[pixels, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct BatchNormBackward<'a> {
    /// Input of the batch norm.
    pub y: &'a [f32],
    /// Gradient of the layer's output.
    pub dz: &'a [f32],
    /// Where the activation's derivative comes from. Not read for [`Activation::None`].
    pub gate: GateSource<'a>,
    /// Mean of every channel, as the forward pass used it.
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + epsilon)` of every channel, as the forward pass used it.
    pub inv_std: &'a [f32],
    /// Factor of every channel.
    pub gamma: &'a [f32],
    /// Summand of every channel.
    pub beta: &'a [f32],
    /// The layer's activation.
    pub activation: Activation,
    /// Whether the statistics were those of this batch. When they were fixed, no gradient flows through them:
    /// `dy = gamma * inv_std * g`.
    pub batch_statistics: bool,
}

/// Gradients of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormGradients {
    /// One value per channel.
    pub gamma: Vec<f32>,
    /// One value per channel.
    pub beta: Vec<f32>,
}

/// Writes the gradient of `y` to `dy` and, if asked for, the gated gradient (that of the residual) to `gated`; returns those
/// of the parameters.
///
/// # Errors
/// [`KernelError`] when lengths do not fit, or the activation cannot be gated by its output.
pub fn bn_backward(
    args: &BatchNormBackward,
    dy: &mut (impl Output + ?Sized),
    mut gated: Option<&mut Vec<f32>>,
    pool: &Pool,
) -> Result<BatchNormGradients, KernelError> {
    args.check()?;
    let len = args.y.len();
    let target = Shared::at(dy.room("dy", len)?);
    let kept = gated
        .as_mut()
        .map(|gated| gated.room("gated", len))
        .transpose()?
        .map(Shared::at);
    let gradients = with_activation!(args.activation, activation => {
        let pass = BackwardPass {
            args,
            isa: Isa::current(),
            chunks: Chunks::new(len, args.gamma.len()),
            activation,
            gated: kept,
        };
        let gradients = pass.sum(pool);
        pass.write(&gradients, target, pool);
        gradients
    });
    // SAFETY: the chunks of both sweeps together are the map.
    unsafe {
        dy.written(len);
        if let Some(gated) = gated {
            gated.written(len);
        }
    }
    Ok(gradients)
}

impl BatchNormBackward<'_> {
    fn check(&self) -> Result<(), KernelError> {
        let (channels, len) = (self.gamma.len(), self.y.len());
        if channels == 0 {
            return Err(KernelError::Shape {
                reason: "batch norm over zero channels".to_owned(),
            });
        }
        expect_length("y", len / channels * channels, len)?;
        expect_length("dz", len, self.dz.len())?;
        expect_length("mean", channels, self.mean.len())?;
        expect_length("inv_std", channels, self.inv_std.len())?;
        expect_length("beta", channels, self.beta.len())?;
        match self.gate {
            GateSource::Output(z) if !self.activation.gates_by_output() => {
                expect_length("z", len, z.len())?;
                Err(KernelError::Gate {
                    activation: self.activation.name(),
                })
            }
            GateSource::Output(z) => expect_length("z", len, z.len()),
            GateSource::Input { residual } => {
                residual.map_or(Ok(()), |r| expect_length("residual", len, r.len()))
            }
        }
    }
}

/// The two sweeps.
struct BackwardPass<'a, A> {
    args: &'a BatchNormBackward<'a>,
    isa: Isa,
    chunks: Chunks,
    activation: A,
    /// Where the gated gradient is kept.
    gated: Option<Shared<f32>>,
}

impl<A: Activate> BackwardPass<'_, A> {
    /// The gate of a chunk.
    fn gate_step(&self, start: usize, scale: &[f32], shift: &[f32]) -> Gate<A> {
        let (z, residual) = match self.args.gate {
            GateSource::Output(z) => (z[start..].as_ptr(), std::ptr::null()),
            GateSource::Input { residual } => (
                std::ptr::null(),
                residual.map_or(std::ptr::null(), |r| r[start..].as_ptr()),
            ),
        };
        let (scale, shift) = (scale.as_ptr(), shift.as_ptr());
        Gate {
            dz: self.args.dz[start..].as_ptr(),
            z,
            residual,
            scale,
            shift,
            activation: self.activation,
        }
    }

    /// The first sweep: gradients of the parameters, and the gated gradient if asked for.
    fn sum(&self, pool: &Pool) -> BatchNormGradients {
        let Self {
            args,
            isa,
            chunks,
            gated,
            ..
        } = self;
        let channels = chunks.channels;
        let mean = chunks.spread(args.mean);
        let (scale, shift) = self.spread_scale_shift();
        let mut sums = vec![0.0_f64; chunks.count() * 2 * channels];
        let shared = Shared::new(&mut sums);
        pool.run(chunks.count(), |index| {
            let (start, len) = chunks.chunk(index);
            let mut period_sums = vec![0.0_f64; 2 * chunks.period];
            let step = SumStep {
                y: args.y[start..].as_ptr(),
                gate: self.gate_step(start, &scale, &shift),
                mean: mean.as_ptr(),
                // SAFETY: the chunk is inside the map.
                gated: gated.map_or(std::ptr::null_mut(), |g| unsafe { g.ptr().add(start) }),
                sums: period_sums.as_mut_ptr(),
                period: chunks.period,
            };
            // SAFETY: lengths were checked; chunks and their sums do not overlap.
            unsafe {
                sweep(*isa, chunks.period, len, &step);
                fold(
                    &period_sums,
                    channels,
                    shared.part(index * 2 * channels, 2 * channels),
                );
            }
        });
        let mut totals = vec![0.0_f64; 2 * channels];
        for sums in sums.chunks(2 * channels) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        let (beta, gamma) = totals.split_at(channels);
        BatchNormGradients {
            beta: beta.iter().map(|&b| b as f32).collect(),
            gamma: gamma
                .iter()
                .zip(args.inv_std)
                .map(|(&g, &s)| (g * f64::from(s)) as f32)
                .collect(),
        }
    }

    /// The second sweep: `dy = a * g + b * y + c`, with the gated gradient from the first if it was kept.
    fn write(&self, gradients: &BatchNormGradients, dy: Shared<f32>, pool: &Pool) {
        let Self {
            args,
            isa,
            chunks,
            gated,
            ..
        } = self;
        let pixels = if args.batch_statistics {
            (args.y.len() / chunks.channels) as f64
        } else {
            f64::INFINITY
        };
        let mut factors = [Vec::new(), Vec::new(), Vec::new()];
        for channel in 0..chunks.channels {
            let inv_std = f64::from(args.inv_std[channel]);
            let a = f64::from(args.gamma[channel]) * inv_std;
            let b = -a * inv_std * f64::from(gradients.gamma[channel]) / pixels;
            let c = -a * f64::from(gradients.beta[channel]) / pixels - b * f64::from(args.mean[channel]);
            factors[0].push(a as f32);
            factors[1].push(b as f32);
            factors[2].push(c as f32);
        }
        let [a, b, c] = factors.map(|f| chunks.spread(&f));
        let (scale, shift) = self.spread_scale_shift();
        pool.run(chunks.count(), |index| {
            let (start, len) = chunks.chunk(index);
            let gate = self.gate_step(start, &scale, &shift);
            let (y, factors) = (args.y[start..].as_ptr(), [a.as_ptr(), b.as_ptr(), c.as_ptr()]);
            // SAFETY: the chunk is inside the maps, lengths were checked, chunks do not overlap.
            unsafe {
                let dy = dy.ptr().add(start);
                match gated {
                    None => sweep(*isa, chunks.period, len, &WriteStep { y, gate, factors, dy }),
                    Some(gated) => {
                        let gate = gate.passed(gated.ptr().add(start));
                        sweep(*isa, chunks.period, len, &WriteStep { y, gate, factors, dy });
                    }
                }
            }
        });
    }

    fn spread_scale_shift(&self) -> (Vec<f32>, Vec<f32>) {
        let BatchNormBackward {
            mean,
            inv_std,
            gamma,
            beta,
            ..
        } = *self.args;
        // The lengths were checked: folding cannot fail.
        let (scale, shift) = fold_batch_norm(mean, inv_std, gamma, beta).unwrap_or_default();
        (self.chunks.spread(&scale), self.chunks.spread(&shift))
    }
}

/// Gates the gradient of a chunk.
struct Gate<A> {
    dz: *const f32,
    /// The output; null when the input is computed again.
    z: *const f32,
    residual: *const f32,
    scale: *const f32,
    shift: *const f32,
    activation: A,
}

impl<A: Activate> Gate<A> {
    /// The gate for a gradient that has passed it already.
    fn passed(&self, dz: *const f32) -> Gate<NoActivation> {
        Gate {
            dz,
            z: self.z,
            residual: self.residual,
            scale: self.scale,
            shift: self.shift,
            activation: NoActivation,
        }
    }

    /// The gated gradient at `at`, for the vector at `channel` in the period.
    ///
    /// # Safety
    /// As [`Step::step`].
    #[inline(always)]
    unsafe fn gradient<L: Lanes>(&self, scale: L, shift: L, y: L, at: usize, lanes: usize) -> L {
        // SAFETY: as the caller promises.
        unsafe {
            let dz = load::<L>(self.dz.add(at), lanes);
            if self.activation.is_none() {
                return dz;
            }
            if !self.z.is_null() {
                return self.activation.gate(load::<L>(self.z.add(at), lanes), dz);
            }
            // The forward pass's own arithmetic, so that the gate falls on the same side.
            let mut value = shift.fma(scale, y);
            if !self.residual.is_null() {
                value = value.add(load(self.residual.add(at), lanes));
            }
            self.activation.gate(value, dz)
        }
    }
}

struct SumStep<A> {
    y: *const f32,
    gate: Gate<A>,
    mean: *const f32,
    gated: *mut f32,
    sums: *mut f64,
    period: usize,
}

impl<A: Activate> Step for SumStep<A> {
    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, at: usize) -> [L; 5] {
        // SAFETY: as the trait's caller promises.
        unsafe {
            let [mean, scale, shift] =
                [self.mean, self.gate.scale, self.gate.shift].map(|p| L::load(p.add(at)));
            [L::zero(), L::zero(), mean, scale, shift]
        }
    }
    #[inline(always)]
    unsafe fn step<L: Lanes>(&self, state: &mut [L; 5], at: usize, lanes: usize) {
        let [sum, products, mean, scale, shift] = *state;
        // SAFETY: as the trait's caller promises. Missing lanes have no gradient.
        unsafe {
            let y = load::<L>(self.y.add(at), lanes);
            let g = self.gate.gradient(scale, shift, y, at, lanes);
            if !self.gated.is_null() {
                store(g, self.gated.add(at), lanes);
            }
            state[0] = sum.add(g);
            state[1] = products.fma(g, y.sub(mean));
        }
    }
    #[inline(always)]
    unsafe fn leave<L: Lanes>(&self, state: [L; 5], at: usize) {
        // SAFETY: two periods of sums.
        unsafe {
            state[0].add_to_f64(self.sums.add(at));
            state[1].add_to_f64(self.sums.add(self.period + at));
        }
    }
}

struct WriteStep<A> {
    y: *const f32,
    gate: Gate<A>,
    factors: [*const f32; 3],
    dy: *mut f32,
}

impl<A: Activate> Step for WriteStep<A> {
    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, at: usize) -> [L; 5] {
        let [a, b, c] = self.factors;
        // SAFETY: as the trait's caller promises.
        unsafe { [a, b, c, self.gate.scale, self.gate.shift].map(|p| L::load(p.add(at))) }
    }
    #[inline(always)]
    unsafe fn step<L: Lanes>(&self, &mut [a, b, c, scale, shift]: &mut [L; 5], at: usize, lanes: usize) {
        // SAFETY: as the trait's caller promises.
        unsafe {
            let y = load::<L>(self.y.add(at), lanes);
            let g = self.gate.gradient(scale, shift, y, at, lanes);
            store(c.fma(b, y).fma(a, g), self.dy.add(at), lanes);
        }
    }
}
