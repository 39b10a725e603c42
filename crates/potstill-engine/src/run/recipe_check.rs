//! Whether a checkpoint is of the recipe that a run is to go on by, and how they differ.

use std::{collections::BTreeMap, path::Path};

use potstill_base::{Digest, read_text};
use potstill_recipe::Recipe;
use serde_json::Value;

use crate::{checkpoint::Checkpoint, error::EngineError, plan::spec::RunSpec, run_folder::RunFolder};

/// Keys that change no number of a run.
const FREE: [&str; 8] = [
    "about",
    "expect",
    "licence",
    "source",
    "data.workers",
    "train.eval_batch",
    "train.keep",
    "train.save_every",
];
/// So many differences are named.
const NAMED: usize = 5;

/// The fingerprint by which the run goes on from the state in `file`.
///
/// # Errors
/// The checkpoint belongs to another recipe; the differences are named.
pub(super) fn fingerprint(
    state: &Checkpoint,
    file: &Path,
    spec: &RunSpec,
    folder: &RunFolder,
) -> Result<String, EngineError> {
    let own = spec.hash()?;
    // An extension that was cut off before it wrote its recipe has come no further than the run that it extends.
    if state.recipe == own || state.extends.as_ref() == Some(&own) {
        return Ok(own);
    }
    let differences = match (&spec.recipe, written_by(state, folder)) {
        (Some(now), Some(then)) => differences(&then, now),
        _ => None,
    };
    let named = match differences.as_deref() {
        // Written by a Potstill that knew fewer keys.
        Some([]) => return Ok(state.recipe.clone()),
        Some(differences) => format!(": {}", in_words(differences)),
        None => String::new(),
    };
    let reason = format!(
        "it was written by another recipe{named}; resume with the recipe.toml of the run's own folder"
    );
    Err(EngineError::Checkpoint {
        file: file.into(),
        reason,
    })
}

impl RunFolder {
    /// How the recipe of the run that lies here differs from `now`, in words; `None` where every number would be the same. The
    /// validation images that a plan takes where a recipe names none are no difference.
    ///
    /// # Errors
    /// There is no `recipe.toml`, or it cannot be read.
    pub fn differs_from(&self, now: &Recipe) -> Result<Option<String>, EngineError> {
        let mut then = Recipe::from_path(self.recipe(), &[])?;
        if now.data.validation.is_none() {
            then.data.validation = None;
        }
        let differences = differences(&then, now).unwrap_or_default();
        Ok((!differences.is_empty()).then(|| in_words(&differences)))
    }
}

/// The recipe that wrote a checkpoint, if it is that of its folder.
fn written_by(state: &Checkpoint, folder: &RunFolder) -> Option<Recipe> {
    let text = read_text(&folder.recipe()).ok()?;
    let is_it = Digest::of(&text) == state.recipe;
    Recipe::from_text(&text, "recipe.toml", &[])
        .ok()
        .filter(|_| is_it)
}

/// The keys that two recipes do not agree in, with what they were and are.
fn differences(then: &Recipe, now: &Recipe) -> Option<Vec<String>> {
    let [then, now] = [then, now].map(|recipe| {
        let mut keys = BTreeMap::new();
        flatten("", &serde_json::to_value(recipe).ok()?, &mut keys);
        Some(keys)
    });
    let (then, now) = (then?, now?);
    let all: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let differs = |key: &&String| !FREE.contains(&key.as_str()) && then.get(*key) != now.get(*key);
    let told = |key: &String| {
        let value = |of: &BTreeMap<String, String>| of.get(key).map_or("not set", String::as_str).to_owned();
        format!("`{key}` was {} and is {}", value(&then), value(&now))
    };
    Some(all.into_iter().filter(differs).map(told).collect())
}

/// Every value below its dotted key. Empty ones are as those that are not there.
fn flatten(key: &str, value: &Value, keys: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        if key.is_empty() {
            name.to_owned()
        } else {
            format!("{key}.{name}")
        }
    };
    match value {
        Value::Null => {}
        Value::Object(entries) => entries
            .iter()
            .for_each(|(name, value)| flatten(&below(name), value, keys)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| flatten(&below(&index.to_string()), value, keys)),
        single => drop(keys.insert(key.to_owned(), single.to_string())),
    }
}

fn in_words(differences: &[String]) -> String {
    let named = &differences[..differences.len().min(NAMED)];
    let more = differences.len() - named.len();
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    named.join(", ") + &more
}
