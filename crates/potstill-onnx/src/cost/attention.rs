//! Attention in one operator.

use super::{Cost, Inputs, count};
use crate::settings::Settings;

/// Each place looks at each: the weights of that stand beside the output.
pub(super) fn attention(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let (query, key) = (inputs.shape(0), inputs.shape(1));
    let places = |shape: &[usize]| shape.len().checked_sub(2).map_or(1.0, |at| shape[at] as f64);
    let heads = settings.one("q_num_heads", 1).max(1) as f64;
    let rows = count(&query[..query.len().saturating_sub(2)]) * heads * places(query);
    let weights = rows * places(key);
    let width = query.last().copied().unwrap_or(1) as f64;
    Cost {
        numbers: 2.0 * weights + 2.0 * inputs.sum(),
        products: 2.0 * weights * width,
    }
}
