//! What has to be said of methods before the first step.

use potstill_methods::{MethodEntry, PlannedMethod, WeightCurve, find};
use potstill_recipe::{MethodSpec, Recipe, WeightSchedule};

/// In a line each, under the names of the entries.
pub(super) fn of_methods(methods: &[PlannedMethod], recipe: Option<&Recipe>) -> Vec<String> {
    let own = methods.iter().flat_map(|planned| {
        let notes = planned.method.info().notes.into_iter();
        notes.map(|note| format!("{}: {note}", planned.id))
    });
    let entries = recipe.iter().flat_map(|recipe| {
        let unsaid = |(spec, id): (&MethodSpec, String)| Some(format!("{id}: {}", unsaid_weight(spec)?));
        recipe.methods.iter().zip(recipe.method_ids()).filter_map(unsaid)
    });
    let ramps = methods.iter().filter_map(|planned| {
        let WeightCurve { schedule, epochs, .. } = &planned.weight;
        match schedule {
            WeightSchedule::Ramp(ramp) if ramp.epochs > *epochs => Some(format!(
                "{}: its weight grows for {} epochs, and the training ends after {epochs}",
                planned.id, ramp.epochs
            )),
            _ => None,
        }
    });
    own.chain(entries).chain(ramps).collect()
}

/// The word about a weight that the recipe leaves at 1, of a method that usually has another: losses of vectors of length 1 are thousands of times
/// smaller than a cross-entropy, and sums over maps thousands of times larger.
fn unsaid_weight(spec: &MethodSpec) -> Option<String> {
    if spec.weight != 1.0 || spec.origin.has("weight") {
        return None;
    }
    let MethodEntry {
        weight, usual_weight, ..
    } = find(&spec.kind).ok()?;
    usual_weight
        .filter(|usual| *usual != 1.0)
        .map(|_| format!("its weight is 1, because the recipe says none; usual is {weight}"))
}
