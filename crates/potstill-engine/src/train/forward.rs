//! The forward passes of a step.

use burn::tensor::Tensor;
use potstill_methods::{NetworkOutput, PlannedMethod, Reads, StudentEpoch, TeacherOutput};
use potstill_models::{FrozenModel, ModelError};
use potstill_ops::{BatchStatistics, Mode, Pass, Point, Taps};

use super::{
    learner::Learner,
    profile::{StepPart, StepProfile},
    teacher::TeacherNetwork,
};

/// What the forward passes of a step leave behind besides their outputs.
pub(crate) struct Trace<'a> {
    pub epoch: StudentEpoch,
    /// Statistics of the batch, for the running ones of whatever trains.
    pub statistics: Vec<BatchStatistics>,
    pub profile: &'a mut StepProfile,
}

impl Learner {
    /// The forward pass of the teacher with this index, and the multiply-accumulates of it that gradients go back through. A frozen one
    /// has no graph and no gradient and stays as it is; an online one trains.
    pub(super) fn forward_teacher(
        &self,
        index: usize,
        images: Tensor<4>,
        trace: &mut Trace<'_>,
    ) -> Result<(TeacherOutput, u64), ModelError> {
        let teacher = &self.teachers[index];
        match &teacher.network {
            TeacherNetwork::Frozen(network) => {
                let output = self.forward_frozen(index, network, teacher.mode, images, trace)?;
                Ok((TeacherOutput::frozen(output), 0))
            }
            TeacherNetwork::Online(network) => {
                let mut taps = self.teacher_taps(index, trace.epoch);
                let mut pass = Pass::visited(Mode::Batch, &mut taps);
                let outputs = network.forward(images.clone(), &mut pass);
                let macs = pass.macs();
                trace.profile.record(StepPart::Teacher, macs);
                trace.statistics.extend(pass.into_batch_statistics());
                let tracked = NetworkOutput {
                    images,
                    outputs,
                    taps,
                };
                Ok((TeacherOutput::online(tracked), macs))
            }
        }
    }

    /// The forward pass of a network that does not train, in the place of the teacher with this index. Whatever its batch norms see of
    /// the batch is not kept.
    pub(super) fn forward_frozen(
        &self,
        index: usize,
        network: &FrozenModel,
        mode: Mode,
        images: Tensor<4>,
        trace: &mut Trace<'_>,
    ) -> Result<NetworkOutput, ModelError> {
        let mut taps = self.teacher_taps(index, trace.epoch);
        let mut pass = Pass::visited(mode, &mut taps);
        let outputs = network.forward(images.clone(), &mut pass)?;
        trace.profile.record(StepPart::Teacher, pass.macs());
        Ok(NetworkOutput {
            images,
            outputs,
            taps,
        })
    }

    /// The student's forward pass.
    pub(super) fn forward_student(&self, images: Tensor<4>, trace: &mut Trace<'_>) -> NetworkOutput {
        let mut taps = Taps::at(&points(self.methods.iter(), trace.epoch, |reads| reads.student));
        let mut pass = Pass::visited(Mode::Batch, &mut taps);
        let outputs = self.student.forward(images.clone(), &mut pass);
        trace.profile.record(StepPart::Student, pass.macs());
        trace.statistics.extend(pass.into_batch_statistics());
        NetworkOutput {
            images,
            outputs,
            taps,
        }
    }

    /// Taps at what the methods of a teacher read from it.
    fn teacher_taps(&self, index: usize, epoch: StudentEpoch) -> Taps {
        Taps::at(&self.teacher_points(index, epoch))
    }

    /// What the methods of a teacher read from it in an epoch.
    pub(super) fn teacher_points(&self, index: usize, epoch: StudentEpoch) -> Vec<Point> {
        let own = self.methods.iter().filter(|planned| planned.learns_from(index));
        points(own, epoch, |reads| reads.teacher)
    }
}

fn points<'a>(
    methods: impl Iterator<Item = &'a PlannedMethod>,
    epoch: StudentEpoch,
    of: fn(Reads) -> Vec<Point>,
) -> Vec<Point> {
    methods
        .flat_map(|planned| of(planned.method.reads(epoch)))
        .collect()
}
