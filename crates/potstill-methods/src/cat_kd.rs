//! **CAT-KD**: class attention transfer.
//!
//! Guo, Yan, Li and Lin, "Class Attention Transfer Based Knowledge Distillation", CVPR 2023, section 3.3. The weights of a linear classifier, applied at every place of the
//! last map, tell where it sees which class: class activation maps. The student's follow the teacher's at a small size.

use burn::tensor::Tensor;
use potstill_models::LinearHead;
use potstill_ops::{Pass, adaptive_avg_pool};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, HeadUse, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::IMAGES,
    levels::{Levels, MapLoss, OfMaps, Pair, by_level, unit},
};

settings! {
    /// The options of CAT-KD in a recipe.
    struct CatKd {
        /// r: rows and columns that class maps are averaged to. The authors have 4 for ShuffleNets.
        resolution: usize [at_least(1.0)] = default 2,
        /// Whether each class map is brought to length 1. The authors do so for networks of different families.
        normalise: bool = default false,
    }
}

const NAME: &str = "cat-kd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "where each class is seen follows the teacher's class activation maps",
    group: Group::Maps,
    paper: "Class Attention Transfer Based Knowledge Distillation",
    year: 2023,
    source: "Guo, Yan, Li, Lin 2023, arXiv 2304.12777",
    needs: "last maps and both classifiers, linear behind a mean",
    cost: "both classifiers at a few places of the map",
    weight: "by the pair: 0.7 to 15 within a family, 15 to 600 with `normalise`",
    usual_weight: None,
    tasks: IMAGES,
    limits: "classifiers that are linear behind a mean",
    keys: CatKd::KEYS,
    plan,
};

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: CatKd = spec.options()?;
    let (ours, theirs) = (context.student_head(NAME)?, context.teacher_head(NAME)?);
    context.teacher_of_same_classes(NAME)?;
    let levels = Levels::at(NAME, context, [&ours.map, &theirs.map])?;
    Ok(OfMaps::boxed(levels, options))
}

impl CatKd {
    /// Class maps `[N, r r, K]` of a map `[N, H, W, C]`: the classifier's weight at every place, without its bias. As both are linear, the mean
    /// of places may be taken before it.
    fn class_maps(&self, map: Tensor<4>, head: &LinearHead) -> Tensor<3> {
        let [n, _, _, c] = map.dims();
        let [side, classes] = [self.resolution, head.weight.dims()[0]];
        let places = adaptive_avg_pool(map, [side; 2]).reshape([n * side * side, c]);
        let maps = places.matmul(head.weight.clone().transpose());
        let maps = maps.reshape([n, side * side, classes]);
        if self.normalise { unit(maps, 1) } else { maps }
    }
}

impl MapLoss for CatKd {
    fn heads(&self) -> HeadUse {
        HeadUse::Both
    }

    fn loss(
        &self,
        maps: Vec<Pair>,
        step: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let (ours, theirs) = (step.head()?, step.teacher().head()?);
        by_level(maps, |[map, target]| {
            let places = map.dims()[0] * self.resolution * self.resolution;
            pass.count((places * ours.weight.shape().num_elements()) as u64);
            let gap = self.class_maps(map, ours) - self.class_maps(target, theirs);
            gap.powi_scalar(2).mean()
        })
    }
}
