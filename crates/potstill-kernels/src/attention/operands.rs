//! The operands of a head, gathered from the rows of its tokens and packed for the products.

use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::product::{Panels, Right, Strip, multiply, pack_panel};
use crate::scratch::Scratch;

/// Queries that meet a block of keys at a time; keys of a block, about.
pub(super) const QUERIES: usize = 48;
const KEYS: usize = 256;

/// Working memory of a task, given out piece by piece.
pub(super) struct Arena {
    scratch: Scratch,
    used: usize,
}

impl Arena {
    pub fn new(lines: usize) -> Self {
        Self {
            scratch: Scratch::take(lines),
            used: 0,
        }
    }

    /// The next `lines` lines.
    pub fn take(&mut self, lines: usize) -> *mut f32 {
        let start = self.used;
        self.used += lines;
        self.scratch[start..self.used].as_mut_ptr().cast()
    }
}

/// Lines of some rows of numbers, each padded to whole lines.
pub(super) fn lines_of(rows: usize, columns: usize) -> usize {
    rows * columns.div_ceil(LANES)
}

/// The same numbers of some rows: `width` from `first` on, of rows of `pitch` numbers.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub numbers: *const f32,
    pub pitch: usize,
    pub first: usize,
    pub width: usize,
}

/// Copies them row by row, times a factor, into rows of whole lines.
///
/// # Safety
/// The rows are there, and so is room for them at `to`.
pub(super) unsafe fn gather(isa: Isa, from: Columns, rows: &[usize], factor: f32, to: *mut f32) {
    dispatch(
        isa,
        Gather {
            from,
            rows,
            factor,
            to,
        },
    );
}

struct Gather<'a> {
    from: Columns,
    rows: &'a [usize],
    factor: f32,
    to: *mut f32,
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Columns {
            numbers,
            pitch,
            first,
            width,
        } = self.from;
        let (factor, row_len) = (L::splat(self.factor), width.next_multiple_of(LANES));
        for (at, row) in self.rows.iter().enumerate() {
            for block in (0..width).step_by(LANES) {
                // SAFETY: as `gather`'s caller promises.
                unsafe {
                    let from = numbers.add(row * pitch + first + block);
                    let value = load::<L>(from, LANES.min(width - block));
                    value.mul(factor).store(self.to.add(at * row_len + block));
                }
            }
        }
    }
}

/// Where rows of whole lines go: `width` numbers from `first` on, of rows of `pitch` numbers.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub numbers: *mut f32,
    pub pitch: usize,
    pub first: usize,
    pub width: usize,
}

/// Writes rows of whole lines to their places, each times a factor.
///
/// # Safety
/// The rows are there, and so are their places.
pub(super) unsafe fn scatter(
    isa: Isa,
    from: *const f32,
    rows: &[usize],
    factor: impl Fn(usize) -> f32,
    to: Places,
) {
    dispatch(
        isa,
        Scatter {
            from,
            rows,
            factor,
            to,
        },
    );
}

struct Scatter<'a, F> {
    from: *const f32,
    rows: &'a [usize],
    factor: F,
    to: Places,
}

impl<F: Fn(usize) -> f32> Kernel for Scatter<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Places {
            numbers,
            pitch,
            first,
            width,
        } = self.to;
        let row_len = width.next_multiple_of(LANES);
        for (at, row) in self.rows.iter().enumerate() {
            let factor = L::splat((self.factor)(at));
            for block in (0..width).step_by(LANES) {
                // SAFETY: as `scatter`'s caller promises.
                unsafe {
                    let value = L::load(self.from.add(at * row_len + block)).mul(factor);
                    let to = numbers.add(row * pitch + first + block);
                    store(value, to, LANES.min(width - block));
                }
            }
        }
    }
}

/// A right operand in panels.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    pub panels: Panels,
    pub lines: *const f32,
}

/// Rows of whole lines of `width` numbers, as the right operand in which they are columns: of queries with keys.
///
/// # Safety
/// There are `tokens` rows at `rows`.
pub(super) unsafe fn pack_columns(
    isa: Isa,
    rows: *const f32,
    tokens: usize,
    width: usize,
    arena: &mut Arena,
) -> Packed {
    let right = Right {
        numbers: rows,
        step: 1,
        column: width.next_multiple_of(LANES),
    };
    let to = arena.take(Panels::new(isa, tokens, width).lines());
    // SAFETY: as the caller promises.
    unsafe { packed(isa, Panels::new(isa, tokens, width), right, to) }
}

/// Rows of whole lines of `width` numbers, as the right operand in which they are the depth: of probabilities with values.
///
/// # Safety
/// There are `tokens` rows at `rows`, and room for the panels at `to`.
pub(super) unsafe fn pack_rows(
    isa: Isa,
    rows: *const f32,
    tokens: usize,
    width: usize,
    to: *mut f32,
) -> Packed {
    let right = Right {
        numbers: rows,
        step: width.next_multiple_of(LANES),
        column: 1,
    };
    // SAFETY: as the caller promises.
    unsafe { packed(isa, Panels::new(isa, width, tokens), right, to) }
}

/// # Safety
/// The operand has the columns and the depth of the panels; there is room for them at `to`.
unsafe fn packed(isa: Isa, panels: Panels, right: Right, to: *mut f32) -> Packed {
    for index in 0..panels.count() {
        let panel = panels.get(index);
        // SAFETY: every panel has lines of its own.
        unsafe { pack_panel(isa, panels.depth, panel, right, to.add(panel.start * LANES)) };
    }
    Packed { panels, lines: to }
}

/// Some keys: whole panels of them.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// First and last panel but one.
    panels: [usize; 2],
    /// First key.
    pub first: usize,
    pub keys: usize,
}

impl Block {
    /// The blocks of the columns of an operand.
    pub fn all(panels: Panels) -> impl Iterator<Item = Self> {
        let each = (KEYS / panels.get(0).columns.max(1)).max(1);
        (0..panels.count()).step_by(each).map(move |start| {
            let end = (start + each).min(panels.count());
            let (first, last) = (panels.get(start), panels.get(end - 1));
            Self {
                panels: [start, end],
                first: first.first,
                keys: last.first + last.columns - first.first,
            }
        })
    }

    /// Numbers of a row of scores.
    pub fn pitch(&self) -> usize {
        self.keys.next_multiple_of(LANES)
    }

    /// The most numbers that a row of scores has.
    pub fn longest(panels: Panels) -> usize {
        Self::all(panels)
            .map(|block| block.pitch())
            .max()
            .unwrap_or(LANES)
    }
}

/// A left operand: number `k` of row `m` at `m * row + k * step`.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub numbers: *const f32,
    pub count: usize,
    pub row: usize,
    pub step: usize,
}

/// Rows times the columns of a block, into rows of the block's pitch; nothing stands behind the last key.
///
/// # Safety
/// The operands are there, and room for the product at `to`.
pub(super) unsafe fn score(isa: Isa, left: Rows, right: &Packed, block: Block, to: *mut f32) {
    for index in block.panels[0]..block.panels[1] {
        let panel = right.panels.get(index);
        // SAFETY: as the caller promises; missing columns of the last vector are products with zero.
        unsafe {
            multiply(
                isa,
                Strip {
                    rows: left.count,
                    depth: right.panels.depth,
                    left: left.numbers,
                    row: left.row,
                    step: left.step,
                    panel: right.lines.add(panel.start * LANES),
                    vectors: panel.vectors,
                    to: to.add(panel.first - block.first),
                    to_row: block.pitch(),
                    last_lanes: LANES,
                    accumulate: false,
                },
            );
        }
    }
}

/// Rows times `depth` rows of the right operand from `first` on, into rows of whole lines; added to what is there with `accumulate`.
///
/// # Safety
/// The operands are there, and room for the product at `to`.
pub(super) unsafe fn mix(
    isa: Isa,
    left: Rows,
    right: &Packed,
    (first, depth): (usize, usize),
    to: *mut f32,
    accumulate: bool,
) {
    for index in 0..right.panels.count() {
        let panel = right.panels.get(index);
        // SAFETY: as the caller promises; the target's rows are whole lines.
        unsafe {
            multiply(
                isa,
                Strip {
                    rows: left.count,
                    depth,
                    left: left.numbers,
                    row: left.row,
                    step: left.step,
                    panel: right.lines.add((panel.start + first * panel.vectors) * LANES),
                    vectors: panel.vectors,
                    to: to.add(panel.first),
                    to_row: right.panels.columns.next_multiple_of(LANES),
                    last_lanes: LANES,
                    accumulate,
                },
            );
        }
    }
}
