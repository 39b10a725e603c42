//! The tiles of a product: some rows times one to three vectors of columns, held in registers while the whole depth passes by.

use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};

/// Some rows of the left operand, one panel of the right one, and where their product goes.
#[derive(Clone, Copy)]
pub(crate) struct Strip {
    pub rows: usize,
    pub depth: usize,
    /// Number `k` of row `r` lies at `r * row + k * step` from here.
    pub left: *const f32,
    pub row: usize,
    pub step: usize,
    /// `vectors` lines for each number of the depth.
    pub panel: *const f32,
    pub vectors: usize,
    /// First row, first column of the panel.
    pub to: *mut f32,
    /// Elements from row to row of the target.
    pub to_row: usize,
    /// Columns in the last vector.
    pub last_lanes: usize,
    /// Whether the product is added to what is there.
    pub accumulate: bool,
}

/// Multiplies a strip, in tiles of nearly equal size.
///
/// # Safety
/// The memory of both operands and of the target is what the fields say.
pub(crate) unsafe fn multiply(isa: Isa, strip: Strip) {
    let [most, _] = isa.product_tile();
    let tiles = strip.rows.div_ceil(most).max(1);
    let (size, larger) = (strip.rows / tiles, strip.rows % tiles);
    for (first, rows, count) in [(0, size + 1, larger), (larger * (size + 1), size, tiles - larger)] {
        if rows * count > 0 {
            // SAFETY: the tiles together are the rows.
            unsafe {
                let part = Strip {
                    rows: rows * count,
                    left: strip.left.add(first * strip.row),
                    to: strip.to.add(first * strip.to_row),
                    ..strip
                };
                multiply_tiles(isa, rows, part);
            }
        }
    }
}

/// Picks the code for a tile size.
///
/// # Safety
/// As [`multiply`]; tiles of `rows` rows fill the strip.
unsafe fn multiply_tiles(isa: Isa, rows: usize, strip: Strip) {
    macro_rules! pick {
        ($($vectors:literal: $($rows:literal)*;)*) => {
            match (strip.vectors, rows) {
                $($(($vectors, $rows) => dispatch(isa, Tiles::<$rows, $vectors>(strip)),)*)*
                _ => unreachable!("strips are cut to the sizes above"),
            }
        };
    }
    pick!(
        1: 1 2 3 4 5 6 7 8;
        2: 1 2 3 4 5 6 7 8;
        3: 1 2 3 4 5 6 7 8;
    );
}

struct Tiles<const R: usize, const V: usize>(Strip);

impl<const R: usize, const V: usize> Kernel for Tiles<R, V> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        // Sizes that this instruction set never asks for compile to nothing.
        if R * V > L::GRADIENT_ACCUMULATORS && R > 1 {
            return;
        }
        let strip = self.0;
        for first in (0..strip.rows).step_by(R) {
            // SAFETY: the caller of `multiply` promises the memory of every tile.
            unsafe {
                let sums = products::<L, R, V>(&strip, strip.left.add(first * strip.row));
                keep(sums, &strip, strip.to.add(first * strip.to_row));
            }
        }
    }
}

/// # Safety
/// As [`multiply`], for `R` rows from `left`.
#[inline(always)]
unsafe fn products<L: Lanes, const R: usize, const V: usize>(
    strip: &Strip,
    mut left: *const f32,
) -> [[L; V]; R] {
    let mut panel = strip.panel;
    let mut sums = [[L::zero(); V]; R];
    for _ in 0..strip.depth {
        let mut columns = [L::zero(); V];
        // SAFETY: as the caller promises.
        unsafe {
            for (v, columns) in columns.iter_mut().enumerate() {
                *columns = L::load(panel.add(v * LANES));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let number = L::splat(*left.add(r * strip.row));
                for (sum, columns) in sums.iter_mut().zip(columns) {
                    *sum = sum.fma(number, columns);
                }
            }
            left = left.wrapping_add(strip.step);
            panel = panel.add(V * LANES);
        }
    }
    sums
}

/// # Safety
/// As [`multiply`], for the tile that begins at `to`.
#[inline(always)]
unsafe fn keep<L: Lanes, const R: usize, const V: usize>(sums: [[L; V]; R], strip: &Strip, to: *mut f32) {
    for (r, sums) in sums.into_iter().enumerate() {
        for (v, mut value) in sums.into_iter().enumerate() {
            let lanes = if v + 1 == V { strip.last_lanes } else { LANES };
            // SAFETY: as the caller promises; partial vectors touch `lanes` columns only.
            unsafe {
                let to = to.add(r * strip.to_row + v * LANES);
                if strip.accumulate {
                    value = value.add(load::<L>(to, lanes));
                }
                store(value, to, lanes);
            }
        }
    }
}
