//! A sum of two maps, each weighed at every pixel by a gate that reads both: `g0 x + g1 y`, where `(g0, g1)` is the sigmoid of
//! a 1x1 convolution of `x` and `y` put together, and `y` may be coarser.
//!
//! Done pixel by pixel, neither the two maps put together nor the enlarged `y` ever exist.

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::output::sealed::Output as _;
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// The shape of a gated sum: `x` is `[images, height, width, channels]`, `y` `[images, rows, columns, channels]`, which is
/// enlarged to the size of `x` by nearest neighbour (source index `floor(i * from / to)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatedSum {
    /// Images of the batch.
    pub images: usize,
    /// Height and width of `x`.
    pub size: [usize; 2],
    /// Height and width of `y`.
    pub from: [usize; 2],
    /// Channels of both.
    pub channels: usize,
}

/// What a gated sum reads: the maps, and the convolution's `weight` (`[2, 2 * channels]`: a row for each gate, first the part
/// for `x`, then that for `y`) and `bias` (`[2]`).
#[derive(Debug, Clone, Copy)]
pub struct GateInputs<'a> {
    /// The finer map.
    pub x: &'a [f32],
    /// The coarser map.
    pub y: &'a [f32],
    /// Weights of the gates.
    pub weight: &'a [f32],
    /// Biases of the gates.
    pub bias: &'a [f32],
}

/// Gradients of a gated sum.
#[derive(Debug, Clone)]
pub struct GateGradients {
    /// Of `x`.
    pub x: Vec<f32>,
    /// Of `y`.
    pub y: Vec<f32>,
    /// Of the weight.
    pub weight: Vec<f32>,
    /// Of the bias.
    pub bias: Vec<f32>,
}

impl GatedSum {
    fn x_image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    fn y_image(&self) -> usize {
        self.from[0] * self.from[1] * self.channels
    }

    fn gates_image(&self) -> usize {
        self.size[0] * self.size[1] * 2
    }

    fn check(&self, inputs: &GateInputs<'_>) -> Result<(), KernelError> {
        if self.channels == 0 || (self.size.iter().all(|&s| s > 0) && self.from.contains(&0)) {
            let reason = format!(
                "a gated sum of {:?} and {:?} maps of {} channels",
                self.size, self.from, self.channels
            );
            return Err(KernelError::Shape { reason });
        }
        expect_length("x", self.images * self.x_image(), inputs.x.len())?;
        expect_length("y", self.images * self.y_image(), inputs.y.len())?;
        expect_length("weight", 4 * self.channels, inputs.weight.len())?;
        expect_length("bias", 2, inputs.bias.len())
    }

    /// The sum, and the two gates of every pixel for the backward pass.
    ///
    /// # Errors
    /// [`KernelError`] when there are no channels or lengths do not fit.
    pub fn forward(
        &self,
        inputs: &GateInputs<'_>,
        sum: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<Vec<f32>, KernelError> {
        self.check(inputs)?;
        let (x_image, y_image, gates_image) = (self.x_image(), self.y_image(), self.gates_image());
        let out = Shared::at(sum.room("sum", self.images * x_image)?);
        let mut gates = vec![0.0; self.images * gates_image];
        let shared_gates = Shared::new(&mut gates);
        let isa = Isa::current();
        pool.run(self.images, |index| {
            let blend = Blend {
                shape: *self,
                inputs: GateInputs {
                    x: &inputs.x[index * x_image..][..x_image],
                    y: &inputs.y[index * y_image..][..y_image],
                    ..*inputs
                },
                // SAFETY: each image has its own gates and its own part of the sum.
                gates: unsafe { shared_gates.part(index * gates_image, gates_image) },
                // SAFETY: as above.
                out: unsafe { out.ptr().add(index * x_image) },
            };
            dispatch(isa, blend);
        });
        // SAFETY: the images together are the map.
        unsafe { sum.written(self.images * x_image) };
        Ok(gates)
    }

    /// All gradients, from that of the sum and the gates of the forward pass.
    ///
    /// # Errors
    /// [`KernelError`] when lengths do not fit.
    pub fn backward(
        &self,
        inputs: &GateInputs<'_>,
        gates: &[f32],
        gradient: &[f32],
        pool: &Pool,
    ) -> Result<GateGradients, KernelError> {
        self.check(inputs)?;
        let (x_image, y_image, gates_image) = (self.x_image(), self.y_image(), self.gates_image());
        expect_length("gates", self.images * gates_image, gates.len())?;
        expect_length("gradient", self.images * x_image, gradient.len())?;
        // Weights and biases: a part for each image, added up in the images' order.
        let part = 4 * self.channels + 2;
        let mut x = Vec::new();
        let dx = Shared::at(x.room("x", inputs.x.len())?);
        let mut y = vec![0.0; inputs.y.len()];
        let mut parts = vec![0.0; self.images * part];
        let shared = [Shared::new(&mut y), Shared::new(&mut parts)];
        let isa = Isa::current();
        pool.run(self.images, |index| {
            let lengths = [y_image, part];
            // SAFETY: each image has its own part of the gradients.
            let [dy, parameters] = [0, 1].map(|i| unsafe { shared[i].part(index * lengths[i], lengths[i]) });
            let unblend = Unblend {
                shape: *self,
                inputs: GateInputs {
                    x: &inputs.x[index * x_image..][..x_image],
                    y: &inputs.y[index * y_image..][..y_image],
                    ..*inputs
                },
                gates: &gates[index * gates_image..][..gates_image],
                gradient: &gradient[index * x_image..][..x_image],
                // SAFETY: as above.
                dx: unsafe { dx.ptr().add(index * x_image) },
                dy,
                parameters,
            };
            dispatch(isa, unblend);
        });
        // SAFETY: the images together are the map, and each wrote all of its pixels.
        unsafe { x.written(inputs.x.len()) };
        let mut weight = vec![0.0; part];
        for part in parts.chunks_exact(part) {
            weight.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let bias = weight.split_off(4 * self.channels);
        Ok(GateGradients { x, y, weight, bias })
    }

    /// Where the pixel of `y` lies that the pixel of `x` sees.
    #[inline(always)]
    fn source(&self, row: usize, column: usize) -> usize {
        let [h, w] = self.size;
        let (row, column) = (row * self.from[0] / h, column * self.from[1] / w);
        (row * self.from[1] + column) * self.channels
    }
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

/// The sum of the lanes, in a fixed order.
#[inline(always)]
fn total<L: Lanes>(lanes: L) -> f32 {
    let mut values = [0.0; LANES];
    // SAFETY: there are sixteen of them.
    unsafe { lanes.store(values.as_mut_ptr()) };
    values.iter().sum()
}

/// One image forward.
struct Blend<'a> {
    shape: GatedSum,
    inputs: GateInputs<'a>,
    gates: &'a mut [f32],
    out: *mut f32,
}

impl Kernel for Blend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            shape,
            inputs,
            gates,
            out,
        } = self;
        let ([h, w], channels) = (shape.size, shape.channels);
        let weight = inputs.weight.as_ptr();
        for pixel in 0..h * w {
            let at = pixel * channels;
            let from = shape.source(pixel / w, pixel % w);
            let (mut zero, mut one) = (L::zero(), L::zero());
            for block in (0..channels).step_by(LANES) {
                let lanes = LANES.min(channels - block);
                // SAFETY: both pixels lie in their maps, `lanes` channels are left, and the weight has four rows of channels.
                unsafe {
                    let x = load::<L>(inputs.x.as_ptr().add(at + block), lanes);
                    let y = load::<L>(inputs.y.as_ptr().add(from + block), lanes);
                    zero = zero
                        .fma(x, load(weight.add(block), lanes))
                        .fma(y, load(weight.add(channels + block), lanes));
                    one = one
                        .fma(x, load(weight.add(2 * channels + block), lanes))
                        .fma(y, load(weight.add(3 * channels + block), lanes));
                }
            }
            let pair = [
                sigmoid(total(zero) + inputs.bias[0]),
                sigmoid(total(one) + inputs.bias[1]),
            ];
            gates[2 * pixel..][..2].copy_from_slice(&pair);
            let [zero, one] = pair.map(L::splat);
            for block in (0..channels).step_by(LANES) {
                let lanes = LANES.min(channels - block);
                // SAFETY: as above; the output has the size of `x`.
                unsafe {
                    let x = load::<L>(inputs.x.as_ptr().add(at + block), lanes);
                    let y = load::<L>(inputs.y.as_ptr().add(from + block), lanes);
                    store(x.mul(zero).fma(y, one), out.add(at + block), lanes);
                }
            }
        }
    }
}

/// One image backward. `dy` and `parameters` begin at zero.
struct Unblend<'a> {
    shape: GatedSum,
    inputs: GateInputs<'a>,
    gates: &'a [f32],
    gradient: &'a [f32],
    dx: *mut f32,
    dy: &'a mut [f32],
    /// Gradients of the weight, then of the bias.
    parameters: &'a mut [f32],
}

impl Kernel for Unblend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            shape,
            inputs: GateInputs { x, y, weight, .. },
            gates,
            gradient,
            dx,
            dy,
            parameters,
        } = self;
        let ([h, w], channels) = (shape.size, shape.channels);
        for pixel in 0..h * w {
            let at = pixel * channels;
            let from = shape.source(pixel / w, pixel % w);
            let (mut through_x, mut through_y) = (L::zero(), L::zero());
            for block in (0..channels).step_by(LANES) {
                let lanes = LANES.min(channels - block);
                // SAFETY: both pixels lie in their maps and `lanes` channels are left.
                unsafe {
                    let dz = load::<L>(gradient.as_ptr().add(at + block), lanes);
                    through_x = through_x.fma(dz, load(x.as_ptr().add(at + block), lanes));
                    through_y = through_y.fma(dz, load(y.as_ptr().add(from + block), lanes));
                }
            }
            let gates = [gates[2 * pixel], gates[2 * pixel + 1]];
            // Gradients before the sigmoids.
            let before = [
                total(through_x) * gates[0] * (1.0 - gates[0]),
                total(through_y) * gates[1] * (1.0 - gates[1]),
            ];
            parameters[4 * channels] += before[0];
            parameters[4 * channels + 1] += before[1];
            let ([gate_x, gate_y], before) = (gates.map(L::splat), before.map(L::splat));
            for block in (0..channels).step_by(LANES) {
                let lanes = LANES.min(channels - block);
                // SAFETY: as above; the gradients have the sizes of what they are gradients of.
                unsafe {
                    let dz = load::<L>(gradient.as_ptr().add(at + block), lanes);
                    let maps = [
                        load::<L>(x.as_ptr().add(at + block), lanes),
                        load::<L>(y.as_ptr().add(from + block), lanes),
                    ];
                    let mut to = [dz.mul(gate_x), dz.mul(gate_y)];
                    for (gate, before) in before.into_iter().enumerate() {
                        for side in 0..2 {
                            let row = (2 * gate + side) * channels + block;
                            to[side] = to[side].fma(before, load(weight.as_ptr().add(row), lanes));
                            let sum = parameters.as_mut_ptr().add(row);
                            store(load::<L>(sum, lanes).fma(before, maps[side]), sum, lanes);
                        }
                    }
                    store(to[0], dx.add(at + block), lanes);
                    let sum = dy.as_mut_ptr().add(from + block);
                    store(load::<L>(sum, lanes).add(to[1]), sum, lanes);
                }
            }
        }
    }
}
