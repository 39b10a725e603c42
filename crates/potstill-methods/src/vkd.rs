//! **VkD**: knowledge distillation by orthogonal projections.
//!
//! Miles, Elezi and Deng, "VkD: Improving Knowledge Distillation using Orthogonal Projections", CVPR 2024, section 3. A linear map with
//! orthonormal columns (or rows, where the teacher is narrower) takes the student's embedding to the teacher's width, which is normalised:
//! all of the student's width has to serve, none of the work is the projection's. Here the map is made orthogonal again after every update.

use burn::tensor::{DType, Tensor, TensorData};
use nalgebra::DMatrix;
use potstill_ops::{Linear, Parameters, Pass, Scope};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;
use potstill_tasks::detection::smooth_l1;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, embeddings, summed},
};

settings! {
    /// The options of VkD in a recipe.
    struct Options {
        /// Points of the student, whose maps are averaged; empty for its pooled embedding.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its pooled embedding.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "vkd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "embeddings, through an orthogonal projection, follow the teacher's normalised ones",
    group: Group::Relations,
    paper: "VkD: Improving Knowledge Distillation using Orthogonal Projections",
    year: 2024,
    source: "Miles, Elezi, Deng 2024, arXiv 2403.06213",
    needs: "embeddings; trains an orthogonal linear layer",
    cost: "a few products of the layer with itself",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: IMAGES,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// VkD, planned for two networks.
struct Vkd {
    projections: PerLevel<Linear>,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Embedding)?;
    let projections = PerLevel::of(&levels, &context.scope(), |level, scope| {
        orthogonal(level.channels, scope)
    });
    Ok(OfMaps::boxed(levels, Vkd { projections }))
}

impl MapLoss for Vkd {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        summed(self.projections.beside(maps).map(|(pair, projection)| {
            let [ours, theirs] = embeddings(pair);
            smooth_l1(projection.forward(ours, pass) - normalised(theirs), 1.0).mean()
        }))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.projections)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.projections)
    }

    fn updated(&mut self) {
        self.projections
            .rewrite(&mut |entry, flat| match entry.shape[..] {
                [rows, columns] => Some(nearest_orthogonal(flat.reshape([rows, columns])).reshape([-1])),
                _ => None,
            });
    }
}

/// Embeddings `[N, D]` with mean 0 and deviation 1, as PyTorch's layer norm without weights makes them.
fn normalised(rows: Tensor<2>) -> Tensor<2> {
    let centred = rows.clone() - rows.mean_dim(1);
    let variance = centred.clone().powi_scalar(2).mean_dim(1);
    centred * (variance + 1e-5).sqrt().recip()
}

/// A projection of these widths, drawn from the orthogonal ones.
fn orthogonal([inputs, outputs]: [usize; 2], scope: &Scope) -> Linear {
    let mut layer = Linear::normal(inputs, outputs, 1.0, scope).without_bias();
    let drawn: Vec<f64> = layer.weight.val().inner().into_data().iter::<f64>().collect();
    let drawn = DMatrix::from_row_slice(outputs, inputs, &drawn);
    let is_narrow = outputs < inputs;
    let tall = if is_narrow { drawn.transpose() } else { drawn };
    let factors = tall.qr();
    let (mut columns, triangle) = (factors.q(), factors.r());
    // With a positive diagonal the decomposition is unique, and the columns are drawn evenly.
    for (column, mut values) in columns.column_iter_mut().enumerate() {
        if triangle[(column, column)] < 0.0 {
            values.neg_mut();
        }
    }
    let drawn = if is_narrow { columns.transpose() } else { columns };
    let rows: Vec<f32> = drawn
        .row_iter()
        .flat_map(|row| row.iter().map(|&value| value as f32).collect::<Vec<_>>())
        .collect();
    layer.rewrite(&mut |_, flat| {
        let count = rows.len();
        Some(Tensor::from_data(
            TensorData::new(rows.clone(), [count]),
            (&flat.device(), DType::F32),
        ))
    });
    layer
}

/// How many times a projection is drawn nearer to the orthogonal ones after an update, which leaves it near.
const ROUNDS: usize = 6;

/// The orthogonal projection nearest to `[O, I]`, by the iteration of Newton and Schulz, `W <- W (3 - W^T W) / 2`. It needs singular values
/// below the square root of 3: larger ones are brought to at most 1 first.
fn nearest_orthogonal(weight: Tensor<2>) -> Tensor<2> {
    let [outputs, inputs] = weight.dims();
    let is_narrow = outputs < inputs;
    let tall = if is_narrow { weight.transpose() } else { weight };
    let products = tall.clone().transpose().matmul(tall.clone());
    // The largest sum of a row is no less than the largest square of a singular value.
    let bound = products.abs().sum_dim(1).max().clamp_min(1.0).sqrt();
    let mut tall = tall * bound.recip().unsqueeze();
    for _ in 0..ROUNDS {
        let products = tall.clone().transpose().matmul(tall.clone());
        tall = tall.clone() * 1.5 - tall.matmul(products) * 0.5;
    }
    if is_narrow { tall.transpose() } else { tall }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};
    use potstill_ops::Scope;
    use potstill_random::Seed;

    use super::{nearest_orthogonal, orthogonal};

    /// How far the products of columns (or rows) are from those of orthonormal ones.
    fn gap(weight: Tensor<2>) -> f32 {
        let [rows, columns] = weight.dims();
        let tall = if rows < columns {
            weight.transpose()
        } else {
            weight
        };
        let products = tall.clone().transpose().matmul(tall);
        let eye = Tensor::<2>::eye(rows.min(columns), &products.device());
        (products - eye).abs().max().into_scalar::<f32>()
    }

    #[test]
    fn projections_are_orthogonal_from_the_first_step_on() {
        let scope = Scope::new(&Device::flex(), Seed::new(1), "test");
        for widths in [[3, 5], [6, 4], [4, 4], [1, 7], [16, 32]] {
            let weight = orthogonal(widths, &scope).weight.val().inner();
            assert_eq!(weight.dims(), [widths[1], widths[0]]);
            assert!(gap(weight.clone()) < 1e-5, "{widths:?}");
            let moved = weight.clone() + Tensor::<2>::ones(weight.shape(), &weight.device()) * 0.02;
            assert!(
                gap(moved.clone()) > 0.01 && gap(nearest_orthogonal(moved)) < 1e-4,
                "{widths:?}"
            );
            // One that has grown far too large stays finite.
            assert!(gap(nearest_orthogonal(weight * 50.0)) < 1.0, "{widths:?}");
        }
    }
}
