//! What trains, and what it trains on.

use std::collections::BTreeMap;

use burn::tensor::Device;
use potstill_methods::{Augmentation, Method, TeacherUpdate};
use potstill_models::{FrozenModel, Model};
use potstill_ops::{Mode, Parameters};
use potstill_random::Seed;

use crate::{NetworkInput, Phase, Plan, PlannedTeacher};

/// The networks, the methods and the weights of their losses.
pub(crate) struct Learner {
    pub device: Device,
    pub seed: Seed,
    pub student: Model,
    pub student_input: NetworkInput,
    /// None for the student alone.
    pub teacher: Option<LiveTeacher>,
    /// The methods with their weights in the recipe.
    pub methods: Vec<(f64, Box<dyn Method>)>,
    pub task_weight: f64,
    pub label_smoothing: f64,
    pub clip_norm: Option<f64>,
}

/// The teacher of a run, and how it takes an image.
pub(crate) struct LiveTeacher {
    pub network: TeacherNetwork,
    /// What the methods make of it.
    pub teacher_update: TeacherUpdate,
    /// In what mode a frozen one runs. An online one trains, by the statistics of the batch.
    pub mode: Mode,
    pub input: NetworkInput,
}

/// A teacher that stays as it is, or one that learns.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(crate) enum TeacherNetwork {
    Frozen(FrozenModel),
    Online(Model),
}

impl LiveTeacher {
    /// A teacher in the form that its role needs. An online one has to be a network of ours.
    pub fn new(
        classifier: Option<&Model>,
        frozen: FrozenModel,
        teacher_update: TeacherUpdate,
        mode: Mode,
        input: NetworkInput,
    ) -> Self {
        let network = match classifier.filter(|_| teacher_update != TeacherUpdate::Frozen) {
            Some(classifier) => TeacherNetwork::Online(classifier.clone()),
            None => TeacherNetwork::Frozen(frozen),
        };
        Self {
            network,
            teacher_update,
            mode,
            input,
        }
    }
}

impl TeacherNetwork {
    /// The teacher as it is now.
    pub fn frozen(&self) -> FrozenModel {
        match self {
            Self::Frozen(network) => network.clone(),
            Self::Online(network) => FrozenModel::from(network),
        }
    }
}

/// By whose optimiser a part trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptimizerGroup {
    Student,
    Teacher,
    /// An augmentation's own, in its rounds.
    SearchRound,
}

/// A part of a run that has tensors of its own.
pub(crate) struct Part<M> {
    /// The first part of its tensors' names in a checkpoint.
    pub name: String,
    /// What a phase calls it: `student`, `teacher`, or the name of the method that it belongs to.
    pub owner: &'static str,
    /// None for what no optimiser moves.
    pub clock: Option<OptimizerGroup>,
    pub module: M,
}

impl<M> Part<M> {
    fn new(
        name: impl Into<String>,
        owner: &'static str,
        clock: impl Into<Option<OptimizerGroup>>,
        module: M,
    ) -> Self {
        Self {
            name: name.into(),
            owner,
            clock: clock.into(),
            module,
        }
    }

    /// Whether an optimiser of the student's epochs moves it in this phase.
    pub fn trains_in(&self, phase: &Phase) -> bool {
        matches!(
            self.clock,
            Some(OptimizerGroup::Student | OptimizerGroup::Teacher)
        ) && phase.trains(self.owner)
    }
}

impl Learner {
    /// Takes the trainable parts out of a plan.
    pub fn of(plan: &mut Plan) -> Self {
        let train = &plan.recipe.train;
        Self {
            device: plan.device.clone(),
            seed: Seed::new(plan.recipe.seed),
            student: plan.student.classifier.clone(),
            student_input: plan.student_input(),
            teacher: plan.teacher.as_ref().map(PlannedTeacher::live),
            task_weight: train.task_weight,
            label_smoothing: train.label_smoothing,
            clip_norm: train.clip_norm,
            methods: std::mem::take(&mut plan.methods),
        }
    }

    /// Whether the teacher trains beside the student.
    pub fn teacher_learns(&self) -> bool {
        let teacher = self.teacher.as_ref();
        teacher.is_some_and(|teacher| matches!(teacher.network, TeacherNetwork::Online(_)))
    }

    /// Whether it does so before the student looks at it.
    pub fn teacher_moves_first(&self) -> bool {
        let teacher = self.teacher.as_ref();
        teacher.is_some_and(|teacher| teacher.teacher_update == TeacherUpdate::OnlineFirst)
    }

    /// Every part: the student, an online teacher, and what the methods bring.
    pub fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        let student = self.student.parameters();
        let mut parts = vec![Part::new("student", "student", OptimizerGroup::Student, student)];
        if let Some(TeacherNetwork::Online(teacher)) = self.teacher.as_ref().map(|teacher| &teacher.network) {
            parts.push(Part::new(
                "teacher",
                "teacher",
                OptimizerGroup::Teacher,
                teacher.parameters(),
            ));
        }
        for (_, method) in &self.methods {
            let name = method.name();
            let modules = method
                .modules()
                .map(|own| Part::new(name, name, OptimizerGroup::Student, own));
            let beside = method
                .teacher_modules()
                .map(|own| Part::new(format!("{name}.teacher"), name, OptimizerGroup::Teacher, own));
            let learned = method.augmentation().map(|own| {
                Part::new(
                    format!("{name}.augmentation"),
                    name,
                    OptimizerGroup::SearchRound,
                    own.modules(),
                )
            });
            parts.extend(modules.into_iter().chain(beside).chain(learned));
            let remembered = method.memory().map(|memory| memory.parts()).unwrap_or_default();
            let remembered = remembered.into_iter();
            parts.extend(remembered.map(|(own, part)| Part::new(format!("{name}.{own}"), name, None, part)));
        }
        parts
    }

    /// Offers every part, one after the other, for changes. The same parts as [`parts`](Self::parts).
    pub fn each_part(&mut self, change: &mut dyn FnMut(Part<&mut dyn Parameters>)) {
        let student = self.student.parameters_mut();
        change(Part::new("student", "student", OptimizerGroup::Student, student));
        if let Some(TeacherNetwork::Online(teacher)) =
            self.teacher.as_mut().map(|teacher| &mut teacher.network)
        {
            change(Part::new(
                "teacher",
                "teacher",
                OptimizerGroup::Teacher,
                teacher.parameters_mut(),
            ));
        }
        for (_, method) in &mut self.methods {
            let name = method.name();
            if let Some(own) = method.modules_mut() {
                change(Part::new(name, name, OptimizerGroup::Student, own));
            }
            if let Some(own) = method.teacher_modules_mut() {
                change(Part::new(
                    format!("{name}.teacher"),
                    name,
                    OptimizerGroup::Teacher,
                    own,
                ));
            }
            if let Some(own) = method.augmentation_mut() {
                change(Part::new(
                    format!("{name}.augmentation"),
                    name,
                    OptimizerGroup::SearchRound,
                    own.modules_mut(),
                ));
            }
            let remembered = method.memory_mut().map(|memory| memory.parts_mut());
            for (own, part) in remembered.unwrap_or_default() {
                change(Part::new(format!("{name}.{own}"), name, None, part));
            }
        }
    }

    /// What the methods have to write down besides their tensors, by method and role.
    pub fn method_state(&self) -> BTreeMap<String, String> {
        let of_method = |(_, method): &(f64, Box<dyn Method>)| {
            let name = method.name();
            let memory = method
                .memory()
                .map(|memory| (format!("{name}.memory"), memory.state()));
            let augmentation = method.augmentation();
            let augmentation = augmentation.map(|own| (format!("{name}.augmentation"), own.state()));
            memory.into_iter().chain(augmentation)
        };
        self.methods.iter().flat_map(of_method).collect()
    }

    /// Restores the methods' state, which makes room for the tensors that belong to them.
    pub fn load_state(&mut self, states: &BTreeMap<String, String>) -> Result<(), String> {
        let of = |name: String| {
            states
                .get(&name)
                .ok_or(format!("the state of `{name}` are missing"))
        };
        for (_, method) in &mut self.methods {
            let name = method.name();
            if let Some(memory) = method.memory_mut() {
                memory.load_state(of(format!("{name}.memory"))?, &self.student)?;
            }
            if let Some(augmentation) = method.augmentation_mut() {
                augmentation.load_state(of(format!("{name}.augmentation"))?)?;
            }
        }
        Ok(())
    }

    /// Makes the methods ready for steps whose cost is measured: nothing is prepared, and every memory has heard of `epochs` epochs
    /// of the student as it is.
    pub fn init_placeholder(&mut self, epochs: usize) {
        for (_, method) in &mut self.methods {
            if let Some(preparation) = method.preparation() {
                preparation.init_placeholder();
            }
        }
        (0..epochs).for_each(|epoch| self.remember(epoch));
    }

    /// The methods that prepare something before the first step.
    pub fn preparing(&mut self) -> Vec<&'static str> {
        let methods = self.methods.iter_mut();
        let preparing = methods.filter_map(|(_, method)| {
            let name = method.name();
            method.preparation().map(|_| name)
        });
        preparing.collect()
    }

    /// Tells every memory that an epoch of the student has ended.
    pub fn remember(&mut self, epoch: usize) {
        for (_, method) in &mut self.methods {
            if let Some(memory) = method.memory_mut() {
                memory.remember(epoch, &self.student);
            }
        }
    }

    /// What the augmentations have learned so far.
    pub fn notes(&self) -> Vec<(String, f64)> {
        let augmentations = self
            .methods
            .iter()
            .filter_map(|(_, method)| method.augmentation());
        augmentations.flat_map(Augmentation::notes).collect()
    }
}
