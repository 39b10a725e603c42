//! The options of letKD in a recipe, checked.

use potstill_recipe::MethodSpec;
use serde::Deserialize;

use crate::MethodError;

/// What a recipe says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    /// 1 for the penultimate layer alone, 2 for the intermediate one as well.
    pub variant: usize,
    /// K: templates of the penultimate layer, centres of the teacher's features.
    pub templates: usize,
    /// Sub-classes of each class, for the intermediate layer.
    pub sub_classes: usize,
    /// Directions of the discriminant analysis that are kept.
    pub components: usize,
    /// What a distance counts in the soft assignment to centres.
    pub sharpness: f64,
    /// What the penultimate layer's residual is multiplied by.
    pub alpha: f64,
    /// The same for the intermediate layer.
    pub alpha_intermediate: f64,
    /// Iterations of k-means.
    pub iterations: usize,
    /// From which first centres are drawn. Not the recipe's seed, so that runs with other seeds share what is prepared.
    pub cluster_seed: u64,
    /// Points of the student, shallow to deep: where the layers stand. Empty for behind the first block of the last stage, and
    /// its last map.
    pub student_points: Vec<String>,
    /// Points of the teacher, as many; empty for the same places.
    pub teacher_points: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            variant: 2,
            templates: 4096,
            sub_classes: 8,
            components: 60,
            sharpness: 1.0,
            alpha: 1.0,
            alpha_intermediate: 1.0,
            iterations: 20,
            cluster_seed: 0,
            student_points: Vec::new(),
            teacher_points: Vec::new(),
        }
    }
}

impl Options {
    /// Those of a recipe.
    pub fn of(spec: &MethodSpec) -> Result<Self, MethodError> {
        let options: Self = spec.options_as()?;
        if ![1, 2].contains(&options.variant) {
            return Err(spec
                .wrong(
                    "variant",
                    "must be 1 (penultimate layer) or 2 (and an intermediate one)",
                )
                .into());
        }
        let at_least_two = [
            ("templates", options.templates),
            ("sub_classes", options.sub_classes),
        ];
        let at_least_one = [
            ("components", options.components),
            ("iterations", options.iterations),
        ];
        if let Some((key, _)) = at_least_two.iter().find(|(_, value)| *value < 2) {
            return Err(spec.wrong(key, "must be at least 2").into());
        }
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value < 1) {
            return Err(spec.wrong(key, "must be at least 1").into());
        }
        for (key, value, most) in [
            ("templates", options.templates, 1 << 18),
            ("sub_classes", options.sub_classes, 1 << 10),
        ] {
            spec.at_most(key, value, most)?;
        }
        spec.positive("sharpness", options.sharpness)?;
        for (key, alpha) in [
            ("alpha", options.alpha),
            ("alpha_intermediate", options.alpha_intermediate),
        ] {
            if !alpha.is_finite() {
                return Err(spec.wrong(key, "must be a finite number").into());
            }
        }
        Ok(options)
    }
}
