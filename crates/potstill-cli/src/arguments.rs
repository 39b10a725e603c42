//! The command line.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        bench::BenchArguments, compare::CompareArguments, data::DataCommand, demo::DemoArguments,
        eval::EvalArguments, explain::ExplainArguments, export::ExportArguments, inspect::InspectArguments,
        list::ListArguments, predict::PredictArguments, replay::ReplayArguments,
        reproduce::ReproduceArguments, sweep::SweepArguments, train::TrainArguments, tune::TuneArguments,
        verify::VerifyArguments,
    },
    recipes::RecipeArguments,
};

/// Knowledge distillation for vision models: a better student, the proof that it is better, and a file that deploys.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Threads for computing; all processors if not given.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,

    /// Say nothing but results and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  potstill demo                                          teacher, student alone, student distilled, in minutes
  potstill train recipes/mine.toml --seeds 3             a run for each of three seeds
  potstill sweep sweeps/mine.toml --dry-run              a grid of runs: what it would do
  potstill train recipes/mine.toml methods=[] name=alone the same student without a teacher
  potstill compare runs/alone runs/mine                  who is better, and by how much
  potstill predict runs/mine photos/                     what pictures show
  potstill export runs/mine --out student                weights, config and model card

Exit codes: 0 done, 1 failed, 2 bad usage or recipe, 130 interrupted after saving.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a teacher, a student alone and a distilled student on built-in data, and compare them.
    Demo(DemoArguments),
    /// Run a recipe.
    Train(TrainArguments),
    /// Run a grid of recipes: methods, pairs, seeds, any key.
    Sweep(SweepArguments),
    /// Look for the best cell of a sweep by successive halving, on validation images, within a budget of hours.
    Tune(TuneArguments),
    /// Resolve a recipe without running it: networks, points, sizes, what trains.
    Plan(RecipeArguments),
    /// Measure a network on a data set.
    Eval(EvalArguments),
    /// Tell what pictures show.
    Predict(PredictArguments),
    /// Tell for pairs of images whether they show the same identity, by the network's embeddings.
    Verify(VerifyArguments),
    /// Put runs side by side.
    Compare(CompareArguments),
    /// Name what there is: models, methods, datasets, recipes.
    List(ListArguments),
    /// Explain a key of a recipe, a method, a network or a data set.
    Explain(ExplainArguments),
    /// Print the JSON Schema of recipes, by which an editor completes and checks them.
    Schema,
    /// Look into a network: its modules and points, with sizes and costs. Or into a checkpoint of a run.
    Inspect(InspectArguments),
    /// Do the step once more at which a run was stopped by a loss that is not finite: layer by layer, term by term.
    Replay(ReplayArguments),
    /// Run a finished run once more, and tell the first epoch and tensor that differ.
    Reproduce(ReproduceArguments),
    /// Write the student of a run as a folder that deploys.
    Export(ExportArguments),
    /// Look at data, or download it.
    #[command(subcommand)]
    Data(DataCommand),
    /// Time training steps or inference on synthetic images.
    Bench(BenchArguments),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}
