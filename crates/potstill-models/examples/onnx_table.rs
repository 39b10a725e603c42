//! Writes networks of the registry as ONNX files, and prints how near each comes to the network in `rten`.
//!
//!     cargo run --release -p potstill-models --example onnx_table FOLDER [NETWORK...]
//!
//! Without names, all classification networks: six gigabytes. Weights are drawn, and running statistics with them. Beside each
//! `NAME.onnx` lies `NAME.safetensors` with `images` and `logits`, for `tools/check_onnx.py FOLDER`.

#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_models::{
    BuildOptions, Model, ModelEntry, OnnxModel, OnnxOptions, OnnxOutputs, OutputKind, find, onnx_file,
    registry, weights,
};
use potstill_ops::{Frozen, Mode, Pass, Scope};
use potstill_random::{Seed, Stream};

/// Images that each network is compared on.
const IMAGES: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        return Err("a folder is needed".into());
    };
    fs::create_dir_all(&folder)?;
    let named: Vec<&ModelEntry> = arguments.map(|name| find(&name)).collect::<Result<_, _>>()?;
    let all = registry().filter(|entry| entry.output_kind() == OutputKind::Logits);
    let entries = if named.is_empty() { all.collect() } else { named };
    println!("| network | largest difference in rten | operators | MB |\n|---|---|---|---|");
    for entry in entries {
        row(entry, folder.as_ref())?;
    }
    Ok(())
}

fn row(entry: &ModelEntry, folder: &Path) -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let mut network = entry.build(
        BuildOptions::default(),
        &Scope::new(&device, Seed::new(0), entry.name),
    )?;
    draw(&mut network);
    let [height, width] = entry.input;
    let image = [height, width, network.channels()];
    let file = folder.join(entry.name).with_extension("onnx");
    let written = onnx_file(&network, image, &OnnxOptions::default(), BTreeMap::new())?;
    written.write(&file)?;
    let operators = written.operators();
    drop(written);

    let mut stream = Seed::new(0).stream("images", &[]);
    let shape = [IMAGES, height, width, image[2]];
    let images = drawn(&shape, &mut stream, Stream::normal);
    let expected = Model::logits(&Frozen::new(&network), images.clone())?;
    let asked = OnnxOutputs::of(OutputKind::Logits, Some(network.classes()));
    let read = OnnxModel::open(&file, &asked, image)?;
    let found = read
        .forward(images.clone(), &mut Pass::new(Mode::Running))?
        .into_logits()?;
    let largest = expected.clone().abs().max().into_scalar::<f32>();
    let difference = (found - expected.clone()).abs().max().into_scalar::<f32>() / largest;
    let megabytes = fs::metadata(&file)?.len() as f64 / 1e6;
    println!(
        "| `{}` | {difference:.1e} | {operators} | {megabytes:.1} |",
        entry.name
    );

    let images = images.permute([0, 3, 1, 2]);
    let tensors = vec![
        ("images".into(), images.dims().to_vec(), images.reshape([-1])),
        ("logits".into(), expected.dims().to_vec(), expected.reshape([-1])),
    ];
    weights::write_tensors(tensors, &BTreeMap::new(), &file.with_extension("safetensors"))?;
    Ok(())
}

/// Vectors and scalings are not 1 and 0 in a trained network, and neither are its running statistics.
fn draw(network: &mut Model) {
    let mut at = 0;
    network.parameters_mut().rewrite(&mut |entry, present| {
        at += 1;
        let mut stream = Seed::new(1).stream(&entry.path, &[at]);
        let [count] = present.dims();
        let around = |middle: f64, reach: f64| {
            let shape = [count];
            move |stream: &mut Stream| drawn(&shape, stream, |stream| middle + stream.uniform(-reach, reach))
        };
        let is_vector = entry.shape.len() == 1;
        match entry.path.rsplit('.').next() {
            Some("running_var") => Some(around(1.0, 0.5)(&mut stream)),
            Some("running_mean" | "bias") => Some(around(0.0, 0.2)(&mut stream)),
            Some("gamma") => Some(around(0.0, 0.5)(&mut stream)),
            Some("weight") if is_vector => Some(around(1.0, 0.2)(&mut stream)),
            _ => None,
        }
    });
}

fn drawn<const D: usize>(
    shape: &[usize; D],
    stream: &mut Stream,
    mut value: impl FnMut(&mut Stream) -> f64,
) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| value(stream) as f32)
        .collect();
    Tensor::from_data(TensorData::new(values, *shape), &Device::flex())
}
