//! **FT**: factor transfer.
//!
//! Kim, Park and Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer", NeurIPS 2018, section 3. A paraphraser, an autoencoder of the teacher's last map, finds its factors; a translator makes
//! factors of the student's, and both are compared. The paraphraser learns first, and stays as it is then.

mod modules;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

pub use self::modules::{Paraphraser, Translator};
use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, Part, PlanContext, Reads,
    StepContext, StudentEpoch, TeacherLook, at_the_smaller_size,
    entry::ALL,
    levels::{FirstStage, Levels, Named, Pair, Usual, at_one_size, places, unit},
};

settings! {
    /// The options of FT in a recipe.
    struct Options {
        /// k: factors for each channel of the teacher.
        factor_ratio: f64 [above(0.0)] = default 0.5,
        /// How factors are compared.
        variant: Variant = default "attention",
        /// Whether the translator has batch norms. The authors' has none.
        translator_norm: bool = default true,
        /// Epochs from the first on in which the paraphraser learns alone; 0 for one that learns beside the student. 30 in the published comparisons, 5 in the authors' program.
        stage1_epochs: usize = default 0,
        /// A point of the student; empty for its last map.
        student_points: Vec<String> = default [],
        /// A point of the teacher; empty for its last map.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// How factors are compared.
    enum Variant {
        /// Where they have their energy, as in the published comparisons.
        Attention = "attention",
        /// One by one, as the paper has it; the weight is then 500.
        Paper = "paper",
    }
}

const NAME: &str = "ft";

/// The weight that the factors have as published, beside which the paraphraser's own loss has 1.
const PUBLISHED: f64 = 200.0;

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "factors of the last map, made by a translator, follow those that a paraphraser finds in the teacher's",
    group: Group::Maps,
    paper: "Paraphrasing Complex Network: Network Compression via Factor Transfer",
    year: 2018,
    source: "Kim, Park, Kwak 2018, arXiv 1802.04977",
    needs: "the last map; trains a paraphraser first, and a translator",
    cost: "six convolutions, of as many channels as the teacher has",
    weight: "200, with `stage1_epochs = 30`; 500 for `paper`",
    usual_weight: Some(PUBLISHED),
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(Ft::plan(spec, context)?)),
};

/// FT, planned for two networks.
struct Ft {
    variant: Variant,
    stage: FirstStage,
    levels: Levels,
    modules: Modules,
}

/// What trains beside the student.
#[derive(Module, Debug)]
struct Modules {
    paraphraser: Paraphraser,
    translator: Translator,
}

impl Ft {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        let named = Named::of(&options.student_points, &options.teacher_points);
        let levels = Levels::plan(NAME, context, named, Usual::LastMap)?;
        let [Some(level), None] = [levels.iter().next(), levels.iter().nth(1)] else {
            let problem = "names more than one point of each network: name one";
            return Err(spec.invalid_option("student_points", problem).into());
        };
        let [inputs, channels] = level.channels;
        let factors = (options.factor_ratio * channels as f64) as usize;
        if factors == 0 {
            let problem = format!("leaves no factor of the teacher's {channels} channels");
            return Err(spec.invalid_option("factor_ratio", problem).into());
        }
        let scope = context.scope();
        Ok(Self {
            variant: options.variant,
            stage: FirstStage::plan(NAME, options.stage1_epochs, Some(30), context)?,
            modules: Modules {
                paraphraser: Paraphraser::new(channels, factors, &scope.at("paraphraser")),
                translator: Translator::new(
                    inputs,
                    factors,
                    options.translator_norm,
                    &scope.at("translator"),
                ),
            },
            levels,
        })
    }

    /// Whether the paraphraser learns in an epoch, and whether the student does.
    fn learns(&self, epoch: StudentEpoch) -> [bool; 2] {
        match self.stage.epochs() {
            0 => [true; 2],
            _ => [!self.stage.is_over(epoch), self.stage.is_over(epoch)],
        }
    }
}

impl Method for Ft {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            alone_epochs: self.stage.epochs(),
            notes: self.levels.notes().into_iter().chain(self.stage.note()).collect(),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        self.levels.reads()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let pair = self.levels.pairs(step)?.into_iter().next();
        let [ours, theirs] = pair.ok_or(MethodError::NoLoss("terms"))?;
        let Modules {
            paraphraser,
            translator,
        } = &self.modules;
        let [paraphrases, translates] = self.learns(step.at.epoch);
        let mut terms = Vec::new();
        let factors = if paraphrases {
            let factors = paraphraser.factors(theirs.clone(), pass);
            let gap = paraphraser.map(factors.clone(), pass) - theirs;
            let term = LossTerm::loss(format!("{}.paraphraser", step.id), gap.powi_scalar(2).mean());
            terms.push(term.scaled(1.0 / PUBLISHED));
            factors.inner()
        } else {
            paraphraser.valid().factors(theirs, pass)
        };
        if translates {
            let ours = translator.factors(ours, pass);
            let value = match self.variant {
                Variant::Attention => attention_difference([ours, factors]),
                Variant::Paper => factor_difference([ours, factors]),
            };
            terms.push(LossTerm::loss(step.id, value));
        }
        Ok(terms)
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.modules)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.modules)]
    }
}

/// The mean absolute difference of where factors `[N, H, W, F]` have their energy, `[N, H W]` of length 1, at the smaller of their sizes. A tensor with one element.
pub fn attention_difference(factors: Pair) -> Tensor<1> {
    let [ours, theirs] = at_one_size(factors).map(|factors| {
        let energy = places(factors).powi_scalar(2).mean_dim(2).squeeze_dim::<2>(2);
        unit(energy, 1)
    });
    (ours - theirs).abs().mean()
}

/// The mean absolute difference of factors `[N, H, W, F]`, all of an image of length 1, at the smaller of their sizes. A tensor with one element.
pub fn factor_difference([ours, theirs]: Pair) -> Tensor<1> {
    let (ours, theirs) = at_the_smaller_size(ours, theirs);
    let [ours, theirs] = [ours, theirs].map(|factors| unit(factors.flatten::<2>(1, 3), 1));
    (ours - theirs).abs().mean()
}
