//! Which object a place of FCOS learns.

use crate::{
    Corners,
    boxes::{area, center},
};

/// Gives places objects as FCOS (Tian et al. 2019) does with centre sampling.
///
/// A place learns an object if it is inside its box, near its middle, and the longest way to a side of the box fits its level: no bound below at the
/// first level, none above at the last. Of several objects it learns the smallest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointMatcher {
    /// How far from the middle of an object a place may be, in strides.
    pub radius: f32,
    /// Between how many strides the longest way to a side is.
    pub reach: [f32; 2],
}

impl PointMatcher {
    /// That of FCOS: 1.5 strides, ways of 4 to 8.
    pub fn fcos() -> Self {
        Self {
            radius: 1.5,
            reach: [4.0, 8.0],
        }
    }

    /// The object that each place learns. `anchors` are squares as long as the stride, one level after the other, so many at each of
    /// `levels`.
    pub fn matches(&self, objects: &[Corners], anchors: &[Corners], levels: &[usize]) -> Vec<Option<usize>> {
        let mut matches = Vec::with_capacity(anchors.len());
        let mut end = 0;
        for (level, &count) in levels.iter().enumerate() {
            let places = &anchors[end.min(anchors.len())..(end + count).min(anchors.len())];
            end += count;
            let [is_first, is_last] = [level == 0, level + 1 == levels.len()];
            matches.extend(places.iter().map(|&anchor| {
                let stride = anchor[2] - anchor[0];
                let longest = [
                    if is_first { 0.0 } else { self.reach[0] * stride },
                    if is_last {
                        f32::INFINITY
                    } else {
                        self.reach[1] * stride
                    },
                ];
                let place = center(anchor);
                let fitting = objects
                    .iter()
                    .enumerate()
                    .filter(|(_, object)| fits(**object, place, self.radius * stride, longest));
                let smallest = fitting.min_by(|(_, a), (_, b)| area(**a).total_cmp(&area(**b)));
                smallest.map(|(object, _)| object)
            }));
        }
        matches
    }
}

fn fits(object: Corners, [x, y]: [f32; 2], radius: f32, [least, most]: [f32; 2]) -> bool {
    let [u, v] = center(object);
    let ways = [x - object[0], y - object[1], object[2] - x, object[3] - y];
    let longest = ways.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let is_near = (x - u).abs().max((y - v).abs()) < radius;
    is_near && ways.iter().all(|way| *way > 0.0) && longest > least && longest < most
}
