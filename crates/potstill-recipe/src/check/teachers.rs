//! What must fit together about teachers, and about the methods that learn from them.

use toml::{Table, Value};

use crate::error::Problem;
use crate::nearest::{did_you_mean, nearest, quoted};
use crate::origin::Origin;
use crate::tables::method::{MethodSpec, Names};
use crate::tables::recipe::Recipe;
use crate::tables::teacher::Teacher;
use potstill_settings::{BatchNorms, Precision};

/// The sources of the student and of all teachers. This is asked before the recipe has a type, for the type can hold nothing
/// else.
pub(crate) fn check_sources(table: &Table, root: &Origin) -> Vec<Problem> {
    let mut problems = Vec::new();
    let only = table.get("teacher").and_then(Value::as_table);
    let named = table.get("teachers").and_then(Value::as_table);
    if let Some(teacher) = only {
        problems.extend(check_source(teacher, &root.at("teacher")));
    }
    for (name, teacher) in named.into_iter().flatten() {
        if let Some(teacher) = teacher.as_table() {
            problems.extend(check_source(teacher, &root.at(&format!("teachers.{name}"))));
        }
    }
    if let Some(student) = table.get("student").and_then(Value::as_table) {
        problems.extend(check_student(student, &root.at("student")));
    }
    if only.is_some() && named.is_some() {
        let text = "stands beside `teacher`, the only teacher; give each teacher a table `[teachers.NAME]`, or keep \
                    `[teacher]` alone";
        problems.push(root.problem("teachers", text));
    }
    problems
}

/// A student is a network by name or an ONNX file.
fn check_student(student: &Table, at: &Origin) -> Option<Problem> {
    let has = |key: &&str| student.contains_key(*key);
    let (source, what, foreign): (_, _, &[&str]) = match ["onnx", "model"].into_iter().find(has) {
        Some("onnx") => (
            "onnx",
            "takes the network from that file",
            &["model", "shortcut", "auxiliary", "norm_eps"],
        ),
        Some(_) => ("model", "takes a network by its name", &["logits", "init"]),
        None => {
            // One that is misspelt is not missed as well.
            let is_meant = |key: &String| nearest(key, ["model", "onnx"]).is_some();
            let text = "missing key `student.model`; write for example `model = \"cifar_resnet20\"`, or `onnx = \"mine.onnx\"`";
            return (!student.keys().any(is_meant)).then(|| at.sentence("", text.to_owned()));
        }
    };
    beside(student, at, source, what, foreign).or_else(|| check_start(student, at))
}

/// The weights of a student in an ONNX file are said once.
fn check_start(student: &Table, at: &Origin) -> Option<Problem> {
    let word = |key: &str| student.get(key).and_then(Value::as_str);
    if !student.contains_key("onnx") || !student.contains_key("weights") {
        return None;
    }
    if word("weights") == Some("random") {
        let text = "is said of a student in an ONNX file by `init = \"fresh\"`; leave `weights` out";
        return Some(at.problem("weights", text));
    }
    let text = "draws fresh weights, and `weights` gives them all; leave one of them out";
    (word("init") == Some("fresh")).then(|| at.problem("init", text))
}

/// The error about keys of another source.
fn beside(table: &Table, at: &Origin, source: &str, what: &str, foreign: &[&str]) -> Option<Problem> {
    let beside: Vec<&str> = foreign
        .iter()
        .copied()
        .filter(|key| table.contains_key(*key))
        .collect();
    if beside.is_empty() {
        return None;
    }
    let text = format!(
        "{what}, so {} cannot stand beside it; leave out one or the other, or override the whole table, `{}={{ {source} = \
         \"...\" }}`",
        quoted(beside),
        at.key()
    );
    Some(at.problem(source, text))
}

/// A teacher is the student of a run, an ONNX file or a network by name, and only one of them.
fn check_source(teacher: &Table, at: &Origin) -> Option<Problem> {
    let has = |key: &&str| teacher.contains_key(*key);
    let (source, what, foreign): (_, _, &[&str]) = match ["run", "onnx", "model"].into_iter().find(has) {
        Some("run") => (
            "run",
            "takes the student of that run as it is",
            &[
                "onnx",
                "logits",
                "model",
                "weights",
                "head",
                "shortcut",
                "auxiliary",
                "norm",
                "norm_eps",
                "input",
            ],
        ),
        Some("onnx") => (
            "onnx",
            "takes network and weights from that file",
            &[
                "model",
                "weights",
                "head",
                "shortcut",
                "auxiliary",
                "norm",
                "norm_eps",
                "precision",
                "batch_norm",
                "optimizer",
                "schedule",
            ],
        ),
        Some(_) => ("model", "takes a network by its name", &["logits"]),
        None => {
            let text =
                "needs `model` and its `weights`, `run`, the folder of a finished run, or `onnx`, a file";
            return Some(at.problem("", text));
        }
    };
    beside(teacher, at, source, what, foreign)
}

/// Each teacher by itself, then who learns from whom.
pub(super) fn check(recipe: &Recipe, problems: &mut Vec<Problem>) {
    for (name, teacher) in recipe.all_teachers() {
        settings(teacher, &recipe.origin.at(&recipe.teacher_key(name)), problems);
    }
    for (index, method) in recipe.methods.iter().enumerate() {
        let at = recipe.origin.at(&format!("methods.{index}"));
        names(recipe, method, &at, problems);
        weights(method, &at, problems);
    }
    unused(recipe, problems);
}

fn settings(teacher: &Teacher, at: &Origin, problems: &mut Vec<Problem>) {
    if teacher.precision == Precision::Half && teacher.batch_norm == BatchNorms::Batch {
        let text = "needs batch norms that are folded into their convolutions, and `batch_norm = \"batch\"` folds none; \
                    leave one of them out";
        problems.push(at.problem("precision", text));
    }
    if teacher.cache {
        return;
    }
    let idle = [
        ("cache_taps", teacher.cache_taps),
        ("cache_precision", teacher.cache_precision == Precision::Half),
    ];
    for (key, _) in idle.into_iter().filter(|(_, asked)| *asked) {
        problems.push(at.problem(key, "does nothing without `cache = true` beside it"));
    }
}

/// The teachers that a method names exist, each once.
fn names(recipe: &Recipe, method: &MethodSpec, at: &Origin, problems: &mut Vec<Problem>) {
    let Some(teacher) = &method.teacher else {
        return;
    };
    let all: Vec<&str> = recipe.all_teachers().into_iter().map(|(name, _)| name).collect();
    for (index, name) in teacher.names().iter().enumerate() {
        let key = match teacher {
            Names::One(_) => "teacher".to_owned(),
            Names::Several(_) => format!("teacher.{index}"),
        };
        if teacher.names()[..index].contains(name) {
            problems.push(at.problem(
                &key,
                format!("is \"{name}\" for the second time; name each teacher once"),
            ));
        } else if !all.contains(&name.as_str()) {
            let meant = match nearest(name, all.iter().copied()) {
                Some(meant) => did_you_mean(Some(meant)),
                None if all.is_empty() => "; the recipe has no teacher".to_owned(),
                None => format!("; there are {}", quoted(all.iter().copied())),
            };
            let text = format!("is \"{name}\", and no teacher of this recipe has that name{meant}");
            problems.push(at.problem(&key, text));
        }
    }
}

/// One weight for each teacher, and not all of them 0.
fn weights(method: &MethodSpec, at: &Origin, problems: &mut Vec<Problem>) {
    let Some(weights) = &method.teacher_weights else {
        return;
    };
    let count = method.teacher.as_ref().map_or(0, |teacher| teacher.names().len());
    let text = if count == 0 {
        "needs the names of the teachers beside it, `teacher = [\"a\", \"b\"]`".to_owned()
    } else if weights.len() != count {
        format!(
            "must be one weight for each of the {count} teachers, not {} weights",
            weights.len()
        )
    } else if weights.iter().sum::<f64>() <= 0.0 {
        "must not all be 0: there is no average without weights".to_owned()
    } else {
        return;
    };
    problems.push(at.problem("teacher_weights", text));
}

/// A teacher with a name of its own that no method learns from is a slip; without methods the student is
/// trained alone on purpose.
fn unused(recipe: &Recipe, problems: &mut Vec<Problem>) {
    if recipe.methods.is_empty() {
        return;
    }
    let of = |method| recipe.teacher_names_of(method);
    let used: Vec<&str> = recipe.methods.iter().flat_map(of).collect();
    for name in recipe
        .teachers
        .keys()
        .filter(|name| !used.contains(&name.as_str()))
    {
        let text = format!("teaches no method; name it in one, `teacher = \"{name}\"`, or leave it out");
        problems.push(recipe.origin.problem(&format!("teachers.{name}"), text));
    }
}
