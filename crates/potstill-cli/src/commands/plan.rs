//! `potstill plan`: a recipe resolved, and shown before anything is spent on it.

use std::fmt::Write;

use potstill_data::TargetKind;
use potstill_engine::{Estimate, NetworkInput, Plan, PlannedCache, RunSpec, SearchEpoch};
use potstill_methods::{NetworkInfo, StudentEpoch, TeacherUpdate};
use potstill_ops::{Mode, Point};
use potstill_recipe::Enlarge;
use potstill_report::{Data, MeasuredOn, human};

use crate::{
    commands::print,
    failure::Failure,
    recipes::{self, RecipeArguments},
};

/// Resolves and prints the recipe.
pub fn run(arguments: &RecipeArguments) -> Result<(), Failure> {
    let recipe = recipes::read(&arguments.recipe, &arguments.overrides)?;
    let plan = Plan::new(recipe)?;
    let text = describe(&plan) + &exams(&plan)?;
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
    let spec = &plan.spec;
    let ([height, width, channels], images) = (spec.data.image, spec.images());
    let _ = writeln!(text, "{}  (seed {})", spec.settings.name, spec.settings.seed);
    let _ = writeln!(
        text,
        "data      {} of {height}x{width}x{channels}, {} classes",
        images.counts(),
        images.classes
    );
    let _ = writeln!(text, "          {}", chosen(&images));
    if spec.data.train.info().target == TargetKind::None {
        text.push_str("          the training images have no labels\n");
    }
    if let Some(labelled) = spec.data.labelled {
        let _ = writeln!(
            text,
            "          the task learns from the {labelled} images with labels, the methods learn from all of them"
        );
    }
    for line in spec.data.told() {
        let _ = writeln!(text, "          {line}");
    }
    let taken = resolution(&spec.student.input);
    network(
        &mut text,
        "student",
        &spec.student.model,
        &spec.student.info,
        &taken,
    );
    for teacher in &spec.teachers {
        let mut taken = resolution(&teacher.network.input);
        taken.push_str(match (teacher.update, teacher.mode) {
            (TeacherUpdate::Online, _) => ", trains too",
            (TeacherUpdate::OnlineFirst, _) => ", trains too, before the student looks",
            (TeacherUpdate::Frozen, Mode::Batch) => ", batch norms by the batch",
            (TeacherUpdate::Frozen, _) => "",
        });
        let model = match teacher.name.as_str() {
            "teacher" => teacher.network.model.clone(),
            name => format!("{name}, {}", teacher.network.model),
        };
        network(&mut text, "teacher", &model, &teacher.network.info, &taken);
        if let Some(note) = teacher.size_note(spec.data.image) {
            let _ = writeln!(text, "          {note}");
        }
        if let Some(kept) = &teacher.cache {
            cache(&mut text, kept);
        }
    }
    for note in spec.notes() {
        let _ = writeln!(text, "note      {note}");
    }
    phases(&mut text, spec);
    rounds(&mut text, spec);
    methods(&mut text, spec);
    points(&mut text, plan);
    text
}

/// What the teachers know already.
fn exams(plan: &Plan) -> Result<String, Failure> {
    let mut text = String::new();
    for exam in plan.examine_teachers()? {
        let _ = writeln!(text, "knows     {}: {}", exam.teacher, exam.result());
        if let Some(warning) = exam.warning() {
            let _ = writeln!(text, "          {warning}");
        }
    }
    Ok(text)
}

/// Which images choose the best epoch, and when the test images are looked at.
fn chosen(images: &Data) -> &'static str {
    match (images.chosen_on(), images.measured_on()) {
        (MeasuredOn::Test, _) => {
            "the test images choose the best epoch, which flatters it; `data.validation = 0.1` holds training images back for that"
        }
        (_, MeasuredOn::Test) => {
            "the validation images choose the best epoch; the test images are looked at once, at the end"
        }
        _ => "the validation images choose the best epoch; there are no test images",
    }
}

fn phases(text: &mut String, spec: &RunSpec) {
    for (index, phase) in spec.phases.iter().enumerate() {
        let (trains, steps) = (phase.trains.as_ref(), spec.steps_per_epoch());
        let trains = trains.map_or_else(|| "everything".into(), |parts| parts.join(", "));
        let last = StudentEpoch(phase.epochs.end - 1);
        let last = phase.rate(last, steps.saturating_sub(1), steps);
        let _ = writeln!(
            text,
            "phase {}   {}: {} epochs of {steps} steps of {}, trains {trains}, learning rate {} to {last:.2e}",
            index + 1,
            phase.name,
            phase.epochs.len(),
            spec.settings.batch,
            phase.optimizer.lr(),
        );
    }
}

/// How large the teacher's cache becomes.
fn cache(text: &mut String, kept: &PlannedCache) {
    let megabytes = kept.bytes().div_ceil(1 << 20);
    let maps = match kept.maps.len() {
        0 => String::new(),
        count => format!(" and {count} maps"),
    };
    let _ = writeln!(
        text,
        "cache     {} MiB on disk: logits{maps} of the teacher for {} views of {} images",
        human::count(megabytes),
        kept.views,
        human::count(kept.images as u64),
    );
}

/// When augmentations learn, between the student's epochs.
fn rounds(text: &mut String, spec: &RunSpec) {
    for SearchEpoch {
        method,
        epochs,
        before: StudentEpoch(before),
        ..
    } in spec.timeline.rounds()
    {
        let name = &spec.methods[method].id;
        let (next, plural) = (before + 1, if epochs == 1 { "" } else { "s" });
        let _ = writeln!(
            text,
            "round     {name}: {epochs} epoch{plural} before the student's epoch {next}"
        );
    }
}

fn methods(text: &mut String, spec: &RunSpec) {
    for method in &spec.methods {
        let shares = method.teachers.iter();
        let shares: Vec<_> = shares
            .map(|(name, weight)| format!("{weight:.3} {name}"))
            .collect();
        let from = match &method.teachers[..] {
            [(name, _)] if spec.teachers.len() > 1 => format!(" from {name}"),
            [_, _, ..] => format!(" from the mean of {}", shares.join(" + ")),
            _ => String::new(),
        };
        let changing = match method.schedule.in_words() {
            words if words.is_empty() => words,
            words => format!(" {words}"),
        };
        let _ = writeln!(
            text,
            "method    {}{from}: weight {}{changing}, {} parameters of its own in training only",
            method.id,
            method.weight,
            human::count(method.parameters as u64)
        );
    }
    if spec.methods.is_empty() {
        text.push_str("method    none: the student alone\n");
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

/// The points of all networks side by side; `*` marks those that a method reads.
fn points(text: &mut String, plan: &Plan) {
    let (spec, reads) = (&plan.spec, plan.reads());
    let mut columns = vec![column("student", &spec.student.info, |point| {
        reads.iter().any(|reads| reads.student.contains(point))
    })];
    for (index, teacher) in spec.teachers.iter().enumerate() {
        let own: Vec<_> = plan.methods().iter().zip(&reads).collect();
        columns.push(column(&teacher.name, &teacher.network.info, |point| {
            own.iter()
                .any(|(planned, reads)| planned.learns_from(index) && reads.teacher.contains(point))
        }));
    }
    for row in 0..columns.iter().map(Vec::len).max().unwrap_or(0) {
        let title = if row == 0 { "points" } else { "" };
        let mut line = format!("{title:<10}");
        for column in &columns {
            let width = column.iter().map(String::len).max().unwrap_or(0) + 2;
            let cell = column.get(row).map_or("", String::as_str);
            let _ = write!(line, "{cell:<width$}");
        }
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
