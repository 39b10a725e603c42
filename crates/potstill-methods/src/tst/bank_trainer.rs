//! The training of the bank: each network learns to do what its operation does.
//!
//! The eleven learn side by side from the same batches, each with draws and an optimiser of its own, so that each gives the
//! same bits as if it learned alone.

use std::collections::BTreeMap;

use burn::{module::Module, tensor::Tensor};
use potstill_data::Normalise;
use potstill_kernels::{AdamW, KernelError, Pool};
use potstill_ops::{Parameters, Scope};
use potstill_random::{Seed, Stream};
use serde::{Deserialize, Serialize};

use super::{
    bank::Networks,
    colour::ColourNetwork,
    operation::{BINS, Kind, Operation},
    pixels::PixelRange,
};

/// Images of a step.
pub const BATCH: usize = 64;

/// Three times the published rate. A weight moves by at most a rate in a step, so with 1e-3 and the published decay by 1 in a training
/// however long, and shifts by 0.9 do not get there; the authors' own networks have gates that moved by more than 3.
pub(super) const FIRST_RATE: f64 = 3e-3;
/// What is left of the rate after each step.
pub(super) const DECAY: f64 = 0.999;
const WEIGHT_DECAY_OF_AFFINE: f64 = 0.01;

/// How long the networks learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankEpochs {
    /// Epochs of the five affine networks.
    pub affine_epochs: usize,
    /// Epochs of the six colour networks.
    pub colour_epochs: usize,
}

impl BankEpochs {
    /// Epochs until the last network is trained.
    pub fn epochs(self) -> usize {
        self.affine_epochs.max(self.colour_epochs)
    }

    /// Epochs until the first network is trained.
    pub fn shortest(self) -> usize {
        self.affine_epochs.min(self.colour_epochs)
    }

    fn of(self, kind: Kind) -> usize {
        match kind {
            Kind::Affine => self.affine_epochs,
            Kind::Colour => self.colour_epochs,
            Kind::Fixed => 0,
        }
    }
}

/// Networks that learn.
pub struct BankTrainer {
    networks: Networks,
    scale: PixelRange,
    seed: Seed,
    lengths: BankEpochs,
    state: State,
}

/// How far the training is, to be kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// Epochs that are done.
    epochs: usize,
    /// Steps of each operation's optimiser.
    updates: BTreeMap<String, u64>,
    /// Weights by path.
    weights: BTreeMap<String, Vec<f32>>,
    /// Both moments of the optimiser by path.
    moments: BTreeMap<String, [Vec<f32>; 2]>,
}

impl BankTrainer {
    /// Networks at the start of their training, on images that are normalised like this.
    pub fn new(scope: &Scope, seed: Seed, input: &Normalise, lengths: BankEpochs) -> Self {
        Self {
            networks: Networks::new(scope),
            scale: PixelRange::from(input),
            seed,
            lengths,
            state: State::default(),
        }
    }

    /// Epochs that are done.
    pub fn epochs(&self) -> usize {
        self.state.epochs
    }

    /// Whether every network is trained.
    pub fn is_done(&self) -> bool {
        self.state.epochs >= self.lengths.epochs()
    }

    /// The networks as they are, frozen.
    pub fn networks(&self) -> Networks {
        self.networks.valid()
    }

    /// One step of every network that still learns, on pixels `[N, H, W, 3]` in `[0, 1]` on the plain device. Gives the losses.
    ///
    /// # Errors
    /// An optimiser that cannot step, which does not happen.
    pub fn step(&mut self, step: usize, pixels: Tensor<4>) -> Result<Vec<(Operation, f64)>, KernelError> {
        let x = self.scale.normalised(pixels);
        let pictures = self.scale.pictures(&x);
        let (epoch, lengths) = (self.state.epochs, self.lengths);
        let learning = Operation::ALL
            .into_iter()
            .filter(|operation| epoch < lengths.of(operation.kind()));
        let mut losses = Vec::new();
        for operation in learning {
            let name = format!("tst.bank.{}", operation.name());
            let mut stream = self.seed.stream(&name, &[epoch as u64, step as u64]);
            let task = Task::draw(operation, &mut stream);
            let [_, height, width, _] = x.dims();
            let Some(pil_op) = operation.pil_op(task.bin, task.negative, [height, width]) else {
                continue;
            };
            let target = self.scale.operated(&pictures, pil_op, &x);
            let magnitude = super::colour::constant(&[task.magnitude()], [1], &x);
            let Some(out) = self
                .networks
                .forward(operation, x.clone(), magnitude, &task.noise)
            else {
                continue;
            };
            let loss = (out - target).square().mean();
            losses.push((operation, loss.clone().inner().into_data().iter::<f64>().sum()));
            self.descend(operation, &loss)?;
        }
        Ok(losses)
    }

    /// Called after each epoch.
    pub fn end_epoch(&mut self) {
        self.state.epochs += 1;
    }

    fn descend(&mut self, operation: Operation, loss: &Tensor<1>) -> Result<(), KernelError> {
        let updates = self.state.updates.entry(operation.name().into()).or_default();
        let rule = AdamW {
            learning_rate: FIRST_RATE * DECAY.powf(*updates as f64),
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: if operation.kind() == Kind::Affine {
                WEIGHT_DECAY_OF_AFFINE
            } else {
                0.0
            },
            decoupled: true,
        };
        *updates += 1;
        let (number, moments) = (*updates, &mut self.state.moments);
        let mut outcome = Ok(());
        self.networks
            .update_with_gradients(&mut loss.backward(), &mut |entry, value, gradient| {
                let device = value.device();
                let [mut numbers, gradient] =
                    [value, gradient].map(|tensor| tensor.into_data().iter().collect::<Vec<f32>>());
                let kept = moments
                    .entry(entry.path.clone())
                    .or_insert_with(|| [vec![0.0; numbers.len()], vec![0.0; numbers.len()]]);
                let [first, second] = kept;
                let stepped = rule.step(&mut numbers, &gradient, [first, second], number, Pool::global());
                if let Err(error) = stepped {
                    outcome = Err(error);
                }
                Tensor::from_data(numbers.as_slice(), &device)
            });
        outcome
    }

    /// Everything needed to go on, as text.
    pub fn state(&self) -> String {
        let mut state = self.state.clone();
        self.networks.each(&mut |entry, value| {
            state
                .weights
                .insert(entry.path.clone(), value.into_data().iter().collect());
        });
        serde_json::to_string(&state).unwrap_or_default()
    }

    /// Continues from a saved state.
    ///
    /// # Errors
    /// The text is not its state; nothing has changed then.
    pub fn load_state(&mut self, state: &str) -> Result<(), String> {
        let state: State = serde_json::from_str(state).map_err(|error| error.to_string())?;
        for entry in self.networks.entries() {
            let wanted: usize = entry.shape.iter().product();
            let fits = |values: &Vec<f32>| values.len() == wanted;
            let has_moments = state
                .moments
                .get(&entry.path)
                .is_none_or(|both| both.iter().all(fits));
            if !(state.weights.get(&entry.path).is_some_and(fits) && has_moments) {
                return Err(format!("`{}` is missing or of another size", entry.path));
            }
        }
        self.networks.rewrite(&mut |entry, present| {
            let values = state.weights.get(&entry.path)?;
            Some(Tensor::from_data(values.as_slice(), &present.device()))
        });
        self.state = State {
            weights: BTreeMap::new(),
            ..state
        };
        Ok(())
    }
}

/// What a network has to do in one step.
struct Task {
    /// How strong, in `[0, 1)`.
    strength: f64,
    /// The other way.
    negative: bool,
    /// The step of the operation's table.
    bin: usize,
    /// What is added to a colour network's feature.
    noise: Vec<f64>,
}

impl Task {
    fn draw(operation: Operation, stream: &mut Stream) -> Self {
        let strength = stream.unit();
        let negative = operation.is_signed() && stream.chance(0.5);
        let noise = match operation.kind() {
            Kind::Colour => ColourNetwork::noise(stream),
            Kind::Affine | Kind::Fixed => Vec::new(),
        };
        Self {
            strength,
            negative,
            bin: (strength * BINS as f64) as usize,
            noise,
        }
    }

    fn magnitude(&self) -> f64 {
        if self.negative {
            -self.strength
        } else {
            self.strength
        }
    }
}
