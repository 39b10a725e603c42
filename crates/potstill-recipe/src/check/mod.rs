//! What must fit together in a recipe whose every value is fine by itself.

mod names;
mod teachers;

use crate::error::Problem;
use crate::nearest::{did_you_mean, nearest, quoted};
use crate::origin::Origin;
use crate::tables::data::Validation;
use crate::tables::network::Input;
use crate::tables::optimizer::OptimizerSpec;
use crate::tables::recipe::{RUN, Recipe, TaskKind};
use crate::tables::schedule::{Cosine, Decay, Milestones, Schedule};

pub(crate) use teachers::check_sources;

/// Everything that does not fit together.
pub(crate) fn check(recipe: &Recipe) -> Vec<Problem> {
    let mut problems = Vec::new();
    name(recipe, &mut problems);
    few_samples(recipe, &mut problems);
    validation(recipe, &mut problems);
    class_weights(recipe, &mut problems);
    start(recipe, &mut problems);
    inputs(recipe, &mut problems);
    teachers::check(recipe, &mut problems);
    names::check(recipe, &mut problems);
    epochs(recipe, &mut problems);
    phases(recipe, &mut problems);
    weights(recipe, &mut problems);
    problems
}

/// Systems allow 255, and files in the making have longer names than those that they become.
const LONGEST_NAME: usize = 200;

/// More epochs than anyone waits for; the steps of so many can be counted.
const MOST_EPOCHS: usize = 1_000_000_000;

fn name(recipe: &Recipe, problems: &mut Vec<Problem>) {
    if let Some(text) = bad_folder_name(&recipe.name) {
        problems.push(recipe.origin.problem("name", text));
    }
}

/// Why this is no name of a run. It becomes a folder's, on every system, and must not be taken for an option on a command line.
pub(crate) fn bad_folder_name(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let allowed = |c: char| plain(c) || matches!(c, '.' | '_' | '-');
    if !name.chars().all(allowed) {
        let mended: String = name
            .trim()
            .to_lowercase()
            .chars()
            .map(|c| if allowed(c) { c } else { '-' })
            .collect();
        let mended = mended.trim_start_matches(|c| !plain(c)).to_owned();
        let offer = if mended.is_empty() {
            String::new()
        } else {
            format!("; for example `{mended}`")
        };
        return Some(format!(
            "is a folder's name and must be of a-z, 0-9, `.`, `_` and `-`, not \"{name}\"{offer}"
        ));
    }
    if name.len() > LONGEST_NAME {
        return Some(format!(
            "is a folder's name and has at most {LONGEST_NAME} letters, not {}",
            name.len()
        ));
    }
    (!name.starts_with(plain)).then(|| format!("must start with a letter or a digit, not as \"{name}\""))
}

fn inputs(recipe: &Recipe, problems: &mut Vec<Problem>) {
    if let Some(input) = recipe.student.input() {
        input_lengths(input, &recipe.origin.at("student.input"), problems);
    }
    for (name, teacher) in recipe.all_teachers() {
        if let Some(input) = teacher.input() {
            let at = recipe.origin.at(&recipe.teacher_key(name)).at("input");
            input_lengths(input, &at, problems);
        }
    }
}

fn input_lengths(input: &Input, origin: &Origin, problems: &mut Vec<Problem>) {
    let lengths = [&input.mean, &input.std].map(|values| values.as_ref().map(Vec::len));
    let (key, text) = match lengths {
        [Some(mean), Some(std)] if mean != std => {
            let text = format!("has {std} values where `mean` has {mean}; give one for each channel to both");
            ("std", text)
        }
        [Some(_), None] => ("mean", "needs `std` beside it; give both or neither".to_owned()),
        [None, Some(_)] => ("std", "needs `mean` beside it; give both or neither".to_owned()),
        _ => return,
    };
    problems.push(origin.problem(key, text));
}

/// Two ways to take a part of the training images do not go together.
fn few_samples(recipe: &Recipe, problems: &mut Vec<Problem>) {
    let data = &recipe.data;
    if data.few_samples.is_some() && data.train_limit.is_some() {
        let text =
            "takes a part of the training images, as `data.train_limit` does; leave out one or the other";
        problems.push(recipe.origin.problem("data.few_samples", text));
    }
    if data.few_samples_seed.is_some() && data.few_samples.is_none() {
        let text = "says which images `data.few_samples` takes, and does nothing without it";
        problems.push(recipe.origin.problem("data.few_samples_seed", text));
    }
    if data.labelled_seed.is_some() && data.labelled.is_none() {
        let text = "says which images `data.labelled` leaves their labels, and does nothing without it";
        problems.push(recipe.origin.problem("data.labelled_seed", text));
    }
}

/// What says more about validation images needs them.
fn validation(recipe: &Recipe, problems: &mut Vec<Problem>) {
    let data = &recipe.data;
    let held_back = matches!(data.validation, Some(Validation::Share(_)));
    if data.validation_seed.is_some() && !held_back && data.validation_limit.is_none() {
        let text = "says which images `data.validation` holds back, and does nothing without a share there";
        problems.push(recipe.origin.problem("data.validation_seed", text));
    }
    if data.validation_limit.is_some() && data.validation.is_none() {
        let text = "says how many images of `data.validation` are taken, and does nothing without it";
        problems.push(recipe.origin.problem("data.validation_limit", text));
    }
}

fn start(recipe: &Recipe, problems: &mut Vec<Problem>) {
    let Some(start) = &recipe.start else { return };
    let name = start.strip_prefix(RUN).map(str::trim);
    if name.is_none_or(str::is_empty) {
        let text =
            format!("names a run, as `run:NAME`, not \"{start}\"; a file of weights is `student.weights`");
        problems.push(recipe.origin.problem("start", text));
    } else if recipe.student.weights().is_some() {
        let text = "says where the student starts, as `student.weights` does; leave out one or the other";
        problems.push(recipe.origin.problem("start", text));
    }
}

fn class_weights(recipe: &Recipe, problems: &mut Vec<Problem>) {
    if recipe.train.class_weights.is_some() && recipe.task != TaskKind::Classification {
        let text = "belongs to classification, where each image has one class";
        problems.push(recipe.origin.problem("train.class_weights", text));
    }
}

fn epochs(recipe: &Recipe, problems: &mut Vec<Problem>) {
    let train = &recipe.train;
    let too_long = |origin: &Origin, key: &str| origin.problem(key, format!("must be at most {MOST_EPOCHS}"));
    if train.epochs.is_some_and(|epochs| epochs > MOST_EPOCHS) {
        problems.push(too_long(&recipe.origin, "train.epochs"));
    }
    for (index, phase) in train.phases.iter().flatten().enumerate() {
        if phase.epochs > MOST_EPOCHS {
            problems.push(too_long(&recipe.origin, &format!("train.phases.{index}.epochs")));
        }
    }
    if train.epochs.is_some() && train.phases.is_some() {
        let text = "does nothing beside `train.phases`, which have epochs of their own; leave one of them out, or override \
                    for example `train.phases.0.epochs`";
        problems.push(recipe.origin.problem("train.epochs", text));
    } else if train.epochs.is_none() && train.phases.is_none() {
        let text = "missing key `train.epochs`; write for example `epochs = 12`";
        problems.push(recipe.origin.sentence("train.epochs", text.to_owned()));
    }
}

fn phases(recipe: &Recipe, problems: &mut Vec<Problem>) {
    let train = recipe.origin.at("train");
    optimizer(&recipe.train.optimizer, &train, problems);
    schedule(&recipe.train.schedule, &recipe.train.optimizer, &train, problems);
    let phases = recipe.train.phases.as_deref().unwrap_or_default();
    for (index, phase) in phases.iter().enumerate() {
        let origin = train.at(&format!("phases.{index}"));
        if let Some(earlier) = phases[..index]
            .iter()
            .position(|earlier| earlier.name == phase.name)
        {
            let text = format!(
                "is \"{}\", as that of `train.phases.{earlier}`; each phase needs its own",
                phase.name
            );
            problems.push(origin.problem("name", text));
        }
        trains(
            recipe,
            phase.trains.as_deref().unwrap_or_default(),
            &origin,
            problems,
        );
        if let Some(own) = &phase.optimizer {
            optimizer(own, &origin, problems);
        }
        if let Some(own) = &phase.schedule {
            schedule(
                own,
                phase.optimizer.as_ref().unwrap_or(&recipe.train.optimizer),
                &origin,
                problems,
            );
        }
    }
}

/// A schedule must have a weight and a time in which to change it.
fn weights(recipe: &Recipe, problems: &mut Vec<Problem>) {
    let epochs = recipe
        .train
        .resolved_phases()
        .into_iter()
        .map(|phase| phase.epochs);
    let epochs = epochs.fold(0, usize::saturating_add);
    for method in &recipe.methods {
        let schedule = method.schedule.as_ref();
        if let Some((key, text)) = schedule.and_then(|schedule| schedule.problem(method.weight, epochs)) {
            let key = ["schedule", key].join(".");
            problems.push(method.origin.problem(key.trim_end_matches('.'), text));
        }
    }
}

fn trains(recipe: &Recipe, names: &[String], phase: &Origin, problems: &mut Vec<Problem>) {
    let ids = recipe.method_ids();
    let mut known = vec!["student"];
    known.extend(recipe.all_teachers().into_iter().map(|(name, _)| name));
    known.extend(ids.iter().map(String::as_str));
    for (index, name) in names
        .iter()
        .enumerate()
        .filter(|(_, name)| !known.contains(&name.as_str()))
    {
        let meant = match nearest(name, known.iter().copied()) {
            Some(meant) => did_you_mean(Some(meant)),
            None => format!("; there are {}", quoted(known.iter().copied())),
        };
        let text = format!("is \"{name}\", and no part of this recipe has that name{meant}");
        problems.push(phase.problem(&format!("trains.{index}"), text));
    }
}

/// `torch.optim.SGD` refuses the same.
fn optimizer(optimizer: &OptimizerSpec, around: &Origin, problems: &mut Vec<Problem>) {
    if let OptimizerSpec::Dot(dot) = optimizer
        && (dot.delta > dot.momentum || dot.momentum + dot.delta >= 1.0)
    {
        let text = format!(
            "is {}: both momenta, {} less and more than it, must be at least 0 and below 1",
            dot.delta, dot.momentum
        );
        problems.push(around.problem("optimizer.delta", text));
    }
    let OptimizerSpec::Sgd(sgd) = optimizer else {
        return;
    };
    if sgd.nesterov && (sgd.momentum == 0.0 || sgd.dampening != 0.0) {
        let text = "looks ahead along the momentum: it needs `momentum` above 0 and no `dampening`";
        problems.push(around.problem("optimizer.nesterov", text));
    }
}

fn schedule(schedule: &Schedule, optimizer: &OptimizerSpec, around: &Origin, problems: &mut Vec<Problem>) {
    match &schedule.decay {
        Decay::Milestones(Milestones { at, .. }) if !at.is_sorted_by(|a, b| a < b) => {
            problems.push(around.problem("schedule.at", format!("must increase, not be {at:?}")));
        }
        Decay::Cosine(Cosine { min_lr }) if *min_lr > optimizer.lr() => {
            let text = format!(
                "is {min_lr}, above the learning rate {} that it should come down from",
                optimizer.lr()
            );
            problems.push(around.problem("schedule.min_lr", text));
        }
        _ => {}
    }
}
