//! **AT**: attention transfer.
//!
//! Zagoruyko and Komodakis, "Paying More Attention to Attention: Improving the Performance of Convolutional Neural Networks via Attention
//! Transfer", ICLR 2017, equation 2. Where a map has its energy, the mean of its channels' powers, is brought to length 1, and the
//! student's follows the teacher's. The authors' program compares the mean squared error (weight 1000), the paper the distance.

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, at_one_size, by_level, roots, unit},
};

settings! {
    /// The options of AT in a recipe.
    struct At {
        /// The power of a channel's values. They are taken as they are, without their amounts.
        p: usize [at_least(1.0).at_most(16.0)] = default 2,
        /// How two attentions are compared.
        variant: Variant = default "code",
        /// Points of the student, shallow to deep; empty for the ends of its stages, or the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the ends of its stages, or the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// How two attentions are compared.
    enum Variant {
        /// By the mean squared error over images and places.
        Code = "code",
        /// By their distance, mean over the images; the weight is then 1 to 10.
        Paper = "paper",
    }
}

const NAME: &str = "at";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "where each map has its energy follows the teacher's",
    group: Group::Maps,
    paper: "Paying More Attention to Attention: Improving the Performance of Convolutional Neural Networks via Attention Transfer",
    year: 2017,
    source: "Zagoruyko, Komodakis 2017, arXiv 1612.03928",
    needs: "maps of all stages",
    cost: "none",
    weight: "1000",
    usual_weight: Some(1000.0),
    tasks: ALL,
    limits: "",
    keys: At::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: At = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    Ok(OfMaps::boxed(
        Levels::plan(NAME, context, named, Usual::Stages)?,
        options,
    ))
}

impl MapLoss for At {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        by_level(maps, |pair| {
            let [ours, theirs] = at_one_size(pair).map(|map| self.attention(map));
            let squares = (ours - theirs).powi_scalar(2);
            match self.variant {
                Variant::Code => squares.mean(),
                Variant::Paper => roots(squares.sum_dim(1), 1e-24).mean(),
            }
        })
    }
}

/// Up to this power the squares of energies stay within single precision, for values up to 10000.
const SAFE: usize = 4;

/// Maps `[N, H, W, C]` in units of the largest amount of each image, a constant. Their lengths do not count in the end; of high powers they
/// would overflow.
fn in_units(map: Tensor<4>) -> Tensor<4> {
    let [n, h, w, c] = map.dims();
    let largest = map.clone().inner().abs().reshape([n, h * w * c]).max_dim(1);
    let is_zero = largest.clone().equal_elem(0.0);
    map * largest.mask_fill(is_zero, 1.0).recip().reshape([n, 1, 1, 1])
}

impl At {
    /// Where a map `[N, H, W, C]` has its energy, `[N, H W]`, of length 1.
    fn attention(&self, map: Tensor<4>) -> Tensor<2> {
        let [n, h, w, _] = map.dims();
        let map = if self.p > SAFE { in_units(map) } else { map };
        let energy = map.powi_scalar(self.p as i32).mean_dim(3);
        unit(energy.reshape([n, h * w]), 1)
    }
}
