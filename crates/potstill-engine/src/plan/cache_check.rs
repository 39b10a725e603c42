//! Whether the cache of a teacher of a plan can hold.

use std::collections::BTreeMap;

use potstill_methods::{PlannedMethod, TeacherUpdate};
use potstill_ops::Mode;

use super::{settings::Settings, teacher_cache::PlannedCache, teachers::PlannedTeacher};
use crate::error::EngineError;

impl PlannedTeacher {
    /// What the cache of this teacher, which has this index, keeps in a run of so many epochs over so many images; `None` if none is asked for.
    ///
    /// # Errors
    /// Why it cannot hold.
    pub(crate) fn planned_cache(
        &self,
        index: usize,
        methods: &[PlannedMethod],
        settings: &Settings,
        [epochs, images]: [usize; 2],
    ) -> Result<Option<PlannedCache>, EngineError> {
        let Some(options) = self.cache else {
            return Ok(None);
        };
        let facts = &self.facts;
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
        Ok(Some(PlannedCache {
            views: settings.views.unwrap_or(epochs).min(epochs),
            images,
            classes: self.network.classes(),
            maps,
            precision: options.precision,
        }))
    }
}
