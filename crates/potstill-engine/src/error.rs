//! Everything that can stop a run.

use std::{io, path::PathBuf};

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
        error: potstill_methods::MethodError,
    },
    /// A table or curve that cannot be read or written.
    #[error(transparent)]
    Report(#[from] potstill_report::ReportError),
    /// Parts of a recipe that contradict each other or the data.
    #[error("{0}")]
    Contradiction(String),
    /// A loss that is not a number.
    #[error(
        "the loss term `{term}` became {value} in epoch {epoch}, step {step} (learning rate {rate}); nothing was saved from \
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
    #[error(
        "{} holds a run already; `--resume` continues it, `--overwrite` replaces it, `name=...` takes another folder",
        .0.display()
    )]
    Exists(PathBuf),
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
        move |error| Self::Entry { id, error }
    }

    /// The file system's refusal to do `action` at `path`, for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
