//! `potstill export`: the student of a run as a folder that deploys, or as an ONNX file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use potstill_engine::{CheckpointChoice, OnnxSettings, RunFolder, export, export_onnx};
use potstill_onnx::write::Opset;
use potstill_ops::Point;
use potstill_report::human;

use crate::{commands::print, failure::Failure, opened::is_onnx, printed::tell};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The folder of the run.
    pub run: PathBuf,
    /// The folder to write: `model.safetensors`, `config.json` and a model card.
    #[arg(long, value_name = "DIR", required_unless_present = "onnx")]
    pub out: Option<PathBuf>,
    /// The student of the best epoch instead of the last. It was chosen by looking at the test images.
    #[arg(long)]
    pub best: bool,
    /// The ONNX file to write, with `config.json` and a model card beside it. It is run on test images first, and written only if it says
    /// what the student says.
    #[arg(long, value_name = "FILE")]
    pub onnx: Option<PathBuf>,
    /// Of the ONNX file.
    #[command(flatten)]
    pub of_onnx: OnnxArguments,
}

/// How an ONNX file is written.
#[derive(Debug, Args)]
pub struct OnnxArguments {
    /// Write batch norms and every weight as they are, for retraining elsewhere, instead of folding norms into convolutions.
    #[arg(long, requires = "onnx")]
    pub keep_norms: bool,
    /// Put degradation and normalisation into the file: it takes pixels in 0..1 then.
    #[arg(long, requires = "onnx")]
    pub with_input: bool,
    /// Points whose maps are outputs too, such as `layer2.0,layer3.0:pre`.
    #[arg(long, requires = "onnx", value_delimiter = ',', value_name = "POINTS")]
    pub points: Vec<Point>,
    /// The version of the operators: 17, which most runtimes know, or 20, in which GELU is one operator. A student that was made of an ONNX
    /// file keeps the file's.
    #[arg(long, requires = "onnx", value_enum, default_value_t = OpsetChoice::V17)]
    pub opset: OpsetChoice,
}

/// A version of ONNX's operators.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum OpsetChoice {
    /// Version 17.
    #[value(name = "17")]
    V17,
    /// Version 20.
    #[value(name = "20")]
    V20,
}

impl OnnxArguments {
    fn settings(&self) -> OnnxSettings {
        let mut points = self.points.clone();
        points.sort();
        points.dedup();
        OnnxSettings {
            keep_norms: self.keep_norms,
            with_input: self.with_input,
            points,
            opset: match self.opset {
                OpsetChoice::V17 => Opset::V17,
                OpsetChoice::V20 => Opset::V20,
            },
        }
    }
}

/// Writes what is asked for.
pub fn run(arguments: &ExportArguments, quiet: bool) -> Result<(), Failure> {
    if let Some(file) = arguments.onnx.as_deref().filter(|file| !is_onnx(file)) {
        return Err(Failure::Usage(format!(
            "{} is no name of an ONNX file: it has to end in `.onnx`",
            file.display()
        )));
    }
    let folder = RunFolder::open(&arguments.run)?;
    let choice = if arguments.best {
        CheckpointChoice::Best
    } else {
        CheckpointChoice::Last
    };
    if let Some(out) = &arguments.out {
        export(&folder, choice, out)?;
        if !quiet {
            tell!("{}: model.safetensors, config.json, README.md", out.display());
        }
    }
    if let Some(file) = &arguments.onnx {
        onnx(&folder, choice, file, &arguments.of_onnx.settings(), quiet)?;
    }
    Ok(())
}

fn onnx(
    folder: &RunFolder,
    choice: CheckpointChoice,
    file: &Path,
    settings: &OnnxSettings,
    quiet: bool,
) -> Result<(), Failure> {
    let written = export_onnx(folder, choice, file, settings)?;
    if quiet {
        return Ok(());
    }
    let files: Vec<String> = written
        .files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    print(&format!(
        "{}\n{}: {} operators, {} bytes, opset {}\n",
        written.proof,
        files.join(", "),
        written.operators,
        human::count(written.bytes),
        written.opset
    ))
}
