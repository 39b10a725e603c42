//! Rows of numbers, in memory or in a file: the teacher's features of all training images are too many for memory.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::failed;
use crate::MethodError;

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

    pub(super) fn open(path: &Path, columns: usize, anew: bool) -> Result<Self, MethodError> {
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
    pub(super) fn keep(&mut self, rows: usize) -> Result<(), MethodError> {
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
