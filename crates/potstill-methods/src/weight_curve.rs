//! The weight of an entry's loss over a training.

use potstill_recipe::WeightSchedule;

use crate::{Moment, StudentEpoch};

/// The weight of an entry's loss at every step of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightCurve {
    /// What is multiplied.
    pub weight: f64,
    /// By what.
    pub schedule: WeightSchedule,
    /// Epochs of the student's training.
    pub epochs: usize,
    /// Steps of each.
    pub steps: usize,
}

impl WeightCurve {
    /// A weight that stays as it is.
    pub fn constant(weight: f64) -> Self {
        Self {
            weight,
            schedule: WeightSchedule::Constant,
            epochs: 1,
            steps: 1,
        }
    }

    /// The weight in a step.
    pub fn at(&self, at: Moment) -> f64 {
        let time = at.epoch.0 as f64 + at.step as f64 / self.steps.max(1) as f64;
        self.weight * self.schedule.factor(time, self.epochs)
    }

    /// The mean over the steps of an epoch; `None` if the weight is the same in all epochs.
    pub fn mean(&self, epoch: StudentEpoch) -> Option<f64> {
        let steps = self.steps.max(1);
        let weights = (0..steps).map(|step| self.at(Moment { epoch, step }));
        self.schedule
            .changes()
            .then(|| weights.sum::<f64>() / steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use potstill_recipe::{WeightMilestones, WeightRamp, WeightSchedule};

    use super::WeightCurve;
    use crate::{Moment, StudentEpoch};

    fn curve(schedule: WeightSchedule) -> WeightCurve {
        WeightCurve {
            weight: 3.0,
            schedule,
            epochs: 4,
            steps: 2,
        }
    }

    #[test]
    fn a_weight_changes_within_an_epoch() {
        let ramp = curve(WeightSchedule::Ramp(WeightRamp { epochs: 2, from: 0.5 }));
        let weights = |curve: &WeightCurve, epoch: usize| {
            let epoch = StudentEpoch(epoch);
            [0, 1].map(|step| curve.at(Moment { epoch, step }))
        };
        assert_eq!(weights(&ramp, 0), [1.5, 1.875]);
        assert_eq!(weights(&ramp, 1), [2.25, 2.625]);
        assert_eq!(weights(&ramp, 3), [3.0, 3.0]);
        assert_eq!(ramp.mean(StudentEpoch(0)), Some(1.6875));
        let steps = curve(WeightSchedule::Milestones(WeightMilestones {
            at: vec![1, 3],
            gamma: 0.5,
        }));
        assert_eq!(
            [0, 1, 2, 3].map(|epoch| weights(&steps, epoch)[1]),
            [3.0, 1.5, 1.5, 0.75]
        );
        let constant = WeightCurve::constant(0.9);
        assert_eq!(weights(&constant, 7), [0.9, 0.9]);
        assert_eq!(constant.mean(StudentEpoch(0)), None);
    }
}
