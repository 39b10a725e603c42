//! Why a step was not taken.

use potstill_base::CacheError;
use potstill_data::DataError;
use potstill_methods::MethodError;
use potstill_models::ModelError;
use potstill_tasks::TaskError;

use crate::error::EngineError;

/// Why a step was not taken.
#[derive(Debug)]
pub(crate) enum StepError {
    /// A loss term is not a finite number.
    NonFinite { term: String, value: f64 },
    /// A network fails on the batch: an ONNX file, or one that gives no logits.
    Network(ModelError),
    /// The images cannot be taken as a network takes them.
    Data(DataError),
    /// Outputs or targets are not the task's.
    Task(TaskError),
    /// The cache of a teacher fails.
    Cache(CacheError),
    /// A method fails.
    Method { id: String, error: Box<MethodError> },
}

impl From<ModelError> for StepError {
    fn from(error: ModelError) -> Self {
        Self::Network(error)
    }
}

impl From<TaskError> for StepError {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

impl From<CacheError> for StepError {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl From<DataError> for StepError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl StepError {
    /// The failure of an entry, for `map_err`.
    pub fn of(id: &str) -> impl FnOnce(MethodError) -> Self {
        let id = id.to_owned();
        move |error| Self::Method {
            id,
            error: Box::new(error),
        }
    }

    /// The error of a run, whose epochs and steps count from 1.
    pub fn at(self, epoch: usize, step: usize, rate: f64) -> EngineError {
        match self {
            Self::NonFinite { term, value } => EngineError::NonFinite {
                term,
                value,
                epoch,
                step,
                rate,
            },
            Self::Network(error) => error.into(),
            Self::Data(error) => error.into(),
            Self::Cache(error) => error.into(),
            Self::Task(error) => error.into(),
            Self::Method { id, error } => EngineError::Entry { id, error },
        }
    }
}
