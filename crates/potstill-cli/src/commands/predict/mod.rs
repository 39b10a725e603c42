//! `potstill predict`: what pictures show, and where.

mod classes;
mod coco_file;
mod outputs;
mod places;
mod printer;

use std::{path::PathBuf, thread};

use clap::Args;
use potstill_data::{DecodeOptions, Image, Pictures};
use potstill_engine::Predictor;
use potstill_models::{OnnxOutputs, OutputKind};

use self::{
    classes::Classes,
    outputs::PlacesArguments,
    places::Places,
    printer::{Form, Printer},
};
use crate::{
    failure::Failure,
    network_arguments::{InputArguments, SourceArguments},
    opened::{self, is_onnx},
    printed::tell,
};

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArguments {
    /// The folder of a run, an exported folder, a checkpoint, a weight file, or an ONNX file of any network.
    #[arg(value_name = "RUN_OR_MODEL")]
    pub network: PathBuf,
    /// Pictures: files, folders with all that is in them, tar archives. No labels are needed.
    #[arg(required = true, value_name = "IMAGES")]
    pub images: Vec<PathBuf>,
    /// So many classes of each picture, the likeliest first, of a network that tells what a whole picture shows.
    #[arg(long, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
    /// Print a list with an object for each picture: `file`, and `top`, a list of `class` and `probability`; of a detector `size` and
    /// `objects`, a list of `class`, `score`, `box` (left, top, right, bottom) and, if it outlines, `mask`; of a segmenter `size` and
    /// `classes`, a list of `class` and `share`.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values: a line for each class of each picture, below `file,rank,class,probability`; where places are told, below
    /// `file,class,score,left,top,right,bottom`.
    #[arg(long)]
    pub csv: bool,
    /// Which network it is.
    #[command(flatten)]
    pub source: SourceArguments,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given. Several times where a detector has several.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Vec<String>,
    /// What the network's classes are called: a file with a name a line, in the order of its outputs; as the weights' config says if
    /// not given.
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// How the network takes an image.
    #[command(flatten)]
    pub input: InputArguments,
    /// What a network that tells places writes.
    #[command(flatten)]
    pub places: PlacesArguments,
    /// Pictures of a batch.
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
}

impl PredictArguments {
    fn form(&self) -> Form {
        match (self.json, self.csv) {
            (true, _) => Form::Json,
            (false, true) => Form::Csv,
            (false, false) => Form::Text,
        }
    }
}

/// The size of images that a network without any word on it is shown.
const USUAL_SIZE: [usize; 2] = [224, 224];

/// Asks the network about every picture and prints what it says. A picture that cannot be read is named, and the rest goes on.
pub fn run(arguments: &PredictArguments, quiet: bool) -> Result<(), Failure> {
    let predictor = network(arguments)?;
    if !quiet {
        tell!("{}: {}", predictor.name, predictor.preprocess);
        if predictor.class_names.is_empty() {
            tell!(
                "nothing says what its classes are called: they are numbers; `--class-names FILE` names them"
            );
        }
    }
    let (asked, unread) = match predictor.network.output_kind() {
        OutputKind::Logits => ask_classes(&predictor, arguments, quiet)?,
        _ => ask_places(&predictor, arguments, quiet)?,
    };
    match (asked, unread) {
        (0, _) => Err(Failure::Work("there is no picture".into())),
        (_, 0) => Ok(()),
        _ => Err(Failure::Work(format!(
            "{unread} of {asked} pictures could not be read"
        ))),
    }
}

/// Asks for the likeliest classes of every picture; the pictures, and how many of them could not be read.
fn ask_classes(
    predictor: &Predictor,
    arguments: &PredictArguments,
    quiet: bool,
) -> Result<(usize, usize), Failure> {
    arguments.places.refuse_for_classes()?;
    let mut printer = Printer::begin::<Classes>(arguments.form())?;
    let counts = each_batch(predictor, arguments, quiet, &mut |files, images| {
        let top = arguments.top as usize;
        for (file, top) in files.into_iter().zip(predictor.ask(&images, top)?) {
            printer.answer(&Classes { file, top })?;
        }
        Ok(())
    })?;
    printer.end()?;
    Ok(counts)
}

/// Asks where things are in every picture.
fn ask_places(
    predictor: &Predictor,
    arguments: &PredictArguments,
    quiet: bool,
) -> Result<(usize, usize), Failure> {
    let wanted = &arguments.places;
    let mut outputs = wanted.open(predictor)?;
    let mut printer = Printer::begin::<Places>(arguments.form())?;
    let counts = each_batch(predictor, arguments, quiet, &mut |files, images| {
        let said = predictor.answer(&images)?;
        for ((file, image), said) in files.into_iter().zip(&images).zip(&said) {
            let size = [image.height, image.width];
            outputs.add(&file, image, said, predictor)?;
            printer.answer(&Places::of(file, size, said, wanted.min_score, predictor))?;
        }
        Ok(())
    })?;
    printer.end()?;
    outputs.end()?;
    Ok(counts)
}

/// Does something with the pictures of all paths, batch by batch; tells how many there are, and how many of them could not be read.
fn each_batch(
    predictor: &Predictor,
    arguments: &PredictArguments,
    quiet: bool,
    on_batch: &mut dyn FnMut(Vec<String>, Vec<Image>) -> Result<(), Failure>,
) -> Result<(usize, usize), Failure> {
    let (mut asked, mut unread) = (0, 0);
    for path in &arguments.images {
        let pictures = match Pictures::open(path) {
            Ok(pictures) => pictures.decoded_by(DecodeOptions {
                exif_orientation: predictor.preprocess.exif_orientation,
                ..DecodeOptions::default()
            }),
            Err(error) => {
                tell!("{error}");
                (asked, unread) = (asked + 1, unread + 1);
                continue;
            }
        };
        if !quiet {
            left_out(&pictures);
        }
        asked += pictures.len();
        unread += each_of_path(&pictures, arguments.batch as usize, on_batch)?;
    }
    Ok((asked, unread))
}

fn network(arguments: &PredictArguments) -> Result<Predictor, Failure> {
    let file = arguments.network.as_path();
    let exported = if is_onnx(file) {
        opened::exported(file, &arguments.logits, &arguments.input)?
    } else {
        None
    };
    let predictor = if let Some(predictor) = exported {
        predictor
    } else if is_onnx(file) {
        let [height, width] = USUAL_SIZE;
        let outputs = OnnxOutputs {
            logits: arguments.logits.clone(),
            ..OnnxOutputs::of(OutputKind::Logits, None)
        };
        opened::onnx(file, &outputs, &arguments.input, [height, width, 3])?
    } else {
        let source = arguments.source.source(file);
        opened::network(&source, "predict", &arguments.input)?
    };
    let mut predictor = opened::named(predictor, arguments.class_names.as_deref())?;
    let is_open = predictor.preprocess.size.is_none() && predictor.preprocess.steps.is_none();
    if is_open && arguments.input.preprocess.is_none() {
        // Weights without a config.json: pictures come in every size, and the network was published for one.
        let published = potstill_models::find(&predictor.name).map(|entry| entry.input);
        predictor.preprocess.size = Some(published.unwrap_or(USUAL_SIZE));
    }
    Ok(predictor)
}

fn left_out(pictures: &Pictures) {
    let left_out = pictures.left_out();
    if let Some(first) = left_out.first() {
        tell!(
            "left out: {} files that are no pictures by their names ({first}{})",
            left_out.len(),
            if left_out.len() > 1 { ", ..." } else { "" }
        );
    }
}

/// Does something with all pictures of a path, and tells how many of them could not be read.
fn each_of_path(
    pictures: &Pictures,
    batch: usize,
    on_batch: &mut dyn FnMut(Vec<String>, Vec<Image>) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut unread = 0;
    for start in (0..pictures.len()).step_by(batch) {
        let places = start..pictures.len().min(start + batch);
        let (mut files, mut images) = (Vec::new(), Vec::new());
        for (place, read) in places.clone().zip(pictures.read_all(places, threads)) {
            match read {
                Ok(image) => {
                    files.push(pictures.name(place));
                    images.push(image);
                }
                Err(error) => {
                    tell!("{error}");
                    unread += 1;
                }
            }
        }
        on_batch(files, images)?;
    }
    Ok(unread)
}
