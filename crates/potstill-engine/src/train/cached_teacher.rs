//! What a teacher says about images, from its cache or by a forward pass.

use burn::tensor::Tensor;
use potstill_methods::{NetworkOutput, TeacherOutput};
use potstill_models::Outputs;

use super::{
    error::StepError,
    forward::{Trace, forward_frozen},
    learner::Learner,
    profile::StepPart,
    teacher_cache::TeacherCache,
};

impl Learner {
    /// What the teacher with this index says about the images: from its cache, or else by a forward pass, which is then kept. Gives the
    /// multiply-accumulates that gradients go back through as well.
    pub(super) fn cached_teacher(
        &mut self,
        index: usize,
        images: Tensor<4>,
        indices: &[usize],
        trace: &mut Trace<'_>,
    ) -> Result<(TeacherOutput, u64), StepError> {
        let Some(mut cache) = self.teachers[index].cache.take() else {
            return Ok(self.forward_teacher(index, images, trace)?);
        };
        let output = self.through_cache(&mut cache, index, images, indices, trace);
        self.teachers[index].cache = Some(cache);
        Ok((TeacherOutput::frozen(output?), 0))
    }

    fn through_cache(
        &self,
        cache: &mut TeacherCache,
        index: usize,
        images: Tensor<4>,
        indices: &[usize],
        trace: &mut Trace<'_>,
    ) -> Result<NetworkOutput, StepError> {
        // A view is kept as a whole, with what is read in any step of the epoch.
        let epoch = trace.at.epoch;
        let points = self.teacher_points(index, epoch, |planned| planned.method.reads(epoch));
        let epoch = epoch.0;
        if let Some((logits, taps)) = cache.read(epoch, indices, &points, &images.device())? {
            trace.profile.record(StepPart::Teacher, 0);
            return Ok(NetworkOutput {
                images,
                outputs: Outputs::Logits(logits),
                taps,
            });
        }
        let teacher = &self.teachers[index];
        let output = forward_frozen(&teacher.network.frozen(), teacher.mode, (images, &points), trace)?;
        cache.write(epoch, indices, &points, output)
    }
}
