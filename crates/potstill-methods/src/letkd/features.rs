//! The teacher's features of all training images in one file, place after place: too many for memory.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use burn::tensor::Tensor;
use potstill_base::Digest;
use potstill_ops::{Point, adaptive_avg_pool};
use serde::{Deserialize, Serialize};

use super::failed;
use crate::{MethodError, PrepareContext, TeacherBatch};

/// Rows of numbers that are read a range at a time.
pub trait Rows {
    /// How many there are.
    fn rows(&self) -> usize;

    /// Numbers in a row.
    fn columns(&self) -> usize;

    /// The numbers of `count` rows from `first` on, row-major.
    ///
    /// # Errors
    /// The file cannot be read.
    fn read(&mut self, first: usize, count: usize) -> Result<Vec<f32>, MethodError>;
}

/// Rows in memory.
pub struct InMemory<'a> {
    /// The numbers, row-major.
    pub values: &'a [f32],
    /// Numbers in a row.
    pub columns: usize,
}

impl Rows for InMemory<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn read(&mut self, first: usize, count: usize) -> Result<Vec<f32>, MethodError> {
        Ok(self.values[first * self.columns..][..count * self.columns].to_vec())
    }
}

/// Rows in a file.
pub struct InFile {
    file: File,
    rows: usize,
    columns: usize,
}

impl InFile {
    /// A new file of rows of so many numbers, in the place of what is there.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, columns: usize) -> Result<Self, MethodError> {
        Self::open(path, columns, true)
    }

    fn open(path: &Path, columns: usize, anew: bool) -> Result<Self, MethodError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(anew)
            .open(path)
            .map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len() as usize;
        let rows = bytes / (4 * columns);
        Ok(Self { file, rows, columns })
    }

    /// Cuts the file off after so many rows, and goes to its end.
    fn keep(&mut self, rows: usize) -> Result<(), MethodError> {
        self.rows = rows;
        self.file
            .set_len((rows * self.columns * 4) as u64)
            .map_err(failed)?;
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(())
    }

    /// Writes rows behind the last; gives their bytes.
    ///
    /// # Errors
    /// The disk is full.
    pub fn append(&mut self, values: &[f32]) -> Result<Vec<u8>, MethodError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        self.file.write_all(&bytes).map_err(failed)?;
        self.rows += values.len() / self.columns;
        Ok(bytes)
    }
}

impl Rows for InFile {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn read(&mut self, first: usize, count: usize) -> Result<Vec<f32>, MethodError> {
        let mut bytes = vec![0; count * self.columns * 4];
        let start = (first * self.columns * 4) as u64;
        self.file.seek(SeekFrom::Start(start)).map_err(failed)?;
        self.file.read_exact(&mut bytes).map_err(failed)?;
        let (values, _) = bytes.as_chunks::<4>();
        Ok(values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }
}

/// Where features are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The point of the teacher.
    pub point: Point,
    /// The size `[H, W, C]` of its map after pooling to the student's.
    pub size: [usize; 3],
}

impl Place {
    /// The features of a map of the teacher, `[N H W, C]`: averaged where the map is larger.
    pub fn rows(&self, map: Tensor<4>) -> Tensor<2> {
        let [n, height, width, _] = map.dims();
        let [h, w, channels] = self.size;
        let map = if [height, width] == [h, w] {
            map
        } else {
            adaptive_avg_pool(map, [h, w])
        };
        map.reshape([n * h * w, channels])
    }

    /// Places of an image.
    pub fn per_image(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// The features of every training image, with the images' classes.
pub struct Features {
    /// `H W` rows for each image, in the order of the images.
    pub rows: InFile,
    /// The class of each image.
    pub labels: Vec<u32>,
    /// Rows of an image.
    pub per_image: usize,
}

/// How far the file has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct GatherProgress {
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
    let (mut batches, first) = (0, gathering.progress.labels.len());
    // The study is borrowed while it teaches: what it hears is told afterwards, lesson by lesson.
    let mut done = first;
    while done < images {
        let mut heard = 0;
        context.for_each_teacher_batch(std::slice::from_ref(&place.point), done, &mut |batch| {
            gathering.add(place, &batch)?;
            heard += 1;
            batches += 1;
            Ok(if heard == BETWEEN_BOOKS {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        let now = gathering.progress.labels.len();
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
    Ok(Some(Features {
        rows: gathering.rows,
        labels: gathering.progress.labels,
        per_image: place.per_image(),
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
            rows: InFile::open(&data, place.size[2], false)?,
            progress: progress.unwrap_or_default(),
            hash: Digest::new(),
            path,
        };
        let rows = gathering.progress.labels.len() * place.per_image();
        let is_whole = gathering.rows.rows >= rows && {
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
        for first in (0..self.rows.rows).step_by(AT_ONCE) {
            let count = AT_ONCE.min(self.rows.rows - first);
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
        let values: Vec<f32> = place.rows(map).into_data().iter::<f32>().collect();
        let bytes = self.rows.append(&values)?;
        self.hash.update(&bytes);
        for target in &batch.targets {
            self.progress.labels.push(target.class().map_err(failed)?);
        }
        Ok(())
    }

    fn write_books(&mut self) -> Result<(), MethodError> {
        self.progress.sha256 = self.hash.clone().hexadecimal();
        let text = serde_json::to_vec(&self.progress).map_err(failed)?;
        potstill_base::write_atomically(&self.path, &text).map_err(failed)
    }
}
