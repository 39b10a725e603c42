//! What networks did with a batch.

use burn::tensor::Tensor;
use potstill_models::{LinearHead, Outputs};
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

/// What the teacher of an entry did with a batch: constants, whether it trains or not.
#[derive(Debug, Clone)]
pub struct TeacherOutput {
    images: Tensor<4>,
    taps: Taps,
    /// `None` if nobody reads what the teacher gives: its heads did not run.
    outputs: Option<Outputs>,
    tracked: Option<NetworkOutput>,
    /// The shares and outputs of several teachers; empty for one.
    members: Vec<(f64, Outputs)>,
    /// Its classifier, if an entry reads it.
    head: Option<LinearHead>,
}

impl TeacherOutput {
    /// Of a teacher that stays as it is.
    pub fn frozen(output: NetworkOutput) -> Self {
        Self {
            outputs: Some(output.outputs),
            ..Self::maps_only(output.images, output.taps)
        }
    }

    /// Of a teacher that stays as it is and whose maps alone are read, for images `[N, H, W, C]`.
    pub fn maps_only(images: Tensor<4>, taps: Taps) -> Self {
        Self {
            images,
            taps,
            outputs: None,
            tracked: None,
            members: Vec::new(),
            head: None,
        }
    }

    /// The same with the teacher's classifier, for methods that read it.
    #[must_use]
    pub fn with_head(self, head: Option<&LinearHead>) -> Self {
        let head = head.map(LinearHead::detached);
        Self { head, ..self }
    }

    /// The teacher's classifier as it is in this step: a constant.
    ///
    /// # Errors
    /// [`MethodError::UnreadHead`] if the method does not say that it reads it ([`MethodInfo::heads`](crate::MethodInfo::heads)).
    pub fn head(&self) -> Result<&LinearHead, MethodError> {
        self.head.as_ref().ok_or(MethodError::UnreadHead)
    }

    /// Of a teacher that trains, whose pass is tracked.
    pub fn online(tracked: NetworkOutput) -> Self {
        let constant = Self::frozen(tracked.detached());
        Self {
            tracked: Some(tracked),
            ..constant
        }
    }

    /// The mean of several teachers: a constant without maps. `None` of none. The weights are taken as shares of their sum. Rows of logits
    /// are those of the mean of their softened probabilities, see [`StepContext::rows`](crate::StepContext::rows).
    ///
    /// # Errors
    /// [`MethodError::Output`] if they give outputs of different kinds, [`MethodError::UnreadOutputs`] as [`outputs`](Self::outputs).
    pub fn mean(members: &[(f64, &Self)], probabilities: Probabilities) -> Result<Option<Self>, MethodError> {
        let Some((_, first)) = members.first() else {
            return Ok(None);
        };
        let total: f64 = members.iter().map(|(weight, _)| weight).sum();
        let shares = members
            .iter()
            .map(|(weight, member)| Ok((weight / total, member.outputs()?.clone())));
        let members = shares.collect::<Result<Vec<_>, MethodError>>()?;
        // Of other outputs the mean is taken of rows only.
        let outputs = match first.outputs()? {
            Outputs::Logits(_) => {
                let logits = members
                    .iter()
                    .map(|(share, outputs)| Ok((*share, outputs.logits()?.clone())));
                let logits = logits.collect::<Result<Vec<_>, MethodError>>()?;
                probabilities.mean(&logits, 1.0).map(Outputs::Logits)
            }
            others => Some(others.clone()),
        };
        Ok(outputs.map(|outputs| Self {
            outputs: Some(outputs),
            members,
            ..Self::maps_only(first.images.clone(), Taps::default())
        }))
    }

    /// The images as the teacher took them, normalised, `[N, H, W, C]`, on the plain device.
    pub fn images(&self) -> &Tensor<4> {
        &self.images
    }

    /// What it gives.
    ///
    /// # Errors
    /// [`MethodError::UnreadOutputs`] if the method says that it does not read this ([`teacher_at`](crate::Method::teacher_at)).
    pub fn outputs(&self) -> Result<&Outputs, MethodError> {
        self.outputs.as_ref().ok_or(MethodError::UnreadOutputs)
    }

    /// Its logits `[N, K]`.
    ///
    /// # Errors
    /// [`MethodError::Output`] if the network gives outputs of another kind; as [`outputs`](Self::outputs).
    pub fn logits(&self) -> Result<Tensor<2>, MethodError> {
        Ok(self.outputs()?.logits()?.clone())
    }

    /// Its maps.
    pub fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Its map at a point, `[N, H, W, C]`.
    ///
    /// # Errors
    /// As [`NetworkOutput::tap`].
    pub fn tap(&self, point: &Point) -> Result<Tensor<4>, MethodError> {
        Ok(self.taps.get(point)?)
    }

    /// The same pass of a teacher that trains beside the student, tracked. `None` for a frozen one, and for one that is updated first.
    pub fn tracked(&self) -> Option<&NetworkOutput> {
        self.tracked.as_ref()
    }

    /// What it gives, or what each of several gives, with its share in the mean: constants.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs).
    pub fn members(&self) -> Result<Vec<(f64, &Outputs)>, MethodError> {
        Ok(match &self.members[..] {
            [] => vec![(1.0, self.outputs()?)],
            several => several.iter().map(|(share, outputs)| (*share, outputs)).collect(),
        })
    }
}
