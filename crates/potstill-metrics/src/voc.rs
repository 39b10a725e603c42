//! Average precision as Pascal VOC measures it.

use std::{cmp::Ordering, collections::HashMap};

/// An object of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VocObject {
    /// The image, by any number.
    pub image: usize,
    /// Left, top, right and bottom pixel; all of them belong to the object.
    pub corners: [f64; 4],
    /// Whether it need not be found.
    pub difficult: bool,
}

/// What a detector found of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VocDetection {
    /// The image, as that of [`VocObject`].
    pub image: usize,
    /// As those of [`VocObject`].
    pub corners: [f64; 4],
    /// How sure the detector is.
    pub score: f64,
}

/// How the area under the curve of precision over recall is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VocRule {
    /// The whole area below the non-increasing envelope (from 2010 on).
    #[default]
    Area,
    /// The mean at the recalls 0, 0.1 to 1 (2007).
    ElevenPoints,
}

/// The average precision of one class in `[0, 1]`; none if no object has to be found.
///
/// A detection is right if it overlaps the nearest object of its image by more than a half, and is the first to do so. One that meets a
/// difficult object counts neither way.
///
/// ```
/// use potstill_metrics::{VocDetection, VocObject, VocRule, voc_average_precision};
/// let corners = [10.0, 10.0, 49.0, 49.0];
/// let truth = [VocObject { image: 0, corners, difficult: false }];
/// let found = [VocDetection { image: 0, corners, score: 0.9 }];
/// assert_eq!(voc_average_precision(&truth, &found, VocRule::Area), Some(1.0));
/// ```
pub fn voc_average_precision(truth: &[VocObject], found: &[VocDetection], rule: VocRule) -> Option<f64> {
    let wanted = truth.iter().filter(|object| !object.difficult).count();
    if wanted == 0 {
        return None;
    }
    let mut images: HashMap<usize, Vec<(&VocObject, bool)>> = HashMap::new();
    for object in truth {
        images.entry(object.image).or_default().push((object, false));
    }
    let mut ranked: Vec<&VocDetection> = found.iter().collect();
    ranked.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal));
    let (mut right, mut wrong) = (0.0, 0.0);
    let mut curve = Vec::new();
    for detection in ranked {
        let objects = images.entry(detection.image).or_default();
        match judged(detection, objects) {
            Some(true) => right += 1.0,
            Some(false) => wrong += 1.0,
            None => continue,
        }
        curve.push([right / wanted as f64, right / (right + wrong)]);
    }
    Some(match rule {
        VocRule::Area => area(&curve),
        VocRule::ElevenPoints => eleven_points(&curve),
    })
}

/// Whether a detection is right; none if it counts neither way. The object that it takes is marked.
fn judged(detection: &VocDetection, objects: &mut [(&VocObject, bool)]) -> Option<bool> {
    let mut best: Option<(f64, usize)> = None;
    for (at, (object, _)) in objects.iter().enumerate() {
        let overlap = overlap(detection.corners, object.corners);
        if best.is_none_or(|(most, _)| overlap > most) {
            best = Some((overlap, at));
        }
    }
    let Some((_, at)) = best.filter(|(overlap, _)| *overlap > 0.5) else {
        return Some(false);
    };
    let (object, taken) = &mut objects[at];
    if object.difficult {
        return None;
    }
    Some(!std::mem::replace(taken, true))
}

/// The share of the union in common, in whole pixels.
fn overlap(one: [f64; 4], two: [f64; 4]) -> f64 {
    let side = |low: f64, high: f64| (high - low + 1.0).max(0.0);
    let area = |[left, top, right, bottom]: [f64; 4]| side(left, right) * side(top, bottom);
    let common = area([
        one[0].max(two[0]),
        one[1].max(two[1]),
        one[2].min(two[2]),
        one[3].min(two[3]),
    ]);
    if common == 0.0 {
        return 0.0;
    }
    common / (area(one) + area(two) - common)
}

/// The area below the envelope of `[recall, precision]`.
fn area(curve: &[[f64; 2]]) -> f64 {
    let (mut sum, mut envelope) = (0.0, 0.0_f64);
    for (at, &[recall, precision]) in curve.iter().enumerate().rev() {
        envelope = envelope.max(precision);
        let before = if at == 0 { 0.0 } else { curve[at - 1][0] };
        sum += (recall - before) * envelope;
    }
    sum
}

fn eleven_points(curve: &[[f64; 2]]) -> f64 {
    let best_from = |recall: f64| {
        let reached = curve.iter().filter(|point| point[0] >= recall);
        reached.map(|point| point[1]).fold(0.0, f64::max)
    };
    (0..=10)
        .map(|tenth| best_from(0.1 * f64::from(tenth)))
        .sum::<f64>()
        / 11.0
}
