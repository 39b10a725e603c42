//! Products of matrices, and operators that are made of them.

use std::collections::BTreeMap;

use super::{Cost, Inputs, inputs::broadcast};
use crate::settings::Settings;

pub(super) fn product(inputs: &Inputs<'_>) -> Cost {
    let (a, b) = (inputs.shape(0), inputs.shape(1));
    let (Some(&inner), Some(&columns)) = (a.last(), b.last()) else {
        return Cost::default();
    };
    let columns = if b.len() > 1 { columns as f64 } else { 1.0 };
    let rows = if a.len() > 1 { a[a.len() - 2] as f64 } else { 1.0 };
    let batches = [a, b].map(|shape| &shape[..shape.len().saturating_sub(2)]);
    let numbers = broadcast(batches) * rows * columns;
    Cost {
        numbers,
        products: numbers * inner as f64,
    }
}

pub(super) fn gemm(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let (&[a0, a1], &[b0, b1]) = (inputs.shape(0), inputs.shape(1)) else {
        return Cost::default();
    };
    let (rows, inner) = if settings.one("transA", 0) == 0 {
        (a0, a1)
    } else {
        (a1, a0)
    };
    let columns = if settings.one("transB", 0) == 0 { b1 } else { b0 };
    let numbers = rows as f64 * columns as f64;
    Cost {
        numbers,
        products: numbers * inner as f64,
    }
}

/// Rows by weights that are packed, `[columns, blocks, bytes]`.
pub(super) fn packed_product(inputs: &Inputs<'_>) -> Cost {
    let inner = inputs.shape(0).last().copied().unwrap_or(1).max(1) as f64;
    let columns = inputs.shape(1).first().copied().unwrap_or(1) as f64;
    let out = inputs.count(0) / inner * columns;
    Cost {
        numbers: out.max(inputs.broadcast()).max(inputs.sum()),
        products: out * inner,
    }
}

/// Every letter of the equation is a size, and all are gone through.
pub(super) fn einsum(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let equation = settings.text("equation");
    let terms = equation.split("->").next().unwrap_or_default();
    let mut sizes: BTreeMap<char, usize> = BTreeMap::new();
    for (at, term) in terms.split(',').enumerate() {
        let letters: Vec<char> = term.chars().filter(|letter| letter.is_alphabetic()).collect();
        if letters.len() != inputs.shape(at).len() {
            let all = (0..inputs.0.len()).map(|at| inputs.count(at).max(1.0));
            return Cost::of(all.product());
        }
        for (letter, &size) in letters.into_iter().zip(inputs.shape(at)) {
            let largest = sizes.entry(letter).or_default();
            *largest = size.max(*largest);
        }
    }
    let out = equation.split("->").nth(1).unwrap_or(terms);
    let kept = out
        .chars()
        .filter_map(|letter| sizes.get(&letter))
        .map(|&size| size as f64);
    let products = sizes.values().map(|&size| size as f64).product();
    Cost {
        numbers: kept.product::<f64>().max(inputs.sum()),
        products,
    }
}

pub(super) fn recurrent(inputs: &Inputs<'_>) -> Cost {
    let (&[steps, batch, width], &[directions, gates, hidden]) = (inputs.shape(0), inputs.shape(2)) else {
        return Cost::default();
    };
    let rows = steps as f64 * batch as f64 * directions as f64;
    Cost {
        numbers: rows * (gates as f64 + 3.0 * hidden as f64),
        products: rows * gates as f64 * (width + hidden) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{numbers, tensor, told};

    #[test]
    fn a_product_costs_rows_by_columns_by_what_is_between() {
        let outer = [tensor(&[1000, 1], &[]), tensor(&[1, 2000], &[])];
        assert_eq!(numbers("MatMul", &outer), 2e6);
        // 10,000 images of 100 places by as many columns, packed.
        let packed = [tensor(&[10_000, 100, 16], &[]), tensor(&[10_000, 1, 8], &[])];
        assert_eq!(numbers("MatMulNBits", &packed), 1e10);
        let heads = [tensor(&[2, 6, 197, 64], &[]), tensor(&[2, 6, 64, 197], &[])];
        let cost = told("MatMul", &heads);
        assert_eq!(cost.numbers, 12.0 * 197.0 * 197.0);
        assert_eq!(cost.products, 12.0 * 197.0 * 197.0 * 64.0);
    }
}
