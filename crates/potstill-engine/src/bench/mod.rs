//! How long a step takes: training steps of a student, alone or distilled, and inference, on synthetic images.

mod noise;
mod report;
mod synthetic;

use std::time::Instant;

use potstill_methods::{Moment, StudentEpoch};
use potstill_models::{FrozenModel, Outputs, find};
use potstill_ops::{Mode, Pass, Precision, Recycler};

pub use self::report::{BenchReport, Milliseconds, PartReport};
use crate::{
    device::cpu,
    error::EngineError,
    machine,
    network_input::NetworkInput,
    plan::Plan,
    run::median,
    train::{
        accumulation::Portion,
        backward::{Rates, UpdateContext},
        profile::{StepPart, StepProfile},
    },
};

/// What to time.
#[derive(Debug, Clone)]
pub struct BenchSetup {
    /// The student that trains.
    pub student: String,
    /// The teacher, for a distillation step.
    pub teacher: Option<String>,
    /// The methods of the step.
    pub methods: Vec<String>,
    /// Images of a batch.
    pub batch: usize,
    /// Height and width of the images; those that the network was published for if none.
    pub size: Option<[usize; 2]>,
    /// Counted steps; two more come first.
    pub steps: usize,
    /// The learning rate.
    pub rate: f64,
    /// The student's epoch that the steps are of, for methods whose steps differ; none for one after every ramp.
    pub epoch: Option<usize>,
    /// In what a network computes whose inference is timed.
    pub precision: Precision,
    /// The allocator of the program, if it is ours: it knows how much memory was in use at once.
    pub allocator: Option<&'static Recycler>,
}

/// Times training steps: forward of both networks, losses, backward, SGD with momentum.
///
/// # Errors
/// A name that is not in a registry, a method that does not fit.
pub fn bench(setup: &BenchSetup) -> Result<BenchReport, EngineError> {
    let (spec, mut learner) = Plan::from_parts(synthetic::parts(setup, EPOCHS)?)?.into_parts();
    let batch = synthetic::batch(&spec.data, &spec.settings)?;
    let phase = &spec.phases[0];
    let mut optimizers = spec.optimizers(phase);
    learner.init_placeholders()?;
    if let Some(epoch) = setup.epoch {
        let (epoch, step) = (StudentEpoch(epoch), 0);
        learner.pretend(Moment::default(), Moment { epoch, step }, spec.steps_per_epoch())?;
    }
    let epoch = StudentEpoch(setup.epoch.unwrap_or(PAST_EVERY_RAMP));
    let mut update = UpdateContext {
        phase,
        optimizers: &mut optimizers,
        rates: Rates {
            student: setup.rate,
            teachers: vec![setup.rate; learner.teachers.len()],
        },
        portion: Portion::WHOLE,
    };
    let mut losses = Vec::new();
    let mut report = timed(setup, || {
        let mut profile = StepProfile::start();
        // A term that is not finite costs the same time, up to the losses.
        let done = learner.step(&batch, epoch, 0, &mut update, &mut profile);
        losses.push(done.map_or(f64::NAN, |done| done.loss));
        StepPart::ALL.map(|part| (part.name(), profile.seconds(part), profile.macs(part)))
    })?;
    report.losses = losses.first().zip(losses.last()).map(|(&a, &b)| [a, b]);
    Ok(report)
}

/// The length of the training that the epoch is one of: the usual one for CIFAR-100.
const EPOCHS: usize = 240;

/// An epoch in which every method has its full weight.
const PAST_EVERY_RAMP: usize = 1_000_000;

/// Times inference of a frozen network.
///
/// # Errors
/// A name that is not in the registry.
pub fn bench_inference(model: &str, setup: &BenchSetup) -> Result<BenchReport, EngineError> {
    let (device, entry) = (cpu(), find(model)?);
    let network = synthetic::network(entry, entry.classes, "teacher", &device)?;
    let network = FrozenModel::from(&network.network).with_precision(setup.precision);
    let data = synthetic::data(entry, setup)?;
    let batch = synthetic::batch(&data, &synthetic::settings(setup))?;
    let input = NetworkInput::from(data.normalise);
    timed(setup, || {
        let mut profile = StepProfile::start();
        let images = input.of_batch(&batch, &device);
        profile.record(StepPart::Batch, 0);
        let mut pass = Pass::new(Mode::Running);
        let outputs = images.map(|images| network.forward(images, &mut pass));
        // The numbers are wanted: computing may wait until they are.
        if let Ok(Ok(outputs)) = outputs {
            settle(outputs);
        }
        profile.record(StepPart::Teacher, pass.macs());
        [(StepPart::Batch, "batch"), (StepPart::Teacher, "forward")]
            .map(|(part, name)| (name, profile.seconds(part), profile.macs(part)))
    })
}

/// Waits until the numbers are there. Boxes are not decoded: their maps are what a network computes.
fn settle(outputs: Outputs) {
    match outputs {
        Outputs::Logits(logits) => drop(logits.into_data()),
        Outputs::DenseLogits(dense) => drop(dense.full().into_data()),
        Outputs::Detections(_) => {}
    }
}

/// Runs the step and measures it. What the step gives are the seconds and multiply-accumulates of its named parts.
fn timed<const N: usize>(
    setup: &BenchSetup,
    mut step: impl FnMut() -> [(&'static str, f64, u64); N],
) -> Result<BenchReport, EngineError> {
    if setup.batch < 2 {
        return Err(EngineError::invalid_plan(
            "batch",
            "a bench needs at least 2 images",
        ));
    }
    if setup.steps == 0 {
        return Err(EngineError::invalid_plan("steps", "a bench needs at least 1"));
    }
    let (load_average, before_rss_mb) = (machine::load_average(), machine::rss_mb());
    for _ in 0..2 {
        step();
    }
    machine::forget_peak_rss();
    setup.allocator.inspect(|allocator| allocator.forget_peak());
    let processor = machine::cpu_seconds();
    let (mut seconds, mut parts) = (Vec::new(), Vec::new());
    for _ in 0..setup.steps {
        let began = Instant::now();
        parts.push(step());
        seconds.push(began.elapsed().as_secs_f64());
    }
    let processor = machine::cpu_seconds()
        .zip(processor)
        .map(|(now, then)| now - then);
    let middle = median(&seconds).unwrap_or(f64::NAN);
    let (min, max) = seconds
        .iter()
        .fold((f64::MAX, 0f64), |(min, max), &s| (min.min(s), max.max(s)));
    let parts: Vec<_> = (0..N).map(|part| part_report(&parts, part)).collect();
    let gflop = parts.iter().map(|part| part.gflop).sum();
    Ok(BenchReport {
        version: concat!("Potstill ", env!("CARGO_PKG_VERSION")).into(),
        isa: potstill_ops::instruction_set().into(),
        threads: potstill_ops::threads(),
        batch: setup.batch,
        steps: setup.steps,
        step_ms: Milliseconds {
            min: 1e3 * min,
            median: 1e3 * middle,
            max: 1e3 * max,
        },
        cpu_ms: processor.map(|seconds| 1e3 * seconds / setup.steps as f64),
        images_per_second: setup.batch as f64 / middle,
        parts,
        gflop,
        gflops: gflop / middle,
        peak_rss_mb: machine::peak_rss_mb(),
        peak_used_mb: setup
            .allocator
            .map(|allocator| allocator.peak() as f64 / f64::from(1 << 20)),
        peak_gflops: potstill_ops::peak_gflops(),
        losses: None,
        load_average,
        before_rss_mb,
    })
}

/// The part of that index over all steps.
fn part_report<const N: usize>(steps: &[[(&'static str, f64, u64); N]], part: usize) -> PartReport {
    let seconds: Vec<f64> = steps.iter().map(|step| step[part].1).collect();
    let (name, _, macs) = steps[0][part];
    PartReport {
        name,
        ms: 1e3 * median(&seconds).unwrap_or(f64::NAN),
        gflop: 2e-9 * macs as f64,
    }
}
