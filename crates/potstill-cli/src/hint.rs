//! What to do about an error on this command line. The library's errors say what is wrong; commands and flags are known here.

use std::path::Path;

use potstill_data::{DataError, downloads};
use potstill_engine::EngineError;
use potstill_methods::MethodError;
use potstill_models::ModelError;
use potstill_recipe::TaskKind;

use crate::teacher_recipes::recipe_of;

/// The next command to try, if one helps.
pub fn hint(error: &EngineError) -> Option<String> {
    match error {
        EngineError::Exists(_) => {
            Some("`--resume` continues it, `--overwrite` replaces it, `name=...` takes another folder".into())
        }
        EngineError::LostCheckpoint(_) => Some("`--overwrite` begins again".into()),
        EngineError::OtherEpoch { .. } => {
            Some("`potstill train` with `--resume` on the run's folder mends it where that can be".into())
        }
        EngineError::Changed { .. } => Some(
            "bring back what it began with, or begin another run from its weights: `start=run:PATH name=...`"
                .into(),
        ),
        EngineError::NoTeacherRun { run, task, .. } => Some(of_teacher(run, *task)),
        EngineError::Unfinished(_) => Some("`potstill train` with `--resume` continues it".into()),
        EngineError::NoArchitecture => Some("`--model NAME`; `potstill list models` names them all".into()),
        EngineError::ClassCount { .. } => Some("`--class-names FILE` says it, a name a line".into()),
        EngineError::Data(error) => of_data(error),
        EngineError::Method(error) => of_method(error),
        EngineError::Entry { error, .. } => of_method(error),
        EngineError::Model(error) => of_model(error),
        _ => None,
    }
}

fn of_teacher(run: &Path, task: TaskKind) -> String {
    match recipe_of(run, task) {
        Some(name) => format!(
            "the recipe `{name}` makes it: `potstill train` with `--with-teacher` does so first, and puts it into {}",
            run.display()
        ),
        None => "train the teacher's recipe first; the run of a recipe lies in runs/NAME, where NAME is its `name`".into(),
    }
}

fn of_data(error: &DataError) -> Option<String> {
    match error {
        DataError::Missing { path, .. } => {
            let name = downloadable(path)?;
            Some(format!("`potstill data fetch {name}` downloads it"))
        }
        DataError::UnknownName { .. } => Some("`potstill list datasets` tells what they are".into()),
        _ => None,
    }
}

/// The data set that was looked for at this path, if there is a download of it.
fn downloadable(path: &Path) -> Option<&'static str> {
    let wanted = path.file_name()?;
    downloads()
        .map(|download| download.name)
        .find(|name| wanted == *name)
}

fn of_method(error: &MethodError) -> Option<String> {
    let hint = match error {
        MethodError::Unknown { .. } => "`potstill list methods` says what they do",
        MethodError::NoPoint { .. } => "`potstill plan` lists the points of both networks",
        MethodError::NoStages { .. } => "`potstill inspect` lists the points",
        _ => return None,
    };
    Some(hint.into())
}

fn of_model(error: &ModelError) -> Option<String> {
    match error {
        ModelError::UnknownModel { .. } => Some("`potstill list models` names them all".into()),
        ModelError::Onnx(potstill_onnx::OnnxError::NoTensor { .. }) => {
            Some("`potstill inspect` lists the tensors of the file".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::downloadable;

    #[test]
    fn a_data_set_with_a_download_is_known_by_its_folder() {
        assert_eq!(downloadable(Path::new("data/cifar100")), Some("cifar100"));
        for other in ["data/mnist", "photos/cifar100/train", "/"] {
            assert_eq!(downloadable(Path::new(other)), None, "{other}");
        }
    }
}
