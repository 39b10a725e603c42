//! TST as the training loop sees it.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use potstill_base::{CacheEntry, Lookup};
use potstill_data::Normalise;
use potstill_models::{DetectorKind, Model, Outputs};
use potstill_ops::{Parameters, Pass, Scope};
use potstill_random::{Seed, Stream};
use potstill_recipe::{MethodSpec, OptimizerSpec, Sgd};
use potstill_settings::Key;
use potstill_tasks::{Sense, TermContext};
use serde_json::Value;

use super::{
    augmenter::{Augmenter, PolicyParameters},
    bank::{Bank, BankKind},
    bank_trainer::{BATCH, BankEpochs, BankTrainer, DECAY, FIRST_RATE},
    options::{BankOption, Options},
    search::{SearchLoss, SearchRate},
};
use crate::{
    Augmented, CacheKey, CachedTensors, Event, Group, LearnedAugmentation, LossTerm, Method, MethodEntry,
    MethodError, MethodInfo, Part, PlanContext, PrepareContext, Prepared, SearchOutputs, SearchRound,
    StepContext, TargetNeed, entry::BUT_MULTI_LABEL, levels::is_dense,
};

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Tst::NAME,
    about: "a learned augmentation looks for images that the teacher gets right and the student does not",
    group: Group::Schemes,
    paper: "Teaching What You Should Teach: A Data-Based Distillation Method",
    year: 2023,
    source: "Shao, Chen, Huang, Gong, Wang, Wu 2023, arXiv 2212.05422",
    needs: "logits and labels; trains an augmentation",
    cost: "rounds of search, and twice the images in a step",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: BUT_MULTI_LABEL,
    limits: "no FastestDet, no SSDLite; detectors of one kind",
    keys: Tst::KEYS,
    plan: |spec, context| Ok(Box::new(Tst::plan(spec, context)?)),
};

/// TST, planned.
pub struct Tst {
    temperature: f64,
    /// Whether targets have places, which move with the images.
    is_dense: bool,
    augmenter: Augmenter,
    rounds: Vec<SearchRound>,
    first_rate: f64,
    rate: SearchRate,
    pictures: usize,
    /// How the bank is trained; none for the closed form.
    training: Option<BankTraining>,
}

/// What the training of the bank needs to know.
struct BankTraining {
    option: BankOption,
    scope: Scope,
    seed: Seed,
    input: Normalise,
}

impl Tst {
    /// The name in recipes.
    pub const NAME: &'static str = "tst";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans TST: both networks must have the same classes, in images of three channels.
    ///
    /// # Errors
    /// No teacher, another number of classes, grey images, options out of range.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options = Options::read(spec, context.epochs)?;
        if let Some(kind @ (DetectorKind::Cells | DetectorKind::DefaultBoxes)) = context.student_kind() {
            return Err(MethodError::DetectorKind {
                method: Self::NAME,
                kind,
                reason: "turns the losses of the student round in its rounds",
                cure: "take RetinaNet, FCOS or two-stage detectors, or `kd` with an augmentation that does not learn",
            });
        }
        context.teacher_of_same_rows(Self::NAME)?;
        let rounds = options.rounds(context.epochs, is_dense(context.task));
        let [height, width, channels] = context.image;
        if channels != 3 {
            let problem = format!("changes colours and needs images of 3 channels, not {channels}");
            return Err(spec.invalid_option("kind", problem).into());
        }
        let is_dense = is_dense(context.task);
        let cutout = options.cutout(height.min(width), is_dense);
        let bank = Bank::new(
            // The networks take this place when they are trained.
            BankKind::ClosedForm,
            &context.input,
            options.inner_gate.logit(),
            cutout,
        );
        let bank_option = options.bank(is_dense);
        Ok(Self {
            temperature: options.temperature(is_dense),
            is_dense,
            augmenter: Augmenter {
                strengths: PolicyParameters::new(&context.scope().at("strengths")),
                gate: options.gate,
                bank,
            },
            rounds,
            first_rate: options.search_lr,
            rate: SearchRate::new(options.search_lr),
            pictures: options.pictures,
            training: bank_option.lengths(1).map(|_| BankTraining {
                option: bank_option.clone(),
                // Every entry has the same bank: it is kept for whoever has the same images.
                scope: Scope::new(&context.device, context.seed, Self::NAME).at("bank"),
                seed: context.seed,
                input: context.input.clone(),
            }),
        })
    }
}

impl Method for Tst {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            rounds: self.rounds.clone(),
            prepares: self.training.is_some(),
            targets: Some(TargetNeed::single_classes(
                "its rounds look for images of which the student misses what is known",
            )),
            ..MethodInfo::default()
        }
    }

    /// Distillation on the logits of the augmented and the clean images, which are one batch by now.
    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = step.divergence(self.temperature)?;
        Ok(vec![LossTerm::loss(step.id, value)])
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::augmentation(&self.augmenter.strengths)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::augmentation(&mut self.augmenter.strengths)]
    }

    /// The learning rate's.
    fn state(&self) -> Value {
        self.rate.state()
    }

    fn load_state(&mut self, state: Value, _: &Model) -> Result<(), MethodError> {
        self.rate = serde_json::from_value(state).map_err(|error| MethodError::State(error.to_string()))?;
        Ok(())
    }

    fn on_event(&mut self, event: &Event<'_>) -> Result<(), MethodError> {
        match event {
            Event::RoundStart => self.rate = SearchRate::new(self.first_rate),
            Event::RoundEpochEnd { loss } => self.rate.end_epoch(*loss),
            Event::StepEnd { .. } | Event::EpochEnd { .. } => {}
        }
        Ok(())
    }

    /// Trains the bank, or takes it from the cache. An interrupted training goes on at the beginning of its last epoch.
    fn prepare(&mut self, context: &mut dyn PrepareContext) -> Result<Prepared, MethodError> {
        let Some(training) = &self.training else {
            return Ok(Prepared::Done);
        };
        if context.is_dry_run() {
            // Networks that have learned nothing.
            let untrained = training.begin(training.lengths(1)).networks();
            self.augmenter.bank.forms = BankKind::Networks(Box::new(untrained));
            return Ok(Prepared::Done);
        }
        let lengths = training.lengths(steps(context));
        let mut entry = context.cache_entry("tst-bank", CacheKey::Data, &training.settings(lengths))?;
        let resumed = |bytes: &[u8]| {
            let mut bank_trainer = training.begin(lengths);
            bank_trainer.load_state(&CachedTensors::from_bytes(bytes)?)?;
            Some(bank_trainer)
        };
        let bank_trainer = match entry.lookup(context, resumed)? {
            Lookup::Hit(bank_trainer) => bank_trainer,
            Lookup::Cancelled => return Ok(Prepared::Interrupted),
            Lookup::Miss => {
                let unfinished = entry.read_partial(UNFINISHED, context);
                let unfinished = unfinished.and_then(|bytes| resumed(&bytes));
                let mut bank_trainer = unfinished.unwrap_or_else(|| training.begin(lengths));
                if train(&mut bank_trainer, lengths.epochs(), &entry, context)? == Prepared::Interrupted {
                    return Ok(Prepared::Interrupted);
                }
                bank_trainer.state().finish(&mut entry)?;
                bank_trainer
            }
        };
        self.augmenter.bank.forms = BankKind::Networks(Box::new(bank_trainer.networks()));
        Ok(Prepared::Done)
    }

    fn augmentation(&self) -> Option<&dyn LearnedAugmentation> {
        Some(self)
    }
}

impl BankTraining {
    /// How long the networks learn where an epoch has so many steps.
    fn lengths(&self, steps: usize) -> BankEpochs {
        self.option.lengths(steps).unwrap_or(BankEpochs {
            affine_epochs: 0,
            colour_epochs: 0,
        })
    }

    fn begin(&self, lengths: BankEpochs) -> BankTrainer {
        BankTrainer::new(&self.scope, self.seed, &self.input, lengths)
    }

    /// Everything that the bank depends on besides the images.
    fn settings(&self, lengths: BankEpochs) -> String {
        let BankEpochs {
            affine_epochs,
            colour_epochs,
        } = lengths;
        let (seed, input) = (self.seed.value(), &self.input);
        format!(
            "bank 2, seed {seed}, rate {FIRST_RATE} times {DECAY}, epochs {affine_epochs} {colour_epochs}, mean {:?}, std {:?}",
            input.mean, input.std
        )
    }
}

/// What an interrupted training goes on from.
const UNFINISHED: &str = "unfinished";
/// Steps between two looks at whether to stop.
const SLICE: usize = 50;

/// Images of a batch: a small data set is one.
fn batch(context: &dyn PrepareContext) -> usize {
    BATCH.min(context.images()).max(1)
}

/// Steps of an epoch.
fn steps(context: &dyn PrepareContext) -> usize {
    context.images() / batch(context)
}

/// Trains the bank to the end, and leaves its state after each epoch for a run that goes on.
fn train(
    bank_trainer: &mut BankTrainer,
    epochs: usize,
    entry: &CacheEntry,
    context: &mut dyn PrepareContext,
) -> Result<Prepared, MethodError> {
    while !bank_trainer.is_done() {
        if train_epoch(bank_trainer, epochs, context)? == Prepared::Interrupted {
            return Ok(Prepared::Interrupted);
        }
        bank_trainer.state().write_partial(entry, UNFINISHED)?;
    }
    Ok(Prepared::Done)
}

/// One of so many epochs of the bank.
fn train_epoch(
    bank_trainer: &mut BankTrainer,
    epochs: usize,
    context: &mut dyn PrepareContext,
) -> Result<Prepared, MethodError> {
    let (size, steps) = (batch(context), steps(context));
    let epoch = bank_trainer.epochs();
    let mut first = 0;
    while first < steps {
        if context.should_stop() {
            return Ok(Prepared::Interrupted);
        }
        let end = (first + SLICE).min(steps);
        context.progress(
            "training the bank of operations",
            epoch * steps + first,
            epochs * steps,
        );
        context.for_each_train_batch(epoch as u64, first, size, &mut |batch| {
            bank_trainer.step(batch.step, batch.pixels);
            let is_last = batch.step + 1 >= end;
            Ok(if is_last {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        first = end;
    }
    if steps == 0 {
        return Err(wrong("there are no training images to train the bank on".into()));
    }
    context.progress(
        "training the bank of operations",
        (epoch + 1) * steps,
        epochs * steps,
    );
    bank_trainer.end_epoch();
    Ok(Prepared::Done)
}

fn wrong(reason: String) -> MethodError {
    MethodError::Preparation {
        method: Tst::NAME,
        reason,
    }
}

/// The largest norm of the gradients of a round of a dense task, as in the authors' program.
const LARGEST_NORM: f64 = 20.0;

/// The teacher's usual losses, which make images that it gets right, and the student's inverted ones, which make images that it gets wrong.
fn dense_terms(outputs: &SearchOutputs<'_>) -> Result<Vec<LossTerm>, MethodError> {
    let of = |network, name: &str, sense| -> Result<Vec<LossTerm>, MethodError> {
        let context = TermContext {
            sense,
            ..outputs.context
        };
        let terms = outputs.task.terms(network, outputs.targets, &context)?;
        Ok(terms
            .into_iter()
            .map(|term| LossTerm {
                name: format!("{name}_{}", term.name),
                ..term
            })
            .collect())
    };
    let mut terms = of(outputs.teacher, "teacher", Sense::Usual)?;
    terms.extend(of(outputs.student, "student_inverted", Sense::Inverted)?);
    Ok(terms)
}

impl LearnedAugmentation for Tst {
    fn augment(&self, pixels: Tensor<4>, stream: &mut Stream, learns: bool) -> Augmented {
        if self.is_dense {
            let (pixels, maps) = self.augmenter.augment_once(pixels, stream, learns);
            return Augmented {
                pixels,
                maps: Some(maps),
            };
        }
        Augmented::in_place(if learns {
            self.augmenter.augment(pixels, stream)
        } else {
            self.augmenter.augment_untracked(pixels, stream)
        })
    }

    fn clip_norm(&self) -> Option<f64> {
        self.is_dense.then_some(LARGEST_NORM)
    }

    fn terms(&self, outputs: &SearchOutputs<'_>) -> Result<Vec<LossTerm>, MethodError> {
        if self.is_dense {
            return dense_terms(outputs);
        }
        let [student, teacher] = [outputs.student, outputs.teacher].map(Outputs::logits);
        let labels = outputs.targets.class()?;
        let loss = SearchLoss::new(student?.clone(), teacher?.clone(), labels);
        Ok(vec![
            LossTerm::loss("teacher_error", loss.teacher),
            LossTerm::loss("student_certainty", loss.student),
        ])
    }

    fn optimizer(&self) -> OptimizerSpec {
        OptimizerSpec::Sgd(Sgd {
            lr: self.first_rate,
            momentum: 0.9,
            nesterov: false,
            dampening: 0.0,
            weight_decay: 0.0,
        })
    }

    fn rate(&self) -> f64 {
        self.rate.rate()
    }

    fn metrics(&self) -> Vec<(String, f64)> {
        let mut metrics = Vec::new();
        for (operation, probability, magnitude) in self.augmenter.strengths.values(self.augmenter.gate) {
            let name = operation.name();
            metrics.push((format!("probability.{name}"), probability));
            metrics.extend(magnitude.map(|magnitude| (format!("magnitude.{name}"), magnitude)));
        }
        metrics
    }

    fn preview_images(&self) -> usize {
        self.pictures
    }
}
