//! The students of several runs on the same images.

use std::path::PathBuf;

use potstill_models::FrozenModel;
use potstill_random::Seed;
use potstill_recipe::Recipe;
use potstill_tasks::TaskOptions;

use super::answers::{Answers, answers_svg};
use crate::{
    device::cpu,
    error::EngineError,
    evaluate::Viewer,
    network_input::NetworkInput,
    plan::{data::PlannedData, teachers::PlannedTeacher},
    predictor::Predictor,
    run_folder::RunFolder,
    source::Source,
};

/// Draws so many test images of the first run, a row each: the truth, what the teachers of the first run that has any say, and what the
/// student of each run says. The text of an SVG file.
///
/// # Errors
/// A run that is not finished, data or weights that are not there any more, runs of another task or of other classes.
pub fn pictures_of_runs(runs: &[PathBuf], images: usize) -> Result<String, EngineError> {
    let device = cpu();
    let folders = runs.iter().map(|run| RunFolder::open(run));
    let folders = folders.collect::<Result<Vec<_>, _>>()?;
    let recipes = folders
        .iter()
        .map(|folder| Recipe::from_path(folder.recipe(), &[]));
    let mut recipes = recipes.collect::<Result<Vec<_>, _>>()?;
    let Some(first) = recipes.first().cloned() else {
        return Err(EngineError::invalid_plan("runs", "there is none"));
    };
    if let Some(other) = recipes.iter().find(|recipe| recipe.task != first.task) {
        let reason = format!(
            "`{}` is a run of the task `{}`, and `{}` of `{}`: their answers cannot stand side by side",
            first.name, first.task, other.name, other.task
        );
        return Err(EngineError::invalid_plan("task", reason));
    }
    let data = PlannedData::open(&mut recipes[0])?;
    // Of a student alone the recipe may name a teacher that no method uses.
    let mut teachers = Vec::new();
    for recipe in &recipes {
        if teachers.is_empty() {
            teachers = PlannedTeacher::open_all(recipe, &data, &device)?;
        }
    }
    let students = folders
        .iter()
        .zip(&recipes)
        .map(|(folder, recipe)| Ok((recipe.name.clone(), student(folder)?)));
    let students = students.collect::<Result<Vec<(String, Predictor)>, EngineError>>()?;
    let names = data.train.classes();
    if let Some((name, other)) = students
        .iter()
        .find(|(_, student)| student.class_names.as_slice() != names)
    {
        let reason = format!(
            "the student of `{name}` knows the classes {}, and the images have {}",
            other.class_names.join(", "),
            names.join(", ")
        );
        return Err(EngineError::invalid_plan("classes", reason));
    }
    let task = potstill_tasks::task(
        first.task,
        TaskOptions {
            classes: names.to_vec(),
            ..TaskOptions::default()
        },
    );
    let taught = teachers
        .iter()
        .filter(|teacher| teacher.facts.answers(&teacher.network, task.as_ref(), names));
    let mut columns: Vec<Answers<'_>> = taught
        .map(|teacher| {
            column(
                &teacher.facts.name,
                &teacher.network,
                &teacher.facts.network.input,
                &data,
            )
        })
        .collect();
    for (name, student) in &students {
        columns.push(Answers {
            name: name.clone(),
            viewer: student.viewer()?,
        });
    }
    let title = "What is true, and what the networks say";
    answers_svg(title, task.as_ref(), &columns, data.judged_by(), images)
}

fn column<'a>(
    name: &str,
    network: &'a FrozenModel,
    input: &'a NetworkInput,
    data: &PlannedData,
) -> Answers<'a> {
    Answers {
        name: name.to_owned(),
        viewer: Viewer {
            network,
            preprocess: data.preprocess.clone(),
            input,
        },
    }
}

fn student(folder: &RunFolder) -> Result<Predictor, EngineError> {
    let source = Source {
        weights: Some(folder.student()),
        ..Source::default()
    };
    Ok(Predictor::from(&source.open(&cpu(), Seed::new(0), "student")?))
}
