//! Which recipe makes a teacher that is the student of a run.

use std::path::{Path, PathBuf};

use potstill_recipe::{Recipe, TaskKind, TeacherSource};

use crate::recipes::RECIPES;

/// The recipe that comes with the binary and makes the run in this folder for students of this task, by the folder's name: `runs/NAME`, or
/// `runs/FIRST/SECOND` for `FIRST-SECOND`, or for `FIRST-TASK-SECOND` where there is one for each task.
pub fn recipe_of(run: &Path, task: TaskKind) -> Option<&'static str> {
    let mut names = run.iter().rev().map(|name| name.to_string_lossy());
    let last = names.next()?;
    let mut wanted = vec![last.to_string()];
    if let Some(before) = names.next() {
        wanted.push(format!("{before}-{last}"));
        wanted.push(format!("{before}-{}-{last}", word(task)));
    }
    let serves = |(name, text): &&(&str, &str)| {
        let recipe = Recipe::from_text(text, name, &[]);
        wanted.iter().any(|wanted| wanted == name) && recipe.is_ok_and(|recipe| recipe.task == task)
    };
    RECIPES.iter().find(serves).map(|(name, _)| *name)
}

/// A task in the names of recipes.
fn word(task: TaskKind) -> String {
    match task {
        TaskKind::InstanceSegmentation => "instances".into(),
        other => other.to_string(),
    }
}

/// The folders of the runs whose students teach in a recipe, and which are not finished, each once.
pub fn unfinished(recipe: &Recipe) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for (_, teacher) in recipe.all_teachers() {
        let TeacherSource::Run(teacher) = &teacher.source else {
            continue;
        };
        // An exported folder is a teacher too.
        let is_there = ["student", ""].iter().any(|inside| {
            let weights = teacher.run.join(inside).join("model.safetensors");
            weights.is_file()
        });
        if !is_there && !teacher.run.is_file() && !folders.contains(&teacher.run) {
            folders.push(teacher.run.clone());
        }
    }
    folders
}

/// The overrides of a student's recipe that hold for its teacher's too: those that say which images there are, so that a teacher learns from
/// none that its student is measured with.
pub fn shared(overrides: &[String]) -> Vec<String> {
    const OWN: [&str; 4] = ["augment", "augment_seed", "views", "min_visible"];
    let of_images = |text: &&String| {
        let key = text.split('=').next().unwrap_or_default().trim();
        key.strip_prefix("data.")
            .is_some_and(|key| !OWN.contains(&key.split('.').next().unwrap_or_default()))
    };
    overrides.iter().filter(of_images).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use potstill_recipe::TaskKind;

    use super::{recipe_of, shared};

    #[test]
    fn the_recipes_of_the_teachers_of_built_in_recipes_are_found() {
        let of = |run: &str| recipe_of(Path::new(run), TaskKind::Classification);
        assert_eq!(of("runs/demo/teacher"), Some("demo-teacher"));
        assert_eq!(of("runs/cifar10-jpeg-teacher"), Some("cifar10-jpeg-teacher"));
        assert_eq!(
            of("elsewhere/comparison-mnist-teacher/"),
            Some("comparison-mnist-teacher")
        );
        let of_task = |task| recipe_of(Path::new("runs/demo/teacher"), task);
        assert_eq!(of_task(TaskKind::Detection), Some("demo-detection-teacher"));
        assert_eq!(
            of_task(TaskKind::InstanceSegmentation),
            Some("demo-instances-teacher")
        );
        assert_eq!(of_task(TaskKind::Segmentation), Some("demo-segmentation-teacher"));
        assert_eq!(of_task(TaskKind::MultiLabel), None);
        assert_eq!(of("runs/teacher"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_teacher_is_told_which_images_there_are_and_nothing_else() {
        let all = [
            "data.train=photos",
            "data.validation = 0.1",
            "data.augment.0=\"flip\"",
            "data.views=3",
            "train.epochs=1",
            "seed=2",
        ];
        let all = all.map(str::to_owned);
        assert_eq!(shared(&all), all[..2]);
    }
}
