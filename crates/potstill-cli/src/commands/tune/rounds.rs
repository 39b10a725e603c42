//! Which rounds there are: how many candidates each begins with, and for what share of their epochs.

use potstill_recipe::Tune;

/// How many candidates begin each round, if none fails and the budget lasts: after each, one in `factor` goes on, rounded up, until one is
/// left.
pub fn rounds(candidates: usize, factor: usize) -> Vec<usize> {
    let mut rounds = vec![candidates];
    let mut left = candidates.div_ceil(factor);
    while left > 1 {
        rounds.push(left);
        left = left.div_ceil(factor);
    }
    rounds
}

/// For how many epochs a recipe of `whole` epochs trains in the round `round` of `count`.
pub fn epochs(tune: &Tune, whole: usize, round: usize, count: usize) -> usize {
    let growth = |power: usize| {
        tune.factor
            .saturating_pow(u32::try_from(power).unwrap_or(u32::MAX))
    };
    let epochs = if let Some(start) = tune.start_epochs {
        start.saturating_mul(growth(round))
    } else {
        let shrink = growth(count.saturating_sub(round + 1));
        (whole + shrink / 2) / shrink
    };
    epochs.clamp(1, whole.max(1))
}

#[cfg(test)]
mod tests {
    use potstill_recipe::Tune;

    use super::{epochs, rounds};

    #[test]
    fn one_in_so_many_goes_on_until_one_is_left() {
        assert_eq!(rounds(9, 3), [9, 3]);
        assert_eq!(rounds(10, 3), [10, 4, 2]);
        assert_eq!(rounds(27, 3), [27, 9, 3]);
        assert_eq!(rounds(8, 2), [8, 4, 2]);
        assert_eq!(rounds(1, 3), [1]);
        assert_eq!(rounds(2, 5), [2]);
    }

    #[test]
    fn the_last_round_has_all_epochs_unless_the_first_is_said() {
        let of = |tune: &Tune, whole, count| -> Vec<usize> {
            (0..count)
                .map(|round| epochs(tune, whole, round, count))
                .collect()
        };
        let usual = Tune::default();
        assert_eq!(of(&usual, 90, 3), [10, 30, 90]);
        assert_eq!(of(&usual, 2, 3), [1, 1, 2]);
        let from_two = Tune {
            start_epochs: Some(2),
            ..Tune::default()
        };
        assert_eq!(of(&from_two, 90, 3), [2, 6, 18]);
        assert_eq!(of(&from_two, 5, 3), [2, 5, 5]);
        let endless = Tune {
            factor: usize::MAX,
            ..from_two
        };
        assert_eq!(of(&endless, 5, 3), [2, 5, 5]);
    }
}
