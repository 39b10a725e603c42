//! `potstill verify`: do two images show the same identity?

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use potstill_data::{Dataset, LoaderConfig, OpenOptions, Pairs, Split, TargetKind, open_with};
use potstill_ops::Point;
use potstill_random::Seed;

use crate::{
    choice::choice,
    commands::{print, print_json},
    failure::Failure,
    network_arguments::{InputArguments, SourceArguments},
    opened,
    printed::tell,
};

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A weight file, a checkpoint, an exported folder or the folder of a run.
    #[arg(value_name = "CHECKPOINT_OR_WEIGHTS")]
    pub network: PathBuf,
    /// Which network it is.
    #[command(flatten)]
    pub source: SourceArguments,
    /// The images, in a folder for each identity: a name or a path.
    #[arg(long, value_name = "NAME_OR_PATH")]
    pub data: String,
    /// Which part of the data.
    #[arg(long, value_parser = choice::<Split>(), default_value_t = Split::Test)]
    pub split: Split,
    /// The pairs, in the format of LFW's pairs.txt; drawn from the data if not given.
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Without `--pairs`: pairs of one identity to draw for each fold, and as many of two.
    #[arg(long, default_value_t = 300, value_name = "N", conflicts_with = "pairs", value_parser = clap::value_parser!(u32).range(1..))]
    pub draw: u32,
    /// Without `--pairs`: how many folds to draw.
    #[arg(long, default_value_t = 10, value_name = "N", conflicts_with = "pairs", value_parser = clap::value_parser!(u32).range(2..))]
    pub folds: u32,
    /// Without `--pairs`: where the draws start from.
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "pairs")]
    pub seed: u64,
    /// The point that is the embedding; the pooled one if not given.
    #[arg(long, default_value = "pool", value_name = "POINT")]
    pub point: Point,
    /// How the network takes an image.
    #[command(flatten)]
    pub input: InputArguments,
    /// Images of a batch.
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Verifies and prints.
pub fn run(arguments: &VerifyArguments, quiet: bool) -> Result<(), Failure> {
    let source = arguments.source.source(&arguments.network);
    let predictor = opened::network(&source, "verify", &arguments.input)?;
    let mut options = OpenOptions::default();
    options.decode.exif_orientation = predictor.preprocess.exif_orientation;
    let data = open_with(&arguments.data, arguments.split, TargetKind::Class, &options)?;
    let data: Arc<dyn Dataset> = data.into();
    let pairs = if let Some(file) = &arguments.pairs {
        Pairs::read(file, data.as_ref())?
    } else {
        let [folds, each] = [arguments.folds, arguments.draw].map(|count| count as usize);
        Pairs::draw(data.as_ref(), folds, each, Seed::new(arguments.seed))?
    };
    let prepared = predictor.prepare_pairs(data)?;
    if !quiet {
        tell!(
            "{}: {} folds of {}",
            predictor.name,
            pairs.folds().len(),
            prepared.data.name()
        );
        prepared.notes.iter().for_each(|note| tell!("{note}"));
    }
    let config = LoaderConfig {
        batch: arguments.batch as usize,
        ..LoaderConfig::default()
    };
    let found = predictor.verify(&prepared, &pairs, &arguments.point, config)?;
    if arguments.json {
        return print_json(&found);
    }
    print(&format!(
        "accuracy {:.2} % +- {:.2} over {} folds  threshold {:.4}  ({} pairs)",
        found.accuracy, found.deviation, found.folds, found.threshold, found.pairs
    ))
}
