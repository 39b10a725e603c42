//! **NST**: neuron selectivity transfer.
//!
//! Huang and Wang, "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017, equation 6 with the polynomial kernel.
//! What a channel is selective of is its map, brought to length 1; the distributions of both networks' channels are compared by their
//! squared maximum mean discrepancy with the kernel `(a b)^2`, so that channels need not be as many.

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, at_one_size, by_level, places, unit},
};

settings! {
    /// The options of NST in a recipe.
    struct Nst {
        /// Points of the student, shallow to deep; empty for the ends of its stages, or the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the ends of its stages, or the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "nst";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "channels are selective of the same places as the teacher's, whatever their number",
    group: Group::Maps,
    paper: "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer",
    year: 2017,
    source: "Huang, Wang 2017, arXiv 1707.01219",
    needs: "maps of all stages",
    cost: "three products of all channels with all channels a map",
    weight: "50",
    usual_weight: Some(50.0),
    tasks: ALL,
    limits: "",
    keys: Nst::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Nst = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    Ok(OfMaps::boxed(
        Levels::plan(NAME, context, named, Usual::Stages)?,
        options,
    ))
}

impl MapLoss for Nst {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        by_level(maps, |pair| {
            let [ours, theirs] = at_one_size(pair).map(|map| unit(places(map), 1));
            let kernel = |one: &Tensor<3>, other: &Tensor<3>| {
                let products = one.clone().swap_dims(1, 2).matmul(other.clone());
                products.powi_scalar(2).mean()
            };
            kernel(&theirs, &theirs) + kernel(&ours, &ours) - kernel(&ours, &theirs) * 2.0
        })
    }
}
