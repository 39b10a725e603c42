//! The terms of a step with their weights, and what they are worth.

use burn::tensor::Tensor;
use potstill_methods::LossTerm;

use super::error::StepError;

/// A term with its weight; `None` for a metric.
#[derive(Debug)]
pub(crate) struct Weighted {
    pub weight: Option<f64>,
    /// Whether it is the task's own, and not a method's.
    pub is_task: bool,
    pub term: LossTerm,
}

/// The weighted loss of a step, and the value of every term.
#[derive(Debug, Default)]
pub(crate) struct StepLoss {
    pub loss: f64,
    pub terms: Vec<(String, f64)>,
}

impl Weighted {
    /// The terms of the task, with `prefix` in front of their names.
    pub fn of_task(prefix: &str, weight: f64, terms: Vec<LossTerm>) -> impl Iterator<Item = Self> {
        terms.into_iter().map(move |term| Self {
            weight: term.factor.map(|factor| weight * factor),
            is_task: true,
            term: LossTerm {
                name: format!("{prefix}{}", term.name),
                ..term
            },
        })
    }

    /// The terms of an entry. One that is not called after its entry is put behind it, so that no two entries share a name.
    pub fn of_entry(id: &str, weight: f64, terms: Vec<LossTerm>) -> impl Iterator<Item = Self> {
        terms.into_iter().map(move |mut term| {
            if !is_called_after(&term.name, id) {
                term.name = format!("{id}.{}", term.name);
            }
            Self {
                weight: term.factor.map(|factor| weight * factor),
                is_task: false,
                term,
            }
        })
    }
}

fn is_called_after(name: &str, id: &str) -> bool {
    let rest = name.strip_prefix(id);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

/// What the terms are worth: all of them in one transfer from the device.
///
/// # Errors
/// A term that is learned from and is not a finite number.
pub(crate) fn values(weighted: &[Weighted]) -> Result<StepLoss, StepError> {
    let mut found = StepLoss::default();
    for (Weighted { weight, term, .. }, value) in weighted.iter().zip(read(weighted)) {
        let name = term.name.clone();
        if let Some(weight) = weight {
            if !value.is_finite() {
                return Err(StepError::NonFinite { term: name, value });
            }
            found.loss += weight * value;
        }
        found.terms.push((name, value));
    }
    Ok(found)
}

/// The value of every term.
pub(super) fn read(weighted: &[Weighted]) -> Vec<f64> {
    let Some(first) = weighted.first() else {
        return Vec::new();
    };
    let precision = first.term.value.dtype();
    let values = weighted.iter().map(|Weighted { term, .. }| {
        let value = term.value.clone().inner();
        if value.dtype() == precision {
            value
        } else {
            value.cast(precision)
        }
    });
    Tensor::cat(values.collect(), 0).into_data().iter().collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, Tensor};
    use potstill_methods::LossTerm;

    use super::{StepError, Weighted, values};

    fn number(value: f64) -> Tensor<1> {
        Tensor::from_floats([value as f32], &Device::flex())
    }

    #[test]
    fn terms_are_called_after_their_entry() {
        let terms =
            ["kd-2", "kd-2-kl", "kd-2.layer", "kd-20", "mse"].map(|name| LossTerm::loss(name, number(1.0)));
        let named: Vec<String> = Weighted::of_entry("kd-2", 1.0, terms.to_vec())
            .map(|weighted| weighted.term.name)
            .collect();
        assert_eq!(named, ["kd-2", "kd-2-kl", "kd-2.layer", "kd-2.kd-20", "kd-2.mse"]);
    }

    #[test]
    fn the_loss_is_the_weighted_sum_of_what_is_learned_from() {
        let precise = Tensor::<1>::from_floats([0.25], &Device::flex()).cast(DType::F64);
        let task = vec![LossTerm::loss("task", number(2.0))];
        let mut weighted: Vec<_> = Weighted::of_task("", 0.5, task).collect();
        let terms = vec![
            LossTerm::loss("x", precise).scaled(3.0),
            LossTerm::metric("x.nan", number(f64::NAN)),
        ];
        weighted.extend(Weighted::of_entry("x", 2.0, terms));
        let found = values(&weighted).unwrap();
        assert_eq!(found.loss, 0.5 * 2.0 + 2.0 * 3.0 * 0.25);
        assert_eq!(found.terms[1], ("x".to_owned(), 0.25));
        assert!(found.terms[2].1.is_nan());
        let wild = vec![LossTerm::loss("wild", number(f64::INFINITY))];
        weighted.extend(Weighted::of_task("", 0.0, wild));
        let refused = values(&weighted).unwrap_err();
        assert!(matches!(refused, StepError::NonFinite { term, .. } if term == "wild"));
        assert_eq!(values(&[]).unwrap().loss, 0.0);
    }
}
