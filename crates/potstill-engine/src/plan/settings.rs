//! What a run needs to know besides its data, its networks and its methods.

use potstill_data::LoaderConfig;
use potstill_random::Seed;
use potstill_recipe::Recipe;

/// The settings of a run that are neither data, network, method nor phase.
///
/// ```
/// use potstill_engine::Settings;
///
/// let settings = Settings { seed: 3, batch: 128, ..Settings::named("mine") };
/// assert_eq!((settings.task_weight, settings.drop_last), (1.0, true));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The name of the run.
    pub name: String,
    /// Where every random draw starts from.
    pub seed: u64,
    /// Images in a step.
    pub batch: usize,
    /// Images at a time when measuring; changes no result.
    pub eval_batch: usize,
    /// Threads that read and augment images; changes no result.
    pub workers: usize,
    /// Whether the last batch of an epoch is left out if it is not full.
    pub drop_last: bool,
    /// Where the draws of the augmentation start from; `seed` if `None`.
    pub augment_seed: Option<u64>,
    /// How many augmented views of each image there are; a new one in every epoch if `None`.
    pub views: Option<usize>,
    /// Whether batches are of upright images alone or of lying ones alone.
    pub aspect_groups: bool,
    /// The weight of the task's own loss.
    pub task_weight: f64,
    /// The share of each label given to all classes.
    pub label_smoothing: f64,
    /// The largest norm of all gradients of one optimiser together; no clipping if `None`.
    pub clip_norm: Option<f64>,
    /// Batches whose gradients are averaged for one update.
    pub accumulate: usize,
}

impl Settings {
    /// What a recipe has that says nothing.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            seed: 0,
            batch: 64,
            eval_batch: 256,
            workers: 1,
            drop_last: true,
            augment_seed: None,
            views: None,
            aspect_groups: false,
            task_weight: 1.0,
            label_smoothing: 0.0,
            clip_norm: None,
            accumulate: 1,
        }
    }

    /// Steps of an epoch over so many images.
    pub(crate) fn steps_per_epoch(&self, images: usize) -> usize {
        if self.drop_last {
            images / self.batch
        } else {
            images.div_ceil(self.batch)
        }
    }

    /// How batches are loaded for training.
    pub(crate) fn loading(&self) -> LoaderConfig {
        LoaderConfig {
            batch: self.batch,
            workers: self.workers,
            shuffle: true,
            drop_last: self.drop_last,
            seed: Seed::new(self.seed),
            augment_seed: Some(Seed::new(self.augment_seed.unwrap_or(self.seed))),
            views: self.views,
            aspect_groups: self.aspect_groups,
            ..LoaderConfig::default()
        }
    }

    /// How batches are loaded for evaluation.
    pub(crate) fn evaluating(&self) -> LoaderConfig {
        LoaderConfig {
            batch: self.eval_batch,
            ..self.loading()
        }
    }
}

impl From<&Recipe> for Settings {
    fn from(recipe: &Recipe) -> Self {
        let (data, train) = (&recipe.data, &recipe.train);
        Self {
            name: recipe.name.clone(),
            seed: recipe.seed,
            batch: train.batch,
            eval_batch: train.eval_batch,
            workers: data.workers,
            drop_last: train.drop_last,
            augment_seed: data.augment_seed,
            views: data.views,
            aspect_groups: data.aspect_groups.unwrap_or(false),
            task_weight: train.task_weight,
            label_smoothing: train.label_smoothing,
            clip_norm: train.clip_norm,
            accumulate: train.accumulate.unwrap_or(1),
        }
    }
}
