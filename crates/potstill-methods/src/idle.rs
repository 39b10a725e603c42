//! Keys of a recipe that do nothing beside others.

use potstill_recipe::MethodSpec;

use crate::MethodError;

/// Refuses the first of these options that the recipe writes, where it does nothing: `why` continues `belongs to`.
///
/// # Errors
/// A message about the option.
pub(crate) fn refuse_idle(spec: &MethodSpec, keys: &[&str], why: &str) -> Result<(), MethodError> {
    match keys.iter().find(|key| spec.options.contains_key(**key)) {
        Some(key) => {
            let problem = format!("belongs to {why}, and does nothing here: leave it out");
            Err(spec.invalid_option(key, problem).into())
        }
        None => Ok(()),
    }
}
