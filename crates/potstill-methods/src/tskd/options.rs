//! What a recipe can say about TSKD.

use potstill_settings::{BatchNorms, choice, settings};

use super::attention_map::MapNorm;

settings! {
    /// The options of TSKD in a recipe.
    pub(super) struct Options {
        /// Epochs from node to node.
        pub interval: Option<usize> [at_least(1.0).at_most(1_048_576.0)]
            = without "a 48th of the training, at least 1: 5 for 240 epochs"
            like 5,
        /// Steps of a virtual epoch, which counts here in place of the training's.
        pub virtual_epoch_steps: Option<usize> [at_least(1.0).at_most(1_073_741_824.0)]
            = without "none for classes of images; a 240th of the training for segmenters and detectors"
            like 750,
        /// Students that are remembered before a review, and increments of the sequence.
        pub snapshots: usize [at_least(1.0).at_most(1024.0).because("each is kept in memory")] = default 3,
        /// The weight of the divergence of the logits. At 0 the classes may differ.
        pub kl_weight: Option<f64> [at_least(0.0)] = without "1, for detectors 0" like 1.0,
        /// How much both distributions are softened.
        pub temperature: Option<f64> [above(0.0)] = without "4, for segmenters 1" like 4.0,
        /// The weight of the review, a sum over the taps. At 0 it is only logged, and the student is that of
        /// KD to the bit.
        pub review_weight: f64 [at_least(0.0)] = default 1.0,
        /// What an attention map is divided by.
        pub attention: MapNorm = default "column",
        /// Channels before the encoder and behind the forecaster.
        pub features: usize [at_least(1.0).at_most(16384.0)] = default 8,
        /// Channels of the LSTM's state, one number for each tap; empty for 64 where a classifier's map has 32 rows,
        /// else 32.
        pub hidden: Vec<usize> [at_least(1.0).at_most(16384.0)] = default [],
        /// Whether the LSTM has learned peepholes, zero at first. They tie the forecasters to one size: classifiers only.
        pub peepholes: bool = default false,
        /// By which statistics the batch norms of remembered students normalise.
        pub snapshot_batch_norm: BatchNorms = default "batch",
        /// The side of the last activation on which a teacher's stage is read.
        pub teacher_tap: Option<TeacherTap> = without "pre, for detectors post" like "pre",
        /// Cuts the path by which the student learns from a review: for experiments.
        pub detach_target: bool = default false,
        /// Cuts the student's path by the last increment.
        pub detach_current: bool = default false,
        /// Whether weight decay and momentum of the forecasters go on between the reviews.
        pub decay_between_reviews: bool = default false,
        /// Points of the student, shallow to deep; empty for its stem and first two stages, after activation, or the three levels of
        /// its pyramid at strides 8, 16 and 32.
        pub student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its stem, and its first two stages at `teacher_tap`, or the levels of its pyramid.
        /// Needed for an ONNX file.
        pub teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// The side of the last activation on which a teacher's stage is read.
    pub(super) enum TeacherTap {
        /// Before it.
        Pre = "pre",
        /// After it, as the recipes for VGG say.
        Post = "post",
    }
}
