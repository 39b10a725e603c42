//! **CRD**: contrastive representation distillation.
//!
//! Tian, Krishnan and Isola, "Contrastive Representation Distillation", ICLR 2020. Each network's embedding of an image, through a linear layer of its own, is to be told
//! from many images of other classes as the one that the other network remembers of it. The memories ([`ContrastBanks`]) hold an embedding of every training image and move
//! with every step; negatives are drawn anew for every image of every step.

mod banks;
mod negatives;

use burn::{
    module::Module,
    tensor::{Int, Tensor, TensorData},
};
use potstill_ops::{Linear, Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};
use potstill_tasks::TaskKind;

pub use self::banks::{Contrast, ContrastBanks, ContrastOptions};
use self::negatives::ImagesByClass;
use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, Part, PlanContext, Reads,
    StepContext, StudentEpoch, TargetNeed, TeacherLook,
    entry::CLASSIFIERS,
    levels::{Levels, Named, Usual, embeddings},
};

settings! {
    /// The options of CRD in a recipe.
    struct Options {
        /// d: the width of both embeddings.
        dim: usize [at_least(1.0).at_most(16384.0).because("more would not fit in memory")] = default 128,
        /// K: images of other classes that each image is held against in a step; as many as there are, where there are fewer.
        negatives: usize [at_least(1.0)] = default 16384,
        /// tau: what cosines are divided by.
        temperature: f64 [above(0.0)] = default 0.07,
        /// How much of itself a memory keeps in a step.
        momentum: f64 [at_least(0.0).at_most(1.0)] = default 0.5,
        /// What an image is to be told from the negatives as.
        mode: Positive = default "exact",
        /// Points of the student, whose maps are averaged; empty for its pooled embedding.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its pooled embedding.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// What an image is to be told from the negatives as.
    enum Positive {
        /// Itself.
        Exact = "exact",
        /// An image of its class, drawn anew in every step.
        Relax = "relax",
    }
}

const NAME: &str = "crd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "embeddings are told from those of many other images as the one that the other network remembers",
    group: Group::Relations,
    paper: "Contrastive Representation Distillation",
    year: 2020,
    source: "Tian, Krishnan, Isola 2020, arXiv 1910.10699",
    needs: "embeddings, the index of each image, and labels; trains two linear layers, and remembers two embeddings of every image",
    cost: "a product of each embedding with that of every training image",
    weight: "0.8",
    usual_weight: Some(0.8),
    tasks: CLASSIFIERS,
    limits: "",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(Crd::plan(spec, context)?)),
};

/// CRD, planned for two networks and the training images.
struct Crd {
    options: Options,
    /// K, of as many images as there are.
    negatives: usize,
    levels: Levels,
    embed: Embed,
    banks: ContrastBanks,
    images: ImagesByClass,
}

/// A linear layer for each network.
#[derive(Module, Debug)]
struct Embed {
    student: Linear,
    teacher: Linear,
}

impl Crd {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        if context.task == TaskKind::MultiLabel {
            return Err(MethodError::SeveralClasses(NAME));
        }
        let named = Named::of(&options.student_points, &options.teacher_points);
        let levels = Levels::plan(NAME, context, named, Usual::Embedding)?;
        let [Some(level), None] = [levels.iter().next(), levels.iter().nth(1)] else {
            let problem =
                "names more than one point of each network: name one, whose embedding is remembered";
            return Err(spec.invalid_option("student_points", problem).into());
        };
        let images = ImagesByClass::of(context.images.classes()?);
        let others = images.fewest_others();
        if others == 0 {
            return Err(MethodError::OneClass(NAME));
        }
        let (scope, [ours, theirs]) = (context.scope(), level.channels);
        Ok(Self {
            embed: Embed {
                student: Linear::new(ours, options.dim, &scope.at("student")),
                teacher: Linear::new(theirs, options.dim, &scope.at("teacher")),
            },
            banks: ContrastBanks::new(images.count(), options.dim, &scope.at("banks")),
            negatives: options.negatives.min(others),
            options,
            levels,
            images,
        })
    }

    fn contrast_options(&self) -> ContrastOptions {
        ContrastOptions {
            temperature: self.options.temperature,
            momentum: self.options.momentum,
        }
    }

    /// What the images of a step are held against.
    fn contrast(&self, step: &StepContext<'_>) -> Result<Contrast, MethodError> {
        let indices = step.context.indices;
        let images = step.student.images.dims()[0];
        if indices.len() != images || indices.iter().any(|&index| index >= self.images.count()) {
            return Err(MethodError::NoIndices(NAME));
        }
        let counters = step.context.counters;
        let mut stream = step
            .context
            .seed
            .stream(&format!("{}.negatives", step.id), &counters);
        let columns = 1 + self.negatives;
        let (mut taken, mut rows) = (
            vec![false; self.images.count()],
            Vec::with_capacity(images * columns),
        );
        for &index in indices {
            let positive = match self.options.mode {
                Positive::Exact => index,
                Positive::Relax => self.images.of_same_class(index, &mut stream),
            };
            rows.push(positive as i64);
            let room = (&mut taken[..], &mut rows);
            self.images.draw_others(index, self.negatives, &mut stream, room);
        }
        let device = step.student.images.device();
        Ok(Contrast {
            indices: indices.to_vec(),
            rows: Tensor::<2, Int>::from_data(TensorData::new(rows, [images, columns]), &device),
        })
    }

    /// Both embeddings of a step, through the linear layers, `[N, d]`.
    fn embedded(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<[Tensor<2>; 2], MethodError> {
        let pair = self.levels.pairs(step)?.into_iter().next();
        let [ours, theirs] = embeddings(pair.ok_or(MethodError::NoLoss("terms"))?);
        Ok([
            self.embed.student.forward(ours, pass),
            self.embed.teacher.forward(theirs, pass),
        ])
    }
}

impl Method for Crd {
    fn info(&self) -> MethodInfo {
        let numbers = 2 * self.images.count() * self.options.dim;
        let mut notes = vec![format!(
            "it remembers {numbers} numbers of the {} training images ({} MB), and holds each image against {} of other classes",
            self.images.count(),
            (4 * numbers).div_ceil(1_000_000),
            self.negatives
        )];
        if self.negatives < self.options.negatives {
            notes.push(format!(
                "there are no more than {} images of other classes for some, not {}",
                self.negatives, self.options.negatives
            ));
        }
        MethodInfo {
            targets: Some(TargetNeed::class("negatives are images of other classes")),
            remembers: true,
            notes,
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
        let embedded = self.embedded(step, pass)?;
        let [rows, width] = embedded[0].dims();
        pass.count((2 * rows * width * self.images.count()) as u64);
        let value = self
            .banks
            .loss(embedded, &self.contrast(step)?, self.contrast_options());
        Ok(vec![LossTerm::loss(step.id, value)])
    }

    fn remember(&mut self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<(), MethodError> {
        let (embedded, contrast) = (self.embedded(step, pass)?, self.contrast(step)?);
        let options = self.contrast_options();
        self.banks.remember(embedded, &contrast, options);
        Ok(())
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![
            Part::beside_student(&self.embed),
            Part::memory("banks", &self.banks),
        ]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![
            Part::beside_student(&mut self.embed),
            Part::memory("banks", &mut self.banks),
        ]
    }
}
