//! Weights that PyTorch wrote, and the maps inside their network.
//!
//! `cargo run --release -p potstill --example pytorch_teacher [ARCHITECTURE FILE]`; without arguments it writes a small file first.

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::{collections::BTreeMap, env, path::PathBuf};

use potstill::prelude::*;

/// The architecture and the file that were named; else fresh weights, under PyTorch's names in a safetensors file.
fn chosen() -> potstill::Result<(String, PathBuf)> {
    let mut arguments = env::args().skip(1);
    if let (Some(architecture), Some(file)) = (arguments.next(), arguments.next()) {
        return Ok((architecture, file.into()));
    }
    let file = env::temp_dir().join("potstill-example.safetensors");
    let fresh = VisionModel::build("cifar_resnet20", 10, 0)?;
    weights::save(&fresh.network, &BTreeMap::new(), &file)?;
    Ok(("cifar_resnet20".into(), file))
}

pub(crate) fn main() -> potstill::Result<()> {
    let (architecture, file) = chosen()?;
    let teacher = VisionModel::load_weights(&architecture, &file)?;
    println!(
        "{architecture} from {}: {} classes",
        file.display(),
        teacher.network.classes()
    );

    let data = open("shapes:size=32,train=8", Split::Train)?;
    let images = [data.image(0)?, data.image(1)?];
    // Where a method reads: behind each stage, before the activation.
    let points: Vec<Point> = teacher
        .network
        .stage_ends()
        .into_iter()
        .map(|end| end.pre)
        .collect();
    let (outputs, taps) = teacher.read(&images, &points)?;
    println!("logits {:?}", outputs.logits().map_err(ModelError::from)?.dims());
    for point in &points {
        if let Some(map) = taps.map(point) {
            let mean = map.clone().abs().mean().into_scalar::<f32>();
            println!("{:<14} {:?}, mean size {mean:.3}", point.to_string(), map.dims());
        }
    }
    Ok(())
}
