//! What a teacher knows, measured before anything is learned from it: weights that do not fit the data teach nothing, and no loss tells.

use std::sync::Arc;

use potstill_data::{Dataset, FewSamples, Subset};
use potstill_metrics::{MetricInfo, Metrics, Unit};
use potstill_models::FrozenModel;
use potstill_random::Seed;
use potstill_report::{MeasuredOn, human};

use crate::{
    error::EngineError,
    plan::{Plan, spec::RunSpec, teachers::TeacherFacts},
};

/// Multiply-accumulates that a plan spends on each teacher: some seconds on two cores.
const GLANCE: u64 = 100_000_000_000;
/// Images of a glance at a teacher whose cost is large, and at one whose cost is not known.
const FEWEST: usize = 64;
const UNKNOWN: usize = 512;

/// The part of the way from chance to perfection that is still called near chance.
const NEAR: f64 = 0.1;

/// A teacher, measured on images that no network of the run learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct TeacherExam {
    /// What the recipe calls it.
    pub teacher: String,
    /// Its architecture, or the name of its file.
    pub model: String,
    /// What was measured.
    pub metrics: Metrics,
    /// How many images it was shown.
    pub images: usize,
    /// How many there are.
    pub of: usize,
    /// Which images.
    pub on: MeasuredOn,
    /// The headline of a network that knows only how often each class is shown.
    pub chance: f64,
    headline: MetricInfo,
}

impl TeacherExam {
    /// Shows a teacher the images that choose the best epoch, or `limit` of them, as many of each class. `None` for one of other classes.
    pub(crate) fn of(
        spec: &RunSpec,
        facts: &TeacherFacts,
        network: &FrozenModel,
        limit: Option<usize>,
    ) -> Result<Option<Self>, EngineError> {
        if !spec.can_measure(network) {
            return Ok(None);
        }
        let all = spec.data.chosen_by();
        let images = match limit.filter(|&limit| limit < all.len()) {
            Some(limit) => {
                let few = FewSamples::Total(limit);
                Arc::new(Subset::few_samples(Arc::clone(all), few, Seed::new(0))?)
            }
            None => Arc::clone(all),
        };
        let shown = shown(images.as_ref())?;
        Ok(Some(Self {
            teacher: facts.name.clone(),
            model: facts.network.model.clone(),
            metrics: spec.measure(network, &facts.network.input, &images)?,
            images: images.len(),
            of: all.len(),
            on: spec.images().chosen_on(),
            chance: spec.task.chance(&shown, images.len()),
            headline: spec.task.metrics().headline,
        }))
    }

    /// What it reached: `top-1 94.37 % on the 10,000 test images`.
    pub fn result(&self) -> String {
        let MetricInfo { label, unit, .. } = &self.headline;
        let value = self.metrics.of(&self.headline).unwrap_or(f64::NAN);
        let [images, of] = [self.images, self.of].map(|count| human::count(count as u64));
        let which = if self.images == self.of {
            format!("the {of}")
        } else {
            format!("{images} of the {of}")
        };
        format!(
            "{label} {} on {which} {} images",
            unit.text(value),
            self.on.word()
        )
    }

    /// Whether it knows hardly more than how often each class is shown.
    pub fn is_near_chance(&self) -> bool {
        let value = self.metrics.of(&self.headline).unwrap_or(f64::NAN);
        // Without a number it knows nothing either.
        self.headline.unit == Unit::Percent
            && (value.is_nan() || value <= self.chance + NEAR * (100.0 - self.chance))
    }

    /// What to look at where it is near chance; `None` where it is not.
    pub fn warning(&self) -> Option<String> {
        let Self { teacher, model, .. } = self;
        let MetricInfo { label, unit, .. } = &self.headline;
        self.is_near_chance().then(|| {
            format!(
                "warning: the teacher `{teacher}` ({model}) is near chance: knowing only how often each class is shown gives a {label} of \
                 {}. Usual causes: its classes stand in another order than those of the data; its images are normalised otherwise \
                 (`{}.input`); its channels stand in the order blue, green, red; its last layer is not the one that was trained",
                unit.text(self.chance),
                TeacherFacts::key_of(teacher),
            )
        })
    }
}

impl Plan {
    /// Takes a glance at each teacher that starts from trained weights, on as many images as take a few seconds.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn examine_teachers(&self) -> Result<Vec<TeacherExam>, EngineError> {
        let mut exams = Vec::new();
        for (facts, network) in self.trained_teachers() {
            let limit = glance(facts.network.info.probe.macs);
            exams.extend(TeacherExam::of(&self.spec, facts, &network, Some(limit))?);
        }
        Ok(exams)
    }
}

/// How many images a plan shows a teacher of so many multiply-accumulates; 0 where they are not known.
fn glance(macs: u64) -> usize {
    match macs {
        0 => UNKNOWN,
        macs => ((GLANCE / macs) as usize).max(FEWEST),
    }
}

/// How many images show each class.
fn shown(images: &dyn Dataset) -> Result<Vec<usize>, EngineError> {
    let mut shown = vec![0; images.classes().len()];
    for index in 0..images.len() {
        for class in images.target(index)?.classes() {
            if let Some(count) = shown.get_mut(class as usize) {
                *count += 1;
            }
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use potstill_metrics::{Metrics, TOP1};
    use potstill_report::MeasuredOn;

    use super::{TeacherExam, glance};

    fn exam(top1: f64, chance: f64) -> TeacherExam {
        TeacherExam {
            teacher: "large".into(),
            model: "resnet50".into(),
            metrics: Metrics::new().with(&TOP1, top1),
            images: 790,
            of: 10_000,
            on: MeasuredOn::Validation,
            chance,
            headline: TOP1,
        }
    }

    #[test]
    fn a_glance_is_as_long_as_its_teacher_is_cheap() {
        // ResNet-56 on 32x32, ResNet-50 on 224x224, and a file that does not say.
        assert_eq!([126_000_000, 4_100_000_000, 0].map(glance), [793, 64, 512]);
        let result = exam(93.5, 10.0).result();
        assert_eq!(result, "top-1 93.50 % on 790 of the 10,000 validation images");
    }

    #[test]
    fn near_chance_is_a_tenth_of_the_way_from_it() {
        for (top1, chance, near) in [
            (18.9, 10.0, true),
            (19.1, 10.0, false),
            (54.9, 50.0, true),
            (55.1, 50.0, false),
            // Below chance, as with classes in another order.
            (3.0, 10.0, true),
            (f64::NAN, 10.0, true),
        ] {
            assert_eq!(exam(top1, chance).is_near_chance(), near, "{top1} {chance}");
        }
        let warning = exam(3.0, 10.0).warning().unwrap();
        assert!(warning.contains("`teachers.large.input`"), "{warning}");
    }
}
