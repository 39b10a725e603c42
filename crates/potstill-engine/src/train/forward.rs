//! The forward passes of a step.

use burn::tensor::Tensor;
use potstill_methods::{Moment, NetworkOutput, PlannedMethod, Reads, TeacherLook, TeacherOutput};
use potstill_models::{FrozenModel, ModelError};
use potstill_ops::{BatchStatistics, Mode, Pass, Point, Taps};

use super::{
    learner::Learner,
    profile::{StepPart, StepProfile},
    teacher::TeacherNetwork,
};

/// What the forward passes of a step leave behind besides their outputs.
pub(crate) struct Trace<'a> {
    pub at: Moment,
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
                let output = self.look_at_frozen(index, (network, teacher.mode), images, trace)?;
                Ok((output, 0))
            }
            TeacherNetwork::Online(network) => {
                let points = self.teacher_points(index, |planned| planned.method.reads_at(trace.at));
                let mut taps = Taps::at(&points);
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

    /// The forward pass of a network that does not train, in the place of the teacher with this index: as much of it as the methods read in
    /// this step.
    pub(super) fn look_at_frozen(
        &self,
        index: usize,
        (network, mode): (&FrozenModel, Mode),
        images: Tensor<4>,
        trace: &mut Trace<'_>,
    ) -> Result<TeacherOutput, ModelError> {
        let points = self.teacher_points(index, |planned| planned.method.reads_at(trace.at));
        if self.teacher_look(index, trace.at) == TeacherLook::Outputs {
            let output = forward_frozen(network, mode, (images, &points), trace)?;
            return Ok(TeacherOutput::frozen(output));
        }
        let mut taps = Taps::at(&points);
        let mut pass = Pass::visited(mode, &mut taps);
        network.come_by(&points, images.clone(), &mut pass)?;
        trace.profile.record(StepPart::Teacher, pass.macs());
        Ok(TeacherOutput::maps_only(images, taps))
    }

    /// The student's forward pass.
    pub(super) fn forward_student(&self, images: Tensor<4>, trace: &mut Trace<'_>) -> NetworkOutput {
        let read = |planned: &PlannedMethod| planned.method.reads_at(trace.at).student;
        let mut taps = Taps::at(&self.methods.iter().flat_map(read).collect::<Vec<_>>());
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

    /// What the methods of a teacher read from it, each by what it says that it reads.
    pub(super) fn teacher_points(&self, index: usize, reads: impl Fn(&PlannedMethod) -> Reads) -> Vec<Point> {
        let own = self.methods.iter().filter(|planned| planned.learns_from(index));
        own.flat_map(|planned| reads(planned).teacher).collect()
    }

    /// Whether the teacher with this index is to take a forward pass in a step: it trains, or a method looks at it.
    pub(super) fn needs_teacher(&self, index: usize, at: Moment) -> bool {
        self.teachers[index].is_online() || self.teacher_look(index, at) > TeacherLook::Nothing
    }

    /// The most that a method needs of the teacher with this index in a step. The mean of several is one of outputs.
    fn teacher_look(&self, index: usize, at: Moment) -> TeacherLook {
        let own = self.methods.iter().filter(|planned| planned.learns_from(index));
        let looks = own.map(|planned| match planned.method.teacher_at(at) {
            TeacherLook::Maps if planned.teachers.len() > 1 => TeacherLook::Outputs,
            look => look,
        });
        looks.max().unwrap_or(TeacherLook::Nothing)
    }
}

/// The forward pass of a network that does not train, in the place of a teacher, with the maps at these points. Whatever its batch
/// norms see of the batch is not kept.
pub(super) fn forward_frozen(
    network: &FrozenModel,
    mode: Mode,
    (images, points): (Tensor<4>, &[Point]),
    trace: &mut Trace<'_>,
) -> Result<NetworkOutput, ModelError> {
    let mut taps = Taps::at(points);
    let mut pass = Pass::visited(mode, &mut taps);
    let outputs = network.forward(images.clone(), &mut pass)?;
    trace.profile.record(StepPart::Teacher, pass.macs());
    Ok(NetworkOutput {
        images,
        outputs,
        taps,
    })
}
