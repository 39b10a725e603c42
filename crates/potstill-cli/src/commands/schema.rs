//! `potstill schema`: the form of recipes, for editors.

use crate::{commands::print_json, failure::Failure};

/// Prints the JSON Schema.
pub fn run() -> Result<(), Failure> {
    print_json(&potstill_methods::schema().json_schema())
}
