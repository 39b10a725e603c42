//! What all methods have in common.

use burn::tensor::{Int, Tensor};
use potstill_ops::{Parameters, Pass, Point, Taps};

/// The points that a method reads from each network, besides the logits.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Points of the student.
    pub student: Vec<Point>,
    /// Points of the teacher.
    pub teacher: Vec<Point>,
}

/// What one network did with the batch.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `[N, K]`.
    pub logits: Tensor<2>,
    /// The maps that were asked for.
    pub taps: Taps,
}

/// One training step, as a method sees it.
pub struct Step<'a> {
    /// The student, tracked.
    pub student: &'a Seen,
    /// The teacher, on the plain device: a constant.
    pub teacher: Option<&'a Seen>,
    /// Class indices `[N]`.
    pub labels: &'a Tensor<1, Int>,
    /// The epoch, from 0.
    pub epoch: usize,
}

/// One term of the loss.
#[derive(Debug, Clone)]
pub struct Term {
    /// The name in logs and metrics.
    pub name: &'static str,
    /// The loss, a tensor with one element.
    pub value: Tensor<1>,
    /// The method's own factor at this moment (a ramp), besides the weight in the recipe.
    pub factor: f64,
}

/// A distillation method, planned for two networks.
pub trait Method: Send {
    /// Its name in the registry.
    fn name(&self) -> &'static str;

    /// What it reads.
    fn reads(&self) -> Reads {
        Reads::default()
    }

    /// The modules that it trains beside the student, if it has any. They never reach the deployed student.
    fn modules(&self) -> Option<&dyn Parameters> {
        None
    }

    /// The same, to be trained.
    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        None
    }

    /// The loss terms of one step. The method's own modules run in `pass`.
    fn terms(&self, step: &Step<'_>, pass: &mut Pass<'_>) -> Vec<Term>;
}
