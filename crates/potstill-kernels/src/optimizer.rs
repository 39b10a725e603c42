//! Optimiser updates in one sweep over flat slices, with PyTorch's arithmetic and defaults.

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{KernelError, Pool};

/// Elements of a task.
const CHUNK: usize = 16 * 1024;

/// `torch.optim.SGD`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the velocity; zero for none.
    pub momentum: f32,
    /// Part of the gradient that does not enter the velocity (not on the first step).
    pub dampening: f32,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f32,
    /// Whether to look ahead along the velocity.
    pub nesterov: bool,
}

impl Sgd {
    /// One step. With momentum, `velocity` carries the state; on the `first` step its contents are replaced.
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
        expect_length("velocity", parameters.len(), velocity.len())?;
        // The first velocity is the gradient itself.
        let (decay, gain) = if first {
            (0.0, 1.0)
        } else {
            (self.momentum, 1.0 - self.dampening)
        };
        if first {
            velocity.fill(0.0);
        }
        let update = SgdUpdate {
            options: *self,
            decay,
            gain,
        };
        run(update, parameters, gradients, velocity, &mut [], pool);
        Ok(())
    }
}

/// `torch.optim.AdamW`; `torch.optim.Adam` with `decoupled: false`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the averages of the gradient and of its square.
    pub betas: [f32; 2],
    /// Added to the root of the average square.
    pub epsilon: f32,
    /// Weight decay.
    pub weight_decay: f32,
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
        number: u32,
        pool: &Pool,
    ) -> Result<(), KernelError> {
        expect_length("gradients", parameters.len(), gradients.len())?;
        expect_length("mean", parameters.len(), mean.len())?;
        expect_length("square", parameters.len(), square.len())?;
        // Bias corrections in double precision: `1 - beta^t` cancels in the first steps.
        let [correction, square_correction] = self
            .betas
            .map(|beta| 1.0 - f64::from(beta).powf(f64::from(number.max(1))));
        let update = AdamUpdate {
            options: *self,
            step_size: (f64::from(self.learning_rate) / correction) as f32,
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
    options: Sgd,
    decay: f32,
    gain: f32,
}

impl Update for SgdUpdate {
    #[inline(always)]
    fn update<L: Lanes>(self, parameter: L, gradient: L, velocity: &mut L, _: &mut L) -> L {
        let gradient = gradient.fma(L::splat(self.options.weight_decay), parameter);
        let mut direction = gradient;
        if self.options.momentum != 0.0 {
            *velocity = gradient
                .mul(L::splat(self.gain))
                .fma(L::splat(self.decay), *velocity);
            direction = if self.options.nesterov {
                gradient.fma(L::splat(self.options.momentum), *velocity)
            } else {
                *velocity
            };
        }
        parameter.fma(L::splat(-self.options.learning_rate), direction)
    }
}

#[derive(Clone, Copy)]
struct AdamUpdate {
    options: AdamW,
    /// Learning rate over the bias correction of the mean.
    step_size: f32,
    /// One over the root of the bias correction of the square.
    root_scale: f32,
}

impl Update for AdamUpdate {
    #[inline(always)]
    fn update<L: Lanes>(self, parameter: L, gradient: L, mean: &mut L, square: &mut L) -> L {
        let AdamW {
            learning_rate,
            betas,
            epsilon,
            weight_decay,
            decoupled,
        } = self.options;
        let (parameter, gradient) = if decoupled {
            (
                parameter.mul(L::splat(1.0 - learning_rate * weight_decay)),
                gradient,
            )
        } else {
            (parameter, gradient.fma(L::splat(weight_decay), parameter))
        };
        *mean = mean
            .mul(L::splat(betas[0]))
            .fma(L::splat(1.0 - betas[0]), gradient);
        *square = square
            .mul(L::splat(betas[1]))
            .fma(L::splat(1.0 - betas[1]), gradient.mul(gradient));
        let root = L::splat(epsilon).fma(square.sqrt(), L::splat(self.root_scale));
        parameter.fma(L::splat(-self.step_size), mean.div(root))
    }
}

/// Sweeps over all elements; `second` is empty or as long as the others.
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
    let with_second = !second.is_empty();
    let shared = [Shared::new(parameters), Shared::new(first), Shared::new(second)];
    pool.run(len.div_ceil(CHUNK), |index| {
        let start = index * CHUNK;
        let count = CHUNK.min(len - start);
        // SAFETY: chunks do not overlap and lie inside all slices.
        let [parameters, first, second] = [(0, count), (1, count), (2, if with_second { count } else { 0 })]
            .map(|(i, count)| unsafe { shared[i].part(if count == 0 { 0 } else { start }, count) });
        let gradients = &gradients[start..][..count];
        dispatch(
            isa,
            Sweep {
                update,
                parameters,
                gradients,
                first,
                second,
            },
        );
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
        for at in (0..parameters.len()).step_by(LANES) {
            let lanes = LANES.min(parameters.len() - at);
            // SAFETY: `lanes` elements are left in every slice that is not empty.
            unsafe {
                let parameter = load::<L>(parameters.as_ptr().add(at), lanes);
                let gradient = load::<L>(gradients.as_ptr().add(at), lanes);
                let mut one = load::<L>(first.as_ptr().add(at), lanes);
                let mut two = L::zero();
                if !second.is_empty() {
                    two = load::<L>(second.as_ptr().add(at), lanes);
                }
                let parameter = update.update(parameter, gradient, &mut one, &mut two);
                store(parameter, parameters.as_mut_ptr().add(at), lanes);
                store(one, first.as_mut_ptr().add(at), lanes);
                if !second.is_empty() {
                    store(two, second.as_mut_ptr().add(at), lanes);
                }
            }
        }
    }
}
