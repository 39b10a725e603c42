//! What has to fit together before the first step.

use std::{collections::BTreeSet, sync::Arc};

use potstill_data::{DataError, TargetKind};
use potstill_methods::{PlannedMethod, TeacherUpdate};
use potstill_recipe::{Enlarge, OptimizerSpec};
use potstill_tasks::Task;

use super::{
    data::PlannedData, networks::PlannedStudent, phases::Phase, settings::Settings, teachers::PlannedTeacher,
};
use crate::{error::EngineError, network_input::NetworkInput};

/// Whether batches can be made of so many training images.
pub(crate) fn check_batches(settings: &Settings, images: usize) -> Result<(), EngineError> {
    let batch = settings.batch;
    let reason = if batch < 2 {
        "a batch of one image has no batch statistics, take at least 2".into()
    } else if images < batch && settings.drop_last {
        format!("{images} training images do not fill one batch of {batch}: take a smaller `train.batch`")
    } else if !settings.drop_last && images % batch == 1 {
        format!(
            "the last of the batches would hold one image ({images} images, batch {batch}): set `train.drop_last = true`"
        )
    } else {
        return Ok(());
    };
    Err(EngineError::invalid_plan("train.batch", reason))
}

/// Whether the gradients of several batches can make one update.
pub(crate) fn check_accumulation(settings: &Settings, update: TeacherUpdate) -> Result<(), EngineError> {
    if settings.accumulate > 1 && update == TeacherUpdate::OnlineFirst {
        let reason = "a teacher that is updated before the student's forward pass moves with every batch: leave it out, or take \
                      `update_order = \"simultaneous\"`";
        return Err(EngineError::invalid_plan("train.accumulate", reason));
    }
    Ok(())
}

/// Whether a rule that tells the gradients of the task and of the methods apart has both.
pub(crate) fn check_apart(
    phases: &[Phase],
    settings: &Settings,
    update: TeacherUpdate,
) -> Result<(), EngineError> {
    let is_apart = |phase: &Phase| matches!(phase.optimizer, OptimizerSpec::Dot(_));
    if !phases.iter().any(is_apart) {
        return Ok(());
    }
    let (key, reason) = if settings.accumulate > 1 {
        (
            "train.accumulate",
            "the gradients of several batches are gathered as one, and `dot` has two",
        )
    } else if settings.clip_norm.is_some() {
        (
            "train.clip_norm",
            "gradients are shortened by the norm of their sum, and `dot` has two of them",
        )
    } else if update == TeacherUpdate::OnlineFirst {
        (
            "train.optimizer",
            "`dot` takes two passes over a batch, and a teacher that is updated before the student's has moved between them",
        )
    } else {
        return Ok(());
    };
    Err(EngineError::invalid_plan(
        key,
        format!("{reason}: take `sgd`, or leave it out"),
    ))
}

/// Whether the images are known by what the task needs. A recipe's data sets are opened for it; a program's may be anything. Training
/// images may have no labels where the task's own loss does not count.
pub(crate) fn check_targets(
    data: &PlannedData,
    task: &dyn Task,
    task_weight: f64,
) -> Result<(), EngineError> {
    let wanted = task.target_kind();
    for set in std::iter::once(&data.train)
        .chain(&data.validation)
        .chain(&data.test)
    {
        let given = set.info().target;
        if given == TargetKind::None && Arc::ptr_eq(set, &data.train) {
            if task_weight == 0.0 {
                continue;
            }
            let reason = format!(
                "`{}` has no labels, and the task's own loss needs them: only `train.task_weight = 0` does without",
                set.name()
            );
            return Err(EngineError::invalid_plan("data.train", reason));
        }
        if given != wanted {
            let (name, given) = (set.name().to_owned(), vec![given]);
            return Err(DataError::OtherTargets { name, wanted, given }.into());
        }
    }
    Ok(())
}

/// Whether there is anything to learn from.
pub(crate) fn check_losses(data: &PlannedData, methods: &[PlannedMethod]) -> Result<(), EngineError> {
    if data.train.info().target == TargetKind::None && methods.is_empty() {
        let reason = "the training images have no labels and there is no method: nothing is to be learned";
        return Err(EngineError::invalid_plan("methods", reason));
    }
    Ok(())
}

/// Whether the student gives what the task needs.
pub(crate) fn check_outputs(student: &PlannedStudent, task: &dyn Task) -> Result<(), EngineError> {
    let (found, needed) = (student.network.output_kind(), task.output_kind());
    if found == needed {
        return Ok(());
    }
    let reason = format!(
        "`{}` gives {found}, and the task `{}` needs {needed}",
        student.facts.model,
        task.kind()
    );
    Err(EngineError::invalid_plan("student.model", reason))
}

/// Whether what a network sees has the places of the image, where answers have a place: boxes and labels are in pixels of the image.
pub(crate) fn check_places(
    student: &PlannedStudent,
    teachers: &[PlannedTeacher],
    task: &dyn Task,
) -> Result<(), EngineError> {
    if task.pads_to().is_none() {
        return Ok(());
    }
    let inputs = teachers.iter().map(|teacher| &teacher.facts.network.input);
    let is_small = |input: &NetworkInput| {
        let small = input.low_resolution;
        small.is_some_and(|small| small.enlarge == Enlarge::None)
    };
    if inputs.chain([&student.facts.input]).any(is_small) {
        let reason = "boxes and labels lie elsewhere in a small image: take `nearest` or `bilinear`, which give it its old size back";
        return Err(EngineError::invalid_plan("low_resolution.enlarge", reason));
    }
    Ok(())
}

/// Whether teachers and entries have names of their own, and whether each can begin the name of a tensor.
pub(crate) fn check_names<'a>(
    teachers: &'a [PlannedTeacher],
    ids: impl Iterator<Item = &'a str>,
) -> Result<(), EngineError> {
    let mut taken = BTreeSet::from(["student", "optimizer"]);
    let names = teachers.iter().map(|teacher| teacher.facts.name.as_str());
    for name in names.chain(ids) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            let reason = format!("`{name}` is no name for a method or a teacher: take a-z, 0-9, `-` and `_`");
            return Err(EngineError::invalid_plan("methods.name", reason));
        }
        if !taken.insert(name) {
            let reason = format!("`{name}` is taken: every method and teacher needs a name of its own");
            return Err(EngineError::invalid_plan("methods.name", reason));
        }
    }
    Ok(())
}

/// Whether there are phases, one behind the other, that train what there is.
pub(crate) fn check_phases(
    phases: &[Phase],
    teachers: &[PlannedTeacher],
    methods: &[PlannedMethod],
) -> Result<(), EngineError> {
    let mut begin = 0;
    for phase in phases {
        let name = &phase.name;
        if phase.epochs.start != begin || phase.epochs.is_empty() {
            let reason = format!("phase `{name}` does not begin in epoch {begin}, or has no epochs");
            return Err(EngineError::invalid_plan("train.phases", reason));
        }
        begin = phase.epochs.end;
        for part in phase.trains.iter().flatten() {
            let is_teacher = teachers.iter().any(|teacher| teacher.facts.name == *part);
            let is_method = methods.iter().any(|planned| planned.id == *part);
            if part != "student" && !is_teacher && !is_method {
                let reason =
                    format!("phase `{name}` trains `{part}`, which is neither `student` nor a listed method");
                return Err(EngineError::invalid_plan("train.phases", reason));
            }
        }
    }
    if phases.is_empty() {
        return Err(EngineError::invalid_plan(
            "train.phases",
            "a run needs at least one",
        ));
    }
    Ok(())
}
