//! **SP**: similarity-preserving distillation.
//!
//! Tung and Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, equations 1 to 4. How like each other the images of the batch
//! are, by the products of their last maps, is a row for each image, brought to length 1; the student's rows follow the teacher's. Widths
//! and sizes need not be the same.

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, by_level, unit},
};

settings! {
    /// The options of SP in a recipe.
    struct Sp {
        /// Points of the student, shallow to deep; empty for its last map.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its last map.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "sp";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "images are as like each other as the teacher's last map says",
    group: Group::Relations,
    paper: "Similarity-Preserving Knowledge Distillation",
    year: 2019,
    source: "Tung, Mori 2019, arXiv 1907.09682",
    needs: "the last map",
    cost: "none",
    weight: "3000",
    usual_weight: Some(3000.0),
    tasks: ALL,
    limits: "",
    keys: Sp::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Sp = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    Ok(OfMaps::boxed(
        Levels::plan(NAME, context, named, Usual::LastMap)?,
        options,
    ))
}

impl MapLoss for Sp {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        by_level(maps, |pair| {
            let [ours, theirs] = pair.map(|map| {
                let [n, h, w, c] = map.dims();
                let images = map.reshape([n, h * w * c]);
                unit(images.clone().matmul(images.transpose()), 1)
            });
            (ours - theirs).powi_scalar(2).mean()
        })
    }
}
