//! Operators whose output is of a size that an input states, or picks from another.

use super::{Cost, Inputs, count, inputs::stated};
use crate::settings::Settings;

/// The larger of what is there and what is stated, on each axis from the back.
pub(super) fn expanded(inputs: &Inputs<'_>) -> Cost {
    let (shape, sizes) = (inputs.shape(0), inputs.values(1));
    if sizes.is_empty() {
        return Cost::of(f64::INFINITY);
    }
    let from_the_back = |at: usize| {
        let there = shape.iter().rev().nth(at).map_or(1.0, |&size| size as f64);
        there.max(sizes.iter().rev().nth(at).copied().unwrap_or(1.0))
    };
    Cost::of((0..shape.len().max(sizes.len())).map(from_the_back).product())
}

pub(super) fn padded(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let written: Vec<f64> = settings.list("pads").iter().map(|&pad| pad as f64).collect();
    let pads = if inputs.is_there(1) {
        inputs.values(1)
    } else {
        &written
    };
    if pads.is_empty() && !inputs.shape(0).is_empty() {
        return Cost::of(f64::INFINITY);
    }
    let rank = inputs.shape(0).len();
    let pad_of = |at: usize| pads.get(at).copied().unwrap_or(0.0).max(0.0);
    let axes = inputs.values(3);
    let mut sizes: Vec<f64> = inputs.shape(0).iter().map(|&size| size as f64).collect();
    for at in 0..pads.len() / 2 {
        let axis = match axes.get(at) {
            Some(&axis) if axis < 0.0 => (axis + rank as f64).max(0.0) as usize,
            Some(&axis) => axis as usize,
            None => at,
        };
        if let Some(size) = sizes.get_mut(axis) {
            *size += pad_of(at) + pad_of(at + pads.len() / 2);
        }
    }
    Cost::of(sizes.iter().product())
}

/// Whole numbers up to this one are told apart by floats, and are far from where those of 32 bits begin again.
const LARGEST_OF_RANGE: f64 = 16_777_216.0;

/// The smallest step, of the numbers that it is added to, by which floats get on: two of their last places.
const SMALLEST_STEP: f64 = 1.0 / 4_194_304.0;

/// A range is made by adding the step until the limit is passed. Where a sum is rounded to what it was, or begins again below zero,
/// that is never, however few steps lie between.
pub(super) fn range(inputs: &Inputs<'_>) -> Cost {
    let one = |at: usize| inputs.values(at).first().copied();
    let (Some(start), Some(limit), Some(step)) = (one(0), one(1), one(2)) else {
        return Cost::of(f64::INFINITY);
    };
    let largest = start.abs().max(limit.abs());
    if largest <= LARGEST_OF_RANGE && step.abs() <= LARGEST_OF_RANGE && step.abs() >= largest * SMALLEST_STEP
    {
        let steps = ((limit - start) / step).max(0.0);
        // Rounded sums get on by no less than three quarters of a step.
        return Cost::of((steps / 0.75).ceil() + 1.0);
    }
    Cost::of(f64::INFINITY)
}

pub(super) fn resized(kind: &str, settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let sizes: Vec<f64> = inputs.shape(0).iter().map(|&size| size as f64).collect();
    let whole: f64 = sizes.iter().product();
    if inputs.is_there(3) {
        // Sizes for some axes only; the others stay.
        return Cost::of(
            whole.max(1.0).min(product_but(&sizes, inputs.values(3).len())) * stated(inputs.values(3)),
        );
    }
    let scales = match (kind, inputs.is_there(2)) {
        ("Resize", true) => inputs.values(2),
        _ if inputs.is_there(1) => inputs.values(1),
        _ => settings.floats("scales"),
    };
    Cost::of(whole * stated(scales))
}

/// The product of the largest sizes that are left when so many axes get others.
fn product_but(sizes: &[f64], given: usize) -> f64 {
    let mut sizes = sizes.to_vec();
    sizes.sort_by(|a, b| b.total_cmp(a));
    sizes.iter().take(sizes.len().saturating_sub(given)).product()
}

pub(super) fn gathered(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let shape = inputs.shape(0);
    let axis = settings.one("axis", 0);
    let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
    let along = usize::try_from(axis)
        .ok()
        .and_then(|axis| shape.get(axis))
        .copied();
    Cost::of(inputs.count(0) / along.unwrap_or(1).max(1) as f64 * inputs.count(1).max(1.0))
}

pub(super) fn gathered_rows(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let (data, indices) = (inputs.shape(0), inputs.shape(1));
    let Some((&depth, rows)) = indices.split_last() else {
        return Cost::default();
    };
    let skipped = usize::try_from(settings.one("batch_dims", 0))
        .unwrap_or(0)
        .saturating_add(depth);
    Cost::of(count(rows) * count(data.get(skipped..).unwrap_or_default()))
}

/// Each box may be held against each, and stay as three numbers.
pub(super) fn boxes_that_stay(inputs: &Inputs<'_>) -> Cost {
    let boxes = inputs.count(0) / 4.0;
    Cost {
        numbers: 3.0 * inputs.count(1),
        products: boxes * inputs.count(1),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{numbers, tensor};

    #[test]
    fn stated_sizes_are_told() {
        let image = tensor(&[1, 2, 8, 8], &[]);
        let tera = 2f64.powi(40);
        assert_eq!(
            numbers("ConstantOfShape", &[tensor(&[2], &[3.0, tera])]),
            3.0 * tera
        );
        assert_eq!(
            numbers("Tile", &[image.clone(), tensor(&[4], &[1.0, 1.0, 1e6, 1e6])]),
            128e12
        );
        let pads = tensor(&[8], &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1e9]);
        assert_eq!(numbers("Pad", &[image.clone(), pads]), 2.0 * 10.0 * (8.0 + 1e9));
        assert_eq!(
            numbers("OneHot", &[tensor(&[10], &[]), tensor(&[], &[1e12])]),
            1e13
        );
        assert_eq!(
            numbers("Gather", &[tensor(&[5, 7], &[]), tensor(&[100], &[])]),
            700.0
        );
        let scales = [image, tensor(&[0], &[]), tensor(&[4], &[1.0, 1.0, 1e5, 1e5])];
        assert_eq!(numbers("Resize", &scales), 128e10);
        // Sizes that are not known before are no sizes.
        assert_eq!(numbers("ConstantOfShape", &[tensor(&[4], &[])]), f64::INFINITY);
    }

    #[test]
    fn a_range_that_does_not_end_is_told() {
        let range = |values: [f64; 3]| numbers("Range", &values.map(|value| tensor(&[], &[value])));
        assert_eq!(range([0.0, 3000.0, 0.5]), 8001.0);
        assert_eq!(range([196.0, -1.0, -1.0]), 264.0);
        assert_eq!(range([0.0, 10.0, -1.0]), 1.0);
        for endless in [
            [0.0, 2f64.powi(40), 0.5],
            // Two steps, of which the second begins again below zero.
            [0.0, 2f64.powi(31) - 1.0, 2f64.powi(30)],
            [0.0, 1.0, -2f64.powi(40)],
            // A hundred, of which none is more than half of the last place.
            [1e9, 1e9 + 100.0, 1.0],
            [0.25, 0.25 + 1e-6, 1e-8],
            [0.0, 1.0, 0.0],
            [f64::NEG_INFINITY, 0.0, 1.0],
            [0.0, f64::INFINITY, 1.0],
            [0.0, 1.0, f64::NAN],
        ] {
            assert_eq!(range(endless), f64::INFINITY, "{endless:?}");
        }
    }

    #[test]
    fn an_expanded_tensor_has_the_larger_size_on_each_axis() {
        assert_eq!(
            numbers("Expand", &[tensor(&[1], &[]), tensor(&[1], &[1e15])]),
            1e15
        );
        // The class token of a transformer, once for each image.
        let token = tensor(&[1, 197, 768], &[]);
        assert_eq!(
            numbers("Expand", &[token.clone(), tensor(&[3], &[2.0, 197.0, 768.0])]),
            2.0 * 197.0 * 768.0
        );
        assert_eq!(
            numbers("Expand", &[tensor(&[768], &[]), tensor(&[3], &[2.0, 197.0, 1.0])]),
            2.0 * 197.0 * 768.0
        );
        assert_eq!(
            numbers("Expand", &[token.clone(), tensor(&[1], &[1.0])]),
            197.0 * 768.0
        );
        assert_eq!(numbers("Expand", &[token, tensor(&[3], &[])]), f64::INFINITY);
    }
}
