//! Numbers for the reference tests: recorded ones, ones by formula, and how near two lists of them must be.
//!
//! Records and formulas count in `[N, C, H, W]` order, maps are `[N, H, W, C]`; [`map`] and [`nchw`] go there and back.

use std::{collections::BTreeMap, fs, path::Path};

use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use potstill_ops::{Entry, Parameters, Scope};
use potstill_random::Seed;
use serde_json::Value;

/// For nine recorded digits, computed in double precision.
pub const NINE_DIGITS: f64 = 1e-8;
/// For gradients through a division by a number: Burn takes the derivative of that in single precision.
pub const DIVIDED: f64 = 1e-7;

/// The recorded JSON at this path below the folder of the crates.
pub fn recorded(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    serde_json::from_slice(&fs::read(&file).unwrap()).unwrap()
}

/// The shared vectors of dense tasks with this name (`losses`), beside the repository; `None`, with a word, where they are not there.
#[allow(clippy::print_stdout, reason = "a test that skips says so")]
pub fn dense_vectors(name: &str) -> Option<Value> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/methods/dense");
    let file = all.join(format!("{name}.json"));
    let Ok(bytes) = fs::read(&file) else {
        println!("skipped: {} is not here", file.display());
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// Every number in a JSON value, in order.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        _ => vec![
            value
                .as_f64()
                .unwrap_or_else(|| panic!("{value} is not a number")),
        ],
    }
}

/// A double-precision tensor on the plain device, filled in row-major order by flat index.
pub fn tensor<const D: usize>(shape: [usize; D], formula: impl Fn(usize) -> f64) -> Tensor<D> {
    let values: Vec<f64> = (0..shape.iter().product()).map(formula).collect();
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}

/// The map whose values in `[N, C, H, W]` order are `formula(0)`, `formula(1)`, ...
pub fn map(nchw: [usize; 4], formula: impl Fn(usize) -> f64) -> Tensor<4> {
    tensor(nchw, formula).permute([0, 2, 3, 1])
}

/// The values of a tensor, row-major.
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.clone().inner().into_data().iter::<f64>().collect()
}

/// The values of a map in `[N, C, H, W]` order.
pub fn nchw(map: &Tensor<4>) -> Vec<f64> {
    values(&map.clone().permute([0, 3, 1, 2]))
}

/// The value of a tensor with one element.
pub fn number(tensor: &Tensor<1>) -> f64 {
    values(tensor)[0]
}

/// A scope whose seed and owner do not matter.
pub fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(0), "test")
}

/// Takes a module to double precision, with the values of `formula(entry, flat index)` where it gives some.
pub fn fill(module: &mut dyn Parameters, formula: impl Fn(&Entry, usize) -> Option<f64>) {
    fill_in(module, DType::F64, formula);
}

/// The same in another precision.
pub fn fill_in(module: &mut dyn Parameters, dtype: DType, formula: impl Fn(&Entry, usize) -> Option<f64>) {
    module.rewrite(&mut |entry, present| {
        let filled: Option<Vec<f64>> = (0..present.dims()[0]).map(|i| formula(entry, i)).collect();
        Some(match filled {
            Some(values) => tensor([values.len()], |i| values[i]).cast(dtype),
            None => present.cast(dtype),
        })
    });
}

/// The gradients of a module by path, row-major; parameters without one are not in.
pub fn gradients(module: &dyn Parameters, gradients: &Gradients) -> BTreeMap<String, Vec<f64>> {
    let mut by_path = BTreeMap::new();
    module.each_gradient(gradients, &mut |entry, gradient| {
        by_path.insert(entry.path.clone(), values(&gradient));
    });
    by_path
}

/// Fails if values in row-major order are not those whose shape, sum, sum of squares, first four and last two are recorded.
#[track_caller]
pub fn assert_summary(what: &str, found: &[f64], wanted: &Value, tolerance: f64) {
    let size: f64 = numbers(&wanted["shape"]).iter().product();
    assert_eq!(found.len() as f64, size, "{what}");
    let squares: f64 = found.iter().map(|value| value * value).sum();
    assert_near(what, &[squares], &numbers(&wanted["sum_of_squares"]), tolerance);
    // A sum of terms that cancel is as exact as its terms.
    let (sum, scale) = (found.iter().sum::<f64>(), (squares * size).sqrt());
    let difference = (sum - numbers(&wanted["sum"])[0]).abs();
    assert!(
        difference <= tolerance * scale.max(sum.abs()),
        "{what}: the sum is {sum}"
    );
    let single = 4.0 * tolerance;
    assert_near(what, &found[..4], &numbers(&wanted["first"]), single);
    assert_near(what, &found[found.len() - 2..], &numbers(&wanted["last"]), single);
}

/// Fails if a number of `ours` is farther from its neighbour in `theirs` than `tolerance` times the largest of `theirs`.
#[track_caller]
pub fn assert_near(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}: as many numbers");
    let largest = theirs
        .iter()
        .fold(0.0, |largest: f64, number| largest.max(number.abs()));
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        // Written so that a NaN fails.
        let near = (ours - theirs).abs() <= tolerance * largest;
        assert!(near, "{what}, number {i}: {ours} is not {theirs}");
    }
}
