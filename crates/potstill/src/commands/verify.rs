//! `potstill verify`: do two images show the same identity?

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Dataset, LoaderConfig, Pairs, open};
use potstill_engine::{Source, verify};
use potstill_models::FrozenClassifier;
use potstill_random::Seed;

use crate::{
    arguments::VerifyArguments,
    commands::{
        eval::{check, resolved},
        print, print_json,
    },
    failure::Failure,
};

/// Verifies and prints.
pub fn run(arguments: &VerifyArguments, quiet: bool) -> Result<(), Failure> {
    let data: Arc<dyn Dataset> = open(&arguments.data, arguments.split.into())?.into();
    let pairs = if let Some(file) = &arguments.pairs {
        Pairs::read(file, data.as_ref())?
    } else {
        let [folds, each] = [arguments.folds, arguments.draw].map(|count| count as usize);
        Pairs::draw(data.as_ref(), folds, each, Seed::new(arguments.seed))?
    };
    let source = Source {
        model: arguments.model.clone(),
        weights: Some(arguments.network.clone()),
        shortcut: arguments.shortcut.map(Into::into),
        ..Source::default()
    };
    let network = source.open(&Device::flex(), Seed::new(0), "verify")?;
    let frozen = FrozenClassifier::from(&network.classifier);
    let input = resolved(&arguments.input, network.input, frozen.channels());
    check(&input, frozen.channels(), data.as_ref())?;
    if !quiet {
        eprintln!(
            "{}: {} folds of {}",
            network.model,
            pairs.folds().len(),
            data.name()
        );
    }
    let config = LoaderConfig {
        batch: arguments.batch as usize,
        ..LoaderConfig::default()
    };
    let found = verify(&frozen, data, &pairs, &arguments.point, &input, config)?;
    if arguments.json {
        return print_json(&found);
    }
    print(&format!(
        "accuracy {:.2} % +- {:.2} over {} folds  threshold {:.4}  ({} pairs)",
        found.accuracy, found.deviation, found.folds, found.threshold, found.pairs
    ))
}
