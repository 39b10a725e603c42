//! How batches are made.

use potstill_random::Seed;

/// How to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct LoaderConfig {
    /// Images in a batch.
    pub batch: usize,
    /// Background threads; 0 counts as 1.
    pub workers: usize,
    /// How many batches the workers may be ahead; 0 counts as 1. Less than `workers` leaves some of them
    /// idle.
    pub queue: usize,
    /// Whether each epoch has its own random order; otherwise every epoch goes by index.
    pub shuffle: bool,
    /// Whether to leave out a last batch that is not full.
    pub drop_last: bool,
    /// Whether images of one batch may differ in size: all are then padded with 0 to the largest height and
    /// width. Otherwise another size is an error.
    pub pad: bool,
    /// Padded heights and widths are multiples of this; 0 counts as 1.
    pub pad_multiple: usize,
    /// Whether a random order has batches of upright images alone or of lying ones alone, as far as their numbers go, which need less
    /// padding.
    pub aspect_groups: bool,
    /// Whether batches say what each image was [before any step](crate::Batch::truth).
    pub keep_truth: bool,
    /// Where the order comes from, and the augmentation if it has no seed of its own.
    pub seed: Seed,
    /// Where the augmentation comes from; `seed` if `None`.
    pub augment_seed: Option<Seed>,
    /// How many augmented views of each image there are; a new one in every epoch if `None`. See
    /// [`view`](Self::view).
    pub views: Option<usize>,
}

impl LoaderConfig {
    /// Which augmented view of the images an epoch sees: what an image looks like is a function of the
    /// augmentation's seed, this number and the image's index. With N views it is the epoch modulo N.
    ///
    /// ```
    /// use potstill_data::LoaderConfig;
    /// let config = LoaderConfig { views: Some(4), ..LoaderConfig::default() };
    /// assert_eq!([0, 3, 4, 9].map(|epoch| config.view(epoch)), [0, 3, 0, 1]);
    /// ```
    pub fn view(&self, epoch: u64) -> u64 {
        match self.views {
            Some(views) => epoch % (views as u64).max(1),
            None => epoch,
        }
    }

    /// Where the augmentation comes from.
    pub fn augment_seed(&self) -> Seed {
        self.augment_seed.unwrap_or(self.seed)
    }
}

impl Default for LoaderConfig {
    /// 64 images in index order by one worker, at most four batches ahead, seed 0.
    fn default() -> Self {
        Self {
            batch: 64,
            workers: 1,
            queue: 4,
            shuffle: false,
            drop_last: false,
            pad: false,
            pad_multiple: 1,
            aspect_groups: false,
            keep_truth: false,
            seed: Seed::new(0),
            augment_seed: None,
            views: None,
        }
    }
}
