//! The metrics of a network on a data set.

use std::sync::Arc;

use burn::tensor::Device;
use potstill_data::{Augment, Batch, Dataset, Epoch, Loader, LoaderConfig};
use potstill_metrics::{Agreement, Details, Metrics};
use potstill_models::{FrozenModel, ModelError, Outputs};
use potstill_ops::{Mode, Pass};
use potstill_tasks::{Prediction, Probabilities, Task};
use serde::Serialize;

use crate::{device::cpu, error::EngineError, network_input::NetworkInput};

/// What an evaluation found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Images.
    pub count: usize,
    /// What was measured.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// What there is to tell beyond metrics.
    #[serde(flatten)]
    pub details: Details,
    /// Classes of the network of which the data has no image by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_classes: Vec<String>,
}

/// Evaluates `network` at its `task` on every image of `data`, by its running statistics. Of `augment` the fixed steps are taken.
/// `progress` hears how many images are done. A network that says how it takes images is better asked as a
/// [`Predictor`](crate::Predictor).
///
/// ```
/// use potstill_data::{Augment, LoaderConfig, Split, open};
/// use potstill_engine::{VisionModel, evaluate};
/// use potstill_recipe::TaskKind;
/// use potstill_tasks::{TaskOptions, task};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let data = open("shapes:size=16,train=8,test=12,classes=4", Split::Test)?;
/// let model = VisionModel::build("cifar_resnet8", 4, 0)?;
/// let options = TaskOptions { classes: data.classes().to_vec(), ..TaskOptions::default() };
/// let task = task(TaskKind::Classification, options);
/// let config = LoaderConfig::default();
/// let frozen = (&model.network).into();
/// let found = evaluate(&*task, &frozen, data.into(), &Augment::none(), &model.input(), config, &mut |_| ())?;
/// assert_eq!(found.count, 12);
/// assert!(found.metrics["top1"] <= 100.0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// An image that cannot be read or that the network does not take, a mean that does not fit the images' channels, outputs or targets
/// that are not the task's.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a data set is opened to be evaluated on"
)]
pub fn evaluate(
    task: &dyn Task,
    network: &FrozenModel,
    data: Arc<dyn Dataset>,
    augment: &Augment,
    input: &NetworkInput,
    config: LoaderConfig,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, EngineError> {
    let viewer = Viewer {
        network,
        preprocess: augment.for_evaluation(),
        input,
    };
    examine(task, &viewer, None, &data, config, 0, progress)
}

/// The same, for images of different sizes if the task takes them.
pub(crate) fn padded_for(task: &dyn Task, config: LoaderConfig) -> LoaderConfig {
    match task.pads_to() {
        Some(multiple) => LoaderConfig {
            pad: true,
            pad_multiple: multiple,
            ..config
        },
        None => config,
    }
}

/// The same, where what a network says is measured or drawn: batches know the size and the truth of the files.
fn evaluated_for(task: &dyn Task, config: LoaderConfig) -> LoaderConfig {
    LoaderConfig {
        keep_truth: task.pads_to().is_some(),
        ..padded_for(task, config)
    }
}

/// A network that looks at images in order.
pub(crate) struct Viewer<'a> {
    pub network: &'a FrozenModel,
    /// Fixed steps.
    pub preprocess: Augment,
    pub input: &'a NetworkInput,
}

impl Viewer<'_> {
    /// The batches of all images in order, as the network sees them.
    pub fn batches(&self, data: Arc<dyn Dataset>, config: LoaderConfig) -> Result<Epoch, EngineError> {
        let config = LoaderConfig {
            shuffle: false,
            drop_last: false,
            ..config
        };
        Ok(Loader::new(data, self.preprocess.clone(), config)?.epoch(0, 0))
    }

    /// What the network gives for a batch.
    pub fn look(&self, batch: &Batch, device: &Device) -> Result<Outputs, EngineError> {
        let [_, height, width, channels] = batch.shape;
        self.network.check(self.input.size([height, width, channels])?)?;
        let mut pass = Pass::new(Mode::Running);
        Ok(self
            .network
            .forward(self.input.of_batch(batch, device)?, &mut pass)?)
    }

    /// What the network says of every image, in order and in the size of its file. Images may have any size.
    pub fn predictions(
        &self,
        task: &dyn Task,
        data: Arc<dyn Dataset>,
    ) -> Result<Vec<Prediction>, EngineError> {
        let one = LoaderConfig {
            batch: 1,
            ..LoaderConfig::default()
        };
        let (device, mut said) = (cpu(), Vec::with_capacity(data.len()));
        for batch in self.batches(data, evaluated_for(task, one))? {
            let batch = batch?;
            said.extend(task.predictions(&self.look(&batch, &device)?, &batch)?);
        }
        Ok(said)
    }
}

/// A teacher that looks at the same images.
pub(crate) struct Companion<'a> {
    pub viewer: Viewer<'a>,
    /// For each class of the network that of the teacher.
    pub order: Vec<usize>,
}

/// Shows every image to a network, and to its teacher if there is one, and tells what was found with the `worst` images.
pub(crate) fn examine(
    task: &dyn Task,
    viewer: &Viewer<'_>,
    teacher: Option<&Companion<'_>>,
    data: &Arc<dyn Dataset>,
    config: LoaderConfig,
    worst: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, EngineError> {
    let device = cpu();
    let config = evaluated_for(task, config);
    let batches = viewer.batches(Arc::clone(data), config)?;
    let mut theirs = teacher
        .map(|teacher| teacher.viewer.batches(Arc::clone(data), config))
        .transpose()?;
    let (mut evaluator, mut agreement, mut count) = (task.evaluator(), Agreement::default(), 0);
    for batch in batches {
        let batch = batch?;
        let outputs = viewer.look(&batch, &device)?;
        evaluator.add(&outputs, &batch)?;
        if let (Some(teacher), Some(batch)) = (teacher, theirs.as_mut().and_then(Iterator::next)) {
            let taught = teacher.viewer.look(&batch?, &device)?;
            agree(&mut agreement, task, &outputs, &taught, &teacher.order)?;
        }
        count += batch.len();
        progress(count);
    }
    let mut details = evaluator.details(worst);
    for mistake in &mut details.worst {
        mistake.file = data.source(mistake.index);
    }
    details.agreement = agreement.report();
    Ok(Evaluation {
        count,
        metrics: evaluator.finish(),
        details,
        missing_classes: Vec::new(),
    })
}

/// Adds the images of a batch by the logits of both networks.
fn agree(
    agreement: &mut Agreement,
    task: &dyn Task,
    outputs: &Outputs,
    taught: &Outputs,
    order: &[usize],
) -> Result<(), EngineError> {
    let rows = |outputs: &Outputs| -> Result<Vec<f32>, ModelError> {
        Ok(outputs.logits()?.clone().inner().into_data().iter().collect())
    };
    let (ours, theirs) = (rows(outputs)?, rows(taught)?);
    let theirs = theirs.chunks_exact(taught.classes());
    for (own, taught) in ours.chunks_exact(outputs.classes()).zip(theirs) {
        let taught: Vec<f32> = order
            .iter()
            .map(|&class| taught.get(class).copied().unwrap_or(f32::NEG_INFINITY))
            .collect();
        match task.probabilities() {
            Probabilities::Softmax => agreement.add_exclusive(own, &taught),
            Probabilities::Sigmoid => agreement.add_independent(own, &taught),
        }
    }
    Ok(())
}
