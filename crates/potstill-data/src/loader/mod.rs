//! The batches of an epoch, made by background threads, in an order and with bits that do not depend on them.
//!
//! Each batch has a sequence number. A worker takes the next free number, makes that batch by itself, and
//! puts it into a queue from which the iterator takes the numbers in order. Workers wait while they are a
//! queue's length ahead.

mod aspect;
mod assembly;
mod batch;
mod config;
mod queue;
mod spread;

use std::sync::{Arc, OnceLock};
use std::thread;

use crate::{Augment, DataError, Dataset};
use assembly::{Shared, make_batch};
pub use batch::{Batch, Truth};
pub use config::LoaderConfig;
use queue::Queue;

/// Makes the epochs of a data set.
///
/// ```
/// use potstill_data::{Augment, Loader, LoaderConfig, Split, open};
/// use potstill_random::Seed;
/// let config = LoaderConfig { batch: 32, workers: 2, shuffle: true, seed: Seed::new(7), ..LoaderConfig::default() };
/// let loader = Loader::new(open("shapes:train=100", Split::Train)?.into(), Augment::none(), config)?;
/// assert_eq!(loader.batches_per_epoch(), 4);
/// // A run that stopped after three batches of its second epoch goes on with the last one.
/// assert_eq!(loader.epoch(1, 3).count(), 1);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Loader {
    shared: Arc<Shared>,
}

impl Loader {
    /// A loader of this data set.
    ///
    /// # Errors
    /// Where an epoch would have no batch: an empty data set, a batch of 0, or `drop_last` with too few
    /// images. Where there would be no view of an image. Where the augmentation cannot move the targets of
    /// the data set.
    pub fn new(dataset: Arc<dyn Dataset>, augment: Augment, config: LoaderConfig) -> Result<Self, DataError> {
        augment.check_target(dataset.info().target)?;
        let problem = if config.batch == 0 {
            "batch must be at least 1".to_owned()
        } else if config.views == Some(0) {
            "views must be at least 1".to_owned()
        } else if dataset.is_empty() {
            "the data set has no images".to_owned()
        } else if config.drop_last && dataset.len() < config.batch {
            format!(
                "{} images do not fill a batch of {}, and drop_last leaves it out",
                dataset.len(),
                config.batch
            )
        } else {
            return Ok(Self {
                shared: Arc::new(Shared {
                    dataset,
                    augment,
                    second: None,
                    config,
                    upright: OnceLock::new(),
                    labelled: OnceLock::new(),
                }),
            });
        };
        Err(DataError::Loader {
            name: dataset.name().to_owned(),
            problem,
        })
    }

    /// The same with a second view of each image in its batches, made by these steps with draws of their own. It comes out as large as the first.
    ///
    /// # Errors
    /// Steps that cannot move the targets of the data set: the second view is of the same.
    pub fn with_second_view(self, steps: Augment) -> Result<Self, DataError> {
        let Shared {
            dataset,
            augment,
            config,
            ..
        } = &*self.shared;
        steps.check_target(dataset.info().target)?;
        Ok(Self {
            shared: Arc::new(Shared {
                dataset: Arc::clone(dataset),
                augment: augment.clone(),
                second: Some(steps),
                config: *config,
                upright: OnceLock::new(),
                labelled: OnceLock::new(),
            }),
        })
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        let Shared { dataset, config, .. } = &*self.shared;
        if config.drop_last {
            dataset.len() / config.batch
        } else {
            dataset.len().div_ceil(config.batch)
        }
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.shared.dataset
    }

    /// How it loads.
    pub fn config(&self) -> &LoaderConfig {
        &self.shared.config
    }

    /// The batches of an epoch from the one numbered `skip_batches` on, as an uninterrupted epoch would have
    /// them.
    ///
    /// The iterator ends after the first error. Dropping it stops the workers.
    pub fn epoch(&self, epoch: u64, skip_batches: usize) -> Epoch {
        let batches = self.batches_per_epoch();
        let queue = Arc::new(Queue::new(
            skip_batches.min(batches),
            batches,
            self.shared.config.queue,
        ));
        let order: Arc<[usize]> = self.shared.order(epoch).into();
        let workers = self
            .shared
            .config
            .workers
            .max(1)
            .min(batches.saturating_sub(skip_batches));
        let mut running = Vec::new();
        for number in 0..workers {
            let (shared, results, order) = (Arc::clone(&self.shared), Arc::clone(&queue), Arc::clone(&order));
            let work = move || shared.work(&results, &order, epoch);
            match thread::Builder::new()
                .name(format!("loader {number}"))
                .spawn(work)
            {
                Ok(worker) => running.push(worker),
                // One thread is enough to go on with, so only the lack of the first is an error.
                Err(error) if running.is_empty() => {
                    let name = self.shared.dataset.name().to_owned();
                    let problem = format!("no thread can be started: {error}");
                    queue.put(skip_batches, Err(DataError::Loader { name, problem }));
                    break;
                }
                Err(_) => break,
            }
        }
        Epoch {
            queue,
            workers: running,
        }
    }
}

impl Shared {
    /// The images in the order of an epoch.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dataset.len()).collect();
        if self.config.shuffle {
            self.config.seed.stream("order", &[epoch]).shuffle(&mut order);
            if self.dataset.info().partly_labelled {
                let labelled = self.labelled.get_or_init(|| spread::labelled(&*self.dataset));
                order = spread::evenly(&order, labelled);
            }
            if self.config.aspect_groups {
                let upright = self.upright.get_or_init(|| aspect::upright(&*self.dataset));
                order = aspect::grouped(&order, self.config.batch, upright);
            }
        }
        order
    }

    /// A worker's life.
    fn work(&self, queue: &Results, order: &[usize], epoch: u64) {
        while let Some(number) = queue.take_number() {
            let start = number * self.config.batch;
            let end = order.len().min(start + self.config.batch);
            queue.put(number, make_batch(self, &order[start..end], epoch));
        }
    }
}

type Results = Queue<Result<Batch, DataError>>;

/// The batches of an epoch, in order. It ends after the last one or after the first error.
pub struct Epoch {
    queue: Arc<Results>,
    workers: Vec<thread::JoinHandle<()>>,
}

impl Iterator for Epoch {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.queue.next();
        if matches!(result, Some(Err(_))) {
            self.queue.close();
        }
        result
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.queue.left()))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.queue.close();
        for worker in self.workers.drain(..) {
            // A panic inside an image is an error of its batch; there is nobody to tell of any other one
            // here.
            drop(worker.join());
        }
    }
}

#[cfg(test)]
mod tests;
