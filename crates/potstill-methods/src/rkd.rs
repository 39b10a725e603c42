//! **RKD**: relational knowledge distillation.
//!
//! Park, Kim, Lu and Cho, "Relational Knowledge Distillation", CVPR 2019, equations 5 to 8. Images are as far from each other as in the teacher's embeddings, in units of the mean distance, and
//! three of them span the same angles. Embeddings need not be as wide.

use burn::tensor::{Tensor, TensorData};
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::detection::smooth_l1;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, by_level, embeddings, roots, unit},
};

settings! {
    /// The options of RKD in a recipe.
    struct Rkd {
        /// The weight of the distances.
        distance_weight: f64 [at_least(0.0)] = default 25.0,
        /// The weight of the angles. Of a batch of N images there are N³.
        angle_weight: f64 [at_least(0.0)] = default 50.0,
        /// Whether embeddings are brought to length 1 first, as for metric learning.
        normalise: bool = default false,
        /// Points of the student, whose maps are averaged; empty for its pooled embedding.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its pooled embedding.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "rkd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "images are as far apart, and at the same angles, as in the teacher's embeddings",
    group: Group::Relations,
    paper: "Relational Knowledge Distillation",
    year: 2019,
    source: "Park, Kim, Lu, Cho 2019, arXiv 1904.05068",
    needs: "embeddings",
    cost: "the angles: the cube of the batch",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: IMAGES,
    limits: "",
    keys: Rkd::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Rkd = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    Ok(OfMaps::boxed(
        Levels::plan(NAME, context, named, Usual::Embedding)?,
        options,
    ))
}

/// The square of the least distance of two images.
const LEAST: f64 = 1e-12;

impl MapLoss for Rkd {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        by_level(maps, |pair| {
            let both = embeddings(pair).map(|rows| if self.normalise { unit(rows, 1) } else { rows });
            if both[0].dims()[0] < 2 {
                return (both[0].clone() * 0.0).sum();
            }
            // By differences: a product of embeddings loses the digits of small distances.
            let [ours, theirs] = both.map(differences);
            let distances = huber(distances(ours.clone()) - distances(theirs.clone()));
            let mut loss = distances * self.distance_weight;
            if self.angle_weight > 0.0 {
                loss = loss + huber(angles(ours) - angles(theirs)) * self.angle_weight;
            }
            loss
        })
    }
}

fn huber<const D: usize>(gap: Tensor<D>) -> Tensor<1> {
    smooth_l1(gap, 1.0).mean()
}

/// From each embedding to every other, `[N, N, D]` of `[N, D]`.
fn differences(rows: Tensor<2>) -> Tensor<3> {
    rows.clone().unsqueeze_dim::<3>(0) - rows.unsqueeze_dim::<3>(1)
}

/// Distances in units of their mean, `[N, N]`, 0 on the diagonal. Two images in one place have a least distance, a constant.
fn distances(differences: Tensor<3>) -> Tensor<2> {
    let [n, _, _] = differences.dims();
    let squares = differences.powi_scalar(2).sum_dim(2).reshape([n, n]);
    let others: Vec<f64> = (0..n * n)
        .map(|at| f64::from(u8::from(at / n != at % n)))
        .collect();
    let others = Tensor::<2>::from_data(
        TensorData::new(others, [n, n]),
        (&squares.device().inner(), squares.dtype()),
    );
    let distances = roots(squares, LEAST) * others;
    let mean = distances.clone().sum() * (1.0 / (n * (n - 1)) as f64);
    distances * mean.recip().unsqueeze()
}

/// The cosines of the angles at each embedding between two others, `[N, N, N]`; 0 where two are in one place.
fn angles(differences: Tensor<3>) -> Tensor<3> {
    let directions = unit(differences, 2);
    directions.clone().matmul(directions.swap_dims(1, 2))
}
