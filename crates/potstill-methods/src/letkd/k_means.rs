//! Lloyd's k-means over rows that are read a range at a time.
//!
//! Plain k-means: Euclidean, random distinct rows as first centres, no normalisation, no sampling (letKD's supplement). Products are
//! in single precision, sums in double. An empty cluster takes half of the largest.

use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor, TensorData};
use potstill_random::Stream;

use super::{LetKd, rows::Rows};
use crate::MethodError;

/// Centres on their way.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// `[K, D]`, row-major.
    pub centres: Vec<f32>,
    /// Numbers in a row.
    pub columns: usize,
    /// Iterations done.
    pub iteration: usize,
}

/// Products of rows and centres that are held at once: 8 MiB.
const HELD: usize = 1 << 21;

impl KMeans {
    /// `count` distinct rows as centres; where there are fewer rows, the first of them once more.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn begin(rows: &mut dyn Rows, count: usize, stream: &mut Stream) -> Result<Self, MethodError> {
        let (total, columns) = (rows.rows(), rows.columns());
        let mut drawn = BTreeSet::new();
        let mut order = Vec::with_capacity(count);
        while order.len() < count.min(total) {
            let row = stream.below(total);
            if drawn.insert(row) {
                order.push(row);
            }
        }
        order.resize(count, order.first().copied().unwrap_or(0));
        let mut centres = Vec::with_capacity(count * columns);
        for row in order {
            if total == 0 {
                centres.resize(count * columns, 0.0);
                break;
            }
            centres.extend(rows.read(row, 1)?);
        }
        Ok(Self {
            centres,
            columns,
            iteration: 0,
        })
    }

    /// How many centres there are.
    pub fn count(&self) -> usize {
        self.centres.len() / self.columns
    }

    /// Moves every centre to the mean of the rows that are nearest to it. `false` if no centre moved: more iterations change
    /// nothing.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn iterate(&mut self, rows: &mut dyn Rows, device: &Device) -> Result<bool, MethodError> {
        let columns = self.columns;
        let mut sums = vec![0.0_f64; self.centres.len()];
        let mut counts = vec![0_u64; self.count()];
        each_assigned(rows, &self.centres, device, &mut |_, row, centre| {
            counts[centre] += 1;
            sums[centre * columns..][..columns]
                .iter_mut()
                .zip(row)
                .for_each(|(sum, &value)| *sum += f64::from(value));
        })?;
        let before = self.centres.clone();
        for (centre, &count) in counts.iter().enumerate() {
            if count > 0 {
                let of = centre * columns..(centre + 1) * columns;
                let mean = sums[of.clone()].iter().map(|sum| (sum / count as f64) as f32);
                self.centres[of]
                    .iter_mut()
                    .zip(mean)
                    .for_each(|(old, new)| *old = new);
            }
        }
        self.fill_empty(&mut counts);
        self.iteration += 1;
        Ok(self.centres != before)
    }

    /// Gives every empty cluster half of the one that is the largest then: two centres a little to both sides of the one.
    fn fill_empty(&mut self, counts: &mut [u64]) {
        const APART: f32 = 1.0 / 1024.0;
        for empty in 0..counts.len() {
            if counts[empty] > 0 {
                continue;
            }
            // The first of the largest, so that the outcome hangs on nothing else.
            let largest = (0..counts.len()).max_by_key(|&i| (counts[i], std::cmp::Reverse(i)));
            let Some(largest) = largest.filter(|&i| counts[i] > 1) else {
                return;
            };
            for column in 0..self.columns {
                let value = self.centres[largest * self.columns + column];
                let aside = if column % 2 == 0 { APART } else { -APART };
                self.centres[empty * self.columns + column] = value * (1.0 + aside);
                self.centres[largest * self.columns + column] = value * (1.0 - aside);
            }
            counts[empty] = counts[largest] / 2;
            counts[largest] -= counts[empty];
        }
    }
}

/// Shows every row with its index and that of the nearest centre, the first of equals. A centre of NaNs is nobody's nearest.
/// Products are computed on `device`.
///
/// # Errors
/// The rows cannot be read.
pub fn each_assigned(
    rows: &mut dyn Rows,
    centres: &[f32],
    device: &Device,
    see: &mut dyn FnMut(usize, &[f32], usize),
) -> Result<(), MethodError> {
    let columns = rows.columns();
    let count = centres.len() / columns;
    let nearest = Nearest::to(centres, columns, device);
    let step = (HELD / count.max(1)).max(1);
    for first in (0..rows.rows()).step_by(step) {
        let values = rows.read(first, step.min(rows.rows() - first))?;
        let found = nearest.of(&values)?;
        for (i, (row, centre)) in values.chunks_exact(columns).zip(found).enumerate() {
            see(first + i, row, centre);
        }
    }
    Ok(())
}

/// Finds nearest centres by products: `|x - c|^2` is least where `x c - |c|^2 / 2` is largest.
struct Nearest {
    /// `[D, K]`
    transposed: Tensor<2>,
    half_squares: Vec<f32>,
    columns: usize,
}

impl Nearest {
    fn to(centres: &[f32], columns: usize, device: &Device) -> Self {
        let count = centres.len() / columns;
        let data = TensorData::new(centres.to_vec(), [count, columns]);
        let half_square = |centre: &[f32]| centre.iter().map(|&c| f64::from(c).powi(2)).sum::<f64>() / 2.0;
        Self {
            transposed: Tensor::<2>::from_data(data, device).transpose(),
            half_squares: centres
                .chunks_exact(columns)
                .map(|centre| half_square(centre) as f32)
                .collect(),
            columns,
        }
    }

    fn of(&self, rows: &[f32]) -> Result<Vec<usize>, MethodError> {
        let data = TensorData::new(rows.to_vec(), [rows.len() / self.columns, self.columns]);
        let products = Tensor::<2>::from_data(data, &self.transposed.device())
            .matmul(self.transposed.clone())
            .into_data();
        // The numbers as they lie: there are thousands for every row.
        let products: Vec<f32> = products
            .try_into_vec()
            .map_err(|error| MethodError::Preparation {
                method: LetKd::NAME,
                reason: format!("products of features and centres cannot be read: {error:?}"),
            })?;
        let nearest = products
            .chunks_exact(self.half_squares.len())
            .map(|row| self.first_of_largest(row));
        Ok(nearest.collect())
    }

    fn first_of_largest(&self, products: &[f32]) -> usize {
        let nearness = |(product, half): (&f32, &f32)| product - half;
        let pairs = || products.chunks(LANES).zip(self.half_squares.chunks(LANES));
        let mut best = [f32::NEG_INFINITY; LANES];
        for (products, halves) in pairs() {
            for (best, value) in best.iter_mut().zip(products.iter().zip(halves).map(nearness)) {
                *best = if value > *best { value } else { *best };
            }
        }
        let largest = best.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let found = pairs().enumerate().find_map(|(chunk, (products, halves))| {
            let mut values = products.iter().zip(halves).map(nearness);
            let lane = values.position(|value| value == largest)?;
            Some(chunk * LANES + lane)
        });
        found.unwrap_or(0)
    }
}

/// Numbers that are compared side by side.
const LANES: usize = 16;
