//! Everything that can stop a run.

use std::{io, path::PathBuf};

use potstill_base::Owner;

/// Why a plan could not be made or a run could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A recipe that is wrong in itself.
    #[error(transparent)]
    Recipe(#[from] potstill_recipe::RecipeError),
    /// Data that cannot be read.
    #[error(transparent)]
    Data(#[from] potstill_data::DataError),
    /// A network that cannot be built or loaded.
    #[error(transparent)]
    Model(#[from] potstill_models::ModelError),
    /// Outputs or targets that the task cannot work with.
    #[error(transparent)]
    Task(#[from] potstill_tasks::TaskError),
    /// A method that does not fit.
    #[error(transparent)]
    Method(#[from] potstill_methods::MethodError),
    /// An entry of `[[methods]]` that fails.
    #[error("`{id}`: {error}")]
    Entry {
        /// The entry.
        id: String,
        /// Why.
        #[source]
        error: Box<potstill_methods::MethodError>,
    },
    /// A table or curve that cannot be read or written.
    #[error(transparent)]
    Report(#[from] potstill_report::ReportError),
    /// A point that a network does not have.
    #[error("`{model}` has no point `{point}`")]
    NoPoint {
        /// The network.
        model: String,
        /// The point.
        point: potstill_ops::Point,
    },
    /// Images that a network cannot be shown, or not in one batch.
    #[error("these images cannot be taken: {0}")]
    Images(String),
    /// A network without class names, and a data set of another number of classes.
    #[error(
        "{network} has {classes} classes, {data} has {theirs}, and nothing says what those of the network are called"
    )]
    ClassCount {
        /// The network.
        network: String,
        /// Its classes.
        classes: usize,
        /// The data set.
        data: String,
        /// The classes of the data set.
        theirs: usize,
    },
    /// Text that names no point.
    #[error(transparent)]
    Point(#[from] potstill_ops::PointError),
    /// A part of a recipe that contradicts another one, the data or the networks.
    #[error("`{key}`: {reason}")]
    InvalidPlan {
        /// The key in the recipe.
        key: String,
        /// What contradicts what.
        reason: String,
    },
    /// Weights of an unknown architecture.
    #[error("which network is it? name its architecture (`model`), or give a folder with a config.json")]
    NoArchitecture,
    /// A `config.json` that does not describe a network.
    #[error("{} is not a model's config.json: {source}", file.display())]
    ModelConfig {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and where.
        source: serde_json::Error,
    },
    /// A method that prepares something with a frozen teacher, where the teacher learns or there is none.
    #[error(
        "a method studies the teacher before the first step, and there is none that stays as it is: one that learns beside the \
         student has nothing to show yet"
    )]
    NoFrozenTeacher,
    /// Nowhere to keep what is prepared.
    #[error("there is no place for a cache: set POTSTILL_CACHE to a folder")]
    NoCache,
    /// A cache that cannot be read or written.
    #[error(transparent)]
    Cache(#[from] potstill_base::CacheError),
    /// A loss that is not a number.
    #[error(
        "the loss term `{term}` became {value} in epoch {epoch}, step {step} (learning rate {rate}); nothing was learned from \
         this step. Lower the learning rate, clip the gradients (`train.clip_norm`) or warm up (`warmup_epochs`)"
    )]
    NonFinite {
        /// The term.
        term: String,
        /// Its value.
        value: f64,
        /// The epoch, from 1.
        epoch: usize,
        /// The step within the epoch, from 1.
        step: usize,
        /// The learning rate.
        rate: f64,
    },
    /// A run folder that is there already.
    #[error("{} holds a run already", .0.display())]
    Exists(PathBuf),
    /// A run folder that another process works in.
    #[error("{} is in use: {owner}, works there. Wait for it or stop it; nothing was touched", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who works there.
        owner: Owner,
    },
    /// A run that has not come to its end.
    #[error("the run in {} is not finished", .0.display())]
    Unfinished(PathBuf),
    /// A run whose results are there, and whose checkpoints are gone.
    #[error(
        "the checkpoints of the run in {} are gone, and its results are there still, so that nothing was touched", .0.display()
    )]
    LostCheckpoint(PathBuf),
    /// A run that is to be done once more, and of which nothing is left to compare with.
    #[error("nothing of any epoch of the run in {} is left to compare with: no row of metrics, no checkpoint", .0.display())]
    NothingToCompare(PathBuf),
    /// A run that is to be replayed, and in which no step was refused.
    #[error(
        "no step of the run in {} was kept to be replayed: a run that is stopped by a loss that is not finite in an epoch of the student keeps it",
        .0.display()
    )]
    NothingRefused(PathBuf),
    /// A student whose weights or results have become no numbers.
    #[error(
        "the student is of no use any more: {what} in epoch {epoch} (learning rate {rate}); {kept}. Lower the learning rate, \
         clip the gradients (`train.clip_norm`) or warm up (`warmup_epochs`)"
    )]
    Diverged {
        /// What is no number.
        what: String,
        /// The epoch, from 1.
        epoch: usize,
        /// The learning rate.
        rate: f64,
        /// What there is to go on from.
        kept: String,
    },
    /// A student that is to be exported and holds no numbers.
    #[error("the student of `{run}` is of no use, and is not exported: {what}")]
    NotANumber {
        /// The name of its run.
        run: String,
        /// The tensor.
        what: String,
    },
    /// An ONNX file that computes something else than the student that it was made from.
    #[error(
        "the ONNX file of the student is not written to {}: {what} that it gives differ from the student's by {difference:e}, where the          largest is {largest:e} and a ten-thousandth of that is allowed. This is a fault of Potstill", file.display()
    )]
    OnnxDiffers {
        /// The file.
        file: PathBuf,
        /// What differs.
        what: String,
        /// The largest difference.
        difference: f32,
        /// The largest number.
        largest: f32,
    },
    /// A run that is to go on, where something that it learns from is no longer what it was.
    #[error("the run in {} cannot go on: {reason}. It would not be the run that it began as", folder.display())]
    Changed {
        /// The folder.
        folder: PathBuf,
        /// What has changed.
        reason: String,
    },
    /// A teacher that is the student of a run that is not there.
    #[error("`{key}`: there is no run in {}, whose student is to be the teacher", run.display())]
    NoTeacherRun {
        /// The key in the recipe.
        key: String,
        /// The folder.
        run: PathBuf,
        /// What the student is trained for.
        task: potstill_recipe::TaskKind,
    },
    /// A folder that holds no run.
    #[error("{} is not the folder of a run: {reason}", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A checkpoint that does not belong to the plan.
    #[error("{} cannot be resumed: {reason}", file.display())]
    Checkpoint {
        /// The checkpoint.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A checkpoint of another epoch than it should be.
    #[error("{} is of epoch {found}, and should be of epoch {epoch}", file.display())]
    OtherEpoch {
        /// The checkpoint.
        file: PathBuf,
        /// The epoch that is looked for.
        epoch: usize,
        /// The epoch that it is of.
        found: usize,
    },
    /// A checkpoint that a newer Potstill has written.
    #[error("{} cannot be read: {reason}", file.display())]
    NewerCheckpoint {
        /// The checkpoint.
        file: PathBuf,
        /// Its version.
        reason: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl EngineError {
    /// The failure of an entry, for `map_err`.
    pub(crate) fn of_entry(id: &str) -> impl FnOnce(potstill_methods::MethodError) -> Self {
        let id = id.to_owned();
        move |error| Self::Entry {
            id,
            error: Box::new(error),
        }
    }

    /// A key of the recipe that contradicts something.
    pub(crate) fn invalid_plan(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidPlan {
            key: key.into(),
            reason: reason.into(),
        }
    }

    /// The file system's refusal to do `action` at `path`, for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
