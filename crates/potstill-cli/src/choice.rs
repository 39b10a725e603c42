//! Arguments that are one of a few names.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use potstill_settings::{Choice, UnknownName};

/// Reads one of the names of a choice. Help and completions list them with their sentences.
pub fn choice<C>() -> impl TypedValueParser<Value = C>
where
    C: Choice + FromStr<Err = UnknownName> + Send + Sync,
{
    let names = C::NAMES
        .iter()
        .map(|named| PossibleValue::new(named.name).help(named.about));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}
