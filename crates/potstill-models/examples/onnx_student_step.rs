//! Compares a training step of a network in an ONNX file with what PyTorch recorded of it.
//!
//!     cargo run --release -p potstill-models --example onnx_student_step -- mine.onnx recorded.safetensors
//!
//! `tools/check_onnx_students.py` makes both files for many networks. The recording has `images` `[N, C, H, W]`, the logits `evaluation` and
//! `training`, and under `gradient/NAME` and `statistic/NAME` what the step gives; its labels are 0, 1, 2, ... The largest differences are
//! printed in a line, those of gradients by the largest gradient of all.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{collections::BTreeMap, error::Error, path::Path, time::Instant};

use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use potstill_models::{
    GraphNetwork, GraphWeights, Model, TrainGraph,
    weights::{StoredTensor, TensorFile},
};
use potstill_ops::{BatchStatistics, Frozen, Mode, Pass, Role, Scope};
use potstill_random::Seed;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, recorded] = arguments.as_slice() else {
        return Err("two files are needed: an ONNX file, and what PyTorch recorded".into());
    };
    let recorded = TensorFile::read(Path::new(recorded))?.tensors;
    let images = &recorded["images"];
    let [count, channels, height, width] = images.shape[..] else {
        return Err("the images are no batch".into());
    };
    let device = Device::flex();
    let images = TensorData::new(images.values.clone(), [count, channels, height, width]);
    let images = Tensor::<4>::from_data(images, &device).permute([0, 2, 3, 1]);
    let graph = TrainGraph::open(Path::new(file), None, [height, width, channels])?;
    let (classes, units, steps) = (graph.classes, graph.units(), graph.steps.len());
    let scope = Scope::new(&device, Seed::new(0), "student");
    let mut model = GraphNetwork::build(graph, classes, GraphWeights::File, &scope)?.into_model();

    let evaluation = numbers(Model::logits(&Frozen::new(&model), images.clone())?);
    let began = Instant::now();
    let mut pass = Pass::new(Mode::Batch);
    let logits = model.forward(images, &mut pass).into_logits()?;
    let training = numbers(logits.clone().inner());
    let labels: Vec<i32> = (0..count as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), &device);
    let loss = log_softmax(logits, 1)
        .gather(1, labels.unsqueeze_dim(1))
        .mean()
        .neg();
    let gradients = loss.backward();
    let seconds = began.elapsed().as_secs_f64();
    let mut found = BTreeMap::new();
    model
        .parameters()
        .each_gradient(&gradients, &mut |entry, gradient| {
            found.insert(format!("gradient/{}", entry.path), numbers(gradient));
        });
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), model.parameters_mut());
    model.parameters().each(&mut |entry, value| {
        if entry.role == Role::Buffer {
            found.insert(format!("statistic/{}", entry.path), numbers(value));
        }
    });
    println!(
        "evaluation {:.1e} training {:.1e} gradients {:.1e} statistics {:.1e}; {units} units in {steps} steps, {seconds:.2} s",
        difference(&evaluation, &recorded["evaluation"].values),
        difference(&training, &recorded["training"].values),
        all(&found, &recorded, "gradient/")?,
        all(&found, &recorded, "statistic/")?,
    );
    Ok(())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn largest(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0, |largest: f32, value| largest.max(value.abs()))
}

/// The largest difference by the largest number.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / largest(expected).max(f32::MIN_POSITIVE)
}

/// The largest difference of all tensors of a kind by the largest number of them; both must have the same names.
fn all(
    found: &BTreeMap<String, Vec<f32>>,
    recorded: &BTreeMap<String, StoredTensor>,
    kind: &str,
) -> Result<f32, Box<dyn Error>> {
    let names = |name: &&String| name.starts_with(kind);
    let ours: Vec<&String> = found.keys().filter(names).collect();
    let theirs: Vec<&String> = recorded.keys().filter(names).collect();
    if ours != theirs {
        let missing = theirs
            .iter()
            .filter(|name| !ours.contains(name))
            .take(3)
            .collect::<Vec<_>>();
        let extra = ours
            .iter()
            .filter(|name| !theirs.contains(name))
            .take(3)
            .collect::<Vec<_>>();
        return Err(format!("other names: {missing:?} are missing, {extra:?} are too many").into());
    }
    let scale = theirs
        .iter()
        .map(|name| largest(&recorded[*name].values))
        .fold(0.0, f32::max);
    let mut worst: f32 = 0.0;
    for name in ours {
        let pairs = found[name].iter().zip(&recorded[name].values);
        worst = pairs.fold(worst, |worst, (a, b)| worst.max((a - b).abs()));
    }
    Ok(worst / scale.max(f32::MIN_POSITIVE))
}
