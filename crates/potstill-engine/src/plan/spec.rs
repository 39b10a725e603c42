//! What a run knows about itself while its networks and methods train.

use std::{fmt, sync::Arc};

use potstill_base::Digest;
use potstill_data::{Dataset, Loader, LoaderConfig};
use potstill_methods::{PlannedMethod, StudentEpoch};
use potstill_metrics::Metrics;
use potstill_models::FrozenModel;
use potstill_ops::count_trainable;
use potstill_recipe::{Recipe, Validation, WeightSchedule};
use potstill_tasks::{Task, fits_classes};

use super::{
    data::PlannedData, networks::NetworkFacts, phases::Phase, settings::Settings, teachers::TeacherFacts,
    timeline::Timeline,
};
use crate::{
    error::EngineError,
    evaluate::{evaluate, padded_for},
    network_input::NetworkInput,
    train::backward::{Optimizers, Rates},
};

/// What the text of a run begins with that has no recipe.
pub(crate) const BY_A_PROGRAM: &str = "# Made by a program, without a recipe";

/// A plan without what trains: its data, its phases, and the facts about its networks and methods.
pub struct RunSpec {
    /// The settings.
    pub settings: Settings,
    /// The recipe; `None` for a plan that a program made.
    pub recipe: Option<Recipe>,
    /// What the networks are trained for.
    pub task: Arc<dyn Task>,
    /// The images.
    pub data: PlannedData,
    /// What is known about the student.
    pub student: NetworkFacts,
    /// What is known about each teacher.
    pub teachers: Vec<TeacherFacts>,
    /// What is known about each method.
    pub methods: Vec<MethodFacts>,
    /// What has to be said of the methods before the first step, in a line each.
    pub method_notes: Vec<String>,
    /// The phases.
    pub phases: Vec<Phase>,
    /// All epochs of the run: the student's, and the rounds of augmentations between them.
    pub timeline: Timeline,
}

/// What is known about a method of a plan.
#[derive(Clone, PartialEq)]
pub struct MethodFacts {
    /// The name of its entry.
    pub id: String,
    /// The name of its kind.
    pub kind: String,
    /// The weight of its loss.
    pub weight: f64,
    /// How it changes.
    pub schedule: WeightSchedule,
    /// The teachers that it learns from, with their weights in the mean.
    pub teachers: Vec<(String, f64)>,
    /// Trainable parameters that it brings.
    pub parameters: usize,
}

impl RunSpec {
    /// What has to be said about the networks and the methods before the first step, in a line each.
    pub fn notes(&self) -> Vec<String> {
        let teachers = self.teachers.iter().flat_map(|teacher| &teacher.network.notes);
        let networks = self.student.notes.iter().chain(teachers);
        networks.chain(&self.method_notes).cloned().collect()
    }

    /// Epochs of the student's training.
    pub fn epochs(&self) -> usize {
        self.phases.last().map_or(0, |phase| phase.epochs.end)
    }

    /// Training steps of an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.settings.steps_per_epoch(self.data.train.len())
    }

    /// What a run folder keeps of it: the recipe, or a comment that says what a program made.
    ///
    /// # Errors
    /// A recipe that has no text.
    pub fn text(&self) -> Result<String, EngineError> {
        if let Some(recipe) = &self.recipe {
            return Ok(recipe.to_toml()?);
        }
        let mut lines = vec![
            format!("{}, {:?}", self.task.kind(), self.settings),
            format!("data: {}", self.parts_of_data().join(" and ")),
            format!("augment: {:?}", self.data.augment),
            format!("student: {}", self.student.describe()),
        ];
        let preprocess = &self.data.preprocess;
        if *preprocess != self.data.augment.for_evaluation() {
            lines.push(format!("test images: {preprocess:?}"));
        }
        lines.extend(self.teachers.iter().map(|teacher| {
            let TeacherFacts { name, update, .. } = teacher;
            format!("teacher: {name}, {}, {update:?}", teacher.network.describe())
        }));
        lines.extend(self.methods.iter().map(|method| format!("{method:?}")));
        lines.extend(self.phases.iter().map(|phase| format!("{phase:?}")));
        let comment = lines
            .iter()
            .map(|line| format!("# {}\n", line.replace('\n', " ")));
        let first = format!("{BY_A_PROGRAM}: the program that made it resumes it.\n");
        Ok(std::iter::once(first).chain(comment).collect())
    }

    /// The names of the parts of the data.
    fn parts_of_data(&self) -> Vec<&str> {
        let PlannedData {
            train,
            validation,
            test,
            ..
        } = &self.data;
        let others = validation.iter().chain(test);
        std::iter::once(train).chain(others).map(Dataset::name).collect()
    }

    /// The images as summaries and plans tell of them.
    pub fn images(&self) -> potstill_report::Data {
        let PlannedData {
            train,
            validation,
            test,
            ..
        } = &self.data;
        let sources = self.recipe.as_ref().map(|recipe| &recipe.data);
        let count = |set: &Option<Arc<dyn Dataset>>| set.as_ref().map_or(0, Dataset::len);
        let name = |set: &Arc<dyn Dataset>| set.name().to_owned();
        let in_words = |set| match sources {
            Some(data) => validation_in_words(data),
            None => name(set),
        };
        let of_test = |set| match sources {
            Some(data) => data.test_source().to_owned(),
            None => name(set),
        };
        potstill_report::Data {
            train: sources.map_or_else(|| name(train), |data| data.train.clone()),
            validation: validation.as_ref().map(in_words),
            test: test.as_ref().map(of_test).unwrap_or_default(),
            train_images: train.len(),
            labelled_images: self.data.labelled,
            validation_images: count(validation),
            test_images: count(test),
            classes: train.classes().len(),
        }
    }

    /// Whether a network gives what the task measures, for as many classes as the images have.
    pub(crate) fn can_measure(&self, network: &FrozenModel) -> bool {
        let alike = network.output_kind() == self.task.output_kind();
        let (answers, classes) = (network.classes(), self.data.train.classes().len());
        alike && network.answers() && fits_classes(self.task.kind(), answers, classes)
    }

    /// How many checkpoints a run folder keeps, the last one counted.
    pub(crate) fn kept_checkpoints(&self) -> usize {
        let asked = self.recipe.as_ref().and_then(|recipe| recipe.train.keep);
        asked.unwrap_or(2)
    }

    /// After so many steps of an epoch a checkpoint is written; `None` for the end of epochs alone.
    pub(crate) fn save_every(&self) -> Option<usize> {
        self.recipe.as_ref().and_then(|recipe| recipe.train.save_every)
    }

    /// How batches are loaded for training.
    pub(crate) fn loading(&self) -> LoaderConfig {
        padded_for(self.task.as_ref(), self.settings.loading())
    }

    /// The loader of the training images, with a second view of each if a method looks at one.
    ///
    /// # Errors
    /// Images of which no batch can be made.
    pub(crate) fn train_loader(&self, config: LoaderConfig) -> Result<Loader, EngineError> {
        let data = &self.data;
        let loader = Loader::new(data.train.clone(), data.augment.clone(), config)?;
        Ok(match &data.second_augment {
            Some(steps) => loader.with_second_view(steps.clone())?,
            None => loader,
        })
    }

    /// How batches are loaded for evaluation.
    pub(crate) fn evaluating(&self) -> LoaderConfig {
        padded_for(self.task.as_ref(), self.settings.evaluating())
    }

    /// The metrics of a network on these images.
    pub(crate) fn measure(
        &self,
        network: &FrozenModel,
        input: &NetworkInput,
        images: &Arc<dyn Dataset>,
    ) -> Result<Metrics, EngineError> {
        let (task, loading) = (self.task.as_ref(), self.evaluating());
        let images = Arc::clone(images);
        let found = evaluate(
            task,
            network,
            images,
            &self.data.preprocess,
            input,
            loading,
            &mut |_| (),
        )?;
        Ok(found.metrics)
    }

    /// The digest of that text, by which a checkpoint knows its own run.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn hash(&self) -> Result<String, EngineError> {
        Ok(Digest::of(self.text()?))
    }

    /// The optimisers of a phase, without state.
    pub(crate) fn optimizers(&self, phase: &Phase) -> Optimizers {
        Optimizers::new(
            phase,
            self.teachers.iter().map(|teacher| teacher.optimizer.as_ref()),
        )
    }

    /// The learning rates of a step. Those of online teachers are by their own rule and schedule where they have them, otherwise as the
    /// student's phase.
    pub(crate) fn rates(&self, phase: &Phase, epoch: StudentEpoch, step: usize, steps: usize) -> Rates {
        let of_teacher = |teacher: &TeacherFacts| {
            let base = teacher.optimizer.as_ref().unwrap_or(&phase.optimizer).lr();
            match &teacher.schedule {
                // Its own schedule goes over the whole training.
                Some(own) => own.lr(base, epoch.0, step, steps, self.epochs()),
                None => phase.rate_from(base, epoch, step, steps),
            }
        };
        Rates {
            student: phase.rate(epoch, step, steps),
            teachers: self.teachers.iter().map(of_teacher).collect(),
        }
    }
}

/// Where the validation images of a recipe come from.
fn validation_in_words(data: &potstill_recipe::Data) -> String {
    match &data.validation {
        Some(Validation::Share(share)) => {
            let seed = data.validation_seed.unwrap_or_default();
            format!("{share} of the training images, held back by seed {seed}")
        }
        Some(Validation::Source(source)) => source.clone(),
        None => String::new(),
    }
}

/// A run without a recipe is known by this text: a weight that stays as it is has none, as before there were others.
impl fmt::Debug for MethodFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            kind,
            weight,
            schedule,
            teachers,
            parameters,
        } = self;
        let mut text = f.debug_struct("MethodFacts");
        text.field("id", id).field("kind", kind).field("weight", weight);
        if schedule.changes() {
            text.field("schedule", schedule);
        }
        text.field("teachers", teachers)
            .field("parameters", parameters)
            .finish()
    }
}

impl MethodFacts {
    /// The facts of a planned entry.
    pub(crate) fn of(planned: &PlannedMethod, teachers: &[TeacherFacts]) -> Self {
        let parts = planned.trained_parts();
        let own = planned.teachers.iter();
        Self {
            teachers: own
                .map(|own| (teachers[own.index].name.clone(), own.weight))
                .collect(),
            id: planned.id.clone(),
            kind: planned.kind.clone(),
            weight: planned.weight.weight,
            schedule: planned.weight.schedule.clone(),
            parameters: parts.map(|part| count_trainable(part.module)).sum(),
        }
    }
}
