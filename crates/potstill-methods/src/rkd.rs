//! **RKD**: relational knowledge distillation.
//!
//! Park, Kim, Lu and Cho, "Relational Knowledge Distillation", CVPR 2019, equations 5 to 8. Images are as far from each other as in the
//! teacher's embeddings, in units of the mean distance, and three of them span the same angles. Embeddings need not be as wide.

use burn::tensor::{Int, Tensor};
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::{detection::smooth_l1, is_column};

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, by_level, embeddings, roots, summed, unit},
};

settings! {
    /// The options of RKD in a recipe.
    struct Options {
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
    keys: Options::KEYS,
    plan,
};

/// RKD, planned for two networks.
struct Rkd {
    options: Options,
    /// What its angles take, if that is much.
    note: Option<String>,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Embedding)?;
    let mut bytes = 0.0;
    if options.angle_weight > 0.0 {
        for level in levels.iter() {
            bytes += memory(context.batch, level.channels.iter().sum());
        }
    }
    let note = (bytes > MUCH).then(|| {
        format!(
            "its angles take about {:.0} GB for a batch of {}, and grow with its cube: take smaller batches, or `angle_weight = 0`",
            bytes / 1e9,
            context.batch
        )
    });
    Ok(OfMaps::boxed(levels, Rkd { options, note }))
}

/// From how many bytes on a plan tells of them.
const MUCH: f64 = 2e9;

/// About how many bytes the angles of so many images take whose embeddings have so many numbers, of both networks: cosines, their gap, its loss and
/// gradients, and the directions from each image to every other, all kept for the way back.
fn memory(images: usize, widths: usize) -> f64 {
    let images = images as f64;
    let (cosines, directions) = (5.0 * images.powi(3), 4.0 * images.powi(2) * widths as f64);
    4.0 * (cosines + directions)
}

/// The square of the least distance of two images.
const LEAST: f64 = 1e-12;

impl MapLoss for Rkd {
    fn notes(&self) -> Vec<String> {
        self.note.clone().into_iter().collect()
    }

    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        let Options {
            distance_weight,
            angle_weight,
            normalise,
            ..
        } = self.options;
        by_level(maps, |pair| {
            let both = embeddings(pair).map(|rows| if normalise { unit(rows, 1) } else { rows });
            let nothing = (both[0].clone() * 0.0).sum();
            if both[0].dims()[0] < 2 {
                return nothing;
            }
            // By differences: a product of embeddings loses the digits of small distances.
            let [ours, theirs] = both.map(differences);
            let distances = (distance_weight > 0.0).then(|| {
                let gap = distances(ours.clone()) - distances(theirs.clone());
                huber(gap) * distance_weight
            });
            let angles = (angle_weight > 0.0).then(|| huber(angles(ours) - angles(theirs)) * angle_weight);
            summed(distances.into_iter().chain(angles)).unwrap_or(nothing)
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
    let itself = Tensor::<1, Int>::arange(0..n as i64, &squares.device().inner());
    let distances = roots(squares, LEAST).mask_fill(is_column(itself, n), 0.0);
    let mean = distances.clone().sum() * (1.0 / (n * (n - 1)) as f64);
    distances * mean.recip().unsqueeze()
}

/// The cosines of the angles at each embedding between two others, `[N, N, N]`; 0 where two are in one place.
fn angles(differences: Tensor<3>) -> Tensor<3> {
    let directions = unit(differences, 2);
    directions.clone().matmul(directions.swap_dims(1, 2))
}
