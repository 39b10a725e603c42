//! What a frozen teacher says about augmented images, kept for the next time that they are seen.
//!
//! An augmented image is a function of the augmentation's seed, the view and its index, so what the teacher says about it holds for
//! every run over the same views. Logits and each map have a file of records for each view, one record for each image: runs may read
//! and write at the same time, and stop at any time.

use std::{collections::BTreeMap, fs, path::PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use potstill_base::{CacheError, Digest, RecordFile};
use potstill_data::LoaderConfig;
use potstill_methods::NetworkOutput;
use potstill_models::{ModelError, Outputs};
use potstill_ops::{Point, Taps, Visitor};
use potstill_recipe::Precision;

use super::error::StepError;
use crate::plan::teacher_cache::PlannedCache;

/// The cache of one teacher.
pub(crate) struct TeacherCache {
    folder: PathBuf,
    /// The digest of teacher, images and augmentation.
    key: String,
    loading: LoaderConfig,
    kept: PlannedCache,
    /// The files of this view.
    view: u64,
    files: BTreeMap<String, RecordFile>,
}

impl TeacherCache {
    /// The cache in `folder`, which belongs to `key`.
    pub fn open(
        folder: PathBuf,
        key: String,
        loading: LoaderConfig,
        kept: PlannedCache,
    ) -> Result<Self, CacheError> {
        fs::create_dir_all(&folder).map_err(CacheError::io("make the folder", &folder))?;
        Ok(Self {
            folder,
            key,
            loading,
            kept,
            view: 0,
            files: BTreeMap::new(),
        })
    }

    /// The logits and the maps at `points` of these images in an epoch; none if any of them is not there.
    pub fn read(
        &mut self,
        epoch: usize,
        indices: &[usize],
        points: &[Point],
        device: &Device,
    ) -> Result<Option<(Tensor<2>, Taps)>, CacheError> {
        self.go_to(epoch);
        let classes = self.kept.classes;
        let Some(logits) = self.rows(LOGITS, indices, classes)? else {
            return Ok(None);
        };
        let mut taps = Taps::at(points);
        for point in points {
            let Some(&[h, w, c]) = self.kept.maps.get(point) else {
                return Ok(None);
            };
            let Some(values) = self.rows(&point.to_string(), indices, h * w * c)? else {
                return Ok(None);
            };
            let data = TensorData::new(values, [indices.len(), h, w, c]);
            taps.visit(&point.path, point.side, Tensor::from_data(data, device));
        }
        let data = TensorData::new(logits, [indices.len(), classes]);
        Ok(Some((Tensor::from_data(data, device), taps)))
    }

    /// Keeps what the teacher said about these images in an epoch, and gives it as it will be read.
    pub fn write(
        &mut self,
        epoch: usize,
        indices: &[usize],
        points: &[Point],
        output: NetworkOutput,
    ) -> Result<NetworkOutput, StepError> {
        self.go_to(epoch);
        let values = |data: TensorData| data.iter::<f32>().collect::<Vec<f32>>();
        let logits = output.outputs.into_logits().map_err(ModelError::from)?;
        let (device, shape) = (logits.device(), logits.dims());
        let logits = values(logits.into_data());
        let logits = TensorData::new(self.keep(LOGITS, indices, &logits)?, shape);
        let mut taps = Taps::at(points);
        for point in points {
            let Some(map) = output.taps.map(point) else {
                continue;
            };
            let shape = map.dims();
            let kept = self.keep(&point.to_string(), indices, &values(map.into_data()))?;
            let map = Tensor::from_data(TensorData::new(kept, shape), &device);
            taps.visit(&point.path, point.side, map);
        }
        Ok(NetworkOutput {
            images: output.images,
            outputs: Outputs::Logits(Tensor::from_data(logits, &device)),
            taps,
        })
    }

    /// Closes the files of another view.
    fn go_to(&mut self, epoch: usize) {
        let view = self.loading.view(epoch as u64);
        if view != self.view {
            self.files.clear();
            self.view = view;
        }
    }

    /// `length` numbers of each image, if all are there.
    fn rows(&mut self, what: &str, indices: &[usize], length: usize) -> Result<Option<Vec<f32>>, CacheError> {
        let precision = self.kept.precision;
        let file = self.file(what, length)?;
        let mut values = Vec::with_capacity(indices.len() * length);
        for &index in indices {
            let Some(record) = file.read(index)? else {
                return Ok(None);
            };
            decode(precision, &record, &mut values);
        }
        Ok(Some(values))
    }

    /// Writes the rows that are not there, and gives all as they will be read.
    fn keep(&mut self, what: &str, indices: &[usize], values: &[f32]) -> Result<Vec<f32>, CacheError> {
        let length = values.len() / indices.len().max(1);
        let precision = self.kept.precision;
        let file = self.file(what, length)?;
        let mut kept = Vec::with_capacity(values.len());
        for (&index, row) in indices.iter().zip(values.chunks(length.max(1))) {
            let record = if let Some(record) = file.read(index)? {
                record
            } else {
                let record = encode(precision, row);
                file.write(index, &record)?;
                record
            };
            decode(precision, &record, &mut kept);
        }
        Ok(kept)
    }

    fn file(&mut self, what: &str, length: usize) -> Result<&mut RecordFile, CacheError> {
        if !self.files.contains_key(what) {
            let view = self.view;
            let path = self.folder.join(format!("view-{view}-{}", file_name(what)));
            let owner = format!("{} {view} {what}", self.key);
            let file = RecordFile::open(&path, &owner, self.kept.bytes_of_number() * length)?;
            self.files.insert(what.to_owned(), file);
        }
        Ok(self.files.get_mut(what).expect("it was put there just now"))
    }
}

/// The name of the logits' records.
const LOGITS: &str = "logits";

fn encode(precision: Precision, values: &[f32]) -> Vec<u8> {
    match precision {
        Precision::Single => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Precision::Half => {
            let halves = values.iter().map(|&value| f16::from_f32(value));
            halves.flat_map(f16::to_le_bytes).collect()
        }
    }
}

fn decode(precision: Precision, record: &[u8], values: &mut Vec<f32>) {
    match precision {
        Precision::Single => {
            let numbers = record.as_chunks::<4>().0.iter();
            values.extend(numbers.map(|&bytes| f32::from_le_bytes(bytes)));
        }
        Precision::Half => {
            let numbers = record.as_chunks::<2>().0.iter();
            values.extend(numbers.map(|&bytes| f16::from_le_bytes(bytes).to_f32()));
        }
    }
}

/// A point as the name of a file: readable, and told apart by a digest from one that differs in a character that names cannot have.
fn file_name(what: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '.' {
            letter
        } else {
            '_'
        }
    };
    let readable: String = what.chars().map(plain).take(60).collect();
    format!("{readable}-{}", &Digest::of(what)[..8])
}
