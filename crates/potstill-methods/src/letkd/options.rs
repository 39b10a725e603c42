//! What a recipe can say about letKD.

use potstill_settings::settings;

settings! {
    /// The options of letKD in a recipe.
    pub(super) struct Options {
        /// 1 for the layer at the penultimate place alone, 2 for the one at the intermediate place as well.
        pub variant: usize [at_least(1.0).at_most(2.0)] = default 2,
        /// K: templates of the penultimate layer, centres of the teacher's features. No more than the
        /// training images have places.
        pub templates: usize [at_least(2.0).at_most(262_144.0).because("more would not fit in memory")]
            = default 4096,
        /// Sub-classes of each class, for the intermediate layer, which has so many templates times the
        /// classes.
        pub sub_classes: usize [at_least(2.0).at_most(1024.0).because("more would not fit in memory")]
            = default 8,
        /// Directions of the discriminant analysis that are kept, at most one less than there are classes.
        pub components: usize [at_least(1.0)] = default 60,
        /// What a squared distance counts in the soft assignment to centres.
        pub sharpness: f64 [above(0.0)] = default 1.0,
        /// What the penultimate layer's residual is multiplied by. Published for ResNet-50 to MobileNetV2:
        /// 0.1.
        pub alpha: f64 = default 1.0,
        /// The same for the intermediate layer. Published for ResNet-50 to MobileNetV2: 0.2.
        pub alpha_intermediate: f64 = default 1.0,
        /// Iterations of k-means; fewer when nothing moves any more.
        pub iterations: usize [at_least(1.0)] = default 20,
        /// Where the draws of the first centres start from. Not the recipe's seed, so that runs with other
        /// seeds share what is prepared.
        pub cluster_seed: u64 = default 0,
        /// Points of the student, shallow to deep: where the layers stand. Empty for behind the first block
        /// of the last stage, and its last map.
        pub student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the same places. Needed for an ONNX file.
        pub teacher_points: Vec<String> = default [],
    }
}
