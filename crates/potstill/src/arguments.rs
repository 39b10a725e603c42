//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use potstill_data::Split;
use potstill_models::Shortcut;
use potstill_ops::{Point, Precision};
use potstill_recipe::Enlarge;

use crate::model_name::ModelName;

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
  potstill train recipes/mine.toml methods=[] name=alone the same student without a teacher
  potstill compare runs/alone runs/mine                  who is better, and by how much
  potstill export runs/mine --out student                weights, config and model card

Exit codes: 0 done, 1 failed, 2 bad usage or recipe, 130 interrupted after saving.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a teacher, a student alone and a distilled student on built-in data, and compare them.
    Demo(DemoArguments),
    /// Run a recipe.
    Train(TrainArguments),
    /// Resolve a recipe without running it: networks, points, sizes, what trains.
    Plan(RecipeArguments),
    /// Measure a network on a data set.
    Eval(EvalArguments),
    /// Tell for pairs of images whether they show the same identity, by the network's embeddings.
    Verify(VerifyArguments),
    /// Put runs side by side.
    Compare(CompareArguments),
    /// Name what there is: models, methods, datasets, recipes.
    List(ListArguments),
    /// Look into a network: its modules and points, with sizes and costs.
    Inspect(InspectArguments),
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

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Where the runs are written; a folder that has runs already is left alone and the next free number taken.
    #[arg(long, default_value = "runs/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Seeds of the students.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A recipe and what overrides it.
#[derive(Debug, Args)]
pub struct RecipeArguments {
    /// A recipe file, the folder of a run, or a name of `potstill list recipes`.
    pub recipe: String,
    /// `key=value`, dotted, as often as needed: `train.epochs=3 methods.0.weight=2`.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArguments,
    /// Continue the run where its last checkpoint was written.
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace a run that is there already.
    #[arg(long)]
    pub overwrite: bool,
    /// Run this many seeds, counted up from the recipe's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// The folder of all runs.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    pub runs: PathBuf,
}

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
    #[arg(long)]
    pub shortcut: Option<ShortcutArgument>,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Option<String>,
    /// The test images: a name or a path.
    #[arg(long, value_name = "NAME_OR_PATH")]
    pub data: String,
    /// How the network takes an image.
    #[command(flatten)]
    pub input: InputArguments,
    /// In what frozen convolutions compute; half needs AVX512-FP16, and changes nothing elsewhere.
    #[arg(long, value_enum, default_value_t = PrecisionArgument::Single)]
    pub precision: PrecisionArgument,
    /// Images of a batch.
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub batch: usize,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A weight file, a checkpoint, an exported folder or the folder of a run.
    #[arg(value_name = "CHECKPOINT_OR_WEIGHTS")]
    pub network: PathBuf,
    /// The architecture, where no config.json lies beside the weights.
    #[arg(long, value_name = "NAME", value_parser = ModelName, hide_possible_values = true)]
    pub model: Option<String>,
    /// The shortcut of a residual network for small images.
    #[arg(long)]
    pub shortcut: Option<ShortcutArgument>,
    /// The images, in a folder for each identity: a name or a path.
    #[arg(long, value_name = "NAME_OR_PATH")]
    pub data: String,
    /// Which part of the data.
    #[arg(long, value_enum, default_value_t = SplitArgument::Test)]
    pub split: SplitArgument,
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

/// How a network takes an image, where its weights' config does not say or something else is wanted.
#[derive(Debug, Args)]
pub struct InputArguments {
    /// Mean of each channel, of pixels in 0..1; what the weights' config says if not given, else ImageNet's.
    #[arg(long, value_delimiter = ',', requires = "std", value_name = "R,G,B")]
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of each channel.
    #[arg(long, value_delimiter = ',', requires = "mean", value_name = "R,G,B")]
    pub std: Option<Vec<f32>>,
    /// Degrade each image to so many rows and columns; as the weights' config says if not given.
    #[arg(long, value_name = "N")]
    pub low_resolution: Option<usize>,
    /// How a degraded image gets its old size back.
    #[arg(long, value_enum, default_value_t = EnlargeArgument::Nearest, requires = "low_resolution")]
    pub enlarge: EnlargeArgument,
}

/// How a degraded image gets its old size back.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EnlargeArgument {
    /// Each pixel becomes a square of equal ones.
    Nearest,
    /// Bilinear, with half-pixel centres.
    Bilinear,
    /// Not at all: the network is fed the small image.
    None,
}

impl From<EnlargeArgument> for Enlarge {
    fn from(argument: EnlargeArgument) -> Self {
        match argument {
            EnlargeArgument::Nearest => Self::Nearest,
            EnlargeArgument::Bilinear => Self::Bilinear,
            EnlargeArgument::None => Self::None,
        }
    }
}

/// In what frozen convolutions compute.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionArgument {
    /// Single precision.
    Single,
    /// Half precision where the machine has it.
    Half,
}

impl From<PrecisionArgument> for Precision {
    fn from(argument: PrecisionArgument) -> Self {
        match argument {
            PrecisionArgument::Single => Self::Single,
            PrecisionArgument::Half => Self::Half,
        }
    }
}

/// The two shortcuts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ShortcutArgument {
    /// Subsample and pad with zeros.
    A,
    /// A 1x1 convolution.
    B,
}

impl From<ShortcutArgument> for Shortcut {
    fn from(argument: ShortcutArgument) -> Self {
        match argument {
            ShortcutArgument::A => Self::Subsample,
            ShortcutArgument::B => Self::Projection,
        }
    }
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Folders of runs; a folder of seeds is one row with mean and spread.
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// How to print the table.
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
    /// Short for `--format json`.
    #[arg(long)]
    pub json: bool,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For a terminal.
    Text,
    /// For a document.
    Markdown,
    /// For a program.
    Json,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// What to name.
    pub what: Listed,
    /// Print an array of objects.
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Listed {
    /// Networks.
    Models,
    /// Distillation methods.
    Methods,
    /// Data sets with a name.
    Datasets,
    /// Recipes that come with the binary.
    Recipes,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The network's name, or an ONNX file.
    #[arg(value_parser = ModelName, hide_possible_values = true)]
    pub model: String,
    /// A PyTorch or safetensors file of weights, to see whether it fits.
    #[arg(long, value_name = "FILE", conflicts_with = "logits")]
    pub weights: Option<PathBuf>,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Option<String>,
    /// The image's height and width; what the published network takes if not given.
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub input: Option<[usize; 2]>,
    /// Output classes; the published number if not given.
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// The shortcut of a residual network for small images.
    #[arg(long)]
    pub shortcut: Option<ShortcutArgument>,
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

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The folder of the run.
    pub run: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The student of the best epoch instead of the last. It was chosen by looking at the test images.
    #[arg(long)]
    pub best: bool,
}

/// Commands on data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Read every image once: classes, sizes, mean and deviation, unreadable files.
    Check {
        /// A name or a path.
        source: String,
        /// Which part.
        #[arg(long, value_enum, default_value_t = SplitArgument::Train)]
        split: SplitArgument,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Download a data set from its official address, with its checksum; resumes what was begun.
    Fetch {
        /// The data set.
        name: String,
        /// The folder of all data sets.
        #[arg(long, default_value = potstill_data::DATA_ROOT, value_name = "DIR")]
        root: PathBuf,
    },
}

/// The parts of a data set.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SplitArgument {
    /// Training images.
    Train,
    /// Test images.
    Test,
}

impl From<SplitArgument> for Split {
    fn from(argument: SplitArgument) -> Self {
        match argument {
            SplitArgument::Train => Self::Train,
            SplitArgument::Test => Self::Test,
        }
    }
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// The student that trains.
    #[arg(long, value_name = "NAME", required_unless_present = "infer", value_parser = ModelName, hide_possible_values = true)]
    pub student: Option<String>,
    /// The teacher of a distillation step.
    #[arg(long, value_name = "NAME", requires = "method", value_parser = ModelName, hide_possible_values = true)]
    pub teacher: Option<String>,
    /// The method of a distillation step; may be given several times.
    #[arg(long, value_name = "NAME", requires = "teacher")]
    pub method: Vec<String>,
    /// Time inference of this network instead.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["student", "teacher"], value_parser = ModelName, hide_possible_values = true)]
    pub infer: Option<String>,
    /// With `--infer`: in what frozen convolutions compute; half needs AVX512-FP16, and changes nothing elsewhere.
    #[arg(long, value_enum, default_value_t = PrecisionArgument::Single)]
    pub precision: PrecisionArgument,
    /// Images of a batch.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub batch: usize,
    /// Counted steps; two more come first.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub steps: usize,
    /// The learning rate.
    #[arg(long, default_value_t = 0.05, value_name = "RATE")]
    pub lr: f64,
    /// The student's epoch (of 240, from 0) that the steps are of, for methods whose steps differ; after every ramp if none.
    #[arg(long, value_name = "EPOCH")]
    pub epoch: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}
