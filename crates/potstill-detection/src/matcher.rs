//! Which object an anchor learns.

use crate::{Corners, boxes::overlap};

/// What an anchor learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The object of this index.
    Object(usize),
    /// That there is none.
    Background,
    /// Nothing: it overlaps an object too much for the background, and too little for the object.
    Ignored,
}

impl Match {
    /// The object, if there is one.
    pub fn object(self) -> Option<usize> {
        match self {
            Self::Object(object) => Some(object),
            Self::Background | Self::Ignored => None,
        }
    }
}

/// Gives each anchor the object that it overlaps most.
///
/// ```
/// use potstill_detection::{Match, Matcher};
/// let objects = [[0.0, 0.0, 10.0, 10.0]];
/// let anchors = [[0.0, 0.0, 10.0, 9.0], [5.0, 0.0, 15.0, 10.0]];
/// let matches = Matcher::roi_heads().matches(&objects, &anchors);
/// assert_eq!(matches, [Match::Object(0), Match::Background]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matcher {
    /// The least overlap with an object.
    pub high: f32,
    /// Below this overlap an anchor is background.
    pub low: f32,
    /// Whether the anchors that overlap an object most learn an object in any case. Each learns the one that it overlaps most itself, as
    /// in torchvision.
    pub low_quality: bool,
}

impl Matcher {
    /// That of RetinaNet.
    pub fn retinanet() -> Self {
        Self {
            high: 0.5,
            low: 0.4,
            low_quality: true,
        }
    }

    /// That of region proposals.
    pub fn proposals() -> Self {
        Self {
            high: 0.7,
            low: 0.3,
            low_quality: true,
        }
    }

    /// That of heads on regions.
    pub fn roi_heads() -> Self {
        Self {
            high: 0.5,
            low: 0.5,
            low_quality: false,
        }
    }

    /// What each anchor learns. Of several objects that an anchor overlaps equally it gets the first.
    pub fn matches(&self, objects: &[Corners], anchors: &[Corners]) -> Vec<Match> {
        self.by_overlap(objects.len(), anchors.len(), |object, anchor| {
            overlap(objects[object], anchors[anchor])
        })
    }

    /// The same by any measure of overlap of an object (first) and an anchor.
    pub fn by_overlap(
        &self,
        objects: usize,
        anchors: usize,
        overlap: impl Fn(usize, usize) -> f32,
    ) -> Vec<Match> {
        let (nearest, best) = nearest_and_best(objects, anchors, &overlap);
        let judged = |(object, most): &(usize, f32)| match *most {
            most if objects == 0 || most < self.low => Match::Background,
            most if most < self.high => Match::Ignored,
            _ => Match::Object(*object),
        };
        let mut matches: Vec<Match> = nearest.iter().map(judged).collect();
        if self.low_quality {
            // An object that no anchor meets must not take all of them.
            for (object, &most) in best.iter().enumerate().filter(|(_, most)| **most > 0.0) {
                for (anchor, matched) in matches.iter_mut().enumerate() {
                    if overlap(object, anchor) == most {
                        *matched = Match::Object(nearest[anchor].0);
                    }
                }
            }
        }
        matches
    }
}

/// What each default box of SSD learns: the object that it overlaps by a half or more and most; and of each object the box that overlaps it most in any
/// case. Where two objects want one box the later one has it.
pub fn match_default_boxes(
    objects: usize,
    boxes: usize,
    overlap: impl Fn(usize, usize) -> f32,
) -> Vec<Match> {
    let mut matches = Matcher::roi_heads().by_overlap(objects, boxes, &overlap);
    for object in 0..objects {
        let mut best = (0.0, None);
        for at in 0..boxes {
            let most = overlap(object, at);
            if most > best.0 {
                best = (most, Some(at));
            }
        }
        if let (_, Some(at)) = best {
            matches[at] = Match::Object(object);
        }
    }
    matches
}

/// Of each anchor the first object that it overlaps most, and by how much; of each object its largest overlap.
fn nearest_and_best(
    objects: usize,
    anchors: usize,
    overlap: &impl Fn(usize, usize) -> f32,
) -> (Vec<(usize, f32)>, Vec<f32>) {
    let mut nearest = vec![(0, f32::NEG_INFINITY); anchors];
    let mut best = vec![0.0_f32; objects];
    for (object, best) in best.iter_mut().enumerate() {
        for (anchor, nearest) in nearest.iter_mut().enumerate() {
            let most = overlap(object, anchor);
            if most > nearest.1 {
                *nearest = (object, most);
            }
            *best = best.max(most);
        }
    }
    (nearest, best)
}
