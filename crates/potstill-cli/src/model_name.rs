//! Names of networks on the command line: completed by the shell, judged by the registry.

use std::ffi::OsStr;

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};

/// Takes any text, so that a wrong name gets the registry's own answer with the nearest name, and tells the completions every
/// right one.
#[derive(Debug, Clone, Copy)]
pub struct ModelName;

impl TypedValueParser for ModelName {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(
            potstill_models::registry().map(|entry| PossibleValue::new(entry.name)),
        ))
    }
}
