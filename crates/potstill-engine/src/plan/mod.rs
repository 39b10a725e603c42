//! The plan: a recipe resolved against real networks and data.
//!
//! Everything that can be wrong is found here, before the first step: files, classes, channels, points, methods. One probe of
//! each network infers every shape.

mod phases;
mod teachers;
pub(crate) mod timeline;

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{
    Augment, Dataset, DatasetEntry, FewSamples, InMemory, LoaderConfig, Normalise, Split, Subset, TargetKind,
    open_for,
};
use potstill_methods::{
    MethodError, MethodInfo, NetworkInfo, PlanContext, PlannedMethod, Reads, TeacherRef, TeacherUse,
};
use potstill_models::Model;
use potstill_ops::{Scope, count_trainable};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, Recipe};
use potstill_tasks::{Task, TaskOptions};

pub use self::{
    phases::Phase,
    teachers::PlannedTeacher,
    timeline::{EpochKind, Timeline},
};
use crate::{
    EngineError, Network, NetworkInput, Source,
    train::backward::{Optimizers, Rates},
};

/// A recipe, ready to run.
pub struct Plan {
    /// The resolved recipe.
    pub recipe: Recipe,
    /// Where everything is computed.
    pub device: Device,
    /// What the networks are trained for.
    pub task: Arc<dyn Task>,
    /// Training images.
    pub train: Arc<dyn Dataset>,
    /// Test images.
    pub test: Arc<dyn Dataset>,
    /// How training images are varied.
    pub augment: Augment,
    /// The size `[H, W, C]` of an image as the networks see it.
    pub image: [usize; 3],
    /// The student, with how it takes an image.
    pub student: Network,
    /// What the probe saw of the student.
    pub student_side: NetworkInfo,
    /// The teacher; none when no method asks for one.
    pub teacher: Option<PlannedTeacher>,
    /// The methods.
    pub methods: Vec<PlannedMethod>,
    /// The phases.
    pub phases: Vec<Phase>,
    /// All epochs of the run: the student's, and the rounds of augmentations between them.
    pub timeline: Timeline,
}

/// ImageNet's statistics, which published teachers of small images were trained with as well; used where nothing else is said.
pub fn default_input(channels: usize) -> Normalise {
    if channels == 3 {
        Normalise {
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        }
    } else {
        Normalise {
            mean: vec![0.5; channels],
            std: vec![0.25; channels],
        }
    }
}

impl Plan {
    /// Resolves a recipe.
    ///
    /// # Errors
    /// The first thing that cannot be: see [`EngineError`].
    pub fn new(recipe: Recipe) -> Result<Self, EngineError> {
        check_supported(&recipe)?;
        let device = Device::flex();
        let seed = Seed::new(recipe.seed);
        let [train, test] = datasets(&recipe, seed)?;
        let mut augment: Augment = match &recipe.data.augment {
            Some(steps) => steps.read_as()?,
            None => Augment::none(),
        };
        if let Some(share) = recipe.data.min_visible {
            augment = augment.with_min_visible(share);
        }
        augment.check_target(train.info().target)?;
        check_batches(&recipe, train.len())?;
        let image = augment.output_shape(train.image(0)?.shape());
        let classes = train.classes().len();
        let task = potstill_tasks::task(
            recipe.task,
            TaskOptions {
                classes: train.classes().to_vec(),
                label_smoothing: recipe.train.label_smoothing,
            },
        );

        let of_data = usual_input(&recipe, image[2]);
        let mut student = student(&recipe, classes, image[2], seed, &device)?;
        let mut teacher = match (recipe.all_teachers().first(), recipe.methods.is_empty()) {
            (Some((_, spec)), false) => {
                let teacher = PlannedTeacher::open(spec, image, classes, &of_data, seed, &device)?;
                Some(teacher)
            }
            _ => None,
        };
        check_outputs(&student, task.as_ref())?;
        let input = student_input(&recipe, student.input.take(), teacher.as_ref(), of_data);
        check_inputs(&student, &input, teacher.as_ref(), image)?;
        let seen = input.size(image)?;
        let mut student_side = NetworkInfo::of(&student.classifier, seen, &device)?;

        let context = PlanContext {
            id: String::new(),
            student: student_side.clone(),
            teachers: teacher.iter().map(|teacher| teacher.side.clone()).collect(),
            image,
            input: input.normalise.clone(),
            epochs: recipe.total_epochs(),
            device: device.clone(),
            seed,
        };
        student.input = Some(input);
        let specs = recipe.methods.iter().zip(recipe.method_ids());
        let methods = specs.map(|(spec, id)| plan_method(spec, id, &context, task.as_ref()));
        let methods = methods.collect::<Result<Vec<_>, EngineError>>()?;
        if insert(&methods, &mut student.classifier, seen, &context)? {
            student_side = NetworkInfo::of(&student.classifier, seen, &device)?;
        }
        if let Some(teacher) = &mut teacher {
            teacher.set_update(&methods)?;
        }
        let phases = Phase::of(&recipe)?;
        let timeline = Timeline::new(recipe.total_epochs(), &methods);
        Ok(Self {
            recipe,
            device,
            task,
            train,
            test,
            augment,
            image,
            student,
            student_side,
            teacher,
            methods,
            phases,
            timeline,
        })
    }

    /// How the student takes an image.
    pub fn student_input(&self) -> NetworkInput {
        self.student
            .input
            .clone()
            .unwrap_or_else(|| default_input(self.image[2]).into())
    }

    /// Every point that an entry reads at some time, by entry.
    pub fn reads(&self) -> Vec<(&str, Reads)> {
        let epochs = self.recipe.total_epochs();
        self.methods
            .iter()
            .map(|planned| (planned.id.as_str(), planned.all_reads(epochs)))
            .collect()
    }

    /// Trainable parameters that an entry brings, by entry.
    pub fn method_parameters(&self) -> Vec<(&str, usize)> {
        let count = |planned: &PlannedMethod| {
            let parts = planned.trained_parts();
            parts.map(|part| count_trainable(part.module)).sum()
        };
        self.methods
            .iter()
            .map(|planned| (planned.id.as_str(), count(planned)))
            .collect()
    }

    /// Training steps of an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        let (images, batch) = (self.train.len(), self.recipe.train.batch);
        if self.recipe.train.drop_last {
            images / batch
        } else {
            images.div_ceil(batch)
        }
    }

    /// The optimisers of a phase, without state.
    pub(crate) fn optimizers(&self, phase: &Phase) -> Optimizers {
        Optimizers::new(phase, self.teacher.iter().map(|teacher| teacher.rule.0.as_ref()))
    }

    /// The learning rates of a step. Those of online teachers are by their own rule and schedule where they have them, otherwise as the
    /// student's phase.
    pub(crate) fn rates(&self, phase: &Phase, epoch: usize, step: usize, steps: usize) -> Rates {
        let of_teacher = |teacher: &PlannedTeacher| {
            let (rule, schedule) = &teacher.rule;
            let base = rule.as_ref().unwrap_or(&phase.optimizer).lr();
            match schedule {
                // Its own schedule goes over the whole training.
                Some(own) => own.lr(base, epoch, step, steps, self.recipe.total_epochs()),
                None => phase.rate_from(base, epoch, step, steps),
            }
        };
        Rates {
            student: phase.rate(epoch, step, steps),
            teachers: self.teacher.iter().map(of_teacher).collect(),
        }
    }

    /// How batches are loaded for training.
    pub(crate) fn loading(&self) -> LoaderConfig {
        LoaderConfig {
            batch: self.recipe.train.batch,
            workers: self.recipe.data.workers,
            shuffle: true,
            drop_last: self.recipe.train.drop_last,
            seed: Seed::new(self.recipe.seed),
            augment_seed: Some(Seed::new(self.recipe.augment_seed())),
            views: self.recipe.data.views,
            ..LoaderConfig::default()
        }
    }

    /// How batches are loaded for evaluation.
    pub(crate) fn evaluating(&self) -> LoaderConfig {
        LoaderConfig {
            batch: self.recipe.train.eval_batch,
            ..self.loading()
        }
    }
}

/// Plans an entry of `[[methods]]`.
pub(crate) fn plan_method(
    spec: &MethodSpec,
    id: String,
    context: &PlanContext,
    task: &dyn Task,
) -> Result<PlannedMethod, EngineError> {
    let context = PlanContext {
        id: id.clone(),
        ..context.clone()
    };
    let method = potstill_methods::find(&spec.kind)?.plan(spec, &context)?;
    let info = method.info();
    check_targets(&id, &info, task)?;
    let teachers = match info.teacher {
        TeacherUse::None => Vec::new(),
        _ => vec![TeacherRef {
            index: 0,
            weight: 1.0,
        }],
    };
    Ok(PlannedMethod {
        id,
        weight: spec.weight,
        teachers,
        method,
    })
}

/// Refuses a method that needs other targets than the task has.
fn check_targets(id: &str, info: &MethodInfo, task: &dyn Task) -> Result<(), MethodError> {
    match info.targets {
        Some(need) if need.kind != task.target_kind() => Err(MethodError::Targets {
            method: id.to_owned(),
            task: task.kind().to_string(),
            needed: need.kind,
            found: task.target_kind(),
            reason: need.reason,
        }),
        _ => Ok(()),
    }
}

/// Puts the layers of the methods into the student; whether there are any.
pub(crate) fn insert(
    methods: &[PlannedMethod],
    student: &mut Model,
    [height, width, _]: [usize; 3],
    context: &PlanContext,
) -> Result<bool, EngineError> {
    let mut any = false;
    for PlannedMethod { id, method, .. } in methods {
        for insertion in method.info().insertions {
            let scope = Scope::new(&context.device, context.seed, id).at(&insertion.path);
            student.insert(&insertion, [height, width], &scope)?;
            any = true;
        }
    }
    Ok(any)
}

/// The training and test images, decoded once and kept in memory where they are small.
fn datasets(recipe: &Recipe, seed: Seed) -> Result<[Arc<dyn Dataset>; 2], EngineError> {
    let data = &recipe.data;
    let target = potstill_tasks::task(recipe.task, TaskOptions::default()).target_kind();
    // Its own seed: runs over seeds of the recipe are runs on the same images, and a teacher's recipe can name the same ones.
    let few = data.few_samples.map(|share| {
        let seed = Seed::new(data.few_samples_seed.unwrap_or_default());
        (FewSamples::Fraction(share), seed)
    });
    let limit = |limit: Option<usize>| limit.map(|total| (FewSamples::Total(total), seed));
    let train = opened(
        &data.train,
        (Split::Train, target),
        few.or_else(|| limit(data.train_limit)),
        data.workers,
    )?;
    let test = opened(
        data.test_source(),
        (Split::Test, target),
        limit(data.test_limit),
        data.workers,
    )?;
    if train.classes() != test.classes() {
        let (a, b) = (train.classes(), test.classes());
        let reason = if a.len() == b.len() {
            let (ours, theirs) = a
                .iter()
                .zip(b)
                .find(|(a, b)| a != b)
                .map_or(("", ""), |(a, b)| (a, b));
            format!(
                "the class names of `data.train` and `data.test` differ: `{ours}` here is `{theirs}` there"
            )
        } else {
            format!("`data.train` has {} classes and `data.test` {}", a.len(), b.len())
        };
        return Err(EngineError::invalid_plan("data.test", reason));
    }
    Ok([train, test])
}

/// The images of a source with targets of a kind, or a part of them chosen by a seed.
fn opened(
    source: &str,
    (split, target): (Split, TargetKind),
    part: Option<(FewSamples, Seed)>,
    workers: usize,
) -> Result<Arc<dyn Dataset>, EngineError> {
    let mut set: Arc<dyn Dataset> = open_for(source, split, target)?.into();
    if let Some((amount, seed)) = part {
        set = Arc::new(Subset::few_samples(set, amount, seed)?);
    }
    if set.is_empty() {
        let key = format!("data.{split}");
        return Err(EngineError::invalid_plan(
            key,
            format!("`{}` has no images", set.name()),
        ));
    }
    let [h, w, c] = set.image(0)?.shape();
    if h * w * c * set.len() > KEPT_IN_MEMORY {
        return Ok(set);
    }
    Ok(Arc::new(InMemory::decode(set, workers)?))
}

/// Decoded images up to this many bytes are kept: 1 GiB, the whole of CIFAR several times over.
const KEPT_IN_MEMORY: usize = 1 << 30;

fn student(
    recipe: &Recipe,
    classes: usize,
    channels: usize,
    seed: Seed,
    device: &Device,
) -> Result<Network, EngineError> {
    let spec = &recipe.student;
    let source = Source {
        model: Some(spec.model.clone()),
        weights: spec.weights.clone(),
        shortcut: spec.shortcut,
        classes: Some(classes),
        channels: Some(channels),
    };
    source.open(device, seed, "student")
}

/// How the student takes an image: as the recipe says, else as its weights say, else normalised as the teacher's images, as the data
/// set is or as usual. A resolution is nobody's but its own.
fn student_input(
    recipe: &Recipe,
    known: Option<NetworkInput>,
    teacher: Option<&PlannedTeacher>,
    of_data: Normalise,
) -> NetworkInput {
    let of_teacher = teacher.map(|teacher| teacher.input.normalise.clone());
    NetworkInput::of(recipe.student.input.as_ref(), known, || {
        of_teacher.unwrap_or(of_data)
    })
}

/// How images are normalised as is usual for the data set, or else for any.
fn usual_input(recipe: &Recipe, channels: usize) -> Normalise {
    let entry = DatasetEntry::of(&recipe.data.train).filter(|entry| entry.mean.len() == channels);
    entry.map_or_else(
        || default_input(channels),
        |entry| Normalise {
            mean: entry.mean.to_vec(),
            std: entry.std.to_vec(),
        },
    )
}

/// What a recipe can say and a run cannot do yet.
fn check_supported(recipe: &Recipe) -> Result<(), EngineError> {
    let teachers = recipe.all_teachers();
    let asked = [
        ("teachers", teachers.len() > 1),
        ("teacher.cache", teachers.iter().any(|(_, teacher)| teacher.cache)),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((key, _)) => Err(EngineError::invalid_plan(
            key,
            "it is not supported yet; leave it out",
        )),
        None => Ok(()),
    }
}

/// Refuses a student that does not give what the task needs.
fn check_outputs(student: &Network, task: &dyn Task) -> Result<(), EngineError> {
    let (found, needed) = (student.classifier.output_kind(), task.output_kind());
    if found == needed {
        return Ok(());
    }
    let reason = format!(
        "`{}` gives {found}, and the task `{}` needs {needed}",
        student.model,
        task.kind()
    );
    Err(EngineError::invalid_plan("student.model", reason))
}

fn check_batches(recipe: &Recipe, images: usize) -> Result<(), EngineError> {
    let batch = recipe.train.batch;
    let reason = if batch < 2 {
        "a batch of one image has no batch statistics, take at least 2".into()
    } else if images < batch && recipe.train.drop_last {
        format!("{images} training images do not fill one batch of {batch}: take a smaller `train.batch`")
    } else if !recipe.train.drop_last && images % batch == 1 {
        format!(
            "the last of the batches would hold one image ({images} images, batch {batch}): set `train.drop_last = true`"
        )
    } else {
        return Ok(());
    };
    Err(EngineError::invalid_plan("train.batch", reason))
}

fn check_inputs(
    student: &Network,
    input: &NetworkInput,
    teacher: Option<&PlannedTeacher>,
    [height, width, _]: [usize; 3],
) -> Result<(), EngineError> {
    let mut networks = vec![("student", student.classifier.channels(), input)];
    if let Some(teacher) = teacher {
        networks.push(("teacher", teacher.network.channels(), &teacher.input));
    }
    for (name, channels, input) in networks {
        input
            .check([height, width, channels])
            .map_err(|error| match error {
                EngineError::InvalidPlan { key, reason } => {
                    EngineError::invalid_plan(format!("{name}.input.{key}"), reason)
                }
                error => EngineError::invalid_plan(format!("{name}.input"), error.to_string()),
            })?;
    }
    Ok(())
}
