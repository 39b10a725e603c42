//! What a method may use while it prepares: the training images, the teacher, and a cache.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use burn::tensor::Device;
use potstill_base::{CacheEntry, Digest, cache_folder};
use potstill_data::{Augment, Dataset, Loader, LoaderConfig};
use potstill_methods::{CacheKey, Flow, MethodError, PrepareContext, Prepared, TeacherBatch, TrainBatch};
use potstill_models::FrozenModel;
use potstill_ops::{Mode, Parameters, Pass, Point, Taps};

use super::Run;
use crate::{
    error::EngineError, network_input::NetworkInput, observer::Observer, plan::spec::RunSpec,
    train::inputs::pixels,
};

/// The study of a run.
pub(crate) struct RunPrepareContext<'a> {
    device: Device,
    data: Arc<dyn Dataset>,
    augment: Augment,
    loading: LoaderConfig,
    evaluating: LoaderConfig,
    teacher: Option<(FrozenModel, NetworkInput)>,
    observer: &'a mut dyn Observer,
    stop: &'a AtomicBool,
}

impl Run {
    /// The methods' work before the first step. It is looked for again whenever a run is resumed: what was done is kept.
    pub(super) fn prepare(
        &mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Prepared, EngineError> {
        for index in 0..self.learner.methods.len() {
            let planned = &self.learner.methods[index];
            if !planned.method.info().prepares {
                continue;
            }
            // One that trains has nothing to show yet.
            let teacher = self
                .learner
                .teacher_of(planned)
                .filter(|teacher| !teacher.is_online());
            let teacher = teacher.map(|teacher| (teacher.network.frozen(), teacher.input.clone()));
            let device = self.learner.plain_device();
            let mut context = RunPrepareContext::new(&self.spec, device, teacher, observer, stop);
            let prepared = self.learner.methods[index].method.prepare(&mut context)?;
            if prepared == Prepared::Interrupted || stop.load(Ordering::Relaxed) {
                return Ok(Prepared::Interrupted);
            }
        }
        Ok(Prepared::Done)
    }
}

impl<'a> RunPrepareContext<'a> {
    pub fn new(
        spec: &RunSpec,
        device: Device,
        teacher: Option<(FrozenModel, NetworkInput)>,
        observer: &'a mut dyn Observer,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            device,
            data: spec.data.train.clone(),
            augment: spec.data.augment.clone(),
            loading: spec.loading(),
            evaluating: spec.evaluating(),
            teacher,
            observer,
            stop,
        }
    }

    /// The digest of what the kept thing depends on.
    fn digest(&self, key: CacheKey, settings: &str) -> Result<String, MethodError> {
        let mut hash = Digest::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(settings);
        match key {
            CacheKey::Data => {
                let (seed, views) = (self.loading.augment_seed().value(), self.loading.views);
                hash.update(format!("{:?}, seed {seed}, views {views:?}", self.augment));
            }
            CacheKey::TeacherAndData => hash.update(format!("{:?}", self.augment.for_evaluation())),
        }
        hash.update(self.data.fingerprint().map_err(failed)?.bytes());
        if let (CacheKey::TeacherAndData, Some((teacher, input))) = (key, &self.teacher) {
            hash_teacher(&mut hash, teacher, input).map_err(failed)?;
        }
        Ok(hash.hexadecimal())
    }
}

/// Takes in what a frozen teacher says, for a cache of it: how it takes an image, how exactly it computes, and its weights.
pub(super) fn hash_teacher(
    hash: &mut Digest,
    teacher: &FrozenModel,
    input: &NetworkInput,
) -> Result<(), EngineError> {
    hash.update(format!("{input:?}"));
    if let FrozenModel::Ours(network) = teacher {
        hash.update(format!("{:?}", network.precision()));
    }
    hash_weights(hash, teacher)
}

/// Takes in the weights of a network, and which tensors of a file are its outputs.
pub(crate) fn hash_weights(hash: &mut Digest, network: &FrozenModel) -> Result<(), EngineError> {
    match network {
        FrozenModel::Ours(network) => hash_tensors(hash, network.parameters()),
        FrozenModel::Onnx(network) => {
            let file = network.file();
            hash.update(std::fs::read(file).map_err(EngineError::io("read", file))?);
            hash.update(network.describe_outputs());
        }
    }
    Ok(())
}

/// Takes in the tensors of a network by name.
pub(crate) fn hash_tensors(hash: &mut Digest, network: &dyn Parameters) {
    network.each(&mut |entry, value| {
        hash.update(&entry.path);
        let values: Vec<f32> = value.into_data().iter().collect();
        hash.update_floats(&values);
    });
}

fn failed(error: impl Into<EngineError>) -> MethodError {
    MethodError::PrepareContext(Box::new(error.into()))
}

impl PrepareContext for RunPrepareContext<'_> {
    fn device(&self) -> Device {
        self.device.clone()
    }

    fn images(&self) -> usize {
        self.data.len()
    }

    fn classes(&self) -> usize {
        self.data.classes().len()
    }

    fn for_each_teacher_batch(
        &mut self,
        points: &[Point],
        first: usize,
        on_batch: &mut dyn FnMut(TeacherBatch) -> Flow,
    ) -> Result<(), MethodError> {
        let Some((teacher, input)) = &self.teacher else {
            return Err(failed(EngineError::NoFrozenTeacher));
        };
        let config = LoaderConfig {
            shuffle: false,
            drop_last: false,
            ..self.evaluating
        };
        let left: Vec<usize> = (first..self.data.len()).collect();
        if left.is_empty() {
            return Ok(());
        }
        let data = potstill_data::Subset::of(Arc::clone(&self.data), left).map_err(failed)?;
        let loader = Loader::new(Arc::new(data), self.augment.for_evaluation(), config).map_err(failed)?;
        for batch in loader.epoch(0, 0) {
            let batch = batch.map_err(failed)?;
            let mut taps = Taps::at(points);
            let mut pass = Pass::visited(Mode::Running, &mut taps);
            let images = input.of_batch(&batch, &self.device).map_err(failed)?;
            let outputs = teacher.forward(images, &mut pass).map_err(failed)?;
            let first = first + batch.indices.first().copied().unwrap_or(0);
            let [_, height, width, _] = batch.shape;
            let share =
                |[rows, columns]: &[usize; 2]| [*rows as f64 / height as f64, *columns as f64 / width as f64];
            let batch = TeacherBatch {
                first,
                own: batch.valid.iter().map(share).collect(),
                targets: batch.targets,
                outputs,
                taps,
            };
            if on_batch(batch)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn for_each_train_batch(
        &mut self,
        epoch: u64,
        first: usize,
        size: usize,
        on_batch: &mut dyn FnMut(TrainBatch) -> Flow,
    ) -> Result<(), MethodError> {
        let config = LoaderConfig {
            batch: size.min(self.data.len()),
            drop_last: true,
            ..self.loading
        };
        let loader = Loader::new(Arc::clone(&self.data), self.augment.clone(), config).map_err(failed)?;
        for (step, batch) in (first..).zip(loader.epoch(epoch, first)) {
            let batch = batch.map_err(failed)?;
            let batch = TrainBatch {
                step,
                pixels: pixels(&batch, &self.device),
                targets: batch.targets,
            };
            if on_batch(batch)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn cache_entry(&mut self, name: &str, key: CacheKey, settings: &str) -> Result<CacheEntry, MethodError> {
        let Some(cache) = cache_folder() else {
            return Err(failed(EngineError::NoCache));
        };
        let digest = self.digest(key, settings)?;
        Ok(CacheEntry::open(&cache.join("prepared"), name, &digest)?)
    }

    fn progress(&mut self, what: &str, done: usize, of: usize) {
        self.observer.preparing(what, done, of);
    }

    fn message(&mut self, line: &str) {
        self.observer.says(line);
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use potstill_base::Digest;
    use potstill_data::Normalise;
    use potstill_models::{FrozenModel, OnnxModel, OnnxOutputs, OutputKind};

    use super::{NetworkInput, hash_teacher};

    /// Logits before and behind a resize are not the same answers: what was kept of one is not taken for the other.
    #[test]
    fn two_tensors_of_one_file_are_two_teachers() {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../potstill-onnx/tests/reference/segmenter.onnx");
        let input = NetworkInput::of(None, None, || Normalise {
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
        });
        let digest = |logits: &[&str]| {
            let asked = OnnxOutputs {
                logits: logits.iter().map(|&name| name.into()).collect(),
                ..OnnxOutputs::of(OutputKind::DenseLogits, Some(3))
            };
            let teacher = FrozenModel::Onnx(OnnxModel::open(&file, &asked, [4, 6, 3]).unwrap());
            let mut digest = Digest::new();
            hash_teacher(&mut digest, &teacher, &input).unwrap();
            digest.hexadecimal()
        };
        assert_eq!(digest(&[]), digest(&["output"]));
        assert_ne!(digest(&[]), digest(&["/head/Conv_output_0"]));
    }
}
