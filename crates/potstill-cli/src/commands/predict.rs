//! `potstill predict`: what pictures show.

use std::{
    io::{self, Write},
    path::PathBuf,
    thread,
};

use clap::Args;
use potstill_data::{DecodeOptions, Pictures};
use potstill_engine::{Predictor, Ranked};
use serde::Serialize;

use crate::{
    failure::Failure,
    network_arguments::{InputArguments, SourceArguments},
    opened::{self, is_onnx},
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
    /// So many classes of each picture, the likeliest first.
    #[arg(long, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
    /// Print a list with an object for each picture: `file`, and `top`, a list of `class` and `probability`.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values: a line for each class of each picture, below `file,rank,class,probability`.
    #[arg(long)]
    pub csv: bool,
    /// Which network it is.
    #[command(flatten)]
    pub source: SourceArguments,
    /// Of an ONNX file: the name of its tensor of logits; the first output if not given.
    #[arg(long, value_name = "TENSOR")]
    pub logits: Option<String>,
    /// What the network's classes are called: a file with a name a line, in the order of its outputs; as the weights' config says if
    /// not given.
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// How the network takes an image.
    #[command(flatten)]
    pub input: InputArguments,
    /// Pictures of a batch.
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
}

/// The size of images that a network without any word on it is shown.
const USUAL_SIZE: [usize; 2] = [224, 224];

/// A picture with its likeliest classes.
#[derive(Debug, Serialize)]
struct Answer {
    file: String,
    top: Vec<Ranked>,
}

/// Asks the network about every picture and prints what it says. A picture that cannot be read is named, and the rest goes on.
pub fn run(arguments: &PredictArguments, quiet: bool) -> Result<(), Failure> {
    let predictor = network(arguments)?;
    if !quiet {
        eprintln!("{}: {}", predictor.name, predictor.preprocess);
        if predictor.class_names.is_empty() {
            eprintln!(
                "nothing says what its classes are called: they are numbers; `--class-names FILE` names them"
            );
        }
    }
    let mut printer = Printer::begin(arguments)?;
    let (mut asked, mut unread) = (0, 0);
    for path in &arguments.images {
        let pictures = match Pictures::open(path) {
            Ok(pictures) => pictures.decoded_by(DecodeOptions {
                exif_orientation: predictor.preprocess.exif_orientation,
                ..DecodeOptions::default()
            }),
            Err(error) => {
                eprintln!("{error}");
                (asked, unread) = (asked + 1, unread + 1);
                continue;
            }
        };
        if !quiet {
            left_out(&pictures);
        }
        asked += pictures.len();
        unread += ask(&predictor, &pictures, arguments, &mut printer)?;
    }
    printer.end()?;
    match (asked, unread) {
        (0, _) => Err(Failure::Work("there is no picture".into())),
        (_, 0) => Ok(()),
        _ => Err(Failure::Work(format!(
            "{unread} of {asked} pictures could not be read"
        ))),
    }
}

fn network(arguments: &PredictArguments) -> Result<Predictor, Failure> {
    let file = arguments.network.as_path();
    let predictor = if is_onnx(file) {
        let [height, width] = USUAL_SIZE;
        let logits = arguments.logits.as_deref();
        opened::onnx(file, logits, &arguments.input, [height, width, 3])?
    } else {
        let source = arguments.source.source(file);
        opened::network(&source, "predict", &arguments.input)?
    };
    let mut predictor = opened::named(predictor, arguments.class_names.as_deref())?;
    if predictor.preprocess.size.is_none() && arguments.input.preprocess.is_none() {
        // Weights without a config.json: pictures come in every size, and the network was published for one.
        let published = potstill_models::find(&predictor.name).map(|entry| entry.input);
        predictor.preprocess.size = Some(published.unwrap_or(USUAL_SIZE));
    }
    Ok(predictor)
}

fn left_out(pictures: &Pictures) {
    let left_out = pictures.left_out();
    if let Some(first) = left_out.first() {
        eprintln!(
            "left out: {} files that are no pictures by their names ({first}{})",
            left_out.len(),
            if left_out.len() > 1 { ", ..." } else { "" }
        );
    }
}

/// Asks about all pictures of a path, and tells how many of them could not be read.
fn ask(
    predictor: &Predictor,
    pictures: &Pictures,
    arguments: &PredictArguments,
    printer: &mut Printer<'_>,
) -> Result<usize, Failure> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (batch, top) = (arguments.batch as usize, arguments.top as usize);
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
                    eprintln!("{error}");
                    unread += 1;
                }
            }
        }
        for (file, top) in files.into_iter().zip(predictor.ask(&images, top)?) {
            printer.answer(&Answer { file, top })?;
        }
    }
    Ok(unread)
}

/// Prints answers as they come.
struct Printer<'a> {
    arguments: &'a PredictArguments,
    printed: usize,
}

impl<'a> Printer<'a> {
    fn begin(arguments: &'a PredictArguments) -> Result<Self, Failure> {
        let first = match arguments {
            PredictArguments { json: true, .. } => "[",
            PredictArguments { csv: true, .. } => "file,rank,class,probability\n",
            _ => "",
        };
        write(first)?;
        Ok(Self {
            arguments,
            printed: 0,
        })
    }

    fn answer(&mut self, answer: &Answer) -> Result<(), Failure> {
        let text = match self.arguments {
            PredictArguments { json: true, .. } => {
                let comma = if self.printed > 0 { "," } else { "" };
                format!("{comma}\n{}", serde_json::to_string(answer)?)
            }
            PredictArguments { csv: true, .. } => answer.csv(),
            _ => answer.text(),
        };
        self.printed += 1;
        write(&text)
    }

    fn end(&self) -> Result<(), Failure> {
        if self.arguments.json {
            write("\n]\n")?;
        }
        Ok(())
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

impl Answer {
    /// The file, and its classes with their probabilities, in a line.
    fn text(&self) -> String {
        let classes = self.top.iter().map(|Ranked { class, probability }| {
            let percent = 100.0 * f64::from(*probability);
            format!("  {class} {percent:.2} %")
        });
        format!("{}{}\n", self.file, classes.collect::<String>())
    }

    fn csv(&self) -> String {
        let lines = (1..).zip(&self.top).map(|(rank, Ranked { class, probability })| {
            format!("{},{rank},{},{probability}\n", field(&self.file), field(class))
        });
        lines.collect()
    }
}

/// A text as one field of comma-separated values (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("cat 1.png"), "cat 1.png");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
