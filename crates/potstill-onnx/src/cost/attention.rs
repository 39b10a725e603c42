//! Attention in one operator.
//!
//! Queries, keys and values are `[N, places, heads * width]`, `[N, heads, places, width]`, or packed: `[N, places, heads, 3, width]`
//! in the first input, or all three beside each other in its last axis; then the others are left out.

use super::{Cost, Inputs, count};
use crate::settings::Settings;

/// At which input an operator gets the keys of earlier places, `[N, heads, places, width]`.
#[derive(Clone, Copy)]
pub(super) struct KeysSoFar(pub usize);

/// Each place looks at each: the weights of that stand beside the output.
pub(super) fn attention(settings: &Settings, inputs: &Inputs<'_>, KeysSoFar(so_far): KeysSoFar) -> Cost {
    let heads = settings.one("q_num_heads", settings.one("num_heads", 1)).max(1);
    let heads_of_values = settings.one("kv_num_heads", heads).max(1);
    let query = inputs.shape(0);
    let or_packed = |at: usize| {
        if inputs.is_there(at) {
            inputs.shape(at)
        } else {
            query
        }
    };
    let (key, value) = (or_packed(1), or_packed(2));
    let rows = query.first().copied().unwrap_or(1) as f64 * heads_in(query, heads) * places(query);
    let earlier = if inputs.is_there(so_far) {
        places(inputs.shape(so_far))
    } else {
        0.0
    };
    let weights = rows * (places(key) + earlier);
    let (width, width_of_values) = (width(query, heads), width(value, heads_of_values));
    Cost {
        numbers: 2.0 * weights + rows * width_of_values + 2.0 * inputs.sum(),
        products: weights * (width + width_of_values),
    }
}

fn places(shape: &[usize]) -> f64 {
    match *shape {
        [_, places, _] | [_, _, places, _] | [_, places, _, _, _] => places as f64,
        _ => count(shape),
    }
}

fn heads_in(shape: &[usize], stated: i64) -> f64 {
    match *shape {
        [_, heads, _, _] | [_, _, heads, _, _] => heads as f64,
        _ => stated as f64,
    }
}

/// The numbers of a place in a head.
fn width(shape: &[usize], heads: i64) -> f64 {
    match *shape {
        [_, _, all] => (all as f64 / heads as f64).ceil(),
        [.., width] => width as f64,
        [] => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{tensor, told_with};
    use crate::settings::Settings;

    /// 2 images of 197 places, 6 heads of 64.
    const WEIGHTS: f64 = 2.0 * 6.0 * 197.0 * 197.0;
    const ONE: f64 = 2.0 * 197.0 * 384.0;

    #[test]
    fn the_heads_are_in_the_shape_or_stated() {
        let three = |shape: &[usize]| [tensor(shape, &[]), tensor(shape, &[]), tensor(shape, &[])];
        let expected = 2.0 * WEIGHTS + ONE + 2.0 * 3.0 * ONE;
        let apart = three(&[2, 6, 197, 64]);
        let cost = told_with("Attention", Settings::default(), &apart);
        assert_eq!(cost.numbers, expected);
        assert_eq!(cost.products, 2.0 * WEIGHTS * 64.0);
        let together = three(&[2, 197, 384]);
        for (kind, name) in [
            ("Attention", "q_num_heads"),
            ("MultiHeadAttention", "num_heads"),
            ("GroupQueryAttention", "num_heads"),
        ] {
            let cost = told_with(kind, Settings::default().with(name, &[6]), &together);
            assert_eq!(cost.numbers, expected, "{kind}");
            assert_eq!(cost.products, 2.0 * WEIGHTS * 64.0, "{kind}");
        }
    }

    #[test]
    fn packed_queries_are_their_own_keys() {
        let settings = || Settings::default().with("num_heads", &[6]);
        let packed = [tensor(&[2, 197, 6, 3, 64], &[])];
        let cost = told_with("MultiHeadAttention", settings(), &packed);
        assert_eq!(cost.numbers, 2.0 * WEIGHTS + ONE + 2.0 * 3.0 * ONE);
        // The width of a head is not known where all are beside each other; what is told is no less.
        let beside = [tensor(&[2, 197, 3 * 384], &[])];
        let cost = told_with("GroupQueryAttention", settings(), &beside);
        assert_eq!(cost.numbers, 2.0 * WEIGHTS + 3.0 * ONE + 2.0 * 3.0 * ONE);
    }

    #[test]
    fn few_values_may_be_repeated_for_many_places() {
        let (query, key) = (tensor(&[1, 1, 10_000, 8], &[]), tensor(&[1, 1, 1, 8], &[]));
        let wide = tensor(&[1, 1, 1, 100_000], &[]);
        let cost = told_with("Attention", Settings::default(), &[query, key, wide]);
        assert!(cost.numbers >= 1e9, "{}", cost.numbers);
    }
}
