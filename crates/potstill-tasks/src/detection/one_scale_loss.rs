//! The losses of FastestDet, which sees objects at one scale.

use std::collections::HashMap;

use burn::tensor::{Tensor, activation::sigmoid};
use potstill_models::CellMaps;
use potstill_ops::select_places;

use super::{
    columns::Columns,
    objects::ImageObjects,
    rows::{constant, cross_entropies},
    smooth_l1::smooth_l1,
};

/// Keeps divisions from nothing.
const EPSILON: f64 = 1e-7;
/// What the objectness of a cell without an object counts, and those of all cells with one together.
const BACKGROUND: f64 = 0.75;
const OBJECTS: f64 = 0.25;
/// What the losses of boxes, objectness and classes count.
pub const ONE_SCALE_WEIGHTS: [f64; 3] = [8.0, 16.0, 1.0];

/// A cell that may learn an object.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    image: usize,
    /// Among all cells of the batch.
    row: usize,
    /// Column and row of the cell.
    cell: [f32; 2],
    /// Middle and sides of the object, in cells.
    object: [f32; 4],
    class: usize,
}

/// The losses of FastestDet, each before its weight ([8, 16, 1]): of the boxes, of the objectness and of the classes. Boxes are in pixels of
/// images of `[height, width]`.
///
/// An object is offered to the four cells around its middle. Those whose box overlaps it more than the mean of all of them learn it; their
/// objectness learns the overlap, and gradients go through that as well.
pub fn one_scale_losses(outputs: &CellMaps, objects: &[ImageObjects], image: [usize; 2]) -> [Tensor<1>; 3] {
    let [_, height, width, _] = outputs.objectness.dims();
    let cells = |map: &Tensor<4>| map.clone().flatten::<2>(0, 2);
    let objectness = sigmoid(cells(&outputs.objectness));
    let candidates = candidates(objects, [height, width], image);
    let none = objectness.clone().sum() * 0.0;
    let similarity = similarities(cells(&outputs.codes), &candidates, [height, width]);
    let chosen = above_mean(&similarity);
    if chosen.is_empty() {
        let loss = objectness_loss(objectness, &[], None, height * width);
        return [none.clone(), loss, none];
    }
    let (similarity, chosen): (_, Vec<Candidate>) = (
        select_places(similarity, &chosen),
        chosen.iter().map(|&at| candidates[at]).collect(),
    );
    let boxes = -similarity.clone().mean() + 1.0;
    let classes = class_loss(cells(&outputs.logits), &chosen);
    let objectness = objectness_loss(objectness, &chosen, Some(similarity), height * width);
    [boxes, objectness, classes]
}

/// The cells that each object is offered to: corner by corner of the square that its middle lies in. Cells of the first row and column,
/// and those beyond the map, take none.
fn candidates(objects: &[ImageObjects], [height, width]: [usize; 2], image: [usize; 2]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for [right, down] in [[0, 0], [1, 0], [0, 1], [1, 1]] {
        for (number, own) in objects.iter().enumerate() {
            for (&corners, &class) in own.boxes.iter().zip(&own.classes) {
                let object = in_cells(corners, [height, width], image);
                let cell = [object[0] as i64 + right, object[1] as i64 + down];
                let is_inside =
                    cell[0] > 0 && cell[1] > 0 && cell[0] < width as i64 && cell[1] < height as i64;
                if is_inside {
                    candidates.push(Candidate {
                        image: number,
                        row: (number * height + cell[1] as usize) * width + cell[0] as usize,
                        cell: cell.map(|at| at as f32),
                        object,
                        class,
                    });
                }
            }
        }
    }
    candidates
}

/// Middle and sides of a box, in cells.
fn in_cells([left, top, right, bottom]: [f32; 4], map: [usize; 2], image: [usize; 2]) -> [f32; 4] {
    let [down, across] = [0, 1].map(|axis| map[axis] as f32 / image[axis].max(1) as f32);
    [
        0.5 * (left + right) * across,
        0.5 * (top + bottom) * down,
        (right - left) * across,
        (bottom - top) * down,
    ]
}

/// How well the box of each candidate's cell fits its object, `[candidates, 1]`.
fn similarities(codes: Tensor<2>, candidates: &[Candidate], [height, width]: [usize; 2]) -> Tensor<2> {
    let rows: Vec<usize> = candidates.iter().map(|one| one.row).collect();
    let codes = select_places(codes, &rows);
    let cells: Vec<[f32; 2]> = candidates.iter().map(|one| one.cell).collect();
    let objects: Vec<[f32; 4]> = candidates.iter().map(|one| one.object).collect();
    let (cells, objects) = (constant(&cells, &codes), constant(&objects, &codes));
    let middle = codes.clone().narrow(1, 0, 2).tanh() + cells;
    let sides = sigmoid(codes.narrow(1, 2, 2));
    let boxes = Columns::about(
        [middle.clone().narrow(1, 0, 1), middle.narrow(1, 1, 1)],
        [
            sides.clone().narrow(1, 0, 1) * width as f64,
            sides.narrow(1, 1, 1) * height as f64,
        ],
    );
    let Columns([x, y, across, down]) = Columns::of(&objects);
    siou(&boxes, &Columns::about([x, y], [across, down]))
}

/// The overlap less half of what distance and shape cost (SIoU, Gevorgyan 2022), as FastestDet's authors compute it.
fn siou(one: &Columns, two: &Columns) -> Tensor<2> {
    let (sides, other) = (one.sides(), two.sides());
    let common = one.common_with(two);
    let area = |[width, height]: &[Tensor<2>; 2]| width.clone() * (height.clone() + EPSILON);
    let union = area(&sides) + area(&other) - common.clone() + EPSILON;
    let [width, height] = one.around(two).sides();
    let [[x, y], [u, v]] = [one.center(), two.center()];
    let (dx, dy) = (u - x, v - y);
    // The sine of twice the angle; boxes about one middle have none.
    let squares = (dx.clone().powi_scalar(2) + dy.clone().powi_scalar(2)).clamp_min(1e-12);
    let angle = (dx.clone() * dy.clone()).abs() * 2.0 / squares - 2.0;
    let far = |way: Tensor<2>, side: Tensor<2>| (angle.clone() * (way / side).powi_scalar(2)).exp();
    let distance = -far(dx, width) - far(dy, height) + 2.0;
    let unlike = |own: &Tensor<2>, other: &Tensor<2>| {
        let share = (own.clone() - other.clone()).abs() / own.clone().max_pair(other.clone());
        (-(-share).exp() + 1.0).powi_scalar(4)
    };
    let shape =
        unlike(&sides[0], &other[0]) + unlike(&(sides[1].clone() + EPSILON), &(other[1].clone() + EPSILON));
    common / union - (distance + shape) * 0.5
}

/// The rows above the mean of all.
fn above_mean(similarity: &Tensor<2>) -> Vec<usize> {
    let values: Vec<f64> = similarity.clone().inner().into_data().iter().collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let above = values.iter().enumerate().filter(|(_, value)| **value > mean);
    above.map(|(at, _)| at).collect()
}

/// The mean cross-entropy of the classes of the chosen cells.
fn class_loss(logits: Tensor<2>, chosen: &[Candidate]) -> Tensor<1> {
    let rows: Vec<usize> = chosen.iter().map(|one| one.row).collect();
    let classes: Vec<usize> = chosen.iter().map(|one| one.class).collect();
    cross_entropies(select_places(logits, &rows), &classes).mean()
}

/// The smooth L1 loss of the objectness `[cells, 1]`: towards the similarity in the chosen cells, towards 0 elsewhere; the mean over all
/// cells. Where a cell was chosen twice the last one counts; `cells` are those of one image.
fn objectness_loss(
    objectness: Tensor<2>,
    chosen: &[Candidate],
    similarity: Option<Tensor<2>>,
    cells: usize,
) -> Tensor<1> {
    let all = objectness.dims()[0];
    let (mut of_image, mut last) = (HashMap::new(), HashMap::new());
    for (at, one) in chosen.iter().enumerate() {
        *of_image.entry(one.image).or_insert(0_usize) += 1;
        last.insert(one.row, at);
    }
    let mut factors = vec![[BACKGROUND as f32]; all];
    for &row in last.keys() {
        factors[row] = [0.0];
    }
    let factors = constant(&factors, &objectness);
    let background = (smooth_l1(objectness.clone(), 1.0) * factors).sum();
    let Some(similarity) = similarity else {
        return background / all as f64;
    };
    let mut kept: Vec<usize> = last.into_values().collect();
    kept.sort_unstable();
    let rows: Vec<usize> = kept.iter().map(|&at| chosen[at].row).collect();
    let factor = |&at: &usize| [(OBJECTS * cells as f64 / of_image[&chosen[at].image] as f64) as f32];
    let factors: Vec<[f32; 1]> = kept.iter().map(factor).collect();
    let difference = select_places(objectness, &rows) - select_places(similarity, &kept);
    let factors = constant(&factors, &difference);
    (background + (smooth_l1(difference, 1.0) * factors).sum()) / all as f64
}
