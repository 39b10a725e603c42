//! `potstill eval`: accuracy of a network on a data set.

use std::{path::Path, sync::Arc};

use burn::tensor::Device;
use potstill_data::{Augment, Dataset, LoaderConfig, Normalise, Split, open};
use potstill_engine::{Source, default_input, evaluate};
use potstill_models::{FrozenClassifier, OnnxClassifier};
use potstill_random::Seed;

use crate::{
    arguments::EvalArguments,
    commands::{print, print_json},
    failure::Failure,
};

/// Evaluates and prints.
pub fn run(arguments: EvalArguments, quiet: bool) -> Result<(), Failure> {
    let data: Arc<dyn Dataset> = open(&arguments.data, Split::Test)?.into();
    let source = Source {
        model: arguments.model,
        weights: arguments.network.or(arguments.weights),
        shortcut: arguments.shortcut.map(Into::into),
        ..Source::default()
    };
    let Opened {
        name,
        network,
        normalise,
    } = opened(&source, arguments.logits.as_deref(), data.as_ref())?;
    let network = network.with_precision(arguments.precision.into());
    let (ours, theirs) = (network.classes(), data.classes().len());
    if ours != theirs {
        let message = format!(
            "{name} tells {ours} classes apart, {} has {theirs}",
            arguments.data
        );
        return Err(Failure::Usage(message));
    }
    let input = match (arguments.mean, arguments.std) {
        (Some(mean), Some(std)) => Normalise { mean, std },
        _ => normalise.unwrap_or_else(|| default_input(network.channels())),
    };
    check(&input, network.channels(), data.as_ref())?;
    if !quiet {
        eprintln!(
            "{name}: {} images, normalised by mean {:?} and std {:?}",
            data.len(),
            input.mean,
            input.std
        );
    }
    let config = LoaderConfig {
        batch: arguments.batch,
        ..LoaderConfig::default()
    };
    let found = evaluate(&network, data, &Augment::none(), &input, config, &mut |_| ())?;
    if arguments.json {
        return print_json(&found);
    }
    let top5 = found
        .top5
        .map_or(String::new(), |top5| format!("  top-5 {top5:.2} %"));
    print(&format!(
        "top-1 {:.2} %{top5}  loss {:.4}  ({} images)",
        found.top1, found.loss, found.count
    ))
}

/// What is to be evaluated.
struct Opened {
    name: String,
    network: FrozenClassifier,
    normalise: Option<Normalise>,
}

/// Opens a network of ours, or an ONNX file for the images of `data`.
fn opened(source: &Source, logits: Option<&str>, data: &dyn Dataset) -> Result<Opened, Failure> {
    if let Some(file) = source.weights.as_deref().filter(|file| is_onnx(file)) {
        if data.is_empty() {
            return Err(Failure::Usage(format!("{} has no images", data.name())));
        }
        let network = OnnxClassifier::open(file, logits, data.image(0)?.shape())?;
        return Ok(Opened {
            name: file.display().to_string(),
            network: FrozenClassifier::Onnx(network),
            normalise: None,
        });
    }
    let network = source.open(&Device::flex(), Seed::new(0), "eval")?;
    Ok(Opened {
        network: FrozenClassifier::from(&network.classifier),
        name: network.model,
        normalise: network.normalise,
    })
}

/// Whether a path on the command line means an ONNX file.
pub(super) fn is_onnx(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

fn check(input: &Normalise, channels: usize, data: &dyn Dataset) -> Result<(), Failure> {
    input.check()?;
    let of_data = if data.is_empty() {
        channels
    } else {
        data.image(0)?.channels
    };
    if input.mean.len() == channels && of_data == channels {
        return Ok(());
    }
    let given = input.mean.len();
    let message = format!(
        "the network takes {channels} channels, the images have {of_data}, mean and std give {given} values"
    );
    Err(Failure::Usage(message))
}
