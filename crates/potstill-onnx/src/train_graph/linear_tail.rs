//! Logits that are linear in the mean of a map: the end of most convolutional networks.

use super::{MapView, Op, PointPlan, Reduction, Step, TrainGraph};

/// The end of a network whose logits are `mean(map) W^T + b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearTail {
    /// The linear layer, by its place among the layers.
    pub layer: usize,
    /// The tensor of the map whose mean it reads.
    pub map: String,
}

/// A map with its channels last.
const CHANNELS_LAST: MapView = MapView::Map([0, 1, 2, 3]);

impl TrainGraph {
    /// The end of this network, if nothing but a linear layer stands behind the mean over all places of a map.
    pub fn linear_tail(&self) -> Option<LinearTail> {
        let (layer, mut value) = self.last_linear()?;
        loop {
            let step = self.maker_of(value)?;
            value = *step.inputs.first()?;
            match &step.op {
                // `[N, 1, 1, C]` as `[N, C]`.
                Op::Reshape(_) => {}
                Op::GlobalMean => break,
                Op::Reduce(Reduction::Mean, axes) if axes[..] == [1, 2] => break,
                _ => return None,
            }
        }
        let PointPlan { name, view, .. } = self.maker_of(value)?.point.as_ref()?;
        (*view == CHANNELS_LAST).then(|| LinearTail {
            layer,
            map: name.clone(),
        })
    }

    /// The linear layer that makes the logits, and the value that it reads.
    fn last_linear(&self) -> Option<(usize, usize)> {
        let step = self.maker_of(self.logits)?;
        match step.op {
            Op::Linear(layer) => Some((layer, *step.inputs.first()?)),
            _ => None,
        }
    }

    /// The step that makes a value.
    fn maker_of(&self, value: usize) -> Option<&Step> {
        self.steps.iter().find(|step| step.output == value)
    }
}
