//! `potstill eval`: how good a network is on a data set.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use potstill_data::{DataError, Dataset, LoaderConfig, Normalise};
use potstill_engine::{EngineError, Evaluation, EvaluationSettings, Predictor, Source};
use potstill_metrics::MetricSet;
use potstill_models::{OnnxOutputs, weights::Asked};
use potstill_report::details_text;
use potstill_settings::Precision;
use potstill_tasks::{TaskKind, TaskOptions};

use crate::{
    choice::choice,
    commands::{print, print_json, score},
    data_part::{self, Part},
    failure::Failure,
    network_arguments::{InputArguments, SourceArguments},
    open_arguments::OpenArguments,
    opened::{self, is_onnx},
    printed::tell,
};

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// A weight file, a checkpoint, an exported folder, the folder of a run, or an ONNX file of any network.
    #[arg(
        required_unless_present_any = ["weights", "predictions"],
        conflicts_with = "weights",
        value_name = "CHECKPOINT_OR_WEIGHTS"
    )]
    pub network: Option<PathBuf>,
    /// The same, named.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Which network it is.
    #[command(flatten)]
    pub source: SourceArguments,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given. Several times where a detector has several.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Vec<String>,
    /// The images: a name or a path.
    #[arg(long, value_name = "NAME_OR_PATH", required_unless_present = "predictions")]
    pub data: Option<String>,
    /// Which part of them.
    #[arg(long, value_parser = data_part::parser(), default_value_t = Part::Test)]
    pub split: Part,
    /// What the network's classes are called: a file with a name a line, in the order of its outputs. By these names, or those of the
    /// weights' config, the classes of the data are told.
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// A teacher whose agreement is measured: a weight file beside its config.json, an exported folder, the folder of a run, or an ONNX
    /// file.
    #[arg(long, value_name = "RUN_OR_FILE")]
    pub teacher: Option<PathBuf>,
    /// Name so many of the pictures that are told most wrong.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub worst: usize,
    /// What is measured; what the network was trained for if not given: as its config.json says, or by what it gives.
    #[arg(long, value_parser = choice::<TaskKind>())]
    pub task: Option<TaskKind>,
    /// Instead of a network: what a detector of any origin found, as a COCO result file.
    #[arg(long, value_name = "FILE", requires_all = ["truth", "task"], conflicts_with_all = ["network", "weights", "data"])]
    pub predictions: Option<PathBuf>,
    /// The COCO annotations that predictions are measured against.
    #[arg(long, value_name = "FILE", requires = "predictions")]
    pub truth: Option<PathBuf>,
    /// How the network takes an image.
    #[command(flatten)]
    pub input: InputArguments,
    /// In what frozen convolutions compute; half needs AVX512-FP16, and changes nothing elsewhere.
    #[arg(long, value_parser = choice::<Precision>(), default_value_t = Precision::Single)]
    pub precision: Precision,
    /// Images of a batch.
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub batch: usize,
    /// How the images are opened.
    #[command(flatten)]
    pub open: OpenArguments,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Evaluates and prints.
pub fn run(arguments: &EvalArguments, quiet: bool) -> Result<(), Failure> {
    if let (Some(predictions), Some(truth)) = (&arguments.predictions, &arguments.truth) {
        let kind = arguments.task.and_then(score::regions);
        let problem = "predictions are measured as `--task detection` or `--task instance-segmentation`";
        let kind = kind.ok_or_else(|| Failure::Usage(problem.into()))?;
        return score::run(kind, predictions, truth, arguments.json, quiet);
    }
    let (predictor, data) = subject(arguments, arguments.task)?;
    let teacher = arguments
        .teacher
        .as_deref()
        .map(|path| teacher(path, arguments, data.as_ref()))
        .transpose()?;
    let told = data.info().told();
    let prepared = predictor.prepare(data)?;
    if !quiet {
        for line in &told {
            tell!("{line}");
        }
        tell!("{}", introduction(&predictor, prepared.data.len()));
        prepared.notes.iter().for_each(|note| tell!("{note}"));
    }
    let settings = EvaluationSettings {
        loading: LoaderConfig {
            batch: arguments.batch,
            ..LoaderConfig::default()
        },
        worst: arguments.worst,
        teacher: teacher.as_ref(),
    };
    let found = predictor
        .evaluate(&prepared, &settings, &mut |_| ())
        .map_err(evaluation_failure)?;
    if arguments.json {
        return print_json(&found);
    }
    let measured = potstill_tasks::task(predictor.task, TaskOptions::default()).metrics();
    print(&text(&found, &measured))
}

/// The failure of an evaluation. Images of several sizes are no fault of an augmentation here.
fn evaluation_failure(error: EngineError) -> Failure {
    let EngineError::Data(DataError::Shape {
        file,
        expected,
        found,
    }) = error
    else {
        return error.into();
    };
    let size = |[height, width, _]: [usize; 3]| format!("{height}x{width}");
    Failure::Usage(format!(
        "{file} is of {} (height x width) and those before it of {}, and nothing says to what size they are brought\nhint: `--size N` \
         brings every image to one size, `--preprocess STEPS` says how",
        size(found),
        size(expected)
    ))
}

/// The network and the images that are asked for.
fn subject(
    arguments: &EvalArguments,
    asked: Option<TaskKind>,
) -> Result<(Predictor, Arc<dyn Dataset>), Failure> {
    let Some(weights) = arguments.network.as_deref().or(arguments.weights.as_deref()) else {
        return Err(Failure::Usage("a network is needed: a file or a folder".into()));
    };
    let exported = if is_onnx(weights) {
        opened::exported(weights, &arguments.logits, &arguments.input)?
    } else {
        None
    };
    let (predictor, data) = if let Some(predictor) = exported {
        let data = images_for(arguments, asked, &predictor)?;
        (predictor, data)
    } else if is_onnx(weights) {
        let data = images(arguments, asked.unwrap_or_default(), false)?;
        if data.is_empty() {
            return Err(Failure::Usage(format!("{} has no images", data.name())));
        }
        let outputs = OnnxOutputs {
            logits: arguments.logits.clone(),
            ..wanted(asked.unwrap_or_default(), data.as_ref())
        };
        let image = data.shape(0)?;
        (opened::onnx(weights, &outputs, &arguments.input, image)?, data)
    } else {
        let source = arguments.source.source(weights);
        let predictor = opened::network(&source, "eval", &arguments.input)?;
        let data = images_for(arguments, asked, &predictor)?;
        (predictor, data)
    };
    let task = asked.unwrap_or(predictor.task);
    let network = predictor.network.with_precision(arguments.precision);
    let predictor = Predictor {
        task,
        network,
        ..predictor
    };
    let predictor = opened::named(predictor, arguments.class_names.as_deref())?;
    Ok((predictor, data))
}

/// The images with the targets of what is asked for, or of what the network was trained for.
fn images_for(
    arguments: &EvalArguments,
    asked: Option<TaskKind>,
    predictor: &Predictor,
) -> Result<Arc<dyn Dataset>, Failure> {
    let kind = asked.unwrap_or(predictor.task);
    images(arguments, kind, predictor.preprocess.exif_orientation)
}

/// The images with the targets of a task, `turned` as their EXIF data says if the network's were.
fn images(arguments: &EvalArguments, kind: TaskKind, turned: bool) -> Result<Arc<dyn Dataset>, Failure> {
    let target = potstill_tasks::task(kind, TaskOptions::default()).target_kind();
    let source = arguments.data.as_deref().unwrap_or_default();
    let mut options = arguments.open.options()?;
    options.decode.exif_orientation |= turned;
    data_part::open(source, arguments.split, target, &options)
}

/// What a task with these images wants of an ONNX file.
fn wanted(task: TaskKind, data: &dyn Dataset) -> OnnxOutputs {
    let kind = potstill_tasks::task(task, TaskOptions::default()).output_kind();
    OnnxOutputs::of(kind, Some(data.classes().len()))
}

/// The teacher at a path. It takes images as its own config says.
fn teacher(path: &Path, arguments: &EvalArguments, data: &dyn Dataset) -> Result<Predictor, Failure> {
    let usual = InputArguments::default();
    if is_onnx(path) {
        if let Some(teacher) = opened::exported(path, &[], &usual)? {
            return Ok(teacher);
        }
        let outputs = wanted(arguments.task.unwrap_or_default(), data);
        return opened::onnx(path, &outputs, &usual, data.shape(0)?);
    }
    let source = Source {
        weights: Some(path.to_owned()),
        asked: Asked::CommandLine,
        ..Source::default()
    };
    let teacher = opened::network(&source, "teacher", &usual)?;
    Ok(Predictor {
        network: teacher.network.with_precision(arguments.precision),
        ..teacher
    })
}

/// The line that says what is evaluated, and how it is shown the images.
fn introduction(predictor: &Predictor, images: usize) -> String {
    let Normalise { mean, std } = &predictor.input.normalise;
    let degraded = predictor.input.low_resolution.map_or(String::new(), |low| {
        format!(" degraded to {size}x{size},", size = low.size)
    });
    format!(
        "{}: {images} images,{degraded} normalised by mean {mean:?} and std {std:?}",
        predictor.name
    )
}

/// The metrics in a line, and what there is to tell beyond them in short tables.
fn text(found: &Evaluation, measured: &MetricSet) -> String {
    let values = measured.iter().filter_map(|metric| {
        let value = found.metrics.of(metric)?;
        Some(format!("{} {}", metric.label, metric.unit.text(value)))
    });
    let values: Vec<String> = values.collect();
    let first = format!("{}  ({} images)\n", values.join("  "), found.count);
    first + &details_text(&found.details)
}
