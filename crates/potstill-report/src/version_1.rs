//! Records in the form of the first version, which knew classification alone: `top1`, `top5` and one teacher.

use potstill_metrics::number::{map_or_nan, or_nan};
use potstill_metrics::{Details, LOSS, MetricSet, Metrics, TOP1, TOP5};
use serde::Deserialize;

use crate::schema::Record;
use crate::{Data, EpochResult, EpochRow, IndexMap, Network, Summary, Teacher, Training};

/// The name of the only teacher there was.
const TEACHER: &str = "teacher";

impl Record for EpochRow {
    type First = Row;
}

impl Record for Summary {
    type First = OldSummary;
}

/// A line of `metrics.jsonl`.
#[derive(Deserialize)]
pub(crate) struct Row {
    epoch: usize,
    phase: String,
    step: u64,
    #[serde(deserialize_with = "or_nan")]
    lr: f64,
    #[serde(deserialize_with = "or_nan")]
    seconds: f64,
    #[serde(deserialize_with = "or_nan")]
    images_per_second: f64,
    train: OldTraining,
    test: Option<Evaluation>,
    teacher: Option<Evaluation>,
    #[serde(default, deserialize_with = "map_or_nan")]
    notes: IndexMap<String, f64>,
}

#[derive(Deserialize)]
struct OldTraining {
    #[serde(deserialize_with = "or_nan")]
    loss: f64,
    top1: Option<f64>,
    #[serde(default, deserialize_with = "map_or_nan")]
    terms: IndexMap<String, f64>,
    #[serde(default, deserialize_with = "map_or_nan")]
    weights: IndexMap<String, f64>,
}

#[derive(Deserialize)]
struct Evaluation {
    #[serde(deserialize_with = "or_nan")]
    loss: f64,
    #[serde(deserialize_with = "or_nan")]
    top1: f64,
    top5: Option<f64>,
}

impl From<Evaluation> for Metrics {
    fn from(old: Evaluation) -> Self {
        let metrics = Self::new().with(&TOP1, old.top1);
        metrics.with_any(&TOP5, old.top5).with(&LOSS, old.loss)
    }
}

impl From<Row> for EpochRow {
    fn from(old: Row) -> Self {
        let teacher = old.teacher.map(|found| (TEACHER.to_owned(), found.into()));
        Self {
            epoch: old.epoch,
            phase: old.phase,
            // Only the student's epochs had an accuracy.
            search: old.train.top1.is_none() && old.test.is_none(),
            step: old.step,
            lr: old.lr,
            seconds: old.seconds,
            images_per_second: old.images_per_second,
            train: Training {
                loss: old.train.loss,
                metrics: Metrics::new().with_any(&TOP1, old.train.top1),
                terms: old.train.terms,
                weights: old.train.weights,
            },
            validation: None,
            test: old.test.map(Metrics::from),
            teachers: teacher.into_iter().collect(),
            notes: old.notes,
        }
    }
}

/// A whole `summary.json`.
#[derive(Deserialize)]
pub(crate) struct OldSummary {
    name: String,
    seed: u64,
    task: String,
    potstill: String,
    recipe_hash: String,
    student: Network,
    teacher: Option<OldTeacher>,
    methods: Vec<String>,
    data: Data,
    epochs: usize,
    best: BestEpoch,
    last: LastEpoch,
    #[serde(deserialize_with = "or_nan")]
    seconds: f64,
    finished: bool,
    threads: usize,
    step_ms_median: Option<f64>,
    peak_rss_mb: Option<f64>,
    loader_wait_percent: Option<f64>,
}

#[derive(Deserialize)]
struct OldTeacher {
    #[serde(flatten)]
    network: Network,
    top1: Option<f64>,
}

#[derive(Deserialize)]
struct BestEpoch {
    epoch: usize,
    #[serde(deserialize_with = "or_nan")]
    top1: f64,
}

#[derive(Deserialize)]
struct LastEpoch {
    epoch: usize,
    #[serde(flatten)]
    found: Evaluation,
}

impl From<OldSummary> for Summary {
    fn from(old: OldSummary) -> Self {
        let teacher = old.teacher.map(|teacher| Teacher {
            name: TEACHER.to_owned(),
            network: teacher.network,
            metrics: Metrics::new().with_any(&TOP1, teacher.top1),
            validation: Metrics::new(),
        });
        Self {
            name: old.name,
            seed: old.seed,
            task: old.task,
            licence: None,
            source: None,
            metrics: MetricSet {
                headline: TOP1,
                others: vec![TOP5, LOSS],
            },
            potstill: old.potstill,
            recipe_hash: old.recipe_hash,
            student: old.student,
            teachers: teacher.into_iter().collect(),
            methods: old.methods,
            data: old.data,
            epochs: old.epochs,
            best: EpochResult {
                epoch: old.best.epoch,
                metrics: Metrics::new().with(&TOP1, old.best.top1),
            },
            last: EpochResult {
                epoch: old.last.epoch,
                metrics: old.last.found.into(),
            },
            validation: None,
            seconds: old.seconds,
            finished: old.finished,
            threads: old.threads,
            step_ms_median: old.step_ms_median,
            peak_rss_mb: old.peak_rss_mb,
            loader_wait_percent: old.loader_wait_percent,
            details: Details::default(),
        }
    }
}
