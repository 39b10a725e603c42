//! Targets that move with their image.

use super::matrix::AffineMatrix;
use super::motion::{Keep, Motion, Move};
use crate::{BoundingBox, Instance, InstanceShape, LabelMap, LabelledBox, Mask, Polygon, Target};

/// A target on its way through a pipeline, with what is still visible of each object.
pub(super) struct MovingTarget {
    target: Target,
    /// The share of each object that has not left the image.
    visible: Vec<f64>,
}

impl MovingTarget {
    pub fn new(target: Target) -> Self {
        let objects = match &target {
            Target::Boxes(boxes) => boxes.len(),
            Target::Instances(instances) => instances.len(),
            Target::Class(_) | Target::Classes(_) | Target::Map(_) | Target::None => 0,
        };
        Self {
            target,
            visible: vec![1.0; objects],
        }
    }

    /// What it is now.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Moves it as its image of this size.
    pub fn step(&mut self, Move { motion, keep }: &Move, size: [usize; 2]) {
        if motion.is_still() {
            return;
        }
        let (matrix, new) = (motion.matrix(size), motion.size(size));
        let kept = |bounds: &BoundingBox, share: f64| kept_share(bounds, &matrix, new, *keep, share);
        match &mut self.target {
            Target::Class(_) | Target::Classes(_) | Target::None => {}
            Target::Boxes(boxes) => {
                for (labelled, visible) in boxes.iter_mut().zip(&mut self.visible) {
                    let (bounds, share) = moved_box(&labelled.bounds, &matrix, new);
                    *visible *= kept(&labelled.bounds, share);
                    labelled.bounds = bounds;
                }
            }
            Target::Instances(instances) => {
                let sources = motion.sources(size);
                for (instance, visible) in instances.iter_mut().zip(&mut self.visible) {
                    let (shape, share) = match &instance.shape {
                        InstanceShape::Mask(mask) => moved_mask(mask, &sources, &matrix, new),
                        InstanceShape::Polygons(polygons) => moved_polygons(polygons, &matrix, new),
                    };
                    *visible *= kept(&instance.bounds, share);
                    instance.bounds = shape.bounds().unwrap_or(BoundingBox::new(0.0, 0.0, 0.0, 0.0));
                    instance.shape = shape;
                }
            }
            Target::Map(map) => {
                let label = |source: &Option<usize>| source.map_or(LabelMap::IGNORE, |at| map.labels[at]);
                let labels = motion.sources(size).iter().map(label).collect();
                let [height, width] = new;
                *map = LabelMap {
                    height,
                    width,
                    labels,
                };
            }
        }
    }

    /// The share of each object that has not left the image.
    #[cfg(test)]
    pub fn visible(&self) -> &[f64] {
        &self.visible
    }

    /// The target without the objects of which less than this share is visible, or nothing at all.
    pub fn finish(self, min_visible: f64) -> Target {
        let mut visible = self
            .visible
            .iter()
            .map(|&share| share > 0.0 && share >= min_visible);
        let mut stays = |bounds: &BoundingBox| visible.next().unwrap_or(true) && bounds.area() > 0.0;
        match self.target {
            Target::Boxes(mut boxes) => {
                boxes.retain(|LabelledBox { bounds, .. }| stays(bounds));
                Target::Boxes(boxes)
            }
            Target::Instances(mut instances) => {
                instances.retain(|Instance { bounds, .. }| stays(bounds));
                Target::Instances(instances)
            }
            other => other,
        }
    }
}

impl Target {
    /// The target of an image of `size`, `[height, width]`, that is moved within its size by a map. Boxes
    /// become the smallest ones around the moved ones; objects are cut at the edges and dropped where less
    /// than the share `min_visible` of them is left; masks and label maps take the nearest pixel, and have
    /// nothing or [`LabelMap::IGNORE`] where there was no picture.
    ///
    /// ```
    /// use potstill_data::{AffineMatrix, BoundingBox, LabelledBox, Target};
    /// let bounds = BoundingBox::new(0.0, 0.0, 4.0, 4.0);
    /// let target = Target::Boxes(vec![LabelledBox::new(1, bounds)]);
    /// let moved = |by| target.clone().warped([8, 8], &AffineMatrix::translation([by, 0.0]), 0.3);
    /// assert_eq!(moved(5.0).classes(), [1]);
    /// assert!(moved(7.0).classes().is_empty(), "only a quarter is left of it");
    /// ```
    #[must_use]
    pub fn warped(self, size: [usize; 2], matrix: &AffineMatrix, min_visible: f64) -> Self {
        let mut moving = MovingTarget::new(self);
        moving.step(&Motion::Affine(*matrix).into(), size);
        moving.finish(min_visible)
    }
}

/// The share by which an object counts as still visible, of which this share is inside the new image.
fn kept_share(bounds: &BoundingBox, matrix: &AffineMatrix, new: [usize; 2], keep: Keep, share: f64) -> f64 {
    let [x, y] = matrix.point(bounds.centre());
    let [height, width] = new.map(|side| side as f64);
    let is_inside = 0.0 < x && x < width && 0.0 < y && y < height;
    match keep {
        Keep::CentreOrShare | Keep::Centre if is_inside && share > 0.0 => 1.0,
        Keep::Centre => 0.0,
        Keep::Share | Keep::CentreOrShare => share,
    }
}

/// What is inside the image of a moved box, and which share that is.
fn moved_box(bounds: &BoundingBox, matrix: &AffineMatrix, size: [usize; 2]) -> (BoundingBox, f64) {
    let moved = matrix.bounds(bounds);
    let inside = moved.clipped(size);
    (inside, share(inside.area(), moved.area()))
}

fn moved_mask(
    mask: &Mask,
    sources: &[Option<usize>],
    matrix: &AffineMatrix,
    [height, width]: [usize; 2],
) -> (InstanceShape, f64) {
    let inside = sources
        .iter()
        .map(|source| source.is_some_and(|at| mask.inside[at]))
        .collect();
    // By the old pixels, whose number no scaling changes.
    let old = mask.inside.iter().enumerate().filter(|(_, inside)| **inside);
    let stays = |at: usize| {
        let middle = [(at % mask.width) as f64 + 0.5, (at / mask.width) as f64 + 0.5];
        let [x, y] = matrix.point(middle);
        (0.0..width as f64).contains(&x) && (0.0..height as f64).contains(&y)
    };
    let (mut count, mut left) = (0, 0);
    for (at, _) in old {
        count += 1;
        left += usize::from(stays(at));
    }
    let moved = Mask {
        height,
        width,
        inside,
    };
    (InstanceShape::Mask(moved), share(left as f64, count as f64))
}

fn moved_polygons(polygons: &[Polygon], matrix: &AffineMatrix, size: [usize; 2]) -> (InstanceShape, f64) {
    let moved: Vec<Polygon> = polygons
        .iter()
        .map(|polygon| Polygon {
            points: polygon.points.iter().map(|point| matrix.point(*point)).collect(),
        })
        .collect();
    let inside: Vec<Polygon> = moved.iter().filter_map(|polygon| polygon.clipped(size)).collect();
    let area = |polygons: &[Polygon]| polygons.iter().map(Polygon::area).sum::<f64>();
    let share = share(area(&inside), area(&moved));
    (InstanceShape::Polygons(inside), share)
}

/// The share of a part; 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
