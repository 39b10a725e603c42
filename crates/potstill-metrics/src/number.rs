//! Numbers in JSON that may be no number.
//!
//! A diverged run has a loss of NaN and its records must still be written and read. JSON has no NaN: it is written as `null`, and
//! `null` is read as NaN. These functions are for `#[serde(deserialize_with = "...")]`.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer};

/// Reads a number, or NaN for `null`.
///
/// # Errors
/// Anything else than a number or `null`.
pub fn or_nan<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or(f64::NAN))
}

/// Reads a table of numbers, each as [`or_nan`] does.
///
/// # Errors
/// Anything else than a table of numbers and `null`s.
pub fn map_or_nan<'de, D: Deserializer<'de>>(input: D) -> Result<IndexMap<String, f64>, D::Error> {
    let map = IndexMap::<String, Option<f64>>::deserialize(input)?;
    let number = |(name, value): (String, Option<f64>)| (name, value.unwrap_or(f64::NAN));
    Ok(map.into_iter().map(number).collect())
}
