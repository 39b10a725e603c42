//! What networks did with a batch.

use burn::tensor::{Tensor, activation::log_softmax};
use potstill_ops::{Point, Taps};

use crate::MethodError;

/// What one network did with a batch.
#[derive(Debug, Clone)]
pub struct NetworkOutput {
    /// The images as the network took them, normalised, `[N, H, W, C]`, on the plain device.
    pub images: Tensor<4>,
    /// `[N, K]`.
    pub logits: Tensor<2>,
    /// The maps that were asked for.
    pub taps: Taps,
}

impl NetworkOutput {
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
            logits: self.logits.clone().inner(),
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

    /// The mean of several teachers: a constant without maps, whose logits are the logarithms of the mean of their probabilities.
    /// `None` of none. The weights are taken as shares of their sum.
    pub fn mean(members: &[(f64, &Self)]) -> Option<Self> {
        let (_, first) = members.first()?;
        let total: f64 = members.iter().map(|(weight, _)| weight).sum();
        let members: Vec<_> = members
            .iter()
            .map(|(weight, member)| (weight / total, member.output.logits.clone()))
            .collect();
        Some(Self {
            output: NetworkOutput {
                images: first.output.images.clone(),
                logits: mean_of_softened(&members, 1.0),
                taps: Taps::default(),
            },
            tracked: None,
            members,
        })
    }

    /// What it did, a constant, whether it trains or not.
    pub fn constant(&self) -> &NetworkOutput {
        &self.output
    }

    /// The same pass of a teacher that trains beside the student, tracked. `None` for a frozen one, and for one that is updated first.
    pub fn tracked(&self) -> Option<&NetworkOutput> {
        self.tracked.as_ref()
    }

    /// Logits `[N, K]` whose softmax at this temperature is the teacher's: of one teacher its own, of several those of the mean of
    /// their softened probabilities (You, Xu, Xu and Tao, "Learning from Multiple Teacher Networks", KDD 2017, section 3.2).
    pub fn logits(&self, temperature: f64) -> Tensor<2> {
        if self.members.is_empty() {
            return self.output.logits.clone();
        }
        mean_of_softened(&self.members, temperature)
    }
}

/// `T log(sum_i w_i softmax(z_i / T))`, by the largest of the logarithms at every place, so that nothing is too small for its digits.
fn mean_of_softened(members: &[(f64, Tensor<2>)], temperature: f64) -> Tensor<2> {
    let logs: Vec<Tensor<2>> = members
        .iter()
        .map(|(_, logits)| log_softmax(logits.clone() / temperature, 1))
        .collect();
    let mut largest = logs[0].clone();
    for log in &logs[1..] {
        largest = largest.max_pair(log.clone());
    }
    let shares = logs.into_iter().zip(members);
    let shares = shares.map(|(log, (weight, _))| (log - largest.clone()).exp() * *weight);
    let sum = shares.reduce(|sum, share| sum + share);
    match sum {
        Some(sum) => (sum.log() + largest) * temperature,
        None => largest,
    }
}
