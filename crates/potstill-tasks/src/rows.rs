//! Rows: the class scores of a network one below the other, whatever task they are for.
//!
//! A method of logits compares rows and need not know what a row is: an image, a pixel, a place of a detector's map, a region of an image.

use burn::tensor::{Int, Tensor};

use crate::{Probabilities, TaskError};

/// R rows of K class scores.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Before any softmax or sigmoid, `[R, K]`.
    pub logits: Tensor<2>,
    /// How they become probabilities.
    pub probabilities: Probabilities,
    /// How much each row counts, `[R]`: 0 for a pixel that is ignored. All alike if `None`.
    pub weights: Option<Tensor<1>>,
    /// The class of each row, `[R]`, where each has one; that of a row that does not count may be any.
    pub classes: Option<Tensor<1, Int>>,
    /// Images, height and width of the map whose places the rows are, one after the other; `None` if they are no map's.
    pub map: Option<[usize; 3]>,
    /// How many rows in a row are of one place of a detector's map: its anchors. `None` of rows that are no places of a detector.
    pub per_place: Option<usize>,
}

/// The rows of the student, and those of its teachers beside them.
#[derive(Debug, Clone)]
pub struct RowSet {
    /// The student's.
    pub student: Rows,
    /// The logits of each teacher, `[R, K]`.
    pub teachers: Vec<Tensor<2>>,
}

impl Rows {
    /// Rows that count alike.
    pub fn alike(logits: Tensor<2>, probabilities: Probabilities) -> Self {
        Self {
            logits,
            probabilities,
            weights: None,
            classes: None,
            map: None,
            per_place: None,
        }
    }

    /// The same scores in one row for each place, as if they excluded each other: what TST's program compares of RetinaNet and FCOS. Rows of a single score
    /// stay as they are. Of the teacher's logits as well.
    #[must_use]
    pub fn over_anchors(self, teacher: Tensor<2>) -> (Self, Tensor<2>) {
        let [rows, columns] = self.logits.dims();
        let per_place = self.per_place.filter(|&anchors| rows % anchors.max(1) == 0);
        let (Some(per_place), true) = (per_place, columns > 1) else {
            return (self, teacher);
        };
        if self.probabilities == Probabilities::Softmax {
            return (self, teacher);
        }
        let per_place = per_place.max(1);
        let shape = [rows / per_place, columns * per_place];
        let rows = Self::alike(self.logits.reshape(shape), Probabilities::Softmax);
        (rows, teacher.reshape(shape))
    }

    /// How far these rows are from the teacher's `[R, K]`, softened by the temperature T: the mean over the rows that count of
    /// [`Probabilities::divergences`]. A tensor with one element.
    pub fn divergence(&self, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
        let student = self.logits.clone();
        match &self.weights {
            None => self.probabilities.divergence(student, teacher, temperature),
            Some(_) => self.mean(self.probabilities.divergences(student, teacher, temperature)),
        }
    }

    /// The same with every score weighted by `|p_T - p_S|^focal` of both softened probabilities, and a row of scores that exclude each other by half
    /// the sum of `|p_T - p_S|`, to that power. The weights are constants; at 0 they are 1. A tensor with one element.
    pub fn focal_divergence(&self, teacher: Tensor<2>, temperature: f64, focal: f64) -> Tensor<1> {
        if focal == 0.0 {
            return self.divergence(teacher, temperature);
        }
        let student = self.logits.clone();
        self.mean(
            self.probabilities
                .focal_divergences(student, teacher, temperature, focal),
        )
    }

    /// The mean of what each row has, `[R]`, by how much it counts; 0 if none does. A tensor with one element.
    pub fn mean(&self, values: Tensor<1>) -> Tensor<1> {
        let Some(weights) = &self.weights else {
            let rows = values.dims()[0].max(1) as f64;
            // The derivative of a division by a number is one of single precision.
            return values.sum() * (1.0 / rows);
        };
        let weights = weights.clone().cast(values.dtype());
        let total = weights.clone().sum();
        // Where no row counts the sum is 0 as well.
        let is_none = total.clone().lower_equal_elem(0.0);
        (values * weights).sum() / total.mask_fill(is_none, 1.0)
    }
}

impl RowSet {
    /// Rows with those of the teachers beside them.
    ///
    /// # Errors
    /// [`TaskError::Rows`] if a teacher has other rows.
    pub fn new(student: Rows, teachers: Vec<Tensor<2>>) -> Result<Self, TaskError> {
        let ours = student.logits.dims();
        match teachers.iter().map(Tensor::dims).find(|theirs| *theirs != ours) {
            Some(theirs) => Err(TaskError::Rows {
                student: ours,
                teacher: theirs,
            }),
            None => Ok(Self { student, teachers }),
        }
    }
}
