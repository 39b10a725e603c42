//! How long a step takes: training steps of a student, alone or distilled, and inference, on synthetic images.

mod report;

use std::{sync::Arc, time::Instant};

use burn::tensor::{Device, Tensor};
use potstill_data::{Batch, Target};
use potstill_methods::{NetworkInfo, PlanContext, TeacherUpdate};
use potstill_models::{BuildOptions, FrozenModel, Model, ModelEntry, Outputs, find};
use potstill_ops::{BatchStatistics, Frozen, Mode, Pass, Precision, Recycler, Scope};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, OptimizerSpec, Schedule, Sgd};
use potstill_tasks::{Classification, Task};

pub use self::report::{BenchReport, Milliseconds, PartReport};
use crate::{
    EngineError, NetworkInput, Phase, machine,
    plan::{default_input, insert, plan_method},
    run::median,
    train::{
        backward::{Optimizers, Rates, UpdateContext},
        inputs::StepIndex,
        learner::Learner,
        profile::{StepPart, StepProfile},
        teacher::{LiveTeacher, TeacherNetwork},
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
    let device = Device::flex();
    let seed = Seed::new(0);
    let entry = find(&setup.student)?;
    let mut student = build(entry, entry.classes, "student", &device)?;
    let teacher = match &setup.teacher {
        Some(name) => Some(build(find(name)?, entry.classes, "teacher", &device)?),
        None => None,
    };
    let [height, width] = entry.input;
    let side = |network| NetworkInfo::of(network, [height, width, 3], &device);
    let context = PlanContext {
        id: String::new(),
        student: side(&student)?,
        teachers: teacher.iter().map(side).collect::<Result<_, _>>()?,
        image: [height, width, 3],
        input: default_input(3),
        epochs: EPOCHS,
        device: device.clone(),
        seed,
    };
    let task: Arc<dyn Task> = Arc::new(Classification::default());
    let methods = setup.methods.iter().map(|name| {
        let spec = MethodSpec::new(name.clone());
        plan_method(&spec, name.clone(), &context, task.as_ref())
    });
    let methods = methods.collect::<Result<Vec<_>, EngineError>>()?;
    insert(&methods, &mut student, [height, width, 3], &context)?;
    let optimizer = OptimizerSpec::Sgd(Sgd {
        lr: setup.rate,
        momentum: 0.9,
        nesterov: true,
        dampening: 0.0,
        weight_decay: 5e-4,
    });
    let phase = Phase {
        name: "bench".into(),
        epochs: 0..1,
        trains: None,
        optimizer,
        schedule: Schedule::default(),
    };
    let mut optimizers = Optimizers::new(&phase, teacher.iter().map(|_| None));
    let input = NetworkInput::from(default_input(3));
    let batch = synthetic(setup.batch, entry);
    let updates = methods
        .iter()
        .map(|planned| planned.method.info().teacher.update());
    let update = updates.max().unwrap_or_default();
    let images = input.of_batch(&batch, &device)?;
    let teacher = teacher.map(|teacher| settled(teacher, images));
    let teacher = teacher.map(|teacher| LiveTeacher {
        name: "teacher".into(),
        network: match update {
            TeacherUpdate::Frozen => TeacherNetwork::Frozen((&teacher).into()),
            TeacherUpdate::Online | TeacherUpdate::OnlineFirst => TeacherNetwork::Online(teacher),
        },
        update,
        mode: Mode::Running,
        input: input.clone(),
    });
    let mut learner = Learner {
        device,
        seed,
        student,
        student_input: input,
        teachers: teacher.into_iter().collect(),
        methods,
        task_weight: 1.0,
        task,
        clip_norm: None,
    };
    learner.init_placeholders(setup.epoch.unwrap_or(0))?;
    let index = StepIndex {
        epoch: setup.epoch.unwrap_or(PAST_EVERY_RAMP),
        step: 0,
    };
    let mut update = UpdateContext {
        phase: &phase,
        optimizers: &mut optimizers,
        rates: Rates {
            student: setup.rate,
            teachers: vec![setup.rate; learner.teachers.len()],
        },
    };
    let mut losses = Vec::new();
    let mut report = timed(setup, || {
        let mut profile = StepProfile::start();
        // A term that is not finite costs the same time, up to the losses.
        let done = learner.step(&batch, index, &mut update, &mut profile);
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
    let device = Device::flex();
    let entry = find(model)?;
    let network =
        FrozenModel::from(&build(entry, entry.classes, "teacher", &device)?).with_precision(setup.precision);
    let batch = synthetic(setup.batch, entry);
    let input = NetworkInput::from(default_input(3));
    timed(setup, || {
        let mut profile = StepProfile::start();
        let images = input.of_batch(&batch, &device);
        profile.record(StepPart::Batch, 0);
        let mut pass = Pass::new(Mode::Running);
        let outputs = images.map(|images| network.forward(images, &mut pass));
        // The numbers are wanted: computing may wait until they are.
        if let Ok(Ok(Ok(logits))) = outputs.map(|outputs| outputs.map(Outputs::into_logits)) {
            let _ = logits.into_data();
        }
        profile.record(StepPart::Teacher, pass.macs());
        [(StepPart::Batch, "batch"), (StepPart::Teacher, "forward")]
            .map(|(part, name)| (name, profile.seconds(part), profile.macs(part)))
    })
}

fn build(entry: &ModelEntry, classes: usize, owner: &str, device: &Device) -> Result<Model, EngineError> {
    let options = BuildOptions {
        classes: Some(classes),
        ..BuildOptions::default()
    };
    Ok(entry.build(options, &Scope::new(device, Seed::new(0), owner))?)
}

/// The teacher with the running statistics of these images. Those of a fresh one fit nothing, and what a residual network adds up
/// would grow from block to block.
fn settled(mut teacher: Model, images: Tensor<4>) -> Model {
    let mut pass = Pass::new(Mode::Batch);
    Frozen::new(&teacher).get().forward(images, &mut pass);
    let moments = pass.into_batch_statistics();
    // Each absorption goes a tenth of the way.
    let again: Vec<BatchStatistics> = std::iter::repeat_n(moments, 60).flatten().collect();
    BatchStatistics::update_running_stats(&again, teacher.parameters_mut());
    teacher
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
        valid: vec![entry.input; batch],
        targets: (0..batch)
            .map(|_| Target::Class(stream.below(entry.classes) as u32))
            .collect(),
        indices: (0..batch).collect(),
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
