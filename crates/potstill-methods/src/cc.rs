//! **CC**: correlation congruence.
//!
//! Peng, Jin, Liu, Zhou, Wu, Liu, Zhang and Zhou, "Correlation Congruence for Knowledge Distillation", ICCV 2019. The authors' program, as
//! the published comparisons run it, brings both embeddings to one width by a linear layer each, both trained, and multiplies their
//! distances of neighbours in the batch. The paper compares how images correlate, by a Gaussian kernel in its Taylor series (equation 6):
//! `variant = "gaussian"`.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Linear, Parameters, Pass, Scope};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    idle::refuse_idle,
    levels::{
        Level, Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, by_level, embeddings, summed, unit,
    },
};

settings! {
    /// The options of CC in a recipe.
    struct Options {
        /// What is compared.
        variant: Variant = default "neighbours",
        /// Of neighbours: the width of both embeddings.
        dim: usize [at_least(1.0)] = default 128,
        /// Of the kernel: gamma.
        gamma: f64 [above(0.0)] = default 0.4,
        /// Of the kernel: the last power of its series.
        order: usize [at_least(1.0).at_most(32.0)] = default 2,
        /// Points of the student, whose maps are averaged; empty for its pooled embedding.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its pooled embedding.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// What is compared.
    enum Variant {
        /// The distances of neighbours in the batch, multiplied, by learned embeddings.
        Neighbours = "neighbours",
        /// The correlations of all images, by a Gaussian kernel; the weight is then 100.
        Gaussian = "gaussian",
    }
}

const NAME: &str = "cc";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "images correlate as in the teacher's embeddings",
    group: Group::Relations,
    paper: "Correlation Congruence for Knowledge Distillation",
    year: 2019,
    source: "Peng, Jin, Liu, Zhou, Wu, Liu, Zhang, Zhou 2019, arXiv 1904.01802",
    needs: "embeddings; trains two linear layers",
    cost: "none",
    weight: "0.02; 100 with `variant = \"gaussian\"`",
    usual_weight: Some(0.02),
    tasks: IMAGES,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// CC, planned for two networks.
struct Cc {
    options: Options,
    /// One for each level; none for the kernel.
    embeds: Option<PerLevel<Embed>>,
}

/// A linear layer for each network.
#[derive(Module, Debug)]
struct Embed {
    student: Linear,
    teacher: Linear,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    match options.variant {
        Variant::Neighbours => refuse_idle(spec, &["gamma", "order"], "`variant = \"gaussian\"`")?,
        Variant::Gaussian => refuse_idle(spec, &["dim"], "`variant = \"neighbours\"`")?,
    }
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Embedding)?;
    let embed = |level: &Level, scope: &Scope| {
        let [ours, theirs] = level.channels;
        Embed {
            student: Linear::new(ours, options.dim, &scope.at("student")),
            teacher: Linear::new(theirs, options.dim, &scope.at("teacher")),
        }
    };
    let embeds =
        (options.variant == Variant::Neighbours).then(|| PerLevel::of(&levels, &context.scope(), embed));
    Ok(OfMaps::boxed(levels, Cc { options, embeds }))
}

impl MapLoss for Cc {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let Some(embeds) = &self.embeds else {
            return by_level(maps, |pair| {
                let [ours, theirs] = embeddings(pair).map(|rows| self.kernel(rows));
                (ours - theirs).powi_scalar(2).mean()
            });
        };
        summed(embeds.beside(maps).map(|(pair, Embed { student, teacher })| {
            let [ours, theirs] = embeddings(pair);
            neighbours(student.forward(ours, pass) - teacher.forward(theirs, pass))
        }))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        self.embeds.as_ref().map(|embeds| embeds as &dyn Parameters)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        self.embeds.as_mut().map(|embeds| embeds as &mut dyn Parameters)
    }
}

/// The products of the amounts of neighbouring differences, summed over the width, mean over the pairs; 0 of one image.
fn neighbours(differences: Tensor<2>) -> Tensor<1> {
    let [n, width] = differences.dims();
    if n < 2 {
        return (differences * 0.0).sum();
    }
    let amounts = differences.abs();
    let pairs = n - 1;
    let products = amounts.clone().slice([0..pairs, 0..width]) * amounts.slice([1..n, 0..width]);
    products.sum() * (1.0 / pairs as f64)
}

impl Cc {
    /// How like each other embeddings `[N, D]` are, `[N, N]`: `sum_p exp(-2 gamma) (2 gamma)^p / p! (e_i e_j)^p`.
    fn kernel(&self, rows: Tensor<2>) -> Tensor<2> {
        let rows = unit(rows, 1);
        let cosines = rows.clone().matmul(rows.transpose());
        let twice = 2.0 * self.options.gamma;
        let mut share = (-twice).exp();
        let mut sum = cosines.clone() * 0.0 + share;
        for power in 1..=self.options.order {
            share *= twice / power as f64;
            sum = sum + cosines.clone().powi_scalar(power as i32) * share;
        }
        sum
    }
}
