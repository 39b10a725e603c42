//! ONNX files as networks: any file that takes images and gives one row of logits each, logits for each place, or what a detector says.
//!
//! Points are the file's own tensors by name, after whatever made them (`/layer3/Relu_output_0`). A tensor is
//! a point if it can be seen as a map, channels last:
//!
//! | tensor | map |
//! |---|---|
//! | `[N, C, H, W]` | `[N, H, W, C]` |
//! | `[N, T, C]`, tokens of a square grid, `T = s s` | `[N, s, s, C]` |
//! | `[N, T, C]`, the same behind a class token, `T = 1 + s s` | `[N, s, s, C]`, the class token left out |
//! | `[N, C]`, an embedding | `[N, 1, 1, C]` |

mod asked;
mod form;
mod read;
mod view;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_onnx::{Array, OnnxNetwork, Survey, train_graph::TrainGraph};
use potstill_ops::{Mode, Pass, Point, PointSide, Scope, Taps};
use potstill_random::Seed;

pub use self::asked::OnnxOutputs;
use self::{form::Form, view::View};
use crate::{GraphNetwork, GraphWeights, LinearHead, ModelError, OutputKind, Outputs, Probe};

/// A network in an ONNX file. Copies share the file.
///
/// ```no_run
/// use potstill_models::{FrozenModel, OnnxModel, OnnxOutputs};
///
/// let teacher = OnnxModel::open("teacher.onnx".as_ref(), &OnnxOutputs::default(), [32, 32, 3])?;
/// for (point, size) in &teacher.probe().points {
///     println!("{point}: {size:?}");
/// }
/// let teacher = FrozenModel::Onnx(teacher);
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OnnxModel {
    network: Arc<OnnxNetwork>,
    file: PathBuf,
    survey: Survey,
    form: Form,
    channels: usize,
}

impl OnnxModel {
    /// Opens a file for images of size `[H, W, C]`, and finds what was asked for among its tensors.
    ///
    /// # Errors
    /// [`ModelError::Onnx`]: a file that cannot be read or run, does not take such images, or has no such outputs.
    pub fn open(file: &Path, asked: &OnnxOutputs, image: [usize; 3]) -> Result<Self, ModelError> {
        let network = OnnxNetwork::open(file, asked.logits.first().map(String::as_str))?;
        Self::of(network, file, asked, image)
    }

    /// The same of the bytes of a file that is called so.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_bytes(
        file: &Path,
        bytes: Vec<u8>,
        asked: &OnnxOutputs,
        image: [usize; 3],
    ) -> Result<Self, ModelError> {
        let network = OnnxNetwork::of_bytes(file, bytes, asked.logits.first().map(String::as_str))?;
        Self::of(network, file, asked, image)
    }

    fn of(
        network: OnnxNetwork,
        file: &Path,
        asked: &OnnxOutputs,
        [height, width, channels]: [usize; 3],
    ) -> Result<Self, ModelError> {
        let survey = network.survey([channels, height, width])?;
        Ok(Self {
            form: Form::of(&network, &survey, asked)?,
            network: Arc::new(network),
            file: file.into(),
            survey,
            channels,
        })
    }

    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The size `[H, W, C]` of the images that a file takes; none where it leaves it open.
    ///
    /// # Errors
    /// [`ModelError::Onnx`]: a file that cannot be read, or takes no images.
    pub fn takes(file: &Path) -> Result<[Option<usize>; 3], ModelError> {
        let network = OnnxNetwork::open(file, None)?;
        let [height, width] = network.size();
        Ok([height, width, network.channels()])
    }

    /// The outputs for normalised images `[N, H, W, C]`. The pass's visitor may read maps, not replace them.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] if an operator fails on these images.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Result<Outputs, ModelError> {
        let device = images.device();
        let [count, height, width, _] = images.dims();
        let tensors = self.survey.tensors.iter();
        let wanted: Vec<&str> = tensors
            .filter(|(name, shape)| pass.wants(name, PointSide::Post) && View::of(shape).is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        let outputs = self.form.tensors();
        let names = [&wanted[..], &outputs[..]].concat();
        let found = self.network.run(&channels_first(images), &names)?;
        for (name, array) in wanted.iter().zip(&found) {
            // By the shape that it has now: images of another size have maps of another size.
            if let Some(view) = array.shape.get(1..).and_then(View::of) {
                let _ = pass.show(name, PointSide::Post, view.map(array, &device));
            }
        }
        pass.count(self.survey.macs * count as u64);
        let arrays = found.into_iter().skip(wanted.len()).collect();
        let shown = ([height, width], count);
        Ok(self.form.outputs(&self.network, arrays, shown, &device)?)
    }

    /// Whether the file takes images of this size `[H, W, C]`.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] with what it takes.
    pub fn check(&self, [height, width, channels]: [usize; 3]) -> Result<(), ModelError> {
        Ok(self.network.check(&[1, channels, height, width])?)
    }

    /// What running the file once has shown.
    pub fn probe(&self) -> Probe {
        let points = self.survey.tensors.iter().filter_map(|(name, shape)| {
            let size = View::of(shape)?.size();
            Some((Point::post(name.clone()), size))
        });
        Probe::told(
            points.collect(),
            self.network.parameters(),
            self.survey.macs,
            self.classes(),
        )
        .with_scores(self.form.scores(&self.survey))
    }

    /// Height and width of the images that the file was made for; none where it leaves them open.
    pub fn fixed_size(&self) -> [Option<usize>; 2] {
        self.network.size()
    }

    /// Which kind of outputs the file gives.
    pub fn output_kind(&self) -> OutputKind {
        self.form.kind()
    }

    /// Whether what it says is an answer, which can be measured: a detector of which no boxes are read only teaches.
    pub fn answers(&self) -> bool {
        self.form.answers()
    }

    /// What its outputs are, in words and by their names.
    pub fn describe_outputs(&self) -> String {
        self.form.describe()
    }

    /// The outputs of the file with their shapes for one image; `None` of one that has no row for each image.
    pub fn outputs(&self) -> Vec<(&str, Option<&[usize]>)> {
        let names = self.network.outputs().iter();
        names
            .map(|name| (name.as_str(), self.survey.shape(name)))
            .collect()
    }

    /// The classifier, if nothing but a linear layer stands behind the mean over all places of a map: the file is read once more, as a
    /// network that trains, and `None` where it cannot be.
    pub fn linear_head(&self) -> Option<LinearHead> {
        let Form::Rows { .. } = self.form else {
            return None;
        };
        let [channels, height, width] = self.survey.image;
        let logits = self.form.tensors();
        let graph = TrainGraph::open(&self.file, logits.first().copied(), [height, width, channels]).ok()?;
        let classes = graph.classes;
        let scope = Scope::new(&Device::flex(), Seed::new(0), "file");
        let network = GraphNetwork::build(graph, classes, GraphWeights::File, &scope).ok()?;
        let head = network.into_model().linear_head()?.detached();
        self.says_by(&head)?.then_some(head)
    }

    /// Whether the file's own logits of an image are those of a classifier: its tensors may have their channels elsewhere than a map has. `None`
    /// where they cannot be compared.
    fn says_by(&self, head: &LinearHead) -> Option<bool> {
        let [channels, height, width] = self.survey.image;
        let values: Vec<f32> = (0..height * width * channels)
            .map(|i| (0.7 * i as f32).sin())
            .collect();
        let image = Tensor::from_data(
            TensorData::new(values, [1, height, width, channels]),
            &Device::flex(),
        );
        let mut taps = Taps::at([&head.map]);
        let logits = self
            .forward(image, &mut Pass::visited(Mode::Running, &mut taps))
            .ok()?;
        let map = taps.map(&head.map)?;
        let [_, h, w, c] = map.dims();
        if c != head.weight.dims()[1] {
            return Some(false);
        }
        let found = head.logits(map.reshape([1, h * w, c]).mean_dim(1).reshape([1, c]));
        let logits = logits.into_logits().ok()?;
        let room = 1e-3 * logits.clone().abs().max().into_scalar::<f32>().max(1e-3);
        Some((found - logits).abs().max().into_scalar::<f32>() <= room)
    }

    /// Output classes; 0 of a detector whose scores are not read.
    pub fn classes(&self) -> usize {
        self.form.classes()
    }

    /// Image channels.
    pub fn channels(&self) -> usize {
        self.channels
    }
}

fn channels_first(images: Tensor<4>) -> Array {
    let images = images.permute([0, 3, 1, 2]);
    Array {
        shape: images.dims().to_vec(),
        values: images.into_data().iter().collect(),
    }
}
