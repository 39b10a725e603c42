//! The student of a run as an ONNX file, which is written only if it computes what the student computes.

mod exported;
mod files;
mod proof;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use potstill_models::{Enlargement, FrozenModel, ModelError, OnnxOptions, PixelInput, onnx_file};
use potstill_onnx::write::Opset;
use potstill_ops::Point;
use potstill_recipe::Enlarge;
use potstill_report::{OnnxFacts, onnx_card};
use potstill_settings::ChannelOrder;

pub use self::{exported::ExportedOnnx, proof::OnnxProof};
use self::{files::Beside, proof::prove};
use crate::{
    error::EngineError,
    export::{CheckpointChoice, Finished, card_facts},
    model_config::{CONFIG, ModelConfig},
    run_folder::RunFolder,
};

/// How a student is written as an ONNX file.
#[derive(Debug, Clone, Default)]
pub struct OnnxSettings {
    /// Writes batch norms and every weight as they are, for retraining elsewhere; otherwise they are folded into the convolutions.
    pub keep_norms: bool,
    /// Puts degradation and normalisation into the file, which then takes pixels in `[0, 1]`.
    pub with_input: bool,
    /// Points whose maps are outputs besides the logits.
    pub points: Vec<Point>,
    /// The version of the operators; a student that was made of an ONNX file keeps the file's.
    pub opset: Opset,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct OnnxExport {
    /// How near the file comes to the student.
    pub proof: OnnxProof,
    /// Operators in the file.
    pub operators: usize,
    /// The version of the operators.
    pub opset: i64,
    /// Bytes of the file.
    pub bytes: u64,
    /// All files that were written, the ONNX file first.
    pub files: Vec<PathBuf>,
}

/// Writes the student of a finished run as the ONNX file `file`, with its `config.json` and its model card beside it.
///
/// The file is run on 64 images first: the test images of the run, or drawn ones where those cannot be opened any more. Where it computes
/// something else than the student, nothing is written. Everything that is needed to use the file stands in its metadata, too.
///
/// # Errors
/// As [`export`](crate::export); a network that cannot be written; [`EngineError::OnnxDiffers`]; a folder with a `config.json` of something else.
pub fn export_onnx(
    folder: &RunFolder,
    choice: CheckpointChoice,
    file: &Path,
    settings: &OnnxSettings,
) -> Result<OnnxExport, EngineError> {
    let mut finished = Finished::open(folder, choice)?;
    // What its operators are stands in the file itself.
    finished.config.graph = None;
    let config = &finished.config;
    let beside = Beside::new(file)?;
    let input = config.network_input();
    let [height, width] = config.input.size;
    let pixels = settings.with_input.then(|| pixel_input(config));
    let options = OnnxOptions {
        keep_norms: settings.keep_norms,
        opset: settings.opset,
        points: settings.points.clone(),
        pixels: pixels.transpose()?,
    };
    let shown = input.size([height, width, config.input.channels])?;
    let written = onnx_file(&finished.student, shown, &options, metadata(&finished, settings)?)?;
    let (operators, opset) = (written.operators(), written.opset());
    let (input_name, outputs) = written.ends();
    let ends = (
        input_name.to_owned(),
        outputs.into_iter().map(str::to_owned).collect::<Vec<_>>(),
    );
    let bytes = written.to_bytes(file).map_err(ModelError::from)?;
    drop(written);
    let student = FrozenModel::from(&finished.student);
    let proof = prove(&finished, &student, folder, (file, &bytes), settings)?;
    let facts = card_facts(&finished.summary, &finished.recipe);
    let card = onnx_card(
        &facts,
        &OnnxFacts {
            file: &beside.name(),
            opset,
            takes: &takes(config, shown, settings),
            input: &ends.0,
            outputs: &ends.1.iter().map(String::as_str).collect::<Vec<_>>(),
            proof: &proof.to_string(),
        },
    );
    let json = config
        .to_json()
        .map_err(|error| EngineError::io("write", beside.folder().join(CONFIG))(error.into()))?;
    let files = beside.write(&bytes, &json, &card)?;
    Ok(OnnxExport {
        proof,
        operators,
        opset,
        bytes: bytes.len() as u64,
        files,
    })
}

/// What the file does with pixels before the network.
fn pixel_input(config: &ModelConfig) -> Result<PixelInput, EngineError> {
    let input = config.network_input();
    let size @ [height, width] = config.input.size;
    input.size([height, width, config.input.channels])?;
    let low = input.low_resolution;
    Ok(PixelInput {
        size,
        shrink: low.map_or(1, |low| height / low.size.max(1)),
        enlargement: low.and_then(|low| match low.enlarge {
            Enlarge::Nearest => Some(Enlargement::Nearest),
            Enlarge::Bilinear => Some(Enlargement::Bilinear),
            Enlarge::None => None,
        }),
        reversed: input.order == ChannelOrder::Bgr,
        mean: input.normalise.mean,
        std: input.normalise.std,
    })
}

/// What a file takes, in words.
fn takes(config: &ModelConfig, [height, width, channels]: [usize; 3], settings: &OnnxSettings) -> String {
    if settings.with_input {
        let [height, width] = config.input.size;
        return format!(
            "pixels in 0..1, `[N, {channels}, {height}, {width}]`; the file normalises them itself"
        );
    }
    let degraded = match config.input.low_resolution {
        Some(low) => format!(" degraded to {size}x{size} and", size = low.size),
        None => String::new(),
    };
    format!(
        "images{degraded} normalised by the mean and standard deviation of `config.json`, `[N, {channels}, {height}, {width}]`"
    )
}

/// The texts beside the graph.
fn metadata(finished: &Finished, settings: &OnnxSettings) -> Result<BTreeMap<String, String>, EngineError> {
    let (config, summary) = (&finished.config, &finished.summary);
    let json =
        |error: serde_json::Error| EngineError::io("write", "the metadata of the ONNX file")(error.into());
    let list = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
    let mut texts = exported::texts(config, settings.with_input).map_err(json)?;
    texts.extend([
        ("architecture".into(), config.architecture.clone()),
        ("potstill_version".into(), env!("CARGO_PKG_VERSION").into()),
        ("recipe_sha256".into(), summary.recipe_hash.clone()),
        ("methods".into(), summary.methods.join(",")),
        ("mean".into(), list(&config.input.mean)),
        ("std".into(), list(&config.input.std)),
        (
            "classes".into(),
            serde_json::to_string(&config.class_names).map_err(json)?,
        ),
    ]);
    Ok(texts)
}
