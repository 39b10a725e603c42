//! Networks as ONNX files: what a trace has noted, in ONNX's operators.
//!
//! Maps are `[N, C, H, W]` in the file. Operators on channels want them last, so a map may stand in the file both ways; it is turned
//! where the next operator wants it otherwise, and once.

mod attention;
mod convolution;
mod file_student;
mod forms;
mod lowering;
mod maps;
mod pixels;

use std::collections::BTreeMap;

use potstill_onnx::write::{GraphWriter, OnnxFile, Opset};
use potstill_ops::{Point, PointSide, Trace, TracedGraph, TracedMap};

pub use pixels::{Enlargement, PixelInput};

use self::{forms::Form, lowering::Lowering};
use crate::{Model, ModelError, OutputKind};

/// How a network is written as an ONNX file.
#[derive(Debug, Clone, Default)]
pub struct OnnxOptions {
    /// Writes batch norms as they are, and every weight in its own shape under its own name: for retraining elsewhere. Otherwise they are
    /// folded into the convolutions before them.
    pub keep_norms: bool,
    /// The version of the operators.
    pub opset: Opset,
    /// Points whose maps are outputs, besides the logits.
    pub points: Vec<Point>,
    /// What the file does with pixels before the network; `None` where it takes what the network takes.
    pub pixels: Option<PixelInput>,
}

/// The name of the input: images `[N, C, H, W]`.
pub const IMAGES: &str = "images";
/// The name of the first output: logits `[N, K]`, or `[N, K, h, w]` of a segmenter, before they are enlarged to the image.
pub const LOGITS: &str = "logits";

/// The name of the tensor of a point in an exported file.
pub fn tensor_name(point: &Point) -> String {
    match point.side {
        PointSide::Post => point.path.clone(),
        PointSide::Pre => format!("{}.pre", point.path),
    }
}

/// The network as an ONNX file with these texts beside its graph, for images that the network is given as `[H, W, C]`. The batch is open;
/// height and width are where nothing in the network depends on them.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_models::{BuildOptions, OnnxOptions, find, onnx_file};
/// use potstill_ops::Scope;
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "student");
/// let network = find("cifar_resnet8")?.build(BuildOptions::default(), &scope)?;
/// let file = onnx_file(&network, [32, 32, 3], &OnnxOptions::default(), Default::default())?;
/// assert!(file.operators() > 20);
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
///
/// # Errors
/// [`ModelError::Export`]: a detector, a segmenter with a pyramid, ENet, a program's own network, a point that it does not have.
/// [`ModelError::Input`]: images that it does not take.
pub fn onnx_file(
    network: &Model,
    image: [usize; 3],
    options: &OnnxOptions,
    metadata: BTreeMap<String, String>,
) -> Result<OnnxFile, ModelError> {
    network.check(image)?;
    let network = network.deployed();
    if let Some(skeleton) = network.graph_file() {
        return file_student::written(&network, skeleton, image, options, metadata);
    }
    let refused = |reason: String| ModelError::Export {
        model: network.name().into(),
        reason,
    };
    let (mut trace, images) = Trace::new(image, options.points.clone());
    let logits = network.trace(images, &mut trace).ok_or_else(|| {
        refused(format!(
            "it gives {}, and what is written so far are the registry's classification networks and its segmenters without a pyramid",
            network.output_kind()
        ))
    })?;
    let graph = trace.finish();
    let points = wanted(&graph, &options.points).map_err(refused)?;
    let writer = GraphWriter::new(options.opset);
    let mut lowering = Lowering::new(writer, &graph, &network, options);
    lowering.label(logits, LOGITS);
    for (name, map) in &points {
        lowering.label(*map, name);
    }
    for (point, map) in &graph.points {
        lowering.label(*map, &tensor_name(point));
    }
    lowering.run(options.pixels.as_ref());
    let form = match network.output_kind() {
        OutputKind::Logits => Form::Rows,
        OutputKind::DenseLogits | OutputKind::Boxes | OutputKind::Masks => Form::First,
    };
    lowering.output_in(logits, form, LOGITS);
    for (name, map) in &points {
        lowering.output(*map, name);
    }
    Ok(lowering.finish(metadata.into_iter().collect()))
}

/// The maps at the points that are wanted, with the names of their tensors.
fn wanted(graph: &TracedGraph, points: &[Point]) -> Result<Vec<(String, TracedMap)>, String> {
    let known = || graph.points.iter().map(|(point, _)| point.to_string());
    let found = |point: &Point| {
        let mut met = graph.points.iter();
        let Some((_, map)) = met.find(|(known, _)| known == point) else {
            let known: Vec<String> = known().collect();
            let hint = match potstill_base::nearest(&point.to_string(), known.iter().map(String::as_str)) {
                Some(meant) => format!("; did you mean `{meant}`?"),
                None => String::new(),
            };
            return Err(format!("it has no point `{point}`{hint}"));
        };
        Ok((tensor_name(point), *map))
    };
    points.iter().map(found).collect()
}
