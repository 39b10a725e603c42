//! How long a step takes: training steps of a student, alone or distilled, and inference, on synthetic images.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use potstill_data::Batch;
use potstill_methods::{Ground, Side};
use potstill_models::{BuildOptions, Classifier, FrozenClassifier, ModelEntry, find};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, OptimizerSpec, Schedule, Sgd};
use serde::Serialize;

use crate::{
    EngineError, Optimizer, Phase,
    export::median,
    plan::default_input,
    step::{Learner, images},
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
    /// Counted steps; two more come first.
    pub steps: usize,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Milliseconds of a step.
    pub step_ms: Milliseconds,
    /// Images of a batch by the median step.
    pub images_per_second: f64,
    /// The most memory the process held, MiB.
    pub peak_rss_mb: Option<f64>,
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

/// Times training steps: forward of both networks, losses, backward, SGD with momentum.
///
/// # Errors
/// A name that is not in a registry, a method that does not fit.
pub fn bench(setup: &BenchSetup) -> Result<BenchReport, EngineError> {
    let device = Device::flex();
    let seed = Seed::new(0);
    let entry = find(&setup.student)?;
    let student = build(entry, entry.classes, "student", &device)?;
    let teacher = match &setup.teacher {
        Some(name) => Some(build(find(name)?, entry.classes, "teacher", &device)?),
        None => None,
    };
    let [height, width] = entry.input;
    let side = |network| Side::of(network, [height, width, 3], &device);
    let ground = Ground {
        student: side(&student)?,
        teacher: teacher.as_ref().map(side).transpose()?,
        device: device.clone(),
        seed,
    };
    let methods = setup.methods.iter().map(|name| {
        Ok((
            1.0,
            potstill_methods::find(name)?.plan(&MethodSpec::new(name.clone()), &ground)?,
        ))
    });
    let methods = methods.collect::<Result<Vec<_>, EngineError>>()?;
    let optimizer = OptimizerSpec::Sgd(Sgd {
        lr: 0.05,
        momentum: 0.9,
        nesterov: true,
        dampening: 0.0,
        weight_decay: 5e-4,
    });
    let phase = Phase {
        name: "bench".into(),
        epochs: 0..1,
        trains: None,
        optimizer: optimizer.clone(),
        schedule: Schedule::default(),
    };
    let mut optimizer = Optimizer::new(&optimizer);
    let input = default_input(3);
    let mut learner = Learner {
        device,
        student,
        student_input: input.clone(),
        teacher: teacher.map(|teacher| (FrozenClassifier::from(&teacher), input)),
        methods,
        task_weight: 1.0,
        label_smoothing: 0.0,
        clip_norm: None,
    };
    let batch = synthetic(setup.batch, entry);
    timed(setup, || {
        // A term that is not finite costs the same time.
        let _ = learner.step(&batch, &phase, &mut optimizer, 0.05, 1);
    })
}

/// Times inference of a frozen network.
///
/// # Errors
/// A name that is not in the registry.
pub fn bench_inference(model: &str, setup: &BenchSetup) -> Result<BenchReport, EngineError> {
    let device = Device::flex();
    let entry = find(model)?;
    let network = FrozenClassifier::from(&build(entry, entry.classes, "teacher", &device)?);
    let batch = synthetic(setup.batch, entry);
    timed(setup, || {
        // The numbers are wanted: computing may wait until they are.
        let logits = network.logits(images(&batch, &default_input(3), &device));
        let _ = logits.map(Tensor::into_data);
    })
}

fn build(
    entry: &ModelEntry,
    classes: usize,
    owner: &str,
    device: &Device,
) -> Result<Classifier, EngineError> {
    let options = BuildOptions {
        classes: Some(classes),
        ..BuildOptions::default()
    };
    Ok(entry.build(options, &Scope::new(device, Seed::new(0), owner))?)
}

fn synthetic(batch: usize, entry: &ModelEntry) -> Batch {
    let [height, width] = entry.input;
    let shape = [batch, height, width, 3];
    let mut stream = Seed::new(0).stream("bench", &[]);
    Batch {
        images: (0..shape.iter().product())
            .map(|_| stream.unit() as f32)
            .collect(),
        shape,
        labels: (0..batch).map(|_| stream.below(entry.classes) as u32).collect(),
        indices: (0..batch).collect(),
    }
}

fn timed(setup: &BenchSetup, mut step: impl FnMut()) -> Result<BenchReport, EngineError> {
    if setup.batch < 2 || setup.steps == 0 {
        return Err(EngineError::Contradiction(
            "a bench needs a batch of at least 2 and at least 1 step".into(),
        ));
    }
    for _ in 0..2 {
        step();
    }
    let seconds: Vec<f64> = (0..setup.steps)
        .map(|_| {
            let began = Instant::now();
            step();
            began.elapsed().as_secs_f64()
        })
        .collect();
    let middle = median(&seconds).unwrap_or(f64::NAN);
    let (min, max) = seconds
        .iter()
        .fold((f64::MAX, 0f64), |(min, max), &s| (min.min(s), max.max(s)));
    Ok(BenchReport {
        step_ms: Milliseconds {
            min: 1e3 * min,
            median: 1e3 * middle,
            max: 1e3 * max,
        },
        images_per_second: setup.batch as f64 / middle,
        peak_rss_mb: peak_rss_mb(),
    })
}

/// The most memory this process held, MiB; none where the system does not tell.
pub fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<f64>()
        .ok()
        .map(|kib| kib / 1024.0)
}
