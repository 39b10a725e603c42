//! How far what is computed may be from its record.

use serde_json::Value;

/// What counts as 0 in the records.
const FLOOR: f64 = 1e-12;
/// Of losses that are computed in single precision, by the specification.
const SINGLE: f64 = 2e-5;
/// Of their gradients, beside the gradient's norm.
const SINGLE_GRADIENT: f64 = 2e-4;
/// What counts as 0 there, beside a loss of 1 or more.
const SINGLE_FLOOR: f64 = 1e-6;

/// What a case may differ by from its record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Of a loss, beside it.
    pub loss: f64,
    /// Of a gradient, beside its norm.
    pub gradient: f64,
    /// What counts as 0.
    pub floor: f64,
}

impl Room {
    /// Of what is computed in double precision.
    pub fn double(tolerance: f64) -> Self {
        Self {
            loss: tolerance,
            gradient: tolerance,
            floor: FLOOR,
        }
    }

    /// Of what is computed in single precision, beside this loss.
    pub fn single(loss: f64) -> Self {
        Self {
            loss: SINGLE,
            gradient: SINGLE_GRADIENT,
            floor: SINGLE_FLOOR * loss.abs().max(1.0),
        }
    }
}

/// Fails if a gradient in double precision has another sum, norm or entries than recorded.
#[track_caller]
pub fn assert_gradient(what: &str, found: &[f64], record: &Value, tolerance: f64) {
    assert_gradient_in(what, found, record, Room::double(tolerance));
}

/// Fails if a gradient is farther from its record than this.
#[track_caller]
pub(super) fn assert_gradient_in(what: &str, found: &[f64], record: &Value, room: Room) {
    let tolerance = room.gradient;
    assert_eq!(
        found.len(),
        super::shape(record).iter().product::<usize>(),
        "{what}"
    );
    let norm = record["l2"].as_f64().unwrap();
    let near = |name: &str, found: f64, wanted: f64, terms: f64| {
        let allowed = (tolerance * norm + room.floor) * terms;
        assert!(
            (found - wanted).abs() <= allowed,
            "{what}, {name}: {found} is not {wanted}"
        );
    };
    let squares: f64 = found.iter().map(|value| value * value).sum();
    let several = (found.len() as f64).sqrt();
    near("norm", squares.sqrt(), norm, 1.0);
    near(
        "sum",
        found.iter().sum(),
        record["sum"].as_f64().unwrap(),
        several,
    );
    for entry in record["entries"].as_array().unwrap() {
        let (index, wanted) = (entry[0].as_u64().unwrap() as usize, entry[1].as_f64().unwrap());
        near(&format!("number {index}"), found[index], wanted, 1.0);
    }
}
