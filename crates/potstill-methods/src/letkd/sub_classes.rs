//! Sub-classes of every class, and how easily each is taken for another.

use burn::tensor::Device;
use potstill_random::Seed;

use super::{
    k_means::{KMeans, each_assigned},
    rows::{InMemory, Rows},
};
use crate::MethodError;

/// k sub-classes for each of C classes in r dimensions. Sub-class j of class c has the index `k c + j`, whether any row is in it
/// or not.
#[derive(Debug, Clone, PartialEq)]
pub struct SubClasses {
    /// Sub-classes of a class.
    pub each: usize,
    /// r.
    pub columns: usize,
    /// `[k C, r]`: the centres, by which a row of a class is assigned.
    pub centres: Vec<f32>,
    /// `[k C, r]`: the means of the rows that were assigned.
    pub prototypes: Vec<f32>,
}

/// The sub-class of a row among those of its class: the nearest centre of `centres`, the first of equals.
pub fn nearest_of_class(row: &[f32], centres: &[f32], class: usize, each: usize) -> usize {
    let own = &centres[class * each * row.len()..][..each * row.len()];
    let distance = |centre: &[f32]| -> f32 { centre.iter().zip(row).map(|(c, x)| (c - x).powi(2)).sum() };
    let distances = own.chunks_exact(row.len()).map(distance).enumerate();
    let nearest = distances.min_by(|(_, a), (_, b)| a.total_cmp(b));
    class * each + nearest.map_or(0, |(j, _)| j)
}

impl SubClasses {
    /// Clusters the rows of each class by themselves. `rows_of` gives all rows of a class, row-major; `should_stop` is asked before
    /// each: none if it said so.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn cluster(
        [classes, each, columns]: [usize; 3],
        iterations: usize,
        seed: Seed,
        device: &Device,
        rows_of: &mut dyn FnMut(usize) -> Result<Vec<f32>, MethodError>,
        should_stop: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Self>, MethodError> {
        let mut sub_classes = Self {
            each,
            columns,
            centres: Vec::new(),
            prototypes: Vec::new(),
        };
        for class in 0..classes {
            if should_stop(class) {
                return Ok(None);
            }
            let values = rows_of(class)?;
            let mut rows = InMemory {
                values: &values,
                columns,
            };
            let mut stream = seed.stream("letkd.sub-classes", &[class as u64]);
            let mut found = KMeans::begin(&mut rows, each, &mut stream)?;
            while found.iteration < iterations && found.iterate(&mut rows, device)? {}
            sub_classes
                .prototypes
                .extend(means_of_assigned(&mut rows, &found.centres, device)?);
            sub_classes.centres.extend(found.centres);
        }
        Ok(Some(sub_classes))
    }
}

/// The means of the rows nearest to each centre; NaNs for a centre without rows, which has none.
fn means_of_assigned(rows: &mut dyn Rows, centres: &[f32], device: &Device) -> Result<Vec<f32>, MethodError> {
    let columns = rows.columns();
    let (mut sums, mut counts) = (vec![0.0_f64; centres.len()], vec![0_u64; centres.len() / columns]);
    each_assigned(rows, centres, device, &mut |_, row, nearest| {
        counts[nearest] += 1;
        let sums = &mut sums[nearest * columns..][..columns];
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, &value)| *sum += f64::from(value));
    })?;
    let mean = |i: usize| match counts[i / columns] {
        0 => f32::NAN,
        count => (sums[i] / count as f64) as f32,
    };
    Ok((0..centres.len()).map(mean).collect())
}

/// `[P, P]`, row-major: in row a, the fractions of the rows of sub-class a whose nearest prototype is b, whatever its class. A sub-class
/// without rows is taken for itself. `sub_class` tells a row's own from its index and numbers.
///
/// # Errors
/// The rows cannot be read.
pub fn score_matrix(
    rows: &mut dyn Rows,
    prototypes: &[f32],
    device: &Device,
    sub_class: &dyn Fn(usize, &[f32]) -> usize,
) -> Result<Vec<f32>, MethodError> {
    let count = prototypes.len() / rows.columns();
    let mut counts = vec![0_u64; count * count];
    each_assigned(rows, prototypes, device, &mut |index, row, nearest| {
        counts[sub_class(index, row) * count + nearest] += 1;
    })?;
    let matrix = counts.chunks_exact(count).enumerate().flat_map(|(a, row)| {
        let total: u64 = row.iter().sum();
        let fraction = move |(b, &n): (usize, &u64)| match total {
            0 => f32::from(u8::from(a == b)),
            total => (n as f64 / total as f64) as f32,
        };
        row.iter().enumerate().map(fraction).collect::<Vec<_>>()
    });
    Ok(matrix.collect())
}
