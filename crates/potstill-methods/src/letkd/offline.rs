//! The offline pass over the teacher: centres of its last features, and its decisions in between.
//!
//! What is found is kept in a folder of the cache, with the features as long as they are needed. An interrupted pass goes on where
//! it was, to the same bits; a file that is not what was written there is made anew.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use potstill_base::{CacheEntry, Lookup};
use potstill_random::Seed;

use super::{
    LetKd,
    features::{Features, RowLabels, collect},
    k_means::KMeans,
    lda::Discriminants,
    place::Place,
    rows::{InFile, Rows},
    sub_classes::{SubClasses, nearest_of_class, score_matrix},
};
use crate::{CacheKey, CachedTensors, MethodError, PrepareContext};

/// Counted up whenever centres or decisions would be others from the same features, or are kept in another form.
const REVISION: u32 = 4;
/// What an interrupted search goes on from.
const UNFINISHED: &str = "unfinished";

fn cache_entry(
    context: &mut dyn PrepareContext,
    name: &str,
    settings: &str,
) -> Result<CacheEntry, MethodError> {
    let settings = format!("revision {REVISION} {settings}");
    context.cache_entry(name, CacheKey::TeacherAndData, &settings)
}

/// How centres are looked for.
#[derive(Debug, Clone)]
pub struct CentreSearch {
    /// Where the teacher is read.
    pub place: Place,
    /// K.
    pub count: usize,
    /// Iterations of k-means.
    pub iterations: usize,
    /// From which the first centres are drawn.
    pub seed: u64,
}

impl CentreSearch {
    /// The centres `[K, D]`, row-major; none if the study was stopped.
    ///
    /// # Errors
    /// Fewer features than centres, or the study or the cache fails.
    pub fn find(&self, context: &mut dyn PrepareContext) -> Result<Option<Vec<f32>>, MethodError> {
        let mut entry = cache_entry(context, "letkd-centres", &format!("{self:?}"))?;
        let shape = [self.count, self.place.channels];
        let cached = |bytes: &[u8]| {
            let cached = CachedTensors::from_bytes(bytes)?;
            Some(cached.get("centres", &shape)?.to_vec())
        };
        match entry.lookup(context, cached)? {
            Lookup::Hit(centres) => return Ok(Some(centres)),
            Lookup::Cancelled => return Ok(None),
            Lookup::Miss => {}
        }
        let Some(mut features) = collect(context, &self.place, entry.folder())? else {
            return Ok(None);
        };
        let rows = features.rows.rows();
        if rows < self.count {
            let reason = format!(
                "{rows} features of the training images cannot have {} centres: set `templates` to much less",
                self.count
            );
            return Err(MethodError::Preparation {
                method: LetKd::NAME,
                reason,
            });
        }
        let Some(found) = self.iterate(&mut features.rows, &entry, shape, context)? else {
            return Ok(None);
        };
        let tensors = CachedTensors::default().with("centres", &shape, found.centres.clone());
        tensors.finish(&mut entry)?;
        Ok(Some(found.centres))
    }

    /// Iterates from where an earlier pass was.
    fn iterate(
        &self,
        rows: &mut InFile,
        entry: &CacheEntry,
        shape: [usize; 2],
        context: &mut dyn PrepareContext,
    ) -> Result<Option<KMeans>, MethodError> {
        let earlier = entry.read_partial(UNFINISHED, context).and_then(|bytes| {
            let cached = CachedTensors::from_bytes(&bytes)?;
            Some(KMeans {
                centres: cached.get("centres", &shape)?.to_vec(),
                columns: shape[1],
                iteration: *cached.get("iteration", &[1])?.first()? as usize,
            })
        });
        let mut found = match earlier {
            Some(found) => found,
            None => KMeans::begin(
                rows,
                self.count,
                &mut Seed::new(self.seed).stream("letkd.centres", &[]),
            )?,
        };
        while found.iteration < self.iterations {
            if context.should_stop() {
                return Ok(None);
            }
            let moved = found.iterate(rows, &context.device())?;
            let unfinished = CachedTensors::default()
                .with("centres", &shape, found.centres.clone())
                .with("iteration", &[1], vec![found.iteration as f32]);
            unfinished.write_partial(entry, UNFINISHED)?;
            context.progress("k-means, iterations", found.iteration, self.iterations);
            if !moved {
                break;
            }
        }
        Ok(Some(found))
    }
}

/// How the teacher's decisions are looked for.
#[derive(Debug, Clone)]
pub struct DecisionSearch {
    /// Where the teacher is read.
    pub place: Place,
    /// Directions that are kept.
    pub components: usize,
    /// Sub-classes of a class.
    pub each: usize,
    /// Iterations of k-means.
    pub iterations: usize,
    /// From which the first centres are drawn.
    pub seed: u64,
}

/// What [`DecisionSearch::find`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundDecisions {
    /// `[D, r]`, row-major.
    pub projection: Vec<f32>,
    /// `[r]`.
    pub offset: Vec<f32>,
    /// `[k C, r]`, row-major.
    pub centres: Vec<f32>,
    /// `[k C, k C]`, row-major.
    pub scores: Vec<f32>,
}

impl FoundDecisions {
    fn cached(&self, columns: usize) -> CachedTensors {
        let (r, count) = (self.offset.len(), self.centres.len() / self.offset.len());
        CachedTensors::default()
            .with("projection", &[columns, r], self.projection.clone())
            .with("offset", &[1, r], self.offset.clone())
            .with("centres", &[count, r], self.centres.clone())
            .with("scores", &[count, count], self.scores.clone())
    }

    fn of(cached: &CachedTensors, columns: usize, count: usize) -> Option<Self> {
        let r = cached.columns("offset")?;
        let values = |name, shape| cached.get(name, shape).map(<[f32]>::to_vec);
        Some(Self {
            projection: values("projection", &[columns, r])?,
            offset: values("offset", &[1, r])?,
            centres: values("centres", &[count, r])?,
            scores: values("scores", &[count, count])?,
        })
    }
}

impl DecisionSearch {
    /// The decisions; none if the study was stopped.
    ///
    /// # Errors
    /// Fewer than two classes, or the study or the cache fails.
    pub fn find(&self, context: &mut dyn PrepareContext) -> Result<Option<FoundDecisions>, MethodError> {
        let mut entry = cache_entry(context, "letkd-decisions", &format!("{self:?}"))?;
        let (columns, classes) = (self.place.channels, context.classes());
        let count = classes * self.each;
        let cached = |bytes: &[u8]| FoundDecisions::of(&CachedTensors::from_bytes(bytes)?, columns, count);
        match entry.lookup(context, cached)? {
            Lookup::Hit(found) => return Ok(Some(found)),
            Lookup::Cancelled => return Ok(None),
            Lookup::Miss => {}
        }
        let Some(mut features) = collect(context, &self.place, entry.folder())? else {
            return Ok(None);
        };
        context.message("linear discriminant analysis of the teacher's features");
        let labels = features.labels.clone();
        let class = |row: usize| labels.of(row);
        let Some(discriminants) = Discriminants::of(&mut features.rows, &class, classes)? else {
            let reason = "the training images are of fewer than two classes, or too few".into();
            return Err(MethodError::Preparation {
                method: LetKd::NAME,
                reason,
            });
        };
        let (projection, offset) = discriminants.affine(self.components);
        let mut projected = project(
            &mut features,
            &projection,
            &offset,
            &entry.path("projected.f32"),
            &context.device(),
        )?;
        let Some(sub_classes) = self.cluster(&mut projected, &labels, context)? else {
            return Ok(None);
        };
        let own =
            |index: usize, row: &[f32]| nearest_of_class(row, &sub_classes.centres, class(index), self.each);
        let found = FoundDecisions {
            scores: score_matrix(&mut projected, &sub_classes.prototypes, &context.device(), &own)?,
            centres: sub_classes.centres.clone(),
            projection,
            offset,
        };
        found.cached(columns).finish(&mut entry)?;
        Ok(Some(found))
    }

    fn cluster(
        &self,
        projected: &mut InFile,
        labels: &RowLabels,
        context: &mut dyn PrepareContext,
    ) -> Result<Option<SubClasses>, MethodError> {
        let (classes, columns) = (context.classes(), projected.columns());
        let mut rows_of = |class: usize| {
            let mut values = Vec::new();
            for (first, count) in labels.rows_of(class) {
                values.extend(projected.read(first, count)?);
            }
            Ok(values)
        };
        SubClasses::cluster(
            [classes, self.each, columns],
            self.iterations,
            Seed::new(self.seed),
            &context.device(),
            &mut rows_of,
            &mut |class| {
                context.progress("sub-classes", class, classes);
                context.should_stop()
            },
        )
    }
}

/// The features in the directions that tell classes apart, in a file of their own.
fn project(
    features: &mut Features,
    projection: &[f32],
    offset: &[f32],
    path: &Path,
    device: &Device,
) -> Result<InFile, MethodError> {
    const AT_ONCE: usize = 4096;
    let (rows, columns, r) = (features.rows.rows(), features.rows.columns(), offset.len());
    let matrix =
        |values: &[f32], shape| Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device);
    let (directions, offset) = (matrix(projection, [columns, r]), matrix(offset, [1, r]));
    let mut projected = InFile::create(path, r)?;
    for first in (0..rows).step_by(AT_ONCE) {
        let count = AT_ONCE.min(rows - first);
        let values = matrix(&features.rows.read(first, count)?, [count, columns]);
        let values = values.matmul(directions.clone()) + offset.clone();
        let values: Vec<f32> = values.into_data().iter().collect();
        projected.append(&values)?;
    }
    Ok(projected)
}
