//! Weights and images by the formulas of `tools/filled.py`, so that recorded values need no weight files.

#![allow(dead_code, reason = "each test file takes what it needs")]

use burn::tensor::{DType, Tensor};
use potstill_models::Model;
use potstill_ops::Entry;

use potstill_testing::numbers::{map, tensor};

/// The value at a flat index of a tensor whose name has the given phase.
pub type Wave = fn(f64, f64) -> f64;

pub fn smooth(phase: f64, i: f64) -> f64 {
    (0.7 + 0.013 * i + phase).sin()
}

pub fn noise(phase: f64, i: f64) -> f64 {
    let x = 1e4 * (i + phase).sin();
    2.0 * (x - x.floor()) - 1.0
}

/// The phase in which the wave of a tensor with this published name starts.
fn phase(name: &str) -> f64 {
    let weighted = name.bytes().enumerate().map(|(j, byte)| (j + 1) * byte as usize);
    (weighted.sum::<usize>() % 1000) as f64 / 100.0
}

/// The value of a tensor where its wave is `w`.
fn value(entry: &Entry, w: f64) -> f64 {
    match entry.path.rsplit('.').next() {
        Some("running_var") => 1.0 + 0.5 * w * w,
        Some("weight") if entry.shape.len() > 1 => {
            (2.0 / entry.shape[1..].iter().product::<usize>() as f64).sqrt() * w
        }
        Some("weight") => 1.0 + 0.1 * w,
        _ => 0.1 * w,
    }
}

/// Gives every tensor of the network the values of the formula for its published name, in this precision.
pub fn fill(network: &mut Model, wave: Wave, dtype: DType) {
    let names = *network.names();
    network.parameters_mut().rewrite(&mut |entry, present| {
        let phase = phase(&names.published_name(&entry.path));
        let filled = tensor(present.dims(), |i| value(entry, wave(phase, i as f64)));
        Some(filled.cast(dtype))
    });
}

/// Images `[count, size, size, 3]`.
pub fn images(count: usize, size: usize, dtype: DType) -> Tensor<4> {
    let images = map([count, 3, size, size], |i| {
        let (n, c) = (i / (3 * size * size), i / (size * size) % 3);
        let (y, x) = (i / size % size, i % size);
        (((n * 11 + c * 7 + y * 3 + x * 5) % 256) as f64 / 255.0 - 0.5) / 0.25
    });
    images.cast(dtype)
}

/// FNV-1a, 64 bits, of the lines `name [d0, d1]`, in the order of the names.
pub fn digest(entries: &[Entry]) -> String {
    let line = |entry: &Entry| format!("{} {:?}\n", entry.path, entry.shape);
    let mut lines: Vec<String> = entries.iter().map(line).collect();
    lines.sort();
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = lines.concat().bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    format!("{hash:016x}")
}
