//! Built-in networks beside themselves as ONNX files: the same step, and how long each takes.
//!
//!     cargo run --release -p potstill-models --example onnx_student_speed -- 20 cifar_resnet20:32:32 mobilenet_v2:224:4
//!
//! The first number is that of the steps; a network is named with the size of its images and their number. The file is written with its
//! batch norms by our own exporter. Steps of both alternate, so that whatever else the machine does falls on both; the medians are compared.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{collections::BTreeMap, error::Error, time::Instant};

use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use potstill_models::{
    BuildOptions, GraphNetwork, GraphWeights, Model, OnnxOptions, TrainGraph, find, onnx_file,
};
use potstill_ops::{Mode, Pass, Scope};
use potstill_random::Seed;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let steps: usize = arguments
        .next()
        .ok_or("the number of steps is missing")?
        .parse()?;
    for argument in arguments {
        let [name, size, count] = argument.split(':').collect::<Vec<_>>()[..] else {
            return Err("a network is written NAME:SIZE:IMAGES".into());
        };
        compare(name, size.parse()?, count.parse()?, steps)?;
    }
    Ok(())
}

fn compare(name: &str, size: usize, count: usize, steps: usize) -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let scope = Scope::new(&device, Seed::new(0), "student");
    let options = BuildOptions {
        classes: Some(10),
        ..BuildOptions::default()
    };
    let built = find(name)?.build(options, &scope)?;
    let kept = OnnxOptions {
        keep_norms: true,
        ..OnnxOptions::default()
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("network.onnx");
    onnx_file(&built, [size, size, 3], &kept, BTreeMap::new())?.write(&path)?;
    let graph = TrainGraph::open(&path, None, [size, size, 3])?;
    let (units, operations) = (graph.units(), graph.steps.len());
    let read = GraphNetwork::build(graph, 10, GraphWeights::File, &scope)?.into_model();
    let mut stream = Seed::new(1).stream("images", &[]);
    let pixels: Vec<f32> = (0..count * size * size * 3)
        .map(|_| stream.normal() as f32)
        .collect();
    let images = Tensor::<4>::from_data(TensorData::new(pixels, [count, size, size, 3]), &device);

    let [one, other] = [&built, &read].map(|model| step(model, images.clone()));
    let largest = one
        .iter()
        .fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let off = one
        .iter()
        .zip(&other)
        .fold(0.0, |off: f32, (a, b)| off.max((a - b).abs()));
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..steps {
        for (model, seconds) in [&built, &read].into_iter().zip(&mut seconds) {
            let began = Instant::now();
            step(model, images.clone());
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    let [built, read] = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    });
    println!(
        "{name}: {:.1} ms a step built in, {:.1} ms as a file, ratio {:.3}; largest difference {:.1e} of the largest gradient; {units} \
         units in {operations} steps",
        1e3 * built,
        1e3 * read,
        read / built,
        off / largest,
    );
    Ok(())
}

/// The gradients of a step, all in one row, in the order of their names.
fn step(model: &Model, images: Tensor<4>) -> Vec<f32> {
    let count = images.dims()[0];
    let mut pass = Pass::new(Mode::Batch);
    let outputs = model.forward(images, &mut pass);
    let Ok(logits) = outputs.into_logits() else {
        return Vec::new();
    };
    let labels: Vec<i32> = (0..count as i32).map(|label| label % 10).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), &logits.device());
    let loss = log_softmax(logits, 1)
        .gather(1, labels.unsqueeze_dim(1))
        .mean()
        .neg();
    let gradients = loss.backward();
    let mut found: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let names = model.names();
    model
        .parameters()
        .each_gradient(&gradients, &mut |entry, gradient| {
            found.insert(
                names.published_name(&entry.path),
                gradient.into_data().iter().collect(),
            );
        });
    found.into_values().flatten().collect()
}
