//! The step at which a run was lost, once more: with the batch and the weights of then, layer by layer and term by term.

use std::sync::atomic::AtomicBool;

use burn::tensor::{Tensor, TensorData};
use potstill_data::Batch;
use potstill_models::FrozenModel;
use potstill_ops::{Mode, Pass, PointSide, Visitor};
use serde::Serialize;

use super::{Run, recipe_check};
use crate::{
    checkpoint::Checkpoint,
    error::EngineError,
    observer::Observer,
    plan::{Plan, phases::Phase, timeline::EpochKind},
    run_folder::RunFolder,
    train::error::StepError,
};

/// The name of the batch's images among the tensors.
const IMAGES: &str = "batch/images";

/// A step that was refused, done once more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step within the epoch, from 1.
    pub step: usize,
    /// The learning rate of the step.
    pub rate: f64,
    /// Where the images of the batch come from.
    pub images: Vec<String>,
    /// Whether the data set gives other images today than those of the batch, which were kept.
    pub images_changed: bool,
    /// What came by each point of each network, in the order of the pass.
    pub layers: Vec<LayerReport>,
    /// The terms of the loss, before their weights.
    pub terms: Vec<(String, f64)>,
}

/// A map at a point of a network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// `student`, or the name of a teacher.
    pub network: String,
    /// The point.
    pub point: String,
    /// The shape of the map, `[N, H, W, C]`.
    pub shape: [usize; 4],
    /// The largest magnitude of its finite values.
    pub largest: f32,
    /// How many of its values are no finite numbers.
    pub not_finite: usize,
}

impl Run {
    /// Keeps the batch of a step that was refused, with everything as it was before the step. Of a method whose teacher learns before the
    /// student in each step (EKD), the teacher has taken its step by then.
    pub(super) fn keep_refused(&self, batch: &Batch) -> Result<(), EngineError> {
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let path = folder.refused();
        let shape = batch.shape.to_vec();
        let values = TensorData::new(batch.images.clone(), [batch.images.len()]);
        let images = Tensor::from_data(values, &self.learner.plain_device());
        let parts = self.learner.parts();
        let more = vec![(IMAGES.to_owned(), shape, images)];
        let packed = self.run_state().pack(&parts, self.optimizers.all(), more);
        let packed = packed.map_err(|reason| EngineError::Checkpoint {
            file: path.clone(),
            reason,
        })?;
        Ok(packed.write(&path)?)
    }

    /// Does the refused step of a run once more, with what was kept of it. Nothing in the folder changes.
    ///
    /// # Errors
    /// The run was not stopped by a loss that is not finite; another recipe.
    pub fn replay(
        plan: Plan,
        folder: &RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<ReplayReport, EngineError> {
        let path = folder.refused();
        if !path.is_file() {
            return Err(EngineError::NothingRefused(folder.path().into()));
        }
        let (state, mut tensors) = Checkpoint::read(&path)?;
        let fingerprint = recipe_check::fingerprint(&state, &path, &plan.spec, folder)?;
        let kept = tensors.remove(IMAGES);
        let mut run = Self::new(plan, None)?;
        run.recipe_hash = fingerprint;
        run.position = state.position;
        run.reset_optimizers()?;
        state.restore(tensors, &mut run.learner, &mut run.optimizers, &path)?;
        run.prepare(observer, &AtomicBool::new(false))?;
        let broken = |reason: &str| EngineError::Checkpoint {
            file: path.clone(),
            reason: reason.into(),
        };
        let Some(EpochKind::Student { epoch }) = run.spec.timeline.at(run.position.epoch) else {
            return Err(broken("it is of no epoch of the student"));
        };
        let loader = run.spec.train_loader(run.spec.loading())?;
        let batch = loader.epoch(epoch.0 as u64, run.position.step).next();
        let mut batch = batch.ok_or_else(|| broken("the data have no such step any more"))??;
        let mut images_changed = false;
        if let Some(kept) = kept {
            images_changed = kept.values != batch.images;
            if kept.shape != batch.shape {
                return Err(broken("the data give a batch of another size today"));
            }
            batch.images = kept.values;
        }
        run.replayed(&batch, epoch, loader.batches_per_epoch(), images_changed)
    }

    fn replayed(
        &mut self,
        batch: &Batch,
        epoch: potstill_methods::StudentEpoch,
        steps: usize,
        images_changed: bool,
    ) -> Result<ReplayReport, EngineError> {
        let step = self.position.step;
        let phase = Phase::at(&self.spec.phases, epoch);
        let rate = self.spec.rates(phase, epoch, step, steps).student;
        let train = &self.spec.data.train;
        let images = batch.indices.iter().map(|index| train.source(*index));
        let images: Vec<String> = images.collect();
        let layers = self.layers(batch)?;
        let terms = match self.learner.term_values(batch, epoch, step) {
            // Of a teacher that learns first: the student's terms were not come to.
            Err(StepError::NonFinite { term, value }) => vec![(term, value)],
            terms => terms.map_err(|refused| refused.at(self.position.epoch.0 + 1, step + 1, rate))?,
        };
        Ok(ReplayReport {
            epoch: self.position.epoch.0 + 1,
            step: step + 1,
            rate,
            images,
            images_changed,
            layers,
            terms,
        })
    }

    /// What comes by each point of the teachers and of the student.
    fn layers(&self, batch: &Batch) -> Result<Vec<LayerReport>, EngineError> {
        let device = self.learner.plain_device();
        let mut layers = Vec::new();
        for teacher in &self.learner.teachers {
            let mut watch = Watch::new(&teacher.name);
            let images = teacher.input.of_batch(batch, &device)?;
            let network = teacher.network.frozen();
            network.forward(images, &mut Pass::visited(teacher.mode, &mut watch))?;
            layers.append(&mut watch.seen);
        }
        let mut watch = Watch::new("student");
        let images = self.learner.student_input.of_batch(batch, &device)?;
        let student = FrozenModel::from(&self.learner.student);
        student.forward(images, &mut Pass::visited(Mode::Batch, &mut watch))?;
        layers.append(&mut watch.seen);
        Ok(layers)
    }
}

/// A visitor that looks at every map.
struct Watch {
    network: String,
    seen: Vec<LayerReport>,
}

impl Watch {
    fn new(network: &str) -> Self {
        Self {
            network: network.into(),
            seen: Vec::new(),
        }
    }
}

impl Visitor for Watch {
    fn wants(&self, _: &str, _: PointSide) -> bool {
        true
    }

    fn visit(&mut self, path: &str, side: PointSide, map: Tensor<4>) -> Tensor<4> {
        let values: Vec<f32> = map.clone().inner().into_data().iter().collect();
        let finite = || values.iter().filter(|value| value.is_finite());
        self.seen.push(LayerReport {
            network: self.network.clone(),
            point: match side {
                PointSide::Pre => format!("{path}:pre"),
                PointSide::Post => path.to_owned(),
            },
            shape: map.dims(),
            largest: finite().map(|value| value.abs()).fold(0.0, f32::max),
            not_finite: values.len() - finite().count(),
        });
        map
    }
}
