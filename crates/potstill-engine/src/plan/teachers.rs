//! The teachers of a plan: the student of a run, a network by name, an ONNX file, or a network of the program.

use std::cell::OnceCell;

use burn::tensor::Device;
use potstill_data::{Dataset, TargetKind};
use potstill_methods::{NetworkInfo, PlannedMethod, StudentEpoch, TeacherUpdate, TeacherUse};
use potstill_models::{
    FrozenModel, GraphStart, HeadWeights, Model, OnnxModel, OnnxOutputs, OutputKind, weights::Asked,
};
use potstill_ops::{Mode, Scope};
use potstill_random::Seed;
use potstill_recipe::{Names, OptimizerSpec, Recipe, RunTeacher, Schedule, Teacher, TeacherSource};
use potstill_tasks::{Task, fits_classes};

use super::{
    data::{PlannedData, default_input},
    networks::{NetworkFacts, check_input},
    teacher_cache::{CacheOptions, PlannedCache},
};
use crate::{
    device::cpu,
    error::EngineError,
    graph_file::GraphFile,
    network_input::NetworkInput,
    onnx_export::ExportedOnnx,
    source::Source,
    train::teacher::{LiveTeacher, TeacherNetwork},
    vision_model::VisionModel,
};

/// A teacher of a plan.
pub struct PlannedTeacher {
    /// The network, frozen.
    pub network: FrozenModel,
    /// The same network before it was frozen; `None` for an ONNX file that is run as it is.
    pub trainable: Option<Model>,
    /// Whether what it says about augmented images is to be kept, and how.
    pub cache: Option<CacheOptions>,
    /// What is known about it.
    pub facts: TeacherFacts,
    /// Whether a recipe names it without its weights, and without the word for random ones.
    pub(crate) lacks_weights: bool,
    /// The ONNX file that it is run as, from which a network that trains can be made where one is asked for.
    pub(crate) file: Option<GraphFile>,
}

/// What is known about a teacher of a plan.
#[derive(Debug, Clone)]
pub struct TeacherFacts {
    /// What methods, phases and checkpoints call it.
    pub name: String,
    /// What is known about its network.
    pub network: NetworkFacts,
    /// How it trains.
    pub update: TeacherUpdate,
    /// In what mode it runs in training as long as it is frozen.
    pub mode: Mode,
    /// The rule of its steps, if it trains and has its own; that of the phase if `None`.
    pub optimizer: Option<OptimizerSpec>,
    /// How its learning rate changes over the whole training, likewise.
    pub schedule: Option<Schedule>,
    /// What is kept of what it says about augmented images; `None` without a cache.
    pub cache: Option<PlannedCache>,
}

impl TeacherFacts {
    /// Whether what its `network` says is an answer to a task with classes of these names, in this order.
    pub(crate) fn answers(&self, network: &FrozenModel, task: &dyn Task, names: &[String]) -> bool {
        network.output_kind() == task.output_kind()
            && network.answers()
            && fits_classes(task.kind(), network.classes(), names.len())
            && self.network.info.other_class(names).is_none()
    }

    /// Its key in a recipe.
    pub(crate) fn key(&self) -> String {
        Self::key_of(&self.name)
    }

    /// A word on images of another size than it was trained on, if it is shown such.
    pub fn size_note(&self, [height, width, _]: [usize; 3]) -> Option<String> {
        let [own_height, own_width] = self.network.trained_on?;
        ([height, width] != [own_height, own_width]).then(|| {
            format!(
                "the teacher `{}` was trained on images of {own_height}x{own_width}, and is shown the student's of {height}x{width}",
                self.name
            )
        })
    }

    /// The key in a recipe of the teacher of this name.
    pub(crate) fn key_of(name: &str) -> String {
        match name {
            "teacher" => "teacher".to_owned(),
            name => format!("teachers.{name}"),
        }
    }
}

impl PlannedTeacher {
    /// A network as a teacher of this name. It starts from trained weights, and takes images as it says, or else as [`default_input`]
    /// does.
    ///
    /// # Errors
    /// Images that it cannot take.
    pub fn new(
        name: &str,
        network: impl Into<VisionModel>,
        data: &PlannedData,
        device: &Device,
    ) -> Result<Self, EngineError> {
        let VisionModel {
            architecture,
            shortcut,
            norm_eps,
            network,
            input,
            task,
            class_names,
            preprocess,
            notes,
            ..
        } = network.into();
        let frozen = FrozenModel::from(&network);
        let input = input.unwrap_or_else(|| default_input(data.image[2]).into());
        let mut teacher = Self::frozen(name, architecture, frozen, input, data, device)?;
        teacher.facts.network.shortcut = shortcut;
        teacher.facts.network.norm_eps = norm_eps;
        teacher.facts.network.notes = notes;
        teacher.facts.network.info.task = task;
        teacher.facts.network.info.class_names = class_names;
        teacher.facts.network.trained_on = preprocess.and_then(|preprocess| preprocess.size);
        teacher.trainable = Some(network);
        Ok(teacher)
    }

    /// A network that cannot train as a teacher of this name: an ONNX file.
    ///
    /// # Errors
    /// Images that it cannot take.
    pub fn frozen(
        name: &str,
        model: String,
        network: FrozenModel,
        input: NetworkInput,
        data: &PlannedData,
        device: &Device,
    ) -> Result<Self, EngineError> {
        check_input(name, &input, network.channels(), data.image)?;
        let info = NetworkInfo::of(network.clone(), input.size(data.image)?, device)?;
        Ok(Self {
            network,
            trainable: None,
            cache: None,
            facts: TeacherFacts {
                name: name.into(),
                network: NetworkFacts {
                    model,
                    shortcut: None,
                    norm_eps: None,
                    graph: None,
                    first_weights: None,
                    input,
                    trained_on: None,
                    info: info.with_weights(true),
                    notes: Vec::new(),
                },
                update: TeacherUpdate::Frozen,
                mode: Mode::Running,
                optimizer: None,
                schedule: None,
                cache: None,
            },
            lacks_weights: false,
            file: None,
        })
    }

    /// The teachers of a recipe that a method learns from, in the order of [`Recipe::all_teachers`].
    pub(crate) fn open_all(
        recipe: &Recipe,
        data: &PlannedData,
        device: &Device,
    ) -> Result<Vec<Self>, EngineError> {
        let seed = Seed::new(recipe.seed);
        let teachers = recipe.all_teachers().into_iter();
        teachers
            .filter(|(name, _)| is_used(recipe, name))
            .map(|(name, spec)| Self::open(name, spec, data, seed, device))
            .collect()
    }

    /// Whether the runs are there whose students teach: before images are opened, which takes longer.
    ///
    /// # Errors
    /// The first that is not.
    pub(crate) fn check_runs(recipe: &Recipe) -> Result<(), EngineError> {
        for (name, teacher) in recipe.all_teachers() {
            if let TeacherSource::Run(RunTeacher { run }) = &teacher.source
                && !run.exists()
                && is_used(recipe, name)
            {
                return Err(EngineError::NoTeacherRun {
                    key: format!("{}.run", TeacherFacts::key_of(name)),
                    run: run.clone(),
                    task: recipe.task,
                });
            }
        }
        Ok(())
    }

    /// A teacher of a recipe. A fresh one is to learn this task, and takes its images as is usual for the data.
    fn open(
        name: &str,
        spec: &Teacher,
        data: &PlannedData,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, EngineError> {
        let channels = data.image[2];
        let usual = || default_input(channels);
        let key = TeacherFacts::key_of(name);
        let mut teacher = match &spec.source {
            TeacherSource::Run(teacher) => {
                let source = Source {
                    weights: Some(teacher.run.clone()),
                    asked: Asked::Recipe(key),
                    ..Source::default()
                };
                Self::new(name, source.open(device, seed, name)?, data, device)?
            }
            TeacherSource::Network(named) => {
                let is_fresh = !named.has_weights();
                let has_new_head = is_fresh || named.head == HeadWeights::New;
                let source = Source {
                    classes: has_new_head.then_some(data.train.classes().len()),
                    channels: is_fresh.then_some(channels),
                    ..Source::of(named, &key)
                };
                let mut network = source.open(device, seed, name)?;
                let usual = || if is_fresh { data.normalise.clone() } else { usual() };
                let input = NetworkInput::of(named.input.as_ref(), network.input.take(), usual);
                network.input = Some(input);
                Self::new(name, network, data, device)?
            }
            TeacherSource::Onnx(file) => {
                let known = ExportedOnnx::input_of(&file.onnx)?;
                let input = NetworkInput::of(file.input.as_ref(), known, usual);
                let logits = file.logits.as_ref().map_or(&[][..], Names::names);
                let asked = OnnxOutputs {
                    logits: logits.to_vec(),
                    ..data.onnx_outputs()
                };
                let network = OnnxModel::open(&file.onnx, &asked, input.size(data.image)?)?;
                check_sizes(&network, data, &key)?;
                let note = (network.output_kind() != OutputKind::Logits)
                    .then(|| format!("the teacher `{name}` gives {}", network.describe_outputs()));
                let model = file.onnx.file_name().unwrap_or(file.onnx.as_os_str());
                let model = model.to_string_lossy().into_owned();
                let mut teacher = Self::frozen(name, model, FrozenModel::Onnx(network), input, data, device)?;
                teacher.facts.network.notes.extend(note);
                teacher.file = Some(GraphFile {
                    file: file.onnx.clone(),
                    called: None,
                    logits: logits.first().cloned(),
                    start: GraphStart::default(),
                    image: teacher.facts.network.input.size(data.image)?,
                    is_kept: false,
                });
                teacher
            }
        };
        teacher.network = teacher.network.with_precision(spec.precision);
        teacher.cache = CacheOptions::of(spec);
        teacher.facts.mode = spec.batch_norm.into();
        teacher.facts.network.info.has_weights = spec.has_weights();
        teacher.lacks_weights = spec.lacks_weights();
        teacher.facts.optimizer.clone_from(&spec.optimizer);
        teacher.facts.schedule.clone_from(&spec.schedule);
        Ok(teacher)
    }

    /// Lets the teacher train as the methods that learn from it want it to.
    ///
    /// # Errors
    /// A method that this teacher cannot serve.
    pub(crate) fn set_update(&mut self, index: usize, methods: &[PlannedMethod]) -> Result<(), EngineError> {
        for planned in methods.iter().filter(|planned| planned.learns_from(index)) {
            let info = planned.method.info();
            let update = info.teacher.update();
            let asked = match update {
                TeacherUpdate::Online | TeacherUpdate::OnlineFirst => {
                    "the teacher is to learn beside the student"
                }
                TeacherUpdate::Frozen if !info.rounds.is_empty() => {
                    "an augmentation is to learn through the teacher"
                }
                TeacherUpdate::Frozen => continue,
            };
            if self.trainable.is_none() {
                self.read_as_layers(planned, asked)?;
            }
            self.facts.update = self.facts.update.max(update);
        }
        self.check_still(index, methods)?;
        self.check_weights(index, methods)
    }

    /// Whether nobody trains a teacher whose weights a method has read.
    fn check_still(&self, index: usize, methods: &[PlannedMethod]) -> Result<(), EngineError> {
        let is_still = |planned: &&PlannedMethod| {
            planned.learns_from(index) && planned.method.info().teacher == TeacherUse::Still
        };
        match methods.iter().find(is_still) {
            Some(still) if self.facts.update != TeacherUpdate::Frozen => {
                let reason = format!(
                    "`{}` reads the weights of its teacher once, before the first step, and another method trains it: name a teacher of its own",
                    still.id
                );
                Err(EngineError::invalid_plan("methods", reason))
            }
            _ => Ok(()),
        }
    }

    /// Makes a network of ours out of an ONNX file, for a method that wants gradients through it.
    ///
    /// # Errors
    /// A file that does not train; a point of it that lies inside of an operation then.
    fn read_as_layers(&mut self, planned: &PlannedMethod, asked: &str) -> Result<(), EngineError> {
        let key = format!("{}.onnx", self.facts.key());
        let (device, name) = (cpu(), &self.facts.name);
        let scope = Scope::new(&device, Seed::new(0), name);
        let refused = |reason: String| {
            let reason = format!(
                "{asked} (`{}`), and no gradient goes through `{}`: {reason}",
                planned.id, self.facts.network.model
            );
            EngineError::invalid_plan(key.clone(), reason)
        };
        let Some(file) = &self.file else {
            return Err(refused("it is run as it is".into()));
        };
        let (network, _) = file
            .build(None, &scope)
            .map_err(|error| refused(error.to_string()))?;
        let info = NetworkInfo::of(&network, file.image, &device)?;
        let reads = planned.method.reads(StudentEpoch(0)).teacher;
        if let Some(point) = reads.iter().find(|point| info.probe.size(point).is_none()) {
            return Err(refused(format!("`{point}` lies inside of one of its operations")));
        }
        self.network = FrozenModel::from(&network);
        self.trainable = Some(network);
        Ok(())
    }

    /// A teacher that stays as it is has learned before, or teaches nothing.
    fn check_weights(&self, index: usize, methods: &[PlannedMethod]) -> Result<(), EngineError> {
        let mut learners = methods.iter().filter(|planned| planned.learns_from(index));
        let Some(learner) = learners.next().filter(|_| self.lacks_weights) else {
            return Ok(());
        };
        if self.facts.update != TeacherUpdate::Frozen {
            return Ok(());
        }
        let key = self.facts.key();
        let reason = format!(
            "none are given, and `{}` stays as it is while `{}` learns from it: random weights teach nothing. Give a file, \
             `{key}.weights = \"FILE\"`, or a finished run instead of a network, `{key} = {{ run = \"runs/NAME\" }}`; if random weights \
             are meant, `{key}.weights = \"random\"`",
            self.facts.network.model, learner.id
        );
        Err(EngineError::invalid_plan(format!("{key}.weights"), reason))
    }

    /// The teacher for a run, in the form that its role needs, and what is known about it.
    pub(crate) fn into_live(self) -> (LiveTeacher, TeacherFacts) {
        let trains = self.facts.update != TeacherUpdate::Frozen;
        let live = LiveTeacher {
            name: self.facts.name.clone(),
            network: match self.trainable.filter(|_| trains) {
                Some(network) => TeacherNetwork::Online(network),
                None => TeacherNetwork::Frozen(self.network),
            },
            update: self.facts.update,
            mode: self.facts.mode,
            input: self.facts.network.input.clone(),
            head: OnceCell::new(),
            cache: None,
        };
        (live, self.facts)
    }
}

/// Whether images of a size of their own meet a file that was made for one size.
fn check_sizes(network: &OnnxModel, data: &PlannedData, key: &str) -> Result<(), EngineError> {
    let [Some(height), Some(width)] = network.fixed_size() else {
        return Ok(());
    };
    if !matches!(
        data.train.info().target,
        TargetKind::Map | TargetKind::Boxes | TargetKind::Instances
    ) || data.augment.fixed_size().is_some()
    {
        return Ok(());
    }
    let first = data.train.shape(0)?;
    for index in 1..data.train.len() {
        let shape = data.train.shape(index)?;
        if shape != first {
            let reason = format!(
                "`{}` takes images of {height}x{width} alone, and the training images differ in size (`{}` is {}x{}): let \
                 `data.augment` bring them to one (`{{ resize = {{ size = [{height}, {width}] }} }}`), or export the file with open height \
                 and width",
                network.file().display(),
                data.train.source(index),
                shape[0],
                shape[1],
            );
            return Err(EngineError::invalid_plan(format!("{key}.onnx"), reason));
        }
    }
    Ok(())
}

/// Whether a method learns from the teacher of this name.
fn is_used(recipe: &Recipe, name: &str) -> bool {
    let mut methods = recipe.methods.iter();
    methods.any(|method| recipe.teachers_of(method).iter().any(|share| share.name == name))
}
