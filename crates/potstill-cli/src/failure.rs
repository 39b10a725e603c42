//! Why a command did not do its work, and the exit code that says so.

use std::{fmt, io, process::ExitCode};

use potstill_data::DataError;
use potstill_engine::EngineError;
use potstill_models::ModelError;
use potstill_recipe::RecipeError;
use potstill_report::ReportError;

use crate::hint::hint;

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or a bad recipe: exit code 2.
    Usage(String),
    /// The work failed: exit code 1.
    Work(String),
    /// Interrupted, after saving: exit code 130.
    Interrupted(String),
    /// Whoever read our output has gone: nobody is left to tell.
    ClosedPipe,
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::ClosedPipe => 0,
            Self::Work(_) => 1,
            Self::Usage(_) => 2,
            Self::Interrupted(_) => 130,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Work(text) => write!(f, "error: {text}"),
            Self::Interrupted(text) => f.write_str(text),
            Self::ClosedPipe => Ok(()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let text = match hint(&error) {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        };
        match error {
            EngineError::Recipe(_)
            | EngineError::Method(_)
            | EngineError::Entry { .. }
            | EngineError::InvalidPlan { .. }
            | EngineError::NoTeacherRun { .. }
            | EngineError::NoArchitecture
            | EngineError::ClassCount { .. }
            | EngineError::ModelConfig { .. }
            | EngineError::Point(_)
            | EngineError::Exists(_)
            | EngineError::Model(
                ModelError::UnknownModel { .. }
                | ModelError::Option { .. }
                | ModelError::Input { .. }
                | ModelError::SeveralSets(_)
                | ModelError::OtherShortcut { .. },
            )
            | EngineError::Data(
                DataError::UnknownName { .. }
                | DataError::UnknownClasses { .. }
                | DataError::DatasetOption { .. },
            ) => Self::Usage(text),
            _ => Self::Work(text),
        }
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self::Work(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Work(error.to_string())
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Work(error.to_string())
    }
}
