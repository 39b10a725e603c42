//! What networks did with a batch.

use burn::tensor::Tensor;
use potstill_models::Outputs;
use potstill_ops::{Point, Taps};
use potstill_tasks::Probabilities;

use crate::MethodError;

/// What one network did with a batch.
#[derive(Debug, Clone)]
pub struct NetworkOutput {
    /// The images as the network took them, normalised, `[N, H, W, C]`, on the plain device.
    pub images: Tensor<4>,
    /// What it gives.
    pub outputs: Outputs,
    /// The maps that were asked for.
    pub taps: Taps,
}

impl NetworkOutput {
    /// The logits `[N, K]`.
    ///
    /// # Errors
    /// [`MethodError::Output`] if the network gives outputs of another kind.
    pub fn logits(&self) -> Result<Tensor<2>, MethodError> {
        Ok(self.outputs.logits()?.clone())
    }

    /// The map at a point, `[N, H, W, C]`.
    ///
    /// # Errors
    /// [`MethodError::Tap`] if the method does not list the point in [`reads`](crate::Method::reads) for this epoch.
    pub fn tap(&self, point: &Point) -> Result<Tensor<4>, MethodError> {
        Ok(self.taps.get(point)?)
    }

    /// The maps at these points, in their order.
    ///
    /// # Errors
    /// As [`tap`](Self::tap).
    pub fn taps_at(&self, points: &[Point]) -> Result<Vec<Tensor<4>>, MethodError> {
        points.iter().map(|point| self.tap(point)).collect()
    }

    /// The same on the plain device: constants.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            images: self.images.clone(),
            outputs: self.outputs.clone().detached(),
            taps: self.taps.detached(),
        }
    }
}

/// What the teacher of an entry did with a batch.
#[derive(Debug, Clone)]
pub struct TeacherOutput {
    output: NetworkOutput,
    tracked: Option<NetworkOutput>,
    /// The shares and outputs of several teachers; empty for one.
    members: Vec<(f64, Outputs)>,
}

impl TeacherOutput {
    /// Of a teacher that stays as it is.
    pub fn frozen(output: NetworkOutput) -> Self {
        Self {
            output,
            tracked: None,
            members: Vec::new(),
        }
    }

    /// Of a teacher that trains, whose pass is tracked.
    pub fn online(tracked: NetworkOutput) -> Self {
        Self {
            output: tracked.detached(),
            tracked: Some(tracked),
            members: Vec::new(),
        }
    }

    /// The mean of several teachers: a constant without maps. `None` of none. The weights are taken as shares of their sum. Rows of logits
    /// are those of the mean of their softened probabilities, see [`StepContext::rows`](crate::StepContext::rows).
    ///
    /// # Errors
    /// [`MethodError::Output`] if they give outputs of different kinds.
    pub fn mean(members: &[(f64, &Self)], probabilities: Probabilities) -> Result<Option<Self>, MethodError> {
        let Some((_, first)) = members.first() else {
            return Ok(None);
        };
        let total: f64 = members.iter().map(|(weight, _)| weight).sum();
        let shares = || {
            members
                .iter()
                .map(|(weight, member)| (weight / total, &member.output.outputs))
        };
        // Of other outputs the mean is taken of rows only.
        let outputs = if let Outputs::Logits(_) = &first.output.outputs {
            let logits = shares().map(|(share, outputs)| Ok((share, outputs.logits()?.clone())));
            let logits = logits.collect::<Result<Vec<_>, MethodError>>()?;
            probabilities.mean(&logits, 1.0).map(Outputs::Logits)
        } else {
            Some(first.output.outputs.clone())
        };
        Ok(outputs.map(|outputs| Self {
            output: NetworkOutput {
                images: first.output.images.clone(),
                outputs,
                taps: Taps::default(),
            },
            tracked: None,
            members: shares()
                .map(|(share, outputs)| (share, outputs.clone()))
                .collect(),
        }))
    }

    /// What it did, a constant, whether it trains or not.
    pub fn constant(&self) -> &NetworkOutput {
        &self.output
    }

    /// The same pass of a teacher that trains beside the student, tracked. `None` for a frozen one, and for one that is updated first.
    pub fn tracked(&self) -> Option<&NetworkOutput> {
        self.tracked.as_ref()
    }

    /// What it gives, or what each of several gives, with its share in the mean: constants.
    pub fn members(&self) -> Vec<(f64, &Outputs)> {
        match &self.members[..] {
            [] => vec![(1.0, &self.output.outputs)],
            several => several.iter().map(|(share, outputs)| (*share, outputs)).collect(),
        }
    }
}
