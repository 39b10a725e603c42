//! `potstill inspect`: a network as a tree of modules and points; a checkpoint of a run or an ONNX file is read elsewhere.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use burn::tensor::Device;
use clap::Args;
use potstill_engine::{Source, cpu};
use potstill_models::{BuildOptions, Model, OutlineRow, find, outline, probe, weights::Asked};
use potstill_ops::{PointSide, Scope};
use potstill_random::Seed;
use potstill_report::human;
use potstill_settings::Shortcut;
use serde_json::{Value, json};

use crate::{
    choice::choice,
    commands::{inspect_checkpoint, inspect_onnx, list::describe_model, print, print_json},
    failure::Failure,
    model_name::ModelName,
    opened::{is_onnx, say},
    printed::tell,
};

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The network's name, an ONNX file, or a checkpoint of a run.
    #[arg(value_parser = ModelName, hide_possible_values = true)]
    pub model: String,
    /// A PyTorch or safetensors file of weights, to see whether it fits.
    #[arg(long, value_name = "FILE", conflicts_with = "logits")]
    pub weights: Option<PathBuf>,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given. Several times where a detector has several.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Vec<String>,
    /// The image's height and width; what the published network takes if not given.
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub input: Option<[usize; 2]>,
    /// Output classes; the published number if not given.
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Below which prefix of the file the weights are, where it holds several networks; a part of it will do.
    #[arg(long, value_name = "PREFIX", requires = "weights")]
    pub prefix: Option<String>,
    /// The shortcut of a residual network for small images.
    #[arg(long, value_parser = choice::<Shortcut>())]
    pub shortcut: Option<Shortcut>,
    /// Print an object.
    #[arg(long)]
    pub json: bool,
}

/// Reads `32x32`.
fn size(text: &str) -> Result<[usize; 2], String> {
    let parse = |(height, width): (&str, &str)| Some([height.parse().ok()?, width.parse().ok()?]);
    text.split_once('x')
        .and_then(parse)
        .ok_or_else(|| "write height and width as 32x32".into())
}

/// Builds the network, runs it once and prints what was seen.
pub fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    if is_onnx(Path::new(&arguments.model)) {
        return inspect_onnx::run(arguments);
    }
    if Path::new(&arguments.model).is_file() {
        return inspect_checkpoint::run(Path::new(&arguments.model), arguments.json);
    }
    let device = cpu();
    let entry = find(&arguments.model)?;
    let options = BuildOptions {
        classes: arguments.classes,
        shortcut: arguments.shortcut,
        ..BuildOptions::default()
    };
    let network = match &arguments.weights {
        Some(file) => loaded(arguments, file, &device)?,
        None => entry.build(options, &Scope::new(&device, Seed::new(0), "inspect"))?,
    };
    let size = arguments.input.unwrap_or(entry.input);
    let probe = probe(&network, size, &device)?;
    let rows = outline(&network, &probe);
    if arguments.json {
        let mut described = describe_model(entry);
        described["input"] = json!([size[0], size[1], network.channels()]);
        described["classes"] = json!(probe.classes);
        described["params"] = json!(probe.parameters);
        described["macs"] = json!(probe.macs);
        described["flops"] = json!(2 * probe.macs);
        described["modules"] = rows.iter().map(describe).collect();
        return print_json(&described);
    }
    let mut text = format!(
        "{}: {}\n{} parameters, {} multiply-accumulates for one image of {}x{}x{}, {} classes\n\n",
        entry.name,
        entry.about,
        human::count(probe.parameters as u64),
        human::magnitude(probe.macs),
        size[0],
        size[1],
        network.channels(),
        probe.classes,
    );
    tree(&mut text, &rows);
    print(&text)
}

/// The network with the weights of a file, of as many classes and with the layers that were put into it; says how long that took.
fn loaded(arguments: &InspectArguments, file: &Path, device: &Device) -> Result<Model, Failure> {
    let began = Instant::now();
    let source = Source {
        model: Some(arguments.model.clone()),
        weights: Some(file.to_owned()),
        prefix: arguments.prefix.clone(),
        shortcut: arguments.shortcut,
        classes: arguments.classes,
        asked: Asked::CommandLine,
        ..Source::default()
    };
    let opened = source.open(device, Seed::new(0), "inspect")?;
    let seconds = began.elapsed().as_secs_f64();
    say(&opened.notes);
    tell!("{} fits, loaded in {seconds:.2} s", file.display());
    Ok(opened.network)
}

fn describe(row: &OutlineRow) -> Value {
    let sides = row.sides.iter().map(|side| match side {
        PointSide::Pre => "pre",
        PointSide::Post => "post",
    });
    json!({
        "path": row.path,
        "point": sides.collect::<Vec<_>>(),
        "map": row.size,
        "params": row.parameters,
        "macs": row.macs,
    })
}

fn tree(text: &mut String, rows: &[OutlineRow]) {
    let name = |row: &OutlineRow| format!("{}{}", "  ".repeat(row.depth), row.name);
    let width = rows.iter().map(|row| name(row).len()).max().unwrap_or(0).max(6);
    let _ = writeln!(
        text,
        "{:<width$}  {:<13} {:<8} {:>12} {:>22}",
        "module", "map", "point", "parameters", "multiply-accumulates"
    );
    for row in rows {
        let map = row.size.map_or(String::new(), |[h, w, c]| format!("{h}x{w}x{c}"));
        let point = match row.sides[..] {
            [] => "",
            [PointSide::Post] => "yes",
            [PointSide::Pre] => ":pre",
            [..] => "and :pre",
        };
        let blank_if_none = |number: u64, shown: fn(u64) -> String| {
            if number == 0 { String::new() } else { shown(number) }
        };
        let line = format!(
            "{:<width$}  {map:<13} {point:<8} {:>12} {:>22}",
            name(row),
            blank_if_none(row.parameters, human::count),
            blank_if_none(row.macs, human::magnitude),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
