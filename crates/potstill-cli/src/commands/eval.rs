//! `potstill eval`: accuracy of a network on a data set.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::Device;
use clap::Args;
use potstill_data::{Augment, Dataset, LoaderConfig, Normalise, Split, open_for};
use potstill_engine::{EngineError, NetworkInput, Source, default_input, evaluate};
use potstill_models::{FrozenModel, OnnxModel};
use potstill_random::Seed;
use potstill_recipe::LowResolution;
use potstill_settings::{Precision, Shortcut};
use potstill_tasks::{Task, TaskKind, TaskOptions};

use crate::{
    choice::choice,
    commands::{print, print_json},
    failure::Failure,
    model_name::ModelName,
    network_arguments::InputArguments,
};

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// A weight file, a checkpoint, an exported folder, the folder of a run, or an ONNX file of any network.
    #[arg(
        required_unless_present = "weights",
        conflicts_with = "weights",
        value_name = "CHECKPOINT_OR_WEIGHTS"
    )]
    pub network: Option<PathBuf>,
    /// The same, named.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// The architecture, where no config.json lies beside the weights.
    #[arg(long, value_name = "NAME", value_parser = ModelName, hide_possible_values = true)]
    pub model: Option<String>,
    /// The shortcut of a residual network for small images.
    #[arg(long, value_parser = choice::<Shortcut>())]
    pub shortcut: Option<Shortcut>,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Option<String>,
    /// The test images: a name or a path.
    #[arg(long, value_name = "NAME_OR_PATH")]
    pub data: String,
    /// What is measured; what the network was trained for if not given, where its config.json says so, and else classification.
    #[arg(long, value_parser = choice::<TaskKind>())]
    pub task: Option<TaskKind>,
    /// How the network takes an image.
    #[command(flatten)]
    pub input: InputArguments,
    /// In what frozen convolutions compute; half needs AVX512-FP16, and changes nothing elsewhere.
    #[arg(long, value_parser = choice::<Precision>(), default_value_t = Precision::Single)]
    pub precision: Precision,
    /// Images of a batch.
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub batch: usize,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Evaluates and prints.
pub fn run(arguments: &EvalArguments, quiet: bool) -> Result<(), Failure> {
    let source = Source {
        model: arguments.model.clone(),
        weights: arguments.network.clone().or_else(|| arguments.weights.clone()),
        shortcut: arguments.shortcut,
        ..Source::default()
    };
    let Opened {
        name,
        network,
        input,
        task,
        data,
    } = opened(&source, arguments)?;
    let network = network.with_precision(arguments.precision);
    let (ours, theirs) = (network.classes(), data.classes().len());
    if ours != theirs {
        let message = format!("{name} has {ours} classes, {} has {theirs}", arguments.data);
        return Err(Failure::Usage(message));
    }
    check(&input, network.channels(), data.as_ref())?;
    if !quiet {
        let Normalise { mean, std } = &input.normalise;
        let degraded = input.low_resolution.map_or(String::new(), |low| {
            format!(" degraded to {size}x{size},", size = low.size)
        });
        eprintln!(
            "{name}: {} images,{degraded} normalised by mean {mean:?} and std {std:?}",
            data.len()
        );
    }
    let config = LoaderConfig {
        batch: arguments.batch,
        ..LoaderConfig::default()
    };
    let found = evaluate(
        task.as_ref(),
        &network,
        data,
        &Augment::none(),
        &input,
        config,
        &mut |_| (),
    )?;
    if arguments.json {
        return print_json(&found);
    }
    let measured = task.metrics();
    let values = measured.iter().filter_map(|metric| {
        let value = found.metrics.of(metric)?;
        Some(format!("{} {}", metric.label, metric.unit.text(value)))
    });
    let values: Vec<String> = values.collect();
    print(&format!("{}  ({} images)", values.join("  "), found.count))
}

/// What is to be evaluated, and on what.
struct Opened {
    name: String,
    network: FrozenModel,
    input: NetworkInput,
    task: Arc<dyn Task>,
    data: Arc<dyn Dataset>,
}

/// Opens a network of ours, or an ONNX file for the images of the data.
fn opened(source: &Source, arguments: &EvalArguments) -> Result<Opened, Failure> {
    if let Some(file) = source.weights.as_deref().filter(|file| is_onnx(file)) {
        let (task, data) = measured(arguments, None)?;
        if data.is_empty() {
            return Err(Failure::Usage(format!("{} has no images", data.name())));
        }
        let image = data.image(0)?.shape();
        let input = resolved(&arguments.input, None, image[2]);
        let network = OnnxModel::open(file, arguments.logits.as_deref(), input.size(image)?)?;
        return Ok(Opened {
            name: file.display().to_string(),
            network: FrozenModel::Onnx(network),
            input,
            task,
            data,
        });
    }
    let network = source.open(&Device::flex(), Seed::new(0), "eval")?;
    let (task, data) = measured(arguments, network.task)?;
    let classifier = &network.network;
    Ok(Opened {
        input: resolved(&arguments.input, network.input, classifier.channels()),
        network: FrozenModel::from(classifier),
        name: network.architecture,
        task,
        data,
    })
}

/// A task and its test images.
type Measured = (Arc<dyn Task>, Arc<dyn Dataset>);

/// The task that is asked for, or else the one that the weights are `known` for, with its test images.
fn measured(arguments: &EvalArguments, known: Option<TaskKind>) -> Result<Measured, Failure> {
    let kind = arguments.task.or(known).unwrap_or_default();
    let target = potstill_tasks::task(kind, TaskOptions::default()).target_kind();
    let data: Arc<dyn Dataset> = open_for(&arguments.data, Split::Test, target)?.into();
    let options = TaskOptions {
        classes: data.classes().to_vec(),
        ..TaskOptions::default()
    };
    Ok((potstill_tasks::task(kind, options), data))
}

/// Whether a path on the command line means an ONNX file.
pub(super) fn is_onnx(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// How the network takes an image: as the arguments say, else as its weights say, else as usual.
pub(super) fn resolved(
    arguments: &InputArguments,
    known: Option<NetworkInput>,
    channels: usize,
) -> NetworkInput {
    let mut input = known.unwrap_or_else(|| default_input(channels).into());
    if let (Some(mean), Some(std)) = (&arguments.mean, &arguments.std) {
        let (mean, std) = (mean.clone(), std.clone());
        input.normalise = Normalise { mean, std };
    }
    if let Some(size) = arguments.low_resolution {
        let enlarge = arguments.enlarge;
        input.low_resolution = Some(LowResolution { size, enlarge });
    }
    input
}

/// Whether the network takes the images of `data` so.
pub(super) fn check(input: &NetworkInput, channels: usize, data: &dyn Dataset) -> Result<(), Failure> {
    if data.is_empty() {
        return Ok(input.normalise.check().map_err(EngineError::from)?);
    }
    let image = data.image(0)?.shape();
    let given = input.normalise.mean.len();
    if given != channels || image[2] != channels {
        return Err(Failure::Usage(format!(
            "the network takes {channels} channels, the images have {}, mean and std give {given} values",
            image[2]
        )));
    }
    Ok(input.check(image)?)
}
