//! A plan on synthetic images, by registered names.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use potstill_data::{Augment, Batch, Dataset, Loader};
use potstill_models::{BuildOptions, Model, ModelEntry, find};
use potstill_ops::{BatchStatistics, Frozen, Mode, Pass, Scope};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, OptimizerSpec, Sgd};

use super::{BenchSetup, noise::Noise};
use crate::{
    device::cpu,
    error::EngineError,
    network_input::NetworkInput,
    plan::{
        data::PlannedData, methods::MethodParts, parts::PlanParts, phases::Phase, settings::Settings,
        teachers::PlannedTeacher,
    },
    predictor::usual_task,
    vision_model::VisionModel,
};

/// What the plan of a bench is made from.
pub(super) fn parts(setup: &BenchSetup, epochs: usize) -> Result<PlanParts, EngineError> {
    let (device, entry) = (cpu(), find(&setup.student)?);
    let data = data(entry, setup)?;
    let student = network(entry, entry.classes, "student", &device)?;
    let phase = Phase::whole(epochs, rule(setup.rate));
    let task = usual_task(entry.output_kind());
    let mut parts = PlanParts::new(settings(setup), student, data, phase, &device)?.for_task(task);
    if let Some(name) = &setup.teacher {
        let mut teacher = network(find(name)?, entry.classes, "teacher", &device)?;
        let images = NetworkInput::from(parts.data.normalise.clone());
        let images = images.of_batch(&batch(&parts.data, &parts.settings)?, &device)?;
        teacher.network = settled(teacher.network, images);
        let mut teacher = PlannedTeacher::new("teacher", teacher, &parts.data, &device)?;
        teacher.facts.network.info.has_weights = false;
        parts = parts.teacher(teacher);
    }
    for kind in &setup.methods {
        // A loss of another size than is usual may not stay finite for as long as is measured.
        let weight = potstill_methods::find(kind)?.usual_weight.unwrap_or(1.0);
        parts = parts.method(MethodParts::of_spec(
            kind,
            MethodSpec::new(kind).with_weight(weight),
        ));
    }
    Ok(parts)
}

pub(super) fn settings(setup: &BenchSetup) -> Settings {
    Settings {
        batch: setup.batch,
        ..Settings::named("bench")
    }
}

fn rule(lr: f64) -> OptimizerSpec {
    OptimizerSpec::Sgd(Sgd {
        lr,
        momentum: 0.9,
        nesterov: true,
        dampening: 0.0,
        weight_decay: 5e-4,
    })
}

/// A network of the registry with fresh weights.
pub(super) fn network(
    entry: &ModelEntry,
    classes: usize,
    owner: &str,
    device: &Device,
) -> Result<VisionModel, EngineError> {
    let options = BuildOptions {
        classes: Some(classes),
        ..BuildOptions::default()
    };
    let scope = Scope::new(device, Seed::new(0), owner);
    Ok(entry.build(options, &scope)?.into())
}

/// The teacher with the running statistics of these images. Those of a fresh one fit nothing, and what a residual network adds up
/// would grow from block to block.
fn settled(mut teacher: Model, images: Tensor<4>) -> Model {
    let mut pass = Pass::new(Mode::Batch);
    Frozen::new(&teacher).get().forward(images, &mut pass);
    let statistics = pass.into_batch_statistics();
    // Each update goes a tenth of the way.
    let again: Vec<BatchStatistics> = std::iter::repeat_n(statistics, 60).flatten().collect();
    BatchStatistics::update_running_stats(&again, teacher.parameters_mut());
    teacher
}

/// Images of noise, of the size and the classes that a network is for.
pub(super) fn data(entry: &ModelEntry, setup: &BenchSetup) -> Result<PlannedData, EngineError> {
    let size = setup.size.unwrap_or(entry.input);
    let noise: Arc<dyn Dataset> = Arc::new(Noise::new(entry, size, setup.batch));
    PlannedData::new(Arc::clone(&noise), noise, Augment::none())
}

/// The only batch.
pub(super) fn batch(data: &PlannedData, settings: &Settings) -> Result<Batch, EngineError> {
    let loader = Loader::new(data.train.clone(), data.augment.clone(), settings.loading())?;
    let batch = loader.epoch(0, 0).next();
    let none = || EngineError::invalid_plan("batch", "a bench needs at least 2 images");
    Ok(batch.ok_or_else(none)??)
}

#[cfg(test)]
mod tests {
    use potstill_ops::Precision;

    use super::{BenchSetup, parts};

    #[test]
    fn methods_have_their_usual_weights() {
        let setup = BenchSetup {
            student: "cifar_resnet8".into(),
            teacher: Some("cifar_resnet8".into()),
            methods: ["ofd", "review-kd", "at"].map(String::from).to_vec(),
            size: None,
            batch: 2,
            steps: 1,
            epoch: None,
            precision: Precision::Single,
            rate: 0.02,
            allocator: None,
        };
        let parts = parts(&setup, 1).unwrap();
        let weights: Vec<f64> = parts.methods.iter().map(|method| method.weight).collect();
        assert_eq!(weights, [0.001, 1.0, 1000.0]);
    }
}
