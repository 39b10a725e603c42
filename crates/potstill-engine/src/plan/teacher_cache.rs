//! The cache of a teacher in a plan: whether it can hold, what it keeps, how large it becomes.

use std::collections::BTreeMap;

use potstill_methods::{PlannedMethod, TeacherUpdate};
use potstill_ops::{Mode, Point};
use potstill_recipe::{Precision, Teacher};

use super::{settings::Settings, teachers::PlannedTeacher};
use crate::error::EngineError;

/// What is asked of the cache of a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Whether the maps that methods read are kept as well, not the logits alone.
    pub taps: bool,
    /// In what numbers are kept.
    pub precision: Precision,
}

impl CacheOptions {
    /// Those of a teacher of a recipe; `None` if it asks for no cache.
    pub(crate) fn of(spec: &Teacher) -> Option<Self> {
        spec.cache.then_some(Self {
            taps: spec.cache_taps,
            precision: spec.cache_precision,
        })
    }
}

/// What the cache of a teacher will keep.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCache {
    /// Augmented views of each image that the run sees.
    pub views: usize,
    /// Training images.
    pub images: usize,
    /// Logits of an image.
    pub classes: usize,
    /// The size `[H, W, C]` of each map that is kept.
    pub maps: BTreeMap<Point, [usize; 3]>,
    /// In what numbers are kept.
    pub precision: Precision,
}

/// Bytes of the checksum of logits and of each map.
const CHECKSUM: usize = 8;

impl PlannedCache {
    /// The cache of the teacher with this index, in a run of so many epochs over so many images; `None` if none is asked for.
    ///
    /// # Errors
    /// Why it cannot hold.
    pub(crate) fn of(
        index: usize,
        teacher: &PlannedTeacher,
        methods: &[PlannedMethod],
        settings: &Settings,
        [epochs, images]: [usize; 2],
    ) -> Result<Option<Self>, EngineError> {
        let Some(options) = teacher.cache else {
            return Ok(None);
        };
        let facts = &teacher.facts;
        let key = facts.key();
        let refused = |reason: String| Err(EngineError::invalid_plan(format!("{key}.cache"), reason));
        if facts.update != TeacherUpdate::Frozen {
            return refused(
                "the teacher trains beside the student and says something else after every step".into(),
            );
        }
        if facts.mode == Mode::Batch {
            let reason = "with `batch_norm = \"batch\"` what the teacher says about an image depends on the others of its batch";
            return refused(reason.into());
        }
        if let Some(learned) = methods
            .iter()
            .find(|planned| planned.method.augmentation().is_some())
        {
            return refused(format!(
                "`{}` learns an augmentation: no image is seen twice",
                learned.id
            ));
        }
        let mut maps = BTreeMap::new();
        for planned in methods.iter().filter(|planned| planned.learns_from(index)) {
            for point in planned.all_reads(epochs).teacher {
                if !options.taps {
                    let id = &planned.id;
                    return refused(format!(
                        "`{id}` reads maps of the teacher, which are not kept: set `{key}.cache_taps = true`, or leave out the cache"
                    ));
                }
                let Some(size) = facts.network.info.probe.size(&point) else {
                    return refused(format!("the teacher has no point `{point}`"));
                };
                maps.insert(point, size);
            }
        }
        Ok(Some(Self {
            views: settings.views.unwrap_or(epochs).min(epochs),
            images,
            classes: teacher.network.classes(),
            maps,
            precision: options.precision,
        }))
    }

    /// Bytes of a number.
    pub(crate) fn bytes_of_number(&self) -> usize {
        match self.precision {
            Precision::Single => 4,
            Precision::Half => 2,
        }
    }

    /// How large the cache becomes, in bytes.
    pub fn bytes(&self) -> u64 {
        let maps = self.maps.values().map(|size| size.iter().product::<usize>());
        let records = maps.chain([self.classes]);
        let of_image: usize = records
            .map(|numbers| CHECKSUM + numbers * self.bytes_of_number())
            .sum();
        (of_image * self.images * self.views) as u64
    }
}
