//! The numbers that make sense for a key.

/// The numbers that make sense for a key, and for each entry if its value is an array. Made by [`at_least`],
/// [`above`] and the like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lower bound.
    pub low: Option<Bound>,
    /// The upper bound.
    pub high: Option<Bound>,
    /// Whether an array must have an entry.
    pub not_empty: bool,
    /// Why others make no sense, where that is not plain; else empty.
    pub why: &'static str,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// This number is inside.
    Inclusive(f64),
    /// This number is outside.
    Exclusive(f64),
}

/// Every finite number.
pub const ANY: Range = Range {
    low: None,
    high: None,
    not_empty: false,
    why: "",
};

/// The numbers from `low` on.
pub const fn at_least(low: f64) -> Range {
    Range {
        low: Some(Bound::Inclusive(low)),
        ..ANY
    }
}

/// The numbers above `low`.
pub const fn above(low: f64) -> Range {
    Range {
        low: Some(Bound::Exclusive(low)),
        ..ANY
    }
}

/// The numbers up to `high`.
pub const fn at_most(high: f64) -> Range {
    ANY.at_most(high)
}

/// Arrays that have an entry.
pub const fn not_empty() -> Range {
    ANY.not_empty()
}

impl Range {
    /// Up to `high`.
    #[must_use]
    pub const fn at_most(self, high: f64) -> Self {
        Self {
            high: Some(Bound::Inclusive(high)),
            ..self
        }
    }

    /// Below `high`.
    #[must_use]
    pub const fn below(self, high: f64) -> Self {
        Self {
            high: Some(Bound::Exclusive(high)),
            ..self
        }
    }

    /// With the reason why other numbers make no sense.
    #[must_use]
    pub const fn because(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    /// Of an array that has an entry.
    #[must_use]
    pub const fn not_empty(self) -> Self {
        Self {
            not_empty: true,
            ..self
        }
    }

    /// Whether `number` is inside. Infinite numbers and NaN never are.
    pub fn holds(&self, number: f64) -> bool {
        let low = match self.low {
            None => true,
            Some(Bound::Inclusive(low)) => number >= low,
            Some(Bound::Exclusive(low)) => number > low,
        };
        let high = match self.high {
            None => true,
            Some(Bound::Inclusive(high)) => number <= high,
            Some(Bound::Exclusive(high)) => number < high,
        };
        number.is_finite() && low && high
    }

    /// What follows "a number": `above 0 and at most 1`. Empty if every number is inside.
    pub fn phrase(&self) -> String {
        let low = self.low.map(|low| match low {
            Bound::Inclusive(low) => format!("of at least {low}"),
            Bound::Exclusive(low) => format!("above {low}"),
        });
        let of = if low.is_none() { "of " } else { "" };
        let high = self.high.map(|high| match high {
            Bound::Inclusive(high) => format!("{of}at most {high}"),
            Bound::Exclusive(high) => format!("below {high}"),
        });
        low.into_iter().chain(high).collect::<Vec<_>>().join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::{ANY, above, at_least};

    #[test]
    fn a_range_says_what_it_holds() {
        let cases = [
            (at_least(0.0), "of at least 0", [false, true, true, true]),
            (above(0.0), "above 0", [false, false, true, true]),
            (
                at_least(0.0).below(1.0),
                "of at least 0 and below 1",
                [false, true, true, false],
            ),
            (
                above(0.0).at_most(1.0),
                "above 0 and at most 1",
                [false, false, true, true],
            ),
            (ANY.at_most(0.0), "of at most 0", [true, true, false, false]),
            (ANY.below(0.5), "below 0.5", [true, true, false, false]),
            (ANY, "", [true; 4]),
        ];
        for (range, phrase, inside) in cases {
            assert_eq!(range.phrase(), phrase);
            assert_eq!(
                [-1.0, 0.0, 0.5, 1.0].map(|number| range.holds(number)),
                inside,
                "{phrase}"
            );
            assert!(!range.holds(f64::NAN) && !range.holds(f64::INFINITY), "{phrase}");
        }
    }
}
