//! Names of methods and teachers: they become parts of file names, tensor names and columns of logs.

use crate::error::Problem;
use crate::tables::recipe::Recipe;

/// Names that mean something else: a part of a run, or a column of its log.
const RESERVED: [&str; 3] = ["student", "teacher", "task"];

/// Every name is well formed, and no two are the same.
pub(super) fn check(recipe: &Recipe, problems: &mut Vec<Problem>) {
    for name in recipe.teachers.keys() {
        if let Some(text) = malformed(name) {
            problems.push(recipe.origin.problem(&format!("teachers.{name}"), text));
        }
    }
    let ids = recipe.method_ids();
    for (index, (method, id)) in recipe.methods.iter().zip(&ids).enumerate() {
        let key = format!("methods.{index}.name");
        if let Some(text) = method.name.as_deref().and_then(malformed) {
            problems.push(recipe.origin.problem(&key, text));
        } else if let Some(taken) = taken(recipe, &ids, index) {
            let text = format!("is \"{id}\", as that of {taken}; each method needs a `name` of its own");
            problems.push(recipe.origin.problem(&key, text));
        }
    }
}

/// Why this cannot be a name.
fn malformed(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if RESERVED.contains(&name) {
        return Some(format!(
            "is \"{name}\", which has another meaning in a run; take another name"
        ));
    }
    let good = name.starts_with(plain) && name.chars().all(|c| plain(c) || matches!(c, '_' | '-'));
    (!good).then(|| {
        format!(
            "is a name and must be of a-z, 0-9, `_` and `-`, with a letter or a digit first, not \"{name}\""
        )
    })
}

/// What else has the name of the method `index`.
fn taken(recipe: &Recipe, ids: &[String], index: usize) -> Option<String> {
    if let Some(earlier) = ids[..index].iter().position(|earlier| *earlier == ids[index]) {
        return Some(format!("`methods.{earlier}`"));
    }
    let teacher = recipe.teachers.contains_key(&ids[index]);
    teacher.then(|| format!("`teachers.{}`", ids[index]))
}
