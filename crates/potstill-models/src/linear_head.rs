//! The classifier of a network whose logits are linear in the mean of its last map.

use burn::tensor::Tensor;
use potstill_ops::Point;

use crate::{Model, ModelError};

/// A linear layer behind a global average: `logits = mean over all places of the map * weight^T + bias`. It is the end of most
/// convolutional networks, and because both are linear it says something of every place of the map as well.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_models::{BuildOptions, find};
/// use potstill_ops::{Point, Scope};
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "student");
/// let network = find("cifar_resnet8")?.build(BuildOptions::default(), &scope)?;
/// let head = network.linear_head().expect("it has one");
/// assert_eq!(head.map, Point::post("layer3.0"));
/// assert_eq!(head.weight.dims(), [10, 64]);
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LinearHead {
    /// Where the map `[N, H, W, C]` stands whose mean it reads.
    pub map: Point,
    /// `[K, C]`, one row for each class: tracked if the network trains.
    pub weight: Tensor<2>,
    /// `[K]`; `None` where nothing is added.
    pub bias: Option<Tensor<1>>,
    /// Whether the network keeps its weight as `[C, K]`.
    rows_are_inputs: bool,
}

impl LinearHead {
    /// A classifier of the map at a point, by its weight `[K, C]` and its bias `[K]`.
    pub fn new(map: Point, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self {
            map,
            weight,
            bias,
            rows_are_inputs: false,
        }
    }

    /// The same of a network that keeps its weight as `[C, K]`.
    pub(crate) fn of_transposed(self) -> Self {
        Self {
            weight: self.weight.transpose(),
            rows_are_inputs: true,
            ..self
        }
    }

    /// Logits `[R, K]` of the means of maps, or of parts of maps, `[R, C]`.
    pub fn logits(&self, means: Tensor<2>) -> Tensor<2> {
        let logits = means.matmul(self.weight.clone().transpose());
        match &self.bias {
            Some(bias) => logits + bias.clone().unsqueeze(),
            None => logits,
        }
    }

    /// The same values on the plain device: constants.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            map: self.map.clone(),
            weight: self.weight.clone().inner(),
            bias: self.bias.clone().map(Tensor::inner),
            rows_are_inputs: self.rows_are_inputs,
        }
    }
}

impl Model {
    /// Puts the values of another network's classifier in the place of the classifier's own, which keep them from then on: no gradient moves
    /// them.
    ///
    /// # Errors
    /// [`ModelError::Head`] if the classifier is not linear in the mean of a map, or of another size.
    pub fn take_head(&mut self, head: &LinearHead) -> Result<(), ModelError> {
        let refused = |reason: String| ModelError::Head {
            model: self.name().to_owned(),
            reason,
        };
        let own = self.linear_head();
        let own =
            own.ok_or_else(|| refused("it has no linear classifier behind the mean of a map".into()))?;
        let [ours, theirs] = [&own.weight, &head.weight].map(Tensor::dims);
        if ours != theirs {
            let reason = format!(
                "its classifier has {} classes of {} channels, the other {} of {}",
                ours[0], ours[1], theirs[0], theirs[1]
            );
            return Err(refused(reason));
        }
        let names = ["weight", "bias"].map(|part| format!("{}.{part}", self.names().head));
        let LinearHead { weight, bias, .. } = head.detached();
        let weight = if own.rows_are_inputs {
            weight.transpose()
        } else {
            weight
        };
        self.parameters_mut().rewrite(&mut |entry, value| {
            if entry.path == names[0] {
                return Some(weight.clone().reshape([-1]));
            }
            let none = || Tensor::zeros(value.shape(), &value.device());
            (entry.path == names[1]).then(|| bias.clone().unwrap_or_else(none))
        });
        self.parameters_mut().freeze(&|entry| names.contains(&entry.path));
        Ok(())
    }

    /// The classifier, if nothing but a linear layer stands behind the mean over all places of a map; its values are those of now.
    pub fn linear_head(&self) -> Option<LinearHead> {
        // A layer that stands on the embedding would come between.
        let is_between = |at: &Point| self.stage_ends().last().is_some_and(|end| end.post == *at);
        let insertions = self.insertions();
        let mut points = insertions.iter().map(|insertion| &insertion.point);
        let head = self.own_linear_head()?;
        (!points.any(|at| *at != head.map && is_between(at))).then_some(head)
    }
}
