//! The objects and detections of one image and one class, and which of them belong together.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Detection, TrueObject};

/// At most so many detections of an image and a class are looked at, the best ones.
pub(super) const MOST: usize = 100;

/// Smallest and largest area of a range; both belong to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AreaRange(pub f64, pub f64);

impl AreaRange {
    fn has(self, area: f64) -> bool {
        area >= self.0 && area <= self.1
    }
}

/// One image and one class.
#[derive(Debug, Default)]
pub(super) struct Cell<'a> {
    truth: Vec<&'a TrueObject>,
    /// By falling score, the best ones only.
    pub found: Vec<&'a Detection>,
    /// Of each detection with each object.
    overlaps: Vec<f64>,
}

/// What became of the detections of a cell at one threshold.
#[derive(Debug)]
pub(super) struct Matches {
    /// Of each detection: whether it is right (`true`), wrong, or counts neither way.
    pub right: Vec<Option<bool>>,
}

/// The cells of each class, in the order of images.
pub(super) fn cells<'a>(
    truth: &'a [TrueObject],
    detections: &'a [Detection],
    classes: usize,
) -> Vec<Vec<Cell<'a>>> {
    let mut of_classes: Vec<BTreeMap<usize, Cell<'a>>> = (0..classes).map(|_| BTreeMap::new()).collect();
    for object in truth {
        if let Some(cells) = of_classes.get_mut(object.class) {
            cells.entry(object.image).or_default().truth.push(object);
        }
    }
    for detection in detections {
        if let Some(cells) = of_classes.get_mut(detection.class) {
            cells.entry(detection.image).or_default().found.push(detection);
        }
    }
    let prepared = |cells: BTreeMap<usize, Cell<'a>>| cells.into_values().map(Cell::prepared).collect();
    of_classes.into_iter().map(prepared).collect()
}

/// The order of falling scores; what is no number comes last.
pub(super) fn falling(one: f64, other: f64) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (false, false) => other.partial_cmp(&one).unwrap_or(Ordering::Equal),
        (here, there) => here.cmp(&there),
    }
}

impl Cell<'_> {
    fn prepared(mut self) -> Self {
        self.found.sort_by(|a, b| falling(a.score, b.score));
        self.found.truncate(MOST);
        let pairs = self
            .found
            .iter()
            .flat_map(|found| self.truth.iter().map(move |object| (found, object)));
        self.overlaps = pairs
            .map(|(found, object)| found.region.overlap(&object.region, object.crowd))
            .collect();
        self
    }

    /// How many objects are to be found in this range.
    pub fn wanted(&self, range: AreaRange) -> usize {
        self.truth.iter().filter(|object| !ignored(object, range)).count()
    }

    /// Gives each detection, by falling score, the object that it overlaps most, if by `threshold` at least.
    pub fn matches(&self, range: AreaRange, threshold: f64) -> Matches {
        // Objects that need not be found come last.
        let mut order: Vec<usize> = (0..self.truth.len()).collect();
        order.sort_by_key(|&at| ignored(self.truth[at], range));
        let mut taken = vec![false; self.truth.len()];
        let right = self.found.iter().enumerate().map(|(at, found)| {
            let overlaps = &self.overlaps[at * self.truth.len()..];
            match self.best(&order, &taken, overlaps, (range, threshold)) {
                Some(object) => {
                    taken[object] = true;
                    (!ignored(self.truth[object], range)).then_some(true)
                }
                None => range.has(found.area).then_some(false),
            }
        });
        Matches {
            right: right.collect(),
        }
    }

    /// The object that a detection with these overlaps gets. Among equals the last one.
    fn best(
        &self,
        order: &[usize],
        taken: &[bool],
        overlaps: &[f64],
        (range, threshold): (AreaRange, f64),
    ) -> Option<usize> {
        let mut least = threshold.min(1.0 - 1e-10);
        let mut best = None;
        for &at in order {
            let object = self.truth[at];
            if taken[at] && !object.crowd {
                continue;
            }
            let has_wanted = best.is_some_and(|best: usize| !ignored(self.truth[best], range));
            if has_wanted && ignored(object, range) {
                break;
            }
            if overlaps[at] >= least {
                least = overlaps[at];
                best = Some(at);
            }
        }
        best
    }
}

/// Whether an object need not be found.
fn ignored(object: &TrueObject, range: AreaRange) -> bool {
    object.crowd || !range.has(object.area)
}
