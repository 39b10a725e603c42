//! Optimiser updates in one sweep over flat slices, with PyTorch's arithmetic and defaults.

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{KernelError, Pool};

/// Elements of a task.
const CHUNK: usize = 16 * 1024;

/// `torch.optim.SGD`. Settings are in double precision, as PyTorch keeps them; numbers are updated in single.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the velocity; zero for none.
    pub momentum: f64,
    /// Part of the gradient that does not enter the velocity (not on the first step).
    pub dampening: f64,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
    /// Whether to look ahead along the velocity.
    pub nesterov: bool,
}

impl Sgd {
    /// One step. With momentum, `velocity` carries the state, of which the `first` step takes no notice; without, it is empty.
    ///
    /// # Errors
    /// [`KernelError::Length`] when the slices differ in length.
    pub fn step(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        velocity: &mut [f32],
        first: bool,
        pool: &Pool,
    ) -> Result<(), KernelError> {
        expect_length("gradients", parameters.len(), gradients.len())?;
        let state = if self.momentum == 0.0 { 0 } else { parameters.len() };
        expect_length("velocity", state, velocity.len())?;
        // The first velocity is the gradient itself.
        let gain = if first { 1.0 } else { 1.0 - self.dampening };
        let update = SgdUpdate {
            first,
            step_size: self.learning_rate as f32,
            momentum: self.momentum as f32,
            gain: gain as f32,
            weight_decay: self.weight_decay as f32,
            nesterov: self.nesterov,
        };
        run(update, parameters, gradients, velocity, &mut [], pool);
        Ok(())
    }
}

/// `torch.optim.AdamW`; `torch.optim.Adam` with `decoupled: false`. Settings as in [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the averages of the gradient and of its square.
    pub betas: [f64; 2],
    /// Added to the root of the average square.
    pub epsilon: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Whether the decay shrinks the weights directly and stays out of the averages.
    pub decoupled: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 1e-2,
            decoupled: true,
        }
    }
}

impl AdamW {
    /// One step, the first being number 1. `mean` and `square` carry the state, zeros at first.
    ///
    /// # Errors
    /// [`KernelError::Length`] when the slices differ in length.
    pub fn step(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        [mean, square]: [&mut [f32]; 2],
        number: u64,
        pool: &Pool,
    ) -> Result<(), KernelError> {
        expect_length("gradients", parameters.len(), gradients.len())?;
        expect_length("mean", parameters.len(), mean.len())?;
        expect_length("square", parameters.len(), square.len())?;
        // In double precision: `1 - beta^t` cancels in the first steps.
        let [correction, square_correction] = self.betas.map(|beta| 1.0 - beta.powf(number.max(1) as f64));
        let update = AdamUpdate {
            shrink: if self.decoupled {
                (1.0 - self.learning_rate * self.weight_decay) as f32
            } else {
                1.0
            },
            penalty: if self.decoupled {
                0.0
            } else {
                self.weight_decay as f32
            },
            keep: self.betas.map(|beta| beta as f32),
            take: self.betas.map(|beta| (1.0 - beta) as f32),
            epsilon: self.epsilon as f32,
            step_size: (self.learning_rate / correction) as f32,
            root_scale: (1.0 / square_correction.sqrt()) as f32,
        };
        run(update, parameters, gradients, mean, square, pool);
        Ok(())
    }
}

/// One vector of an update; returns the new parameter.
trait Update: Copy + Sync {
    fn update<L: Lanes>(self, parameter: L, gradient: L, first: &mut L, second: &mut L) -> L;
}

#[derive(Clone, Copy)]
struct SgdUpdate {
    /// What the velocity holds is not a velocity yet.
    first: bool,
    step_size: f32,
    momentum: f32,
    gain: f32,
    weight_decay: f32,
    nesterov: bool,
}

impl Update for SgdUpdate {
    #[inline(always)]
    fn update<L: Lanes>(self, parameter: L, gradient: L, velocity: &mut L, _: &mut L) -> L {
        let gradient = gradient.fma(L::splat(self.weight_decay), parameter);
        let mut direction = gradient;
        if self.momentum != 0.0 {
            *velocity = if self.first {
                gradient
            } else {
                gradient
                    .mul(L::splat(self.gain))
                    .fma(L::splat(self.momentum), *velocity)
            };
            direction = if self.nesterov {
                gradient.fma(L::splat(self.momentum), *velocity)
            } else {
                *velocity
            };
        }
        parameter.fma(L::splat(-self.step_size), direction)
    }
}

#[derive(Clone, Copy)]
struct AdamUpdate {
    /// Factor of the weights, for a decoupled decay.
    shrink: f32,
    /// Part of the weights that is added to the gradient, for a coupled one.
    penalty: f32,
    /// The betas, and what is left of one.
    keep: [f32; 2],
    take: [f32; 2],
    epsilon: f32,
    /// Learning rate over the bias correction of the mean.
    step_size: f32,
    /// One over the root of the bias correction of the square.
    root_scale: f32,
}

impl Update for AdamUpdate {
    #[inline(always)]
    fn update<L: Lanes>(self, parameter: L, gradient: L, mean: &mut L, square: &mut L) -> L {
        let gradient = gradient.fma(L::splat(self.penalty), parameter);
        let parameter = parameter.mul(L::splat(self.shrink));
        let moved = |average: L, which: usize, toward: L| {
            average
                .mul(L::splat(self.keep[which]))
                .fma(L::splat(self.take[which]), toward)
        };
        *mean = moved(*mean, 0, gradient);
        *square = moved(*square, 1, gradient.mul(gradient));
        let root = L::splat(self.epsilon).fma(square.sqrt(), L::splat(self.root_scale));
        parameter.fma(L::splat(-self.step_size), mean.div(root))
    }
}

/// Sweeps over all elements; `first` and `second` are empty or as long as the others.
fn run(
    update: impl Update,
    parameters: &mut [f32],
    gradients: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    pool: &Pool,
) {
    let isa = Isa::current();
    let len = parameters.len();
    let present = [true, !first.is_empty(), !second.is_empty()];
    let shared = [Shared::new(parameters), Shared::new(first), Shared::new(second)];
    pool.run(len.div_ceil(CHUNK), |index| {
        let start = index * CHUNK;
        let count = CHUNK.min(len - start);
        let [parameters, first, second] = [0, 1, 2].map(|i| {
            let (start, count) = if present[i] { (start, count) } else { (0, 0) };
            // SAFETY: chunks do not overlap and lie inside every slice that is there.
            unsafe { shared[i].part(start, count) }
        });
        let sweep = Sweep {
            update,
            parameters,
            gradients: &gradients[start..][..count],
            first,
            second,
        };
        dispatch(isa, sweep);
    });
}

struct Sweep<'a, U> {
    update: U,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl<U: Update> Kernel for Sweep<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            update,
            parameters,
            gradients,
            first,
            second,
        } = self;
        let present = [!first.is_empty(), !second.is_empty()];
        for at in (0..parameters.len()).step_by(LANES) {
            let lanes = LANES.min(parameters.len() - at);
            // SAFETY: `lanes` elements are left in every slice that is there, and only those are touched.
            unsafe {
                let parameter = load::<L>(parameters.as_ptr().add(at), lanes);
                let gradient = load::<L>(gradients.as_ptr().add(at), lanes);
                let state = |slice: &[f32], is_there| {
                    if is_there {
                        load::<L>(slice.as_ptr().add(at), lanes)
                    } else {
                        L::zero()
                    }
                };
                let (mut one, mut two) = (state(first, present[0]), state(second, present[1]));
                let parameter = update.update(parameter, gradient, &mut one, &mut two);
                store(parameter, parameters.as_mut_ptr().add(at), lanes);
                if present[0] {
                    store(one, first.as_mut_ptr().add(at), lanes);
                }
                if present[1] {
                    store(two, second.as_mut_ptr().add(at), lanes);
                }
            }
        }
    }
}
