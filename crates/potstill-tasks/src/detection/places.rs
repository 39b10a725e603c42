//! The rows of one-stage detectors: the class scores of every anchor, default box or cell.

use burn::tensor::Tensor;
use potstill_models::{CellDetections, DefaultBoxDetections, DenseDetections, Detections, PlaceDetections};

use crate::{Probabilities, RowSet, Rows, TaskError};

/// A set for each map of scores: of RetinaNet and FCOS the classes at each level, then the centre-ness; of SSD the classes with the background at each
/// map; of FastestDet the classes and the objectness of its cells. Anchors of a place stand behind each other.
///
/// A teacher whose boxes are not read has the classes of the levels alone, and only they are compared.
pub(super) fn rows(student: &Detections, teachers: &[&Detections]) -> Result<Vec<RowSet>, TaskError> {
    let mut own = scores(student).ok_or(TaskError::Places)?;
    if teachers
        .iter()
        .any(|teacher| matches!(teacher, Detections::Places(_)))
        && let Detections::Dense(dense) = student
    {
        own.truncate(dense.levels.len());
    }
    let theirs = teachers.iter().map(|teacher| match (teacher, student) {
        (Detections::Places(places), Detections::Dense(dense)) => of_places(places, dense),
        _ => scores(teacher).ok_or(TaskError::Places),
    });
    let theirs = theirs.collect::<Result<Vec<_>, _>>()?;
    let set = |(map, own): (usize, Rows)| {
        let beside = theirs.iter().map(|maps| {
            let beside = maps
                .get(map)
                .filter(|beside| beside.probabilities == own.probabilities);
            Ok(beside.ok_or(TaskError::Places)?.logits.clone())
        });
        let beside = beside.collect::<Result<_, TaskError>>()?;
        RowSet::new(own, beside)
    };
    own.into_iter().enumerate().map(set).collect()
}

/// The class scores of a teacher at the places of the student's levels.
fn of_places(places: &PlaceDetections, student: &DenseDetections) -> Result<Vec<Rows>, TaskError> {
    let levels = places
        .split(&student.anchors_of_levels())
        .ok_or(TaskError::Places)?;
    let sizes = student.levels.iter().map(|level| level.size);
    let rows = levels.iter().zip(sizes);
    Ok(rows
        .map(|(logits, size)| of_map(logits, size, Probabilities::Sigmoid))
        .collect())
}

/// The maps of scores; `None` of a detector that has none.
fn scores(detections: &Detections) -> Option<Vec<Rows>> {
    match detections {
        Detections::Dense(dense) => Some(of_dense(dense)),
        Detections::DefaultBoxes(boxes) => Some(of_default_boxes(boxes)),
        Detections::Cells(cells) => Some(of_cells(cells)),
        Detections::Regions(_) | Detections::Places(_) => None,
    }
}

fn of_dense(dense: &DenseDetections) -> Vec<Rows> {
    let sigmoid = Probabilities::Sigmoid;
    let classes = dense
        .levels
        .iter()
        .map(|level| of_map(&level.logits, level.size, sigmoid));
    let centerness = dense.levels.iter().filter_map(|level| {
        let logits = level.centerness.as_ref()?;
        Some(of_map(logits, level.size, sigmoid))
    });
    classes.chain(centerness).collect()
}

fn of_default_boxes(boxes: &DefaultBoxDetections) -> Vec<Rows> {
    let maps = boxes.maps.iter();
    maps.map(|map| of_map(&map.logits, map.size, Probabilities::Softmax))
        .collect()
}

fn of_cells(detections: &CellDetections) -> Vec<Rows> {
    let rows = |logits: &Tensor<4>, probabilities| Rows::alike(logits.clone().flatten(0, 2), probabilities);
    vec![
        rows(&detections.cells.logits, Probabilities::Softmax),
        rows(&detections.cells.objectness, Probabilities::Sigmoid),
    ]
}

/// Scores `[N, h w A, K]` of a map of h x w, one anchor below the other.
fn of_map(logits: &Tensor<3>, [height, width]: [usize; 2], probabilities: Probabilities) -> Rows {
    let anchors = logits.dims()[1] / (height * width).max(1);
    Rows {
        per_place: Some(anchors.max(1)),
        ..Rows::alike(logits.clone().flatten(0, 1), probabilities)
    }
}
