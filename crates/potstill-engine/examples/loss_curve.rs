//! Trains 200 steps of a small network on images made by a formula, to be laid over the same steps in PyTorch.
//!
//! `cargo run --release -p potstill-engine --example loss_curve DIR [MODEL]` writes `DIR/start.safetensors`, the initial weights
//! under PyTorch's names, and `DIR/losses.json`, the cross-entropy of every step; `tools/loss_curves.py DIR` does the rest.

#![allow(clippy::print_stdout, reason = "a program for people to run")]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_models::{BuildOptions, find, weights};
use potstill_ops::{BatchStatistics, Mode, Parameters, Pass, Scope};
use potstill_optim::Optimizer;
use potstill_random::Seed;
use potstill_recipe::{OptimizerSpec, Sgd};
use potstill_tasks::cross_entropy;

const STEPS: usize = 200;
const BATCH: usize = 64;
const IMAGES: usize = 2048;
const CLASSES: usize = 10;
const RATE: f64 = 0.01;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: loss_curve DIR [MODEL]")?);
    let model = arguments.next().unwrap_or_else(|| "cifar_resnet20".into());
    fs::create_dir_all(&folder)?;
    let device = Device::flex();
    let options = BuildOptions {
        classes: Some(CLASSES),
        ..BuildOptions::default()
    };
    let mut network = find(&model)?.build(options, &Scope::new(&device, Seed::new(0), "student"))?;
    weights::save(&network, &BTreeMap::new(), &folder.join("start.safetensors"))?;
    let mut optimizer = Optimizer::new(&OptimizerSpec::Sgd(Sgd {
        lr: RATE,
        momentum: 0.9,
        nesterov: true,
        dampening: 0.0,
        weight_decay: 5e-4,
    }));
    let mut losses = Vec::with_capacity(STEPS);
    for step in 0..STEPS {
        let mut pass = Pass::new(Mode::Batch);
        let logits = network.forward(images(step, &device), &mut pass).into_logits()?;
        let loss = cross_entropy(logits, labels(step, &device), 0.0);
        losses.extend(loss.clone().inner().into_data().iter::<f64>());
        let mut gradients = loss.backward();
        network.update_with_gradients(&mut gradients, &mut |entry, value, gradient| {
            optimizer.update(&entry.path, value, gradient, RATE)
        });
        BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut network);
    }
    let json = serde_json::json!({ "model": model, "losses": losses });
    fs::write(folder.join("losses.json"), json.to_string())?;
    println!(
        "{model}: loss {:.4} at the first step, {:.4} at the last",
        losses[0],
        losses[STEPS - 1]
    );
    Ok(())
}

/// The images of a step: for each class a pattern, a quarter as strong as the noise on it. Every number is a multiple of 2^-17,
/// exact in 32 bits.
fn images(step: usize, device: &Device) -> Tensor<4> {
    const ELEMENTS: usize = 32 * 32 * 3;
    let mut pixels = Vec::with_capacity(BATCH * ELEMENTS);
    for image in images_of(step) {
        for element in 0..ELEMENTS {
            let noise = drawn(image * ELEMENTS + element);
            let pattern = drawn((IMAGES + image % CLASSES) * ELEMENTS + element);
            pixels.push(noise + 0.25 * pattern);
        }
    }
    Tensor::from_data(TensorData::new(pixels, [BATCH, 32, 32, 3]), device)
}

fn labels(step: usize, device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = images_of(step).map(|image| (image % CLASSES) as i32).collect();
    Tensor::from_data(TensorData::new(labels, [BATCH]), device)
}

fn images_of(step: usize) -> impl Iterator<Item = usize> {
    (0..BATCH).map(move |i| (step * BATCH + i) % IMAGES)
}

/// A number in [-1, 1) from a mixed counter.
fn drawn(counter: usize) -> f32 {
    let mut bits = (counter as u32).wrapping_mul(0x9E37_79B1);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x85EB_CA77);
    bits ^= bits >> 13;
    (bits >> 16) as f32 / 32_768.0 - 1.0
}
