//! Numbers in JSON that may be no number.
//!
//! A diverged run has a loss of NaN and its records must still be written and read. JSON has no NaN: it is
//! written as
//! `null`, and `null` is read as NaN.

use serde::{Deserialize, Deserializer};

use crate::IndexMap;

/// Reads a number, or NaN for `null`.
pub(crate) fn or_nan<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or(f64::NAN))
}

/// Reads a table of numbers, each as [`or_nan`] does.
pub(crate) fn map_or_nan<'de, D: Deserializer<'de>>(input: D) -> Result<IndexMap<String, f64>, D::Error> {
    let map = IndexMap::<String, Option<f64>>::deserialize(input)?;
    Ok(map
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
        .collect())
}
