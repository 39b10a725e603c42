//! Which of many anchors take part in a loss.

use potstill_random::Stream;

use crate::Match;

/// Draws anchors so that objects are not drowned by background.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BalancedSampler {
    /// How many anchors of an image take part.
    pub size: usize,
    /// At most this share of them is of objects.
    pub objects: f64,
}

/// What was drawn, by index and in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sampled {
    /// Anchors of objects.
    pub objects: Vec<usize>,
    /// Anchors of the background.
    pub background: Vec<usize>,
}

impl BalancedSampler {
    /// That of region proposals: 256, up to a half of them of objects.
    pub fn proposals() -> Self {
        Self {
            size: 256,
            objects: 0.5,
        }
    }

    /// That of heads on regions: 512, up to a quarter of them of objects.
    pub fn roi_heads() -> Self {
        Self {
            size: 512,
            objects: 0.25,
        }
    }

    /// Draws from these matches. What lacks in objects is filled up with background; ignored ones take no part.
    ///
    /// ```
    /// use potstill_detection::{BalancedSampler, Match};
    /// use potstill_random::Seed;
    /// let mut matches = vec![Match::Background; 600];
    /// matches[7] = Match::Object(0);
    /// let sampled = BalancedSampler::proposals().sample(&matches, &mut Seed::new(1).stream("rpn", &[0]));
    /// assert_eq!((sampled.objects, sampled.background.len()), (vec![7], 255));
    /// ```
    pub fn sample(&self, matches: &[Match], stream: &mut Stream) -> Sampled {
        let at = |wanted: fn(&Match) -> bool| -> Vec<usize> {
            let places = matches.iter().enumerate();
            places.filter(|(_, one)| wanted(one)).map(|(at, _)| at).collect()
        };
        let quota = (self.size as f64 * self.objects) as usize;
        let objects = stream.some_of(at(|one| one.object().is_some()), quota);
        let left = self.size - objects.len().min(self.size);
        let background = stream.some_of(at(|one| *one == Match::Background), left);
        Sampled { objects, background }
    }
}
