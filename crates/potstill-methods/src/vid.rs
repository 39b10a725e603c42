//! **VID**: variational information distillation.
//!
//! Ahn, Hu, Damianou, Lawrence and Dai, "Variational Information Distillation for Knowledge Transfer", CVPR 2019, equations 5 and 6. Three
//! 1x1 convolutions guess the teacher's map from the student's, and the loss is how unlikely the map is under a normal distribution about
//! the guess, whose variance is learned channel by channel: channels that cannot be guessed count less.

use burn::{
    module::{Module, Param},
    tensor::{
        Tensor,
        activation::{relu, softplus},
    },
};
use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass, Scope};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, Method, MethodEntry, MethodError, PlanContext, StepContext,
    entry::ALL,
    levels::{Level, Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, at_one_size, summed},
};

settings! {
    /// The options of VID in a recipe.
    struct Options {
        /// The variance of every channel at first.
        init_variance: f64 [above(0.001)] = default 5.0,
        /// Whether the variances are learned. One published program leaves them where they are.
        learn_variance: bool = default true,
        /// Points of the student, shallow to deep; empty for the ends of its stages, or the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the ends of its stages, or the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "vid";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "maps tell as much of the teacher's as a learned guess gets out of them",
    group: Group::Maps,
    paper: "Variational Information Distillation for Knowledge Transfer",
    year: 2019,
    source: "Ahn, Hu, Damianou, Lawrence, Dai 2019, arXiv 1904.05835",
    needs: "maps of all stages; trains three 1x1 convolutions and a variance for each",
    cost: "three 1x1 convolutions a map",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan,
};

/// VID, planned for two networks.
struct Vid {
    learns_variance: bool,
    guesses: PerLevel<Guess>,
}

/// Guesses a map of the teacher.
#[derive(Module, Debug)]
struct Guess {
    /// What becomes the variance of each channel, `[C]`.
    log_scale: Param<Tensor<1>>,
    regressor: Vec<Conv2d>,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::Stages)?;
    let guess = |level: &Level, scope: &Scope| Guess::new(level.channels, options.init_variance, scope);
    let loss = Vid {
        learns_variance: options.learn_variance,
        guesses: PerLevel::of(&levels, &context.scope(), guess),
    };
    Ok(OfMaps::boxed(levels, loss))
}

/// The least variance.
const LEAST: f64 = 1e-5;

/// What the softplus function makes this positive number of, `ln(e^x - 1)`, without the exponential of a large one.
fn before_softplus(value: f64) -> f64 {
    value + (-(-value).exp_m1()).ln()
}

impl Guess {
    /// Of the student's channels to the teacher's, drawn as PyTorch does by default.
    fn new([inputs, outputs]: [usize; 2], variance: f64, scope: &Scope) -> Self {
        let widths = [inputs, outputs, outputs];
        let conv = |(index, inputs)| {
            let config = Conv2dConfig::new(inputs, outputs, 1);
            Conv2d::uniform(config, 1.0, &scope.at("regressor").at(index))
        };
        Self {
            log_scale: scope.constant([outputs], before_softplus(variance - LEAST)),
            regressor: widths.into_iter().enumerate().map(conv).collect(),
        }
    }

    /// The mean over all numbers of `((guess - map)^2 / variance + ln variance) / 2`.
    fn loss(&self, [ours, theirs]: Pair, learns_variance: bool, pass: &mut Pass<'_>) -> Tensor<1> {
        let last = self.regressor.len() - 1;
        let guess = self
            .regressor
            .iter()
            .enumerate()
            .fold(ours, |map, (index, conv)| {
                let map = conv.forward(map, pass);
                if index < last { relu(map) } else { map }
            });
        let scale = self.log_scale.val();
        let scale = if learns_variance { scale } else { scale.detach() };
        let variance = (softplus(scale, 1.0) + LEAST).reshape([1, 1, 1, -1]);
        let squares = (guess - theirs).powi_scalar(2);
        ((squares * variance.clone().recip() + variance.log()) * 0.5).mean()
    }
}

impl MapLoss for Vid {
    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let levels = self.guesses.beside(maps);
        summed(levels.map(|(pair, guess)| guess.loss(at_one_size(pair), self.learns_variance, pass)))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.guesses)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.guesses)
    }
}
