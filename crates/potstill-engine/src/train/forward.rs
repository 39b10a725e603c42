//! The forward passes of a step.

use burn::tensor::Tensor;
use potstill_methods::{
    Moment, NetworkOutput, PlannedMethod, Reads, StudentEpoch, TeacherLook, TeacherOutput,
};
use potstill_models::{FrozenModel, Model, ModelError};
use potstill_ops::{BatchStatistics, Draws, Mode, Pass, Point, Taps};

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

/// What one forward pass left behind.
struct Passed<T> {
    given: T,
    taps: Taps,
    macs: u64,
    statistics: Vec<BatchStatistics>,
}

impl<'a> Trace<'a> {
    /// Of a step that begins.
    pub fn new(at: Moment, profile: &'a mut StepProfile) -> Self {
        Self {
            at,
            statistics: Vec::new(),
            profile,
        }
    }

    /// Takes a forward pass that reads the maps at these points, and records it as this part of the step.
    fn pass<T>(
        &mut self,
        part: StepPart,
        mode: Mode,
        points: &[Point],
        forward: impl FnOnce(&mut Pass<'_>) -> T,
    ) -> Passed<T> {
        let mut taps = Taps::at(points);
        let mut pass = Pass::visited(mode, &mut taps);
        let given = forward(&mut pass);
        let macs = pass.macs();
        self.profile.record(part, macs);
        let statistics = pass.into_batch_statistics();
        Passed {
            given,
            taps,
            macs,
            statistics,
        }
    }

    /// The forward pass of a network that trains, with the maps at these points, and its multiply-accumulates. What its batch norms see of
    /// the batch is kept.
    fn tracked(
        &mut self,
        part: StepPart,
        (network, draws): (&Model, Draws),
        (images, points): (Tensor<4>, &[Point]),
    ) -> (NetworkOutput, u64) {
        let passed = self.pass(part, Mode::Batch, points, |pass| {
            pass.set_draws(draws);
            network.forward(images.clone(), pass)
        });
        self.statistics.extend(passed.statistics);
        let output = NetworkOutput {
            images,
            outputs: passed.given,
            taps: passed.taps,
        };
        (output, passed.macs)
    }
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
                let points =
                    self.teacher_points(index, trace.at.epoch, |planned| planned.method.reads_at(trace.at));
                let (tracked, macs) = trace.tracked(
                    StepPart::Teacher,
                    (network, self.draws(&teacher.name, trace.at)),
                    (images, &points),
                );
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
        let points = self.teacher_points(index, trace.at.epoch, |planned| planned.method.reads_at(trace.at));
        if self.teacher_look(index, trace.at) == TeacherLook::Outputs {
            let output = forward_frozen(network, mode, (images, &points), trace)?;
            return Ok(TeacherOutput::frozen(output));
        }
        let Passed { given, taps, .. } = trace.pass(StepPart::Teacher, mode, &points, |pass| {
            network.come_by(&points, images.clone(), pass)
        });
        given?;
        Ok(TeacherOutput::maps_only(images, taps))
    }

    /// What a network that trains draws in a step.
    fn draws(&self, owner: &str, Moment { epoch, step }: Moment) -> Draws {
        Draws::new(self.seed, owner, epoch.0, step)
    }

    /// The student's forward pass.
    pub(super) fn forward_student(&self, images: Tensor<4>, trace: &mut Trace<'_>) -> NetworkOutput {
        let read = |planned: &PlannedMethod| planned.method.reads_at(trace.at).student;
        let points: Vec<_> = self.heard(trace.at.epoch).flat_map(read).collect();
        let (output, _) = trace.tracked(
            StepPart::Student,
            (&self.student, self.draws("student", trace.at)),
            (images, &points),
        );
        output
    }

    /// What the methods of a teacher read from it, each by what it says that it reads.
    pub(super) fn teacher_points(
        &self,
        index: usize,
        epoch: StudentEpoch,
        reads: impl Fn(&PlannedMethod) -> Reads,
    ) -> Vec<Point> {
        let own = self.heard(epoch).filter(|planned| planned.learns_from(index));
        own.flat_map(|planned| reads(planned).teacher).collect()
    }

    /// Whether the teacher with this index is to take a forward pass in a step: it trains, or a method looks at it.
    pub(super) fn needs_teacher(&self, index: usize, at: Moment) -> bool {
        self.teachers[index].is_online() || self.teacher_look(index, at) > TeacherLook::Nothing
    }

    /// The most that a method needs of the teacher with this index in a step. The mean of several is one of outputs.
    fn teacher_look(&self, index: usize, at: Moment) -> TeacherLook {
        let own = self.heard(at.epoch).filter(|planned| planned.learns_from(index));
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
    let Passed { given, taps, .. } = trace.pass(StepPart::Teacher, mode, points, |pass| {
        network.forward(images.clone(), pass)
    });
    Ok(NetworkOutput {
        images,
        outputs: given?,
        taps,
    })
}
