//! The teacher's features of the training images in one file, place after place: too many for memory.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use potstill_base::Digest;
use serde::{Deserialize, Serialize};

use super::{
    failed,
    place::{Chosen, Gathered, OneImage, Place},
    rows::{InFile, Rows},
};
use crate::{MethodError, PrepareContext, TeacherBatch};

/// The teacher's features of the training images.
pub struct Features {
    /// The rows of each image, in the order of the images.
    pub rows: InFile,
    /// Their classes, if they have some.
    pub labels: RowLabels,
}

/// The classes of rows.
#[derive(Debug, Clone)]
pub struct RowLabels {
    labels: Vec<u32>,
    /// Rows that a label counts for.
    each: usize,
}

impl RowLabels {
    /// The class of a row.
    pub fn of(&self, row: usize) -> usize {
        self.labels[row / self.each] as usize
    }

    /// The rows of a class: ranges of rows, each by its first and how many there are.
    pub fn rows_of(&self, class: usize) -> impl Iterator<Item = (usize, usize)> {
        let labels = self.labels.iter().enumerate();
        let own = labels.filter(move |&(_, &label)| label as usize == class);
        own.map(|(at, _)| (at * self.each, self.each))
    }
}

/// How far the file has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct GatherProgress {
    images: usize,
    rows: usize,
    labels: Vec<u32>,
    sha256: String,
}

/// Lessons after which the progress are written, so that little is lost when the process is.
const BETWEEN_BOOKS: usize = 64;

/// Reads the features of every training image into a file in `folder`, from where an earlier call stopped; none if it is to stop.
///
/// # Errors
/// The teacher, the images or the file fail.
pub fn collect(
    context: &mut dyn PrepareContext,
    place: &Place,
    folder: &Path,
) -> Result<Option<Features>, MethodError> {
    let mut gathering = Gathering::resume(context, place, folder)?;
    let images = context.images();
    let what = format!("the teacher's features at `{}`", place.point);
    // The study is borrowed while it teaches: what it hears is told afterwards, lesson by lesson.
    let mut done = gathering.progress.images;
    while done < images {
        let mut heard = 0;
        context.for_each_teacher_batch(std::slice::from_ref(&place.point), done, &mut |batch| {
            gathering.add(place, &batch)?;
            heard += 1;
            Ok(if heard == BETWEEN_BOOKS {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        let now = gathering.progress.images;
        if now == done {
            return Err(failed_because("the teacher showed no images".into()));
        }
        done = now;
        gathering.write_books()?;
        context.progress(&what, done, images);
        if context.should_stop() && done < images {
            return Ok(None);
        }
    }
    let GatherProgress {
        images, rows, labels, ..
    } = gathering.progress;
    let each = match place.gathered {
        Gathered::OfImages => rows / images.max(1),
        Gathered::All | Gathered::Drawn { .. } | Gathered::OfPixels { .. } => 1,
    };
    Ok(Some(Features {
        rows: gathering.rows,
        labels: RowLabels { labels, each },
    }))
}

fn failed_because(reason: String) -> MethodError {
    MethodError::Preparation {
        method: super::LetKd::NAME,
        reason,
    }
}

/// A file of features on its way.
struct Gathering {
    rows: InFile,
    progress: GatherProgress,
    hash: Digest,
    path: PathBuf,
}

impl Gathering {
    /// What is there already and is what its progress say; nothing otherwise.
    fn resume(context: &mut dyn PrepareContext, place: &Place, folder: &Path) -> Result<Self, MethodError> {
        let (data, path) = (folder.join("features.f32"), folder.join("features.json"));
        let progress: Option<GatherProgress> = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let mut gathering = Self {
            rows: InFile::open(&data, place.channels, false)?,
            progress: progress.unwrap_or_default(),
            hash: Digest::new(),
            path,
        };
        let rows = gathering.progress.rows;
        let is_whole = gathering.rows.rows() >= rows && {
            gathering.rows.keep(rows)?;
            gathering.hash_all()?;
            gathering.progress.sha256 == gathering.hash.clone().hexadecimal()
        };
        if !is_whole && rows > 0 {
            context.message(&format!(
                "{} is not what was written there: the features are read anew",
                data.display()
            ));
        }
        if !is_whole {
            (gathering.progress, gathering.hash) = (GatherProgress::default(), Digest::new());
            gathering.rows.keep(0)?;
        }
        Ok(gathering)
    }

    fn hash_all(&mut self) -> Result<(), MethodError> {
        const AT_ONCE: usize = 1 << 14;
        for first in (0..self.rows.rows()).step_by(AT_ONCE) {
            let count = AT_ONCE.min(self.rows.rows() - first);
            self.hash.update_floats(&self.rows.read(first, count)?);
        }
        Ok(())
    }

    fn add(&mut self, place: &Place, batch: &TeacherBatch) -> Result<(), MethodError> {
        let Some(map) = batch.taps.map(&place.point) else {
            return Err(failed_because(format!(
                "the teacher has no point `{}`",
                place.point
            )));
        };
        let map = place.pooled(map);
        let [_, height, width, channels] = map.dims();
        let values: Vec<f32> = map.into_data().iter::<f32>().collect();
        let maps = values.chunks_exact((height * width * channels).max(1));
        for (at, (values, target)) in maps.zip(&batch.targets).enumerate() {
            let image = OneImage {
                index: batch.first + at,
                target,
                own: batch.own.get(at).copied().unwrap_or([1.0, 1.0]),
                size: [height, width],
            };
            let Chosen { places, labels } = place.gathered.of(&image)?;
            let rows = places
                .iter()
                .flat_map(|place| &values[place * channels..][..channels]);
            let bytes = self.rows.append(&rows.copied().collect::<Vec<f32>>())?;
            self.hash.update(&bytes);
            self.progress.images += 1;
            self.progress.rows += places.len();
            self.progress.labels.extend(labels);
        }
        Ok(())
    }

    fn write_books(&mut self) -> Result<(), MethodError> {
        self.progress.sha256 = self.hash.clone().hexadecimal();
        let text = serde_json::to_vec(&self.progress).map_err(failed)?;
        potstill_base::write_atomically(&self.path, &text).map_err(failed)
    }
}
