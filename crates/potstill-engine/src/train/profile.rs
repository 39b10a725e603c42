//! Where the time of a training step goes.
//!
//! The tensor library computes on the CPU when it is told to, not later, so a clock between two parts of a step measures them.

use std::time::Instant;

/// The parts of a training step, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepPart {
    /// Normalised images and labels become tensors.
    Batch,
    /// The teacher's forward pass.
    Teacher,
    /// The student's forward pass.
    Student,
    /// Loss terms, with the forward passes of the methods' own modules.
    Losses,
    /// Gradients.
    Backward,
    /// Clipping and the update of every parameter.
    Optimizer,
    /// Running statistics, and the figures for the records.
    Bookkeeping,
}

impl StepPart {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Batch,
        Self::Teacher,
        Self::Student,
        Self::Losses,
        Self::Backward,
        Self::Optimizer,
        Self::Bookkeeping,
    ];

    /// The name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Teacher => "teacher forward",
            Self::Student => "student forward",
            Self::Losses => "losses",
            Self::Backward => "backward",
            Self::Optimizer => "optimizer",
            Self::Bookkeeping => "bookkeeping",
        }
    }
}

/// Seconds and multiply-accumulates of the parts of one step.
#[derive(Debug, Clone)]
pub(crate) struct StepProfile {
    last: Instant,
    seconds: [f64; StepPart::ALL.len()],
    macs: [u64; StepPart::ALL.len()],
}

impl StepProfile {
    /// Starts the clock.
    pub fn start() -> Self {
        Self {
            last: Instant::now(),
            seconds: Default::default(),
            macs: Default::default(),
        }
    }

    /// What has passed since the last lap was this part, with so many multiply-accumulates.
    pub fn record(&mut self, part: StepPart, macs: u64) {
        let now = Instant::now();
        self.seconds[part as usize] += (now - self.last).as_secs_f64();
        self.macs[part as usize] += macs;
        self.last = now;
    }

    /// Seconds of a part.
    pub fn seconds(&self, part: StepPart) -> f64 {
        self.seconds[part as usize]
    }

    /// Multiply-accumulates of a part.
    pub fn macs(&self, part: StepPart) -> u64 {
        self.macs[part as usize]
    }
}
