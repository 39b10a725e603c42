//! The metrics of a network on a data set.

use std::sync::Arc;

use potstill_data::{Augment, Dataset, Loader, LoaderConfig};
use potstill_metrics::Metrics;
use potstill_models::FrozenModel;
use potstill_ops::{Mode, Pass};
use potstill_tasks::Task;
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
}

/// Evaluates `network` at its `task` on every image of `data`, by its running statistics. `progress` hears how many images are done.
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
pub fn evaluate(
    task: &dyn Task,
    network: &FrozenModel,
    data: Arc<dyn Dataset>,
    augment: &Augment,
    input: &NetworkInput,
    config: LoaderConfig,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, EngineError> {
    let device = cpu();
    let config = LoaderConfig {
        shuffle: false,
        drop_last: false,
        ..config
    };
    let loader = Loader::new(data, augment.for_evaluation(), config)?;
    let (mut evaluator, mut count) = (task.evaluator(), 0);
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let [_, height, width, channels] = batch.shape;
        network.check(input.size([height, width, channels])?)?;
        let mut pass = Pass::new(Mode::Running);
        let outputs = network.forward(input.of_batch(&batch, &device)?, &mut pass)?;
        evaluator.add(&outputs, &batch)?;
        count += batch.len();
        progress(count);
    }
    let metrics = evaluator.finish();
    Ok(Evaluation { count, metrics })
}
