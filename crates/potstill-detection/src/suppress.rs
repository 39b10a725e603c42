//! Which of many detections are kept.

use crate::{Corners, boxes::overlap};

/// Non-maximum suppression: the detections that no better one overlaps by more than `most`, by falling score. Among equal scores the
/// earlier detection is the better one. A score that is not a number is the lowest.
///
/// ```
/// use potstill_detection::suppress;
/// let boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0], [20.0, 0.0, 30.0, 10.0]];
/// assert_eq!(suppress(&boxes, &[0.6, 0.9, 0.7], 0.5), [1, 2]);
/// ```
pub fn suppress(boxes: &[Corners], scores: &[f32], most: f32) -> Vec<usize> {
    kept(boxes, scores, |_, _| true, most)
}

/// The same for each class by itself.
pub fn suppress_by_class(boxes: &[Corners], scores: &[f32], classes: &[usize], most: f32) -> Vec<usize> {
    kept(boxes, scores, |a, b| classes.get(a) == classes.get(b), most)
}

fn kept(boxes: &[Corners], scores: &[f32], rivals: impl Fn(usize, usize) -> bool, most: f32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len().min(scores.len())).collect();
    let rank = |at: usize| {
        if scores[at].is_nan() {
            f32::NEG_INFINITY
        } else {
            scores[at]
        }
    };
    order.sort_by(|&a, &b| rank(b).total_cmp(&rank(a)));
    let mut kept: Vec<usize> = Vec::new();
    for at in order {
        let is_beaten = |&better: &usize| rivals(at, better) && overlap(boxes[at], boxes[better]) > most;
        if !kept.iter().any(is_beaten) {
            kept.push(at);
        }
    }
    kept
}
