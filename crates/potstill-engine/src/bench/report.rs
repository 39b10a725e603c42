//! What a bench found out.

use serde::Serialize;

/// What was measured, and on what.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// This program and its version.
    pub version: String,
    /// The instruction set of the kernels (`avx512`, `avx2`, `portable`), or `burn` for the tensor library's own operations.
    pub isa: String,
    /// Threads of the kernels.
    pub threads: usize,
    /// Images of a batch.
    pub batch: usize,
    /// Counted steps.
    pub steps: usize,
    /// Milliseconds of a step.
    pub step_ms: Milliseconds,
    /// Processor milliseconds of a step, all threads, user and system, mean.
    pub cpu_ms: Option<f64>,
    /// Images of a batch by the median step.
    pub images_per_second: f64,
    /// The parts of a step in their order.
    pub parts: Vec<PartReport>,
    /// 10^9 operations of a step: two for each multiply-accumulate of a convolution or a linear layer. Forward passes are
    /// counted; the backward pass is taken as twice the forward passes it goes through, which is too much by the one data
    /// gradient that the first layer does not need. They are those of the definition, so that a convolution that finds a way
    /// around some of them (Winograd's) may come out above the peak.
    pub gflop: f64,
    /// The same by the median step.
    pub gflops: f64,
    /// What the machine could do at most with these threads and this instruction set, measured after the steps.
    pub peak_gflops: Option<f64>,
    /// The loss of the first and of the last step, which all learn from the same images; none for inference, not a number where
    /// a term was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<[f64; 2]>,
    /// Runnable programs on the machine before the bench, mean of a minute: above 0, somebody else was there too.
    pub load_average: Option<f64>,
    /// Memory of the process before its first step (program, networks, one batch), MiB.
    pub before_rss_mb: Option<f64>,
    /// The most memory of the process during the counted steps, MiB; during its life where the system cannot begin anew.
    pub peak_rss_mb: Option<f64>,
    /// The most that blocks of 32 KiB and more took at once during the counted steps (networks, optimiser state, maps,
    /// gradients), MiB; known where the program has our allocator.
    pub peak_used_mb: Option<f64>,
}

/// Milliseconds over the counted steps.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Milliseconds {
    /// The fastest.
    pub min: f64,
    /// The middle one.
    pub median: f64,
    /// The slowest.
    pub max: f64,
}

/// A part of a step.
#[derive(Debug, Clone, Serialize)]
pub struct PartReport {
    /// Its name.
    pub name: &'static str,
    /// Median milliseconds over the counted steps; the medians of the parts need not add up to that of the step.
    pub ms: f64,
    /// 10^9 operations.
    pub gflop: f64,
}

impl PartReport {
    /// GFLOP/s of this part; none for a part that multiplies nothing.
    pub fn gflops(&self) -> Option<f64> {
        (self.gflop > 0.0).then(|| self.gflop / (self.ms / 1e3))
    }
}
