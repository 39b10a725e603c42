//! `potstill plan`: a recipe resolved, and shown before anything is spent on it.

use std::fmt::Write;

use potstill_engine::{EpochKind, Estimate, NetworkInput, Plan};
use potstill_methods::{NetworkInfo, TeacherUpdate};
use potstill_ops::{Mode, Point};
use potstill_recipe::Enlarge;
use potstill_report::human;

use crate::{
    commands::print,
    failure::Failure,
    recipes::{self, RecipeArguments},
};

/// Resolves and prints the recipe.
pub fn run(arguments: &RecipeArguments) -> Result<(), Failure> {
    let recipe = recipes::read(&arguments.recipe, &arguments.overrides)?;
    let plan = Plan::new(recipe)?;
    let text = describe(&plan);
    print(&(text + &cost(&plan.estimate()?)))
}

/// The line that says what the run will take.
fn cost(estimate: &Estimate) -> String {
    let memory = estimate
        .memory_mb
        .map_or(String::new(), |mb| format!(", {} MiB", human::count(mb as u64)));
    let mut text = format!(
        "estimate  {} for the run{memory}: {:.0} ms a step of {:.1} GFLOP at {:.0} GFLOP/s, from steps of {} images just now\n",
        human::duration(estimate.run_seconds),
        1e3 * estimate.step_seconds,
        estimate.step_gflop,
        estimate.gflops,
        estimate.images,
    );
    for method in &estimate.preparing {
        let _ = writeln!(
            text,
            "          without what {method} prepares before the first step"
        );
    }
    text
}

fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    let recipe = &plan.recipe;
    let [height, width, channels] = plan.image;
    let _ = writeln!(text, "{}  (seed {})", recipe.name, recipe.seed);
    let _ = writeln!(
        text,
        "data      {} training and {} test images of {height}x{width}x{channels}, {} classes",
        human::count(plan.train.len() as u64),
        human::count(plan.test.len() as u64),
        plan.train.classes().len()
    );
    let taken = resolution(&plan.student_input());
    network(
        &mut text,
        "student",
        &plan.student.model,
        &plan.student_side,
        &taken,
    );
    if let Some(teacher) = &plan.teacher {
        let mut taken = resolution(&teacher.input);
        taken.push_str(match (teacher.teacher_update, teacher.mode) {
            (TeacherUpdate::Online, _) => ", trains too",
            (TeacherUpdate::OnlineFirst, _) => ", trains too, before the student looks",
            (TeacherUpdate::Frozen, Mode::Batch) => ", batch norms by the batch",
            (TeacherUpdate::Frozen, _) => "",
        });
        network(&mut text, "teacher", &teacher.model, &teacher.side, &taken);
    }
    for (index, phase) in plan.phases.iter().enumerate() {
        let (trains, steps) = (phase.trains.as_ref(), plan.steps_per_epoch());
        let trains = trains.map_or_else(|| "everything".into(), |parts| parts.join(", "));
        let last = phase.rate(phase.epochs.end - 1, steps.saturating_sub(1), steps);
        let _ = writeln!(
            text,
            "phase {}   {}: {} epochs of {steps} steps of {}, trains {trains}, learning rate {} to {last:.2e}",
            index + 1,
            phase.name,
            phase.epochs.len(),
            recipe.train.batch,
            phase.optimizer.lr(),
        );
    }
    rounds(&mut text, plan);
    for (method, parameters) in plan.method_parameters() {
        let weight = plan
            .methods
            .iter()
            .find(|planned| planned.id == method)
            .map_or(1.0, |planned| planned.weight);
        let _ = writeln!(
            text,
            "method    {method}: weight {weight}, {} parameters of its own in training only",
            human::count(parameters as u64)
        );
    }
    if plan.methods.is_empty() {
        text.push_str("method    none: the student alone\n");
    }
    points(&mut text, plan);
    text
}

/// When augmentations learn, between the student's epochs.
fn rounds(text: &mut String, plan: &Plan) {
    for slot in plan.timeline.slots() {
        if let EpochKind::SearchRound {
            method,
            epoch: 0,
            epochs,
            before,
            ..
        } = *slot
        {
            let name = &plan.methods[method].id;
            let (next, plural) = (before + 1, if epochs == 1 { "" } else { "s" });
            let _ = writeln!(
                text,
                "round     {name}: {epochs} epoch{plural} before the student's epoch {next}"
            );
        }
    }
}

/// At what resolution a network takes its images, if not whole.
fn resolution(input: &NetworkInput) -> String {
    input.low_resolution.map_or_else(String::new, |low| {
        let (size, enlarged) = (low.size, low.enlarge != Enlarge::None);
        let enlarged = if enlarged { ", enlarged again" } else { "" };
        format!(", images at {size}x{size}{enlarged}")
    })
}

fn network(text: &mut String, role: &str, model: &str, side: &NetworkInfo, taken: &str) {
    let probe = &side.probe;
    let _ = writeln!(
        text,
        "{role:<9} {model}: {} parameters, {} multiply-accumulates an image, {} classes{taken}",
        human::count(probe.parameters as u64),
        human::magnitude(probe.macs),
        probe.classes
    );
}

/// The points of both networks side by side; `*` marks those that a method reads.
fn points(text: &mut String, plan: &Plan) {
    let reads = plan.reads();
    let students = column("student", &plan.student_side, |point| {
        reads.iter().any(|(_, reads)| reads.student.contains(point))
    });
    let teachers = plan.teacher.as_ref().map_or_else(Vec::new, |teacher| {
        column("teacher", &teacher.side, |point| {
            reads.iter().any(|(_, reads)| reads.teacher.contains(point))
        })
    });
    let width = students.iter().map(String::len).max().unwrap_or(0) + 2;
    for row in 0..students.len().max(teachers.len()) {
        let cell = |column: &[String]| column.get(row).cloned().unwrap_or_default();
        let title = if row == 0 { "points" } else { "" };
        let line = format!("{title:<10}{:<width$}{}", cell(&students), cell(&teachers));
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// A network's points with their sizes, under its role.
fn column(role: &str, side: &NetworkInfo, read: impl Fn(&Point) -> bool) -> Vec<String> {
    let points = &side.probe.points;
    let width = points.iter().map(|(point, _)| point.to_string().len()).max();
    let width = width.unwrap_or(0);
    let describe = |(point, [h, w, c]): &(Point, [usize; 3])| {
        let mark = if read(point) { '*' } else { ' ' };
        format!("{mark} {:<width$}  {h}x{w}x{c}", point.to_string())
    };
    std::iter::once(role.to_owned())
        .chain(points.iter().map(describe))
        .collect()
}
