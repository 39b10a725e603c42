//! Runs side by side: the student alone, the same student distilled, and its teachers.
//!
//! Runs are only compared within a [`Setup`], that is for the same task, student, images and number of
//! epochs, because a gain between different ones would not be the method's. A group is judged by the mean
//! over its seeds of the headline of the *last* epoch: where there are no validation images, the best epoch is
//! chosen by the test images and flatters.

mod cells;
mod csv;
mod figures;
mod group;
mod html;
mod latex;
mod markdown;
mod paired;
mod text;

pub use figures::Published;
pub use markdown::escape_markdown;
pub use paired::Paired;

use std::collections::BTreeMap;

use potstill_metrics::MetricInfo;
use serde::Serialize;

use self::group::{check, group_row};
use crate::schema::Versioned;
use crate::{Data, IndexMap, MeasuredOn, Network, ReportError, Spread, Summary, human};

/// The runs of one recipe with several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct RunGroup {
    /// What the table calls it.
    pub name: String,
    /// One summary for each seed.
    pub runs: Vec<Summary>,
    /// What published tables call the methods, as in `kd + ls`; none where it is not known, and their kinds stand for it.
    pub published_as: Option<String>,
}

/// Everything that was compared. Shown by [`Comparison::text`] for a terminal, by [`Comparison::markdown`], [`Comparison::latex`] and
/// [`Comparison::html`] as tables of papers are, by [`Comparison::csv`] and [`Comparison::json`] for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// One table for each setup, in the order of the groups.
    pub setups: Vec<Setup>,
    /// What a reader must know: runs left out, gains that could not be taken.
    pub notes: Vec<String>,
}

/// What the rows of one table have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// `classification` or another task.
    pub task: String,
    /// The metric that runs are compared by.
    pub headline: MetricInfo,
    /// The student, which is the same in all its runs.
    pub student: Network,
    /// The images.
    pub data: Data,
    /// How many epochs each run has.
    pub epochs: usize,
    /// Students alone, then distilled ones, then teachers.
    pub rows: Vec<Row>,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What the line stands for.
    pub role: Role,
    /// The group's name, or the teacher's model.
    pub name: String,
    /// The distillation methods.
    pub methods: Vec<String>,
    /// The models that taught it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<String>,
    /// The headline of the last epoch of each finished run, by its seed.
    #[serde(skip)]
    pub(crate) by_seed: BTreeMap<u64, f64>,
    /// Every metric after the last epoch, over the finished runs, by name: on the test images, or on the validation images where
    /// there are no others.
    pub metrics: IndexMap<String, Spread>,
    /// The headline of the last epoch on the validation images, over the finished runs; none in runs without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Spread>,
    /// The headline of each run's best epoch, over the finished runs.
    pub best: Option<Spread>,
    /// By how much the mean of the headline is better than that of the student alone.
    pub gain: Option<f64>,
    /// The same by the seeds that both have, with a test; none for other rows than distilled ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paired: Option<Paired>,
    /// What others have published for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// Trainable parameters of the network.
    pub params: u64,
    /// Multiply-accumulates of the network for one image.
    pub macs: u64,
    /// Mean time of a finished run in seconds.
    pub seconds: Option<f64>,
}

/// What a line of the table stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The student trained on labels only.
    Alone,
    /// The student trained with a teacher.
    Distilled,
    /// A teacher.
    Teacher,
}

impl Row {
    /// The headline after the last epoch, over the finished runs.
    pub fn last(&self, headline: &MetricInfo) -> Option<Spread> {
        self.metrics.get(headline.name.as_ref()).copied()
    }
}

impl Comparison {
    /// The comparison as JSON with a `schema_version`, for programs.
    pub fn json(&self) -> String {
        Versioned::new(self).pretty()
    }
}

/// Compares groups of runs.
///
/// ```no_run
/// use potstill_report::{RunGroup, compare, read_summary};
///
/// # fn main() -> Result<(), potstill_report::ReportError> {
/// let group = |name: &str| {
///     let runs = (0..3).map(|seed| read_summary(format!("runs/{name}/seed-{seed}/summary.json")));
///     Ok(RunGroup { name: name.into(), runs: runs.collect::<Result<_, _>>()?, published_as: None })
/// };
/// println!("{}", compare(&[group("alone")?, group("kd")?])?.text());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ReportError`] where a group is empty, holds a seed twice, or mixes runs whose mean would mean nothing.
pub fn compare(groups: &[RunGroup]) -> Result<Comparison, ReportError> {
    let mut setups: Vec<Setup> = Vec::new();
    let mut notes = Vec::new();
    for group in groups {
        let first = check(group)?;
        let index = setups
            .iter()
            .position(|setup| setup.holds(first))
            .unwrap_or_else(|| {
                setups.push(Setup::of(first));
                setups.len() - 1
            });
        if first.methods.is_empty() && setups[index].rows.iter().all(|row| row.role != Role::Alone) {
            setups[index].student = first.student.clone();
        }
        let mut row = group_row(group, first, &mut notes);
        row.published = setups[index].published_of(&row, group.published_as.as_deref());
        setups[index].rows.push(row);
        setups[index].add_teachers(group);
    }
    for setup in &mut setups {
        // The sort is stable: within a role, rows keep the order in which the caller gave the groups.
        setup.rows.sort_by_key(|row| row.role);
        setup.fill_in_gains(&mut notes);
        setup.tell_sizes(&mut notes);
    }
    Ok(Comparison { setups, notes })
}

impl Setup {
    fn of(run: &Summary) -> Self {
        Self {
            task: run.task.clone(),
            headline: run.metrics.headline.clone(),
            student: run.student.clone(),
            data: run.data.clone(),
            epochs: run.epochs,
            rows: Vec::new(),
        }
    }

    fn holds(&self, run: &Summary) -> bool {
        self.task == run.task
            && self.headline.name == run.metrics.headline.name
            && self.is_of_student(&run.student)
            && self.data == run.data
            && self.epochs == run.epochs
    }

    /// Whether a run's network is this student, or the same with parts of a method that stay in it (letKD, SimKD), which have parameters. As many
    /// parameters and other costs are those of images of another size.
    fn is_of_student(&self, network: &Network) -> bool {
        self.student.model == network.model
            && (self.student.params != network.params || self.student.macs == network.macs)
    }

    /// Says which rows have another size than the student that they stand beside.
    fn tell_sizes(&self, notes: &mut Vec<String>) {
        let students = self.rows.iter().filter(|row| row.role != Role::Teacher);
        for row in students.filter(|row| row.params != self.student.params) {
            notes.push(format!(
                "{}: its network has {} parameters and {} MACs",
                row.name,
                human::count(row.params),
                human::magnitude(row.macs)
            ));
        }
    }

    /// Which images the results are from.
    pub fn measured_on(&self) -> MeasuredOn {
        self.data.measured_on()
    }

    /// Whether there are results on validation images beside those on test images.
    pub fn has_both(&self) -> bool {
        self.data.chosen_on() != self.measured_on()
    }

    fn add_teachers(&mut self, group: &RunGroup) {
        let all = group.runs.iter();
        let all = all.flat_map(|run| run.teachers.iter().map(move |teacher| (run, teacher)));
        for (run, teacher) in all {
            let of_one = |(name, value): (&str, f64)| Some((name.to_owned(), Spread::of(&[value])?));
            let metrics: IndexMap<String, Spread> =
                run.teacher_metrics(teacher).iter().filter_map(of_one).collect();
            let network = &teacher.network;
            // Runs of one teacher may have measured more or less of it.
            let last = metrics.get(self.headline.name.as_ref());
            let known = self.rows.iter().any(|row| {
                row.role == Role::Teacher
                    && row.name == network.model
                    && row.last(&self.headline).as_ref() == last
            });
            if !known {
                let mut row = Row {
                    role: Role::Teacher,
                    name: network.model.clone(),
                    methods: Vec::new(),
                    teachers: Vec::new(),
                    by_seed: BTreeMap::new(),
                    metrics,
                    validation: teacher
                        .validation
                        .of(&self.headline)
                        .and_then(|value| Spread::of(&[value])),
                    best: None,
                    gain: None,
                    paired: None,
                    published: None,
                    params: network.params,
                    macs: network.macs,
                    seconds: None,
                };
                row.published = self.published_of(&row, None);
                self.rows.push(row);
            }
        }
    }

    fn fill_in_gains(&mut self, notes: &mut Vec<String>) {
        if self.rows.iter().all(|row| row.role != Role::Distilled) {
            return;
        }
        let headline = &self.headline;
        let alone = self.rows.iter().filter(|row| row.role == Role::Alone);
        let measured: Vec<_> = alone
            .filter_map(|row| Some((row.name.clone(), row.last(headline)?.mean, row.by_seed.clone())))
            .collect();
        let Some((name, baseline, by_seed)) = measured.first() else {
            notes.push(format!(
                "{}: no gain, for want of a finished run of this student alone with the same images and epochs",
                self.student.model
            ));
            return;
        };
        if measured.len() > 1 {
            notes.push(format!("{}: the gain is over `{name}`", self.student.model));
        }
        for row in self.rows.iter_mut().filter(|row| row.role == Role::Distilled) {
            row.gain = row.last(headline).map(|last| headline.gain(last.mean, *baseline));
            let by = |value, other| headline.gain(value, other);
            row.paired = row.gain.map(|_| Paired::of(&row.by_seed, by_seed, by));
        }
    }
}
