//! **KDSVD**: self-supervised distillation by singular value decomposition.
//!
//! Lee, Kim and Song, "Self-supervised Knowledge Distillation Using Singular Value Decomposition", ECCV 2018, section 3. Every map is
//! compressed to its first right singular vector, and what is compared is how the vector of one map stands to that of the next, by a
//! Gaussian kernel of every pair of their numbers. It is slow and its gradient is fragile: a bar to compare with.

mod vectors;

use burn::tensor::Tensor;
use potstill_ops::Pass;
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use self::vectors::{Leading, followed};
use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Levels, MapLoss, Named, OfMaps, Pair, Usual, places, summed},
};

settings! {
    /// The options of KDSVD in a recipe.
    struct KdSvd {
        /// How a map becomes a matrix.
        flatten: Flatten = default "positions",
        /// Points of the student, at least two, shallow to deep; empty for the ends of its stages, or the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the ends of its stages, or the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// How a map becomes a matrix.
    enum Flatten {
        /// A row for each place, a column for each channel, as the authors have it. Both networks must have the same channels.
        Positions = "positions",
        /// A row for each row of each channel's map, a column for each column. Maps must be equally wide.
        Rows = "rows",
    }
}

const NAME: &str = "kdsvd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "the first singular vector of each map stands to the next map's as the teacher's does",
    group: Group::Maps,
    paper: "Self-supervised Knowledge Distillation Using Singular Value Decomposition",
    year: 2018,
    source: "Lee, Kim, Song 2018, arXiv 1807.06819",
    needs: "maps of all stages, of equal widths",
    cost: "a decomposition of every map of every image, on the processor: the cube of its places or channels, whichever are fewer",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "networks of equal widths",
    keys: KdSvd::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: KdSvd = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Stages)?;
    if levels.iter().len() < 2 {
        return Err(MethodError::OneLevel(NAME));
    }
    let (what, side): (_, fn(&crate::levels::Level) -> [usize; 2]) = match options.flatten {
        Flatten::Positions => ("channels", |level| level.channels),
        Flatten::Rows => ("columns", |level| level.sizes.map(|[_, width]| width)),
    };
    if let Some(level) = levels.iter().find(|level| side(level)[0] != side(level)[1]) {
        return Err(MethodError::Widths {
            method: NAME,
            what,
            points: [&level.student, &level.teacher].map(ToString::to_string),
            widths: side(level),
        });
    }
    Ok(OfMaps::boxed(levels, options))
}

impl KdSvd {
    /// The matrix of each image, `[N, rows, columns]`.
    fn matrices(&self, map: Tensor<4>) -> Tensor<3> {
        match self.flatten {
            Flatten::Positions => places(map),
            Flatten::Rows => {
                let [n, h, w, c] = map.dims();
                map.permute([0, 3, 1, 2]).reshape([n, c * h, w])
            }
        }
    }
}

impl MapLoss for KdSvd {
    fn loss(&self, maps: Vec<Pair>, _: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Tensor<1>, MethodError> {
        let images = maps.first().map_or(1, |[ours, _]| ours.dims()[0].max(1)) as f64;
        let vectors = maps.into_iter().map(|[ours, theirs]| {
            let theirs = Leading::of(&self.matrices(theirs));
            [followed(self.matrices(ours), &theirs), theirs.vectors]
        });
        let vectors: Vec<_> = vectors.collect();
        summed(vectors.windows(2).map(|pair| {
            let kernel = |network: usize| {
                let (later, earlier) = (pair[1][network].clone(), pair[0][network].clone());
                let gap = later - earlier.swap_dims(1, 2);
                (gap.powi_scalar(2) * -0.125).exp()
            };
            (kernel(0) - kernel(1)).powi_scalar(2).sum() * (1.0 / images)
        }))
    }
}
