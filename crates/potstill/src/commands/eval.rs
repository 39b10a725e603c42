//! `potstill eval`: accuracy of a network on a data set.

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Augment, Dataset, LoaderConfig, Normalise, Split, open};
use potstill_engine::{Source, default_input, evaluate};
use potstill_ops::Frozen;
use potstill_random::Seed;

use crate::{
    arguments::EvalArguments,
    commands::{print, print_json},
    failure::Failure,
};

/// Evaluates and prints.
pub fn run(arguments: EvalArguments, quiet: bool) -> Result<(), Failure> {
    let source = Source {
        model: arguments.model,
        weights: arguments.network.or(arguments.weights),
        shortcut: arguments.shortcut.map(Into::into),
        ..Source::default()
    };
    let network = source.open(&Device::flex(), Seed::new(0), "eval")?;
    let data: Arc<dyn Dataset> = open(&arguments.data, Split::Test)?.into();
    let (ours, theirs) = (network.classifier.classes(), data.classes().len());
    if ours != theirs {
        let message = format!(
            "{} tells {ours} classes apart, {} has {theirs}",
            network.model, arguments.data
        );
        return Err(Failure::Usage(message));
    }
    let input = match (arguments.mean, arguments.std) {
        (Some(mean), Some(std)) => Normalise { mean, std },
        _ => network
            .normalise
            .unwrap_or_else(|| default_input(network.classifier.channels())),
    };
    check(&input, network.classifier.channels(), data.as_ref())?;
    if !quiet {
        eprintln!(
            "{}: {} images, normalised by mean {:?} and std {:?}",
            network.model,
            data.len(),
            input.mean,
            input.std
        );
    }
    let config = LoaderConfig {
        batch: arguments.batch,
        ..LoaderConfig::default()
    };
    let frozen = Frozen::new(&network.classifier);
    let found = evaluate(&frozen, data, &Augment::none(), &input, config, &mut |_| ())?;
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
