//! Files that train: from the operators of an ONNX file to the layers and steps of a network.
//!
//! [`TrainGraph::open`] reads a file in evaluation mode that keeps its batch norms and the names of its tensors, and makes a checked plan
//! of it in four passes: what is constant (`trace`), where axes lie (`lower`), what several operators stand for (`patterns`, `units`), and
//! where stages end (`stages`). It knows no tensor library: who runs the steps has one.

mod classes;
mod compose;
mod extent;
mod fresh;
mod head;
mod layers;
mod linear_tail;
mod literal;
mod lower;
mod names;
mod node;
mod notes;
mod patterns;
mod plan;
mod read;
mod rewrite;
mod sample;
mod shared;
mod source;
mod stages;
mod steps;
mod trace;
mod units;

use std::{
    collections::{BTreeSet, HashSet},
    mem,
    path::{Path, PathBuf},
};

pub use self::{
    head::HeadPlan,
    linear_tail::LinearTail,
    plan::{
        Binary, ConvShape, KeptTensor, LayerPlan, MapView, Nonlinearity, Op, PointPlan, Reduction, Size,
        Step, Unary, Unit, WindowShape,
    },
    sample::Sample,
    stages::{StagePlan, Stages},
};
use self::{
    layers::Layers,
    lower::Lowering,
    notes::Told,
    read::Read,
    shared::{Convolutions, Shared},
    source::GraphSource,
    stages::Shapes,
    trace::Trace,
};
use crate::{OnnxError, OnnxNetwork, images::takes_images};

/// The line of Python that makes a file that trains.
pub const EXPORT_LINE: &str = "torch.onnx.export(model.eval(), torch.zeros(2, 3, 224, 224), \"mine.onnx\", dynamo=False, \
     opset_version=17, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, input_names=[\"images\"], \
     dynamic_axes={\"images\": {0: \"n\"}})";

/// A file as a network that trains.
#[derive(Debug, Clone)]
pub struct TrainGraph {
    /// The file.
    pub file: PathBuf,
    /// The size `[H, W, C]` of the images that the steps are for.
    pub image: [usize; 3],
    /// Classes of the logits.
    pub classes: usize,
    /// The tensors that the network keeps, in the file's order.
    pub tensors: Vec<KeptTensor>,
    /// Its layers.
    pub layers: Vec<LayerPlan>,
    /// The steps of a pass.
    pub steps: Vec<Step>,
    /// The number of values of a pass, the images counted.
    pub values: usize,
    /// The value `[N, K]` of the logits.
    pub logits: usize,
    /// The last layer; none if the logits do not come straight from one.
    pub head: Option<HeadPlan>,
    /// Where its stages end.
    pub stages: Stages,
    /// What has to be said about the file, in a line each.
    pub notes: Vec<String>,
    /// What the file itself says of two drawn images; none of what a run keeps, which has no weights.
    pub sample: Option<Sample>,
    /// The file without its weights: from it and a state dict comes the same network again.
    pub skeleton: Vec<u8>,
}

impl TrainGraph {
    /// Reads a file for images of size `[H, W, C]`. `logits` names the tensor of logits; without it the file's first output is meant.
    ///
    /// # Errors
    /// A file that cannot be read or does not take such images; operators that there is no code for, all of them in one message; an
    /// output that is no row of logits for each image.
    pub fn open(file: &Path, logits: Option<&str>, image: [usize; 3]) -> Result<Self, OnnxError> {
        Self::of(GraphSource::read(file), file, logits, image)
    }

    /// Reads what a run keeps of a file ([`skeleton`](Self::skeleton)), to be given its weights.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reopen(file: &Path, image: [usize; 3]) -> Result<Self, OnnxError> {
        let read = Self::of(GraphSource::read_kept(file), file, None, image)?;
        Ok(Self { sample: None, ..read })
    }

    fn of(
        source: Result<GraphSource, String>,
        file: &Path,
        logits: Option<&str>,
        [height, width, channels]: [usize; 3],
    ) -> Result<Self, OnnxError> {
        let unreadable = |reason: String| OnnxError::Unreadable {
            file: file.into(),
            reason,
        };
        let mut source = source.map_err(unreadable)?;
        let bytes = source.bytes().map_err(unreadable)?;
        let network = OnnxNetwork::of_bytes(file, bytes, logits)?;
        network.check(&[1, channels, height, width])?;
        let logits = network.logits().to_owned();
        let image = [channels, height, width];
        let Planned {
            tensors,
            layers,
            steps,
            values,
            stages,
            logits: (value, classes),
            notes,
            sample,
        } = Planned::of(&source, &network, image)?;
        let mut all = mem::take(&mut source.notes);
        all.extend(notes);
        let kept: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let skeleton = source.into_bytes_without(&kept, (&logits, classes));
        let skeleton = skeleton.map_err(unreadable)?;
        Ok(Self {
            file: file.into(),
            image: [height, width, channels],
            classes,
            head: head::head(&steps, &layers, &tensors, value, classes),
            tensors,
            layers,
            steps,
            values,
            logits: value,
            stages,
            notes: all,
            sample,
            skeleton,
        })
    }

    /// The size `[H, W, C]` of the images that a file takes; none where it leaves it open.
    ///
    /// # Errors
    /// A file that cannot be read, or takes no images.
    pub fn takes(file: &Path) -> Result<[Option<usize>; 3], OnnxError> {
        let unreadable = |reason: String| OnnxError::Unreadable {
            file: file.into(),
            reason,
        };
        let inputs = GraphSource::inputs(file).map_err(unreadable)?;
        let [_, channels, height, width] = takes_images(file, &inputs)?;
        Ok([height, width, channels])
    }

    /// The places among the tensors of running statistics.
    pub fn statistics(&self) -> BTreeSet<usize> {
        self.layers.iter().flat_map(LayerPlan::statistics).collect()
    }

    /// The units of convolution, batch norm, sum and activation that were found.
    pub fn units(&self) -> usize {
        let is_unit = |step: &&Step| matches!(step.op, Op::Unit(_));
        self.steps.iter().filter(is_unit).count()
    }
}

/// What the operators of a file come to.
struct Planned {
    tensors: Vec<KeptTensor>,
    layers: Vec<LayerPlan>,
    steps: Vec<Step>,
    values: usize,
    stages: Stages,
    /// The value of the logits, and their number.
    logits: (usize, usize),
    notes: Vec<String>,
    sample: Option<Sample>,
}

impl Planned {
    fn of(source: &GraphSource, network: &OnnxNetwork, image: [usize; 3]) -> Result<Self, OnnxError> {
        let file = network.file();
        let refused = |reason: String| OnnxError::NotTrainable {
            file: file.into(),
            reason,
        };
        let read = Read::of(source, network);
        let Read {
            nodes,
            tensors,
            constants,
        } = read.map_err(|reason| OnnxError::Unreadable {
            file: file.into(),
            reason,
        })?;
        let weights: HashSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let trace = Trace::of(network, &nodes, &weights, constants, image);
        let mut trace = trace.map_err(|error| match source.batch {
            Some(count) => refused(format!(
                "it was exported for {count} images at a time, and takes no other number ({error}). Export it with an open batch: \
                 {EXPORT_LINE}"
            )),
            None => error,
        })?;
        let sample = trace.sample.take();
        let mut lowering = Lowering::of(
            &nodes,
            &trace,
            Layers::of(tensors),
            (network.input_name(), image),
            source.opset(),
        );
        let missing = lowering.run();
        if !missing.is_empty() {
            return Err(refused(not_known(&missing)));
        }
        let logits = row_of_logits(&mut lowering, network)
            .map_err(|reason| network.no_logits(network.logits(), reason))?;
        let Lowering {
            layers,
            steps,
            values,
            read_by,
            ..
        } = lowering;
        let shared: Shared = read_by
            .shared()
            .map(|place| layers.tensors[place].name.clone())
            .collect();
        let (tensors, mut layers, idle) = layers.finish();
        let [_, height, width] = image;
        let stages = stages::stages(&steps, &layers, &Shapes(&tensors), logits.0, [height, width]);
        let steps = units::united(patterns::simplified(steps, logits.0), &mut layers, logits.0);
        let names = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let told = Told {
            nodes: &nodes,
            tensors: &tensors,
            layers: &layers,
            shared,
            convolutions: Convolutions::of(&nodes, &names),
            idle,
        };
        Ok(Self {
            notes: told.notes(),
            tensors,
            layers,
            steps,
            values,
            stages,
            logits,
            sample,
        })
    }
}

/// All operators that there is no code for, once each with how often it is there.
fn not_known(missing: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = match missing.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let shown: Vec<&str> = missing.iter().take(SHOWN).map(String::as_str).collect();
    format!(
        "there is no code to train through {}{more}. A file in evaluation mode, with nothing folded, has the fewest operators: \
         {EXPORT_LINE}. As a frozen teacher the file works as it is (`teacher.onnx`)",
        shown.join(", ")
    )
}

/// The value of the logits and their number.
fn row_of_logits(lowering: &mut Lowering<'_>, network: &OnnxNetwork) -> Result<(usize, usize), String> {
    let logits = network.logits();
    if let Some((kind, before)) = network.activation_before(logits) {
        return Err(format!(
            "{kind} makes probabilities of them; name the tensor before it, `{before}`, by `logits`"
        ));
    }
    let rows = lowering.rows(logits);
    rows.ok_or_else(|| "it is no row of numbers for each image, and a student classifies".into())
}
