//! What letKD's work before the first step costs, beside the teacher's forward passes: one iteration of k-means and a discriminant
//! analysis, over drawn rows.
//!
//! `cargo run --release -p potstill-methods --example letkd_offline [ROWS] [COLUMNS] [CENTRES] [CLASSES]`

#![allow(clippy::print_stdout, reason = "a program for people to run")]

use std::{env, time::Instant};

use burn::tensor::Device;
use potstill_methods::letkd::{Discriminants, InMemory, KMeans};
use potstill_ops::Recycler;
use potstill_random::Seed;

/// As in the program: blocks are kept, and not asked of the system again for every range of rows.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.into()).parse();
    let (count, columns): (usize, usize) = (next("100000")?, next("64")?);
    let (centres, classes): (usize, usize) = (next("4096")?, next("100")?);
    let mut stream = Seed::new(0).stream("rows", &[]);
    // Classes a little apart, so that there is something to find.
    let values: Vec<f32> = (0..count * columns)
        .map(|i| {
            let class = i / columns % classes;
            let apart = if i % columns == class % columns { 0.5 } else { 0.0 };
            stream.unit() as f32 + apart
        })
        .collect();
    let mut rows = InMemory {
        values: &values,
        columns,
    };
    let mut found = KMeans::begin(&mut rows, centres, &mut stream)?;
    let start = Instant::now();
    found.iterate(&mut rows, &Device::flex())?;
    println!(
        "k-means, {centres} centres: {:.1} s an iteration over {count} rows of {columns}",
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let analysed = Discriminants::of(&mut rows, &|row| row % classes, classes)?;
    println!(
        "discriminants of {classes} classes: {:.1} s, {} directions",
        start.elapsed().as_secs_f64(),
        analysed.map_or(0, |analysed| analysed.projection.ncols())
    );
    Ok(())
}
