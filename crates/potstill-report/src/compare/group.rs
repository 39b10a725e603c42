//! Groups of runs: what makes one, and its row without what needs the other rows.

use std::collections::{BTreeMap, HashSet};

use super::{Role, Row, RunGroup};
use crate::{ReportError, Spread, Summary};

/// The row of a group without its gain, which needs the other rows.
pub(super) fn group_row(group: &RunGroup, first: &Summary, notes: &mut Vec<String>) -> Row {
    for run in group.runs.iter().filter(|run| !run.finished) {
        notes.push(format!(
            "{}: seed {} is not finished (epoch {} of {}) and left out",
            group.name, run.seed, run.last.epoch, run.epochs
        ));
    }
    for run in group.runs.iter().filter(|run| run.is_not_a_number()) {
        notes.push(format!(
            "{}: seed {} has come to a student that is no use: what was measured of it is not a number",
            group.name, run.seed
        ));
    }
    let over = |value: &dyn Fn(&Summary) -> Option<f64>| {
        let finished = group.runs.iter().filter(|run| run.finished);
        Spread::of(&finished.filter_map(value).collect::<Vec<_>>())
    };
    let metrics = first.metrics.iter().filter_map(|metric| {
        let spread = over(&|run| run.last_metrics().of(metric))?;
        Some((metric.name.clone().into_owned(), spread))
    });
    Row {
        role: if first.methods.is_empty() {
            Role::Alone
        } else {
            Role::Distilled
        },
        name: group.name.clone(),
        methods: first.methods.clone(),
        teachers: teachers(first),
        by_seed: by_seed(group),
        metrics: metrics.collect(),
        validation: over(&|run| run.headline_of(&run.validation.as_ref()?.last)),
        best: over(&|run| run.headline_of(run.best_metrics())),
        gain: None,
        paired: None,
        published: None,
        params: first.student.params,
        macs: first.student.macs,
        seconds: over(&|run| Some(run.seconds)).map(|seconds| seconds.mean),
    }
}

/// The models that teach in a run, each once.
fn teachers(run: &Summary) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for teacher in &run.teachers {
        if !names.contains(&teacher.network.model) {
            names.push(teacher.network.model.clone());
        }
    }
    names
}

/// The headline of the last epoch of each finished run, by its seed.
fn by_seed(group: &RunGroup) -> BTreeMap<u64, f64> {
    let finished = group.runs.iter().filter(|run| run.finished);
    finished
        .filter_map(|run| Some((run.seed, run.headline_of(run.last_metrics())?)))
        .collect()
}

/// Refuses a group whose mean would mean nothing; gives back its first run.
pub(super) fn check(group: &RunGroup) -> Result<&Summary, ReportError> {
    let Some(first) = group.runs.first() else {
        return Err(ReportError::EmptyGroup {
            group: group.name.clone(),
        });
    };
    let mut seeds = HashSet::new();
    for run in &group.runs {
        let facts = identity(first).into_iter().zip(identity(run));
        if let Some(((what, first), (_, second))) = facts.into_iter().find(|(a, b)| a != b) {
            return Err(ReportError::MixedGroup {
                group: group.name.clone(),
                what,
                first,
                second,
            });
        }
        if !seeds.insert(run.seed) {
            return Err(ReportError::RepeatedSeed {
                group: group.name.clone(),
                seed: run.seed,
            });
        }
    }
    Ok(first)
}

/// What runs of one recipe with different seeds have in common, in words.
fn identity(run: &Summary) -> [(&'static str, String); 11] {
    let teachers: Vec<&str> = run
        .teachers
        .iter()
        .map(|teacher| teacher.network.model.as_str())
        .collect();
    let teachers = if teachers.is_empty() {
        "none".to_owned()
    } else {
        teachers.join(" and ")
    };
    [
        ("the task", run.task.clone()),
        ("the headline", run.metrics.headline.name.clone().into_owned()),
        ("the student", run.student.model.clone()),
        ("the student's parameters", run.student.params.to_string()),
        ("the teacher", teachers),
        ("the methods", format!("[{}]", run.methods.join(", "))),
        ("the training source", run.data.train.clone()),
        (
            "the validation images",
            run.data.validation.clone().unwrap_or_else(|| "none".to_owned()),
        ),
        ("the test source", run.data.test.clone()),
        ("the number of images", run.data.counts()),
        ("the epochs", run.epochs.to_string()),
    ]
}
