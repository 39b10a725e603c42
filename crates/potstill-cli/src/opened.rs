//! Networks as the command line names them, ready for use.

use std::path::Path;

use potstill_base::read_text;
use potstill_engine::{ExportedOnnx, NetworkInput, Predictor, Source, cpu, default_input};
use potstill_models::{OnnxModel, OnnxOutputs};
use potstill_random::Seed;

use crate::{failure::Failure, network_arguments::InputArguments, printed::tell};

/// Whether a path on the command line means an ONNX file.
pub fn is_onnx(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// A network of ours, which takes its images as the arguments say, else as its weights say, else as usual.
pub fn network(source: &Source, owner: &str, input: &InputArguments) -> Result<Predictor, Failure> {
    let model = source.open(&cpu(), Seed::new(0), owner)?;
    say(&model.notes);
    Ok(input.applied(Predictor::from(&model)))
}

/// Says what was decided about weights on standard error, whatever else is asked to be quiet: it changes the result.
pub fn say(notes: &[String]) {
    for note in notes {
        tell!("note: {note}");
    }
}

/// A network in an ONNX file that says how it is used: one that Potstill has written. `None` of any other.
pub fn exported(
    file: &Path,
    logits: &[String],
    input: &InputArguments,
) -> Result<Option<Predictor>, Failure> {
    let Some(exported) = ExportedOnnx::read(file)? else {
        return Ok(None);
    };
    let opened = exported.open(file, logits)?;
    Ok(opened.map(|predictor| input.applied(predictor)))
}

/// A network in an ONNX file. Where the file leaves the size of its images open, they have `size` unless the arguments say another;
/// where it leaves the channels open, there are so many.
pub fn onnx(
    file: &Path,
    asked: &OnnxOutputs,
    input: &InputArguments,
    [height, width, channels]: [usize; 3],
) -> Result<Predictor, Failure> {
    let [_, _, taken] = OnnxModel::takes(file)?;
    let usual = NetworkInput::from(default_input(taken.unwrap_or(channels)));
    let resolved = input.network_input(usual);
    let size = input.size.unwrap_or([height, width]);
    Ok(input.applied(Predictor::onnx(file, asked, resolved, size)?))
}

/// The names in a file, one a line, in the order of a network's outputs.
pub fn class_names(file: &Path) -> Result<Vec<String>, Failure> {
    let text =
        read_text(file).map_err(|error| Failure::Work(format!("cannot read {}: {error}", file.display())))?;
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// The same network, whose classes are called as a file says.
pub fn named(predictor: Predictor, file: Option<&Path>) -> Result<Predictor, Failure> {
    let Some(file) = file else {
        return Ok(predictor);
    };
    let class_names = class_names(file)?;
    let (found, wanted) = (class_names.len(), predictor.network.classes());
    if found != wanted {
        return Err(Failure::Usage(format!(
            "{} has {found} names, and {} has {wanted} classes",
            file.display(),
            predictor.name
        )));
    }
    Ok(Predictor {
        class_names,
        ..predictor
    })
}
