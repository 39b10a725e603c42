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
    /// The weights and logits of several teachers; empty for one.
    members: Vec<(f64, Tensor<2>)>,
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

    /// The mean of several teachers: a constant without maps, whose logits are those of the mean of their probabilities. `None` of none.
    /// The weights are taken as shares of their sum.
    ///
    /// # Errors
    /// [`MethodError::Output`] if one of them gives no logits.
    pub fn mean(members: &[(f64, &Self)], probabilities: Probabilities) -> Result<Option<Self>, MethodError> {
        let Some((_, first)) = members.first() else {
            return Ok(None);
        };
        let total: f64 = members.iter().map(|(weight, _)| weight).sum();
        let members = members
            .iter()
            .map(|(weight, member)| Ok((weight / total, member.output.logits()?)));
        let members = members.collect::<Result<Vec<_>, MethodError>>()?;
        Ok(probabilities.mean(&members, 1.0).map(|logits| Self {
            output: NetworkOutput {
                images: first.output.images.clone(),
                outputs: Outputs::Logits(logits),
                taps: Taps::default(),
            },
            tracked: None,
            members,
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

    /// Logits `[N, K]` whose probabilities at this temperature are the teacher's: of one teacher its own, of several those of the mean of
    /// their softened probabilities, see [`Probabilities::mean`].
    ///
    /// # Errors
    /// [`MethodError::Output`] if the teacher gives no logits.
    pub fn logits(&self, temperature: f64, probabilities: Probabilities) -> Result<Tensor<2>, MethodError> {
        match probabilities.mean(&self.members, temperature) {
            Some(mean) => Ok(mean),
            None => self.output.logits(),
        }
    }
}
