//! What a recipe can say about letKD.

use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::TaskKind;

use super::place::Gathered;
use crate::{
    MethodError,
    levels::{is_dense, is_pyramid, is_segmenter},
};

/// Places of an image that k-means has of a dense task.
const PLACES: usize = 200;
/// Places of a class in an image that the discriminant analysis has of a dense task.
const PLACES_OF_A_CLASS: usize = 50;

settings! {
    /// The options of letKD in a recipe.
    pub(super) struct Options {
        /// 1 for the layer at the penultimate place alone, 2 for the one at the intermediate place as well.
        pub variant: Option<usize> [at_least(1.0).at_most(2.0)] = without "2, for detectors 1" like 2,
        /// K: templates of the penultimate layer, centres of the teacher's features. No more than the
        /// training images have places.
        pub templates: Option<usize> [at_least(2.0).at_most(262_144.0).because("more would not fit in memory")]
            = without "4096, for dense tasks 128" like 4096,
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
        /// of the last stage, and its last map; of a segmenter the map that its classifier reads; of a detector the
        /// middle one of the three levels of its pyramid at strides 8, 16 and 32.
        pub student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the same places. Needed for an ONNX file.
        pub teacher_points: Vec<String> = default [],
    }
}

impl Options {
    /// How many layers there are: 1 or 2.
    ///
    /// # Errors
    /// Two of a detector, whose places have no class.
    pub(super) fn variant(&self, spec: &MethodSpec, task: TaskKind) -> Result<usize, MethodError> {
        let usual = if is_pyramid(task) { 1 } else { 2 };
        let variant = self.variant.unwrap_or(usual);
        if is_pyramid(task) && variant != 1 {
            let problem =
                format!("is {variant}, which needs a class of every place, and the task is `{task}`: take 1");
            return Err(spec.invalid_option("variant", problem).into());
        }
        Ok(variant)
    }

    /// K.
    pub(super) fn templates(&self, task: TaskKind) -> usize {
        self.templates.unwrap_or(if is_dense(task) { 128 } else { 4096 })
    }

    /// Which places of the teacher's maps are gathered for a layer.
    pub(super) fn gathered(&self, task: TaskKind, is_intermediate: bool) -> Gathered {
        let seed = self.cluster_seed;
        match (is_intermediate, is_segmenter(task)) {
            (true, true) => Gathered::OfPixels {
                places: PLACES_OF_A_CLASS,
                seed,
            },
            (true, false) => Gathered::OfImages,
            (false, _) if is_dense(task) => Gathered::Drawn { places: PLACES, seed },
            (false, _) => Gathered::All,
        }
    }
}
