//! The loops around the tiles.
//!
//! A task takes some rows and some panels. It walks runs of the depth, inside them panels, inside them tiles of rows: the part
//! of a panel that belongs to a run stays near while all tiles of the task use it, and the task's rows of that run stay in
//! the second-level cache while all panels pass by.

use std::ops::Range;

use super::ending::{Ending, Part, end};
use super::panels::Panels;
use super::tile::{Strip, multiply};
use crate::Pool;
use crate::isa::{Isa, LANES};
use crate::scratch::{Line, Scratch, Shared};

/// The left operand as it lies in memory: number `k` of row `m` at `m * row + k * step`, one of which is 1.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub numbers: *const f32,
    pub row: usize,
    pub step: usize,
}

// SAFETY: the numbers are read only, and borrowed for as long as the tasks run that read them.
unsafe impl Sync for Left {}

/// `[rows, depth]` times `[depth, columns]`.
pub(crate) struct Product<'a> {
    pub isa: Isa,
    pub rows: usize,
    pub left: Left,
    pub panels: &'a Panels,
    /// The packed right operand.
    pub lines: &'a [Line],
    pub ending: Ending,
}

/// Numbers of the depth that tiles take at a time, at most.
const RUN: usize = 256;
/// Rows of a task, at most and at least.
const ROWS: Range<usize> = 24..96;
/// Tasks that a product is cut into if it is large enough.
const TASKS: usize = 32;
/// Multiplications that are worth a task.
const TASK: usize = 64 * 1024;

impl Product<'_> {
    /// Writes the whole product, rows of `columns` numbers.
    ///
    /// # Safety
    /// The left operand has the rows and the depth of the panels, the lines are those of the panels, and there is room for the
    /// product at `to`; the ending's memory is laid out like it.
    pub unsafe fn run(&self, to: *mut f32, pool: &Pool) {
        let (rows, panels) = self.cut();
        let row_tasks = self.rows.div_ceil(rows);
        let shared = Shared::at(to);
        pool.run(row_tasks * self.panels.count().div_ceil(panels), |task| {
            let (row, panel) = (task % row_tasks * rows, task / row_tasks * panels);
            let rows = row..self.rows.min(row + rows);
            let panels = panel..self.panels.count().min(panel + panels);
            // SAFETY: tasks write disjoint parts of the product; the rest as the caller promises.
            unsafe { self.run_task(rows, panels, shared.ptr()) };
        });
    }

    /// Rows and panels of a task: by the shape alone.
    fn cut(&self) -> (usize, usize) {
        let work = self.rows * self.panels.columns * self.panels.depth.max(1);
        let wanted = (work / TASK).clamp(1, TASKS);
        if wanted == 1 {
            return (self.rows.max(1), self.panels.count());
        }
        let mut rows = ROWS.end;
        while self.rows.div_ceil(rows) < wanted && rows / 2 >= ROWS.start {
            rows /= 2;
        }
        let groups = wanted.div_ceil(self.rows.div_ceil(rows)).min(self.panels.count());
        (rows, self.panels.count().div_ceil(groups))
    }

    /// # Safety
    /// As [`Product::run`].
    unsafe fn run_task(&self, rows: Range<usize>, panels: Range<usize>, to: *mut f32) {
        let depth = self.panels.depth;
        let runs = depth.div_ceil(RUN).max(1);
        let longest = depth.div_ceil(runs);
        // A left operand whose rows are neighbours is copied, so that the tiles walk through memory that lies together.
        let mut copy = (self.left.step != 1).then(|| Scratch::take((rows.len() * longest).div_ceil(LANES)));
        for run in 0..runs {
            let numbers = run * longest..depth.min((run + 1) * longest);
            // SAFETY: as the caller promises.
            let left = unsafe { self.left.at(rows.start, numbers.start) };
            let left = match &mut copy {
                // SAFETY: as the caller promises; the copy has room for a run.
                Some(copy) => unsafe { left.copied(rows.len(), numbers.len(), copy) },
                None => left,
            };
            for panel in panels.clone() {
                // SAFETY: as the caller promises.
                unsafe { self.run_panel(left, rows.clone(), numbers.clone(), panel, to) };
            }
        }
    }

    /// One run of the depth of one panel, and the ending with the last.
    ///
    /// # Safety
    /// As [`Product::run`].
    unsafe fn run_panel(
        &self,
        left: Left,
        rows: Range<usize>,
        numbers: Range<usize>,
        panel: usize,
        to: *mut f32,
    ) {
        let (columns, panel) = (self.panels.columns, self.panels.get(panel));
        let first = rows.start * columns + panel.first;
        // SAFETY: as the caller promises.
        unsafe {
            multiply(
                self.isa,
                Strip {
                    rows: rows.len(),
                    depth: numbers.len(),
                    left: left.numbers,
                    row: left.row,
                    step: left.step,
                    panel: self.lines[panel.start + numbers.start * panel.vectors..]
                        .as_ptr()
                        .cast(),
                    vectors: panel.vectors,
                    to: to.add(first),
                    to_row: columns,
                    last_lanes: panel.last_lanes(),
                    accumulate: numbers.start > 0,
                },
            );
            if numbers.end == self.panels.depth && !self.ending.is_none() {
                let part = Part {
                    to,
                    first,
                    first_column: panel.first,
                    rows: rows.len(),
                    columns: panel.columns,
                    row: columns,
                };
                end(self.isa, &self.ending, part);
            }
        }
    }
}

impl Left {
    /// The operand from this row and this number on.
    ///
    /// # Safety
    /// They are there.
    unsafe fn at(self, row: usize, number: usize) -> Self {
        Self {
            // SAFETY: as the caller promises.
            numbers: unsafe { self.numbers.add(row * self.row + number * self.step) },
            ..self
        }
    }

    /// A copy of the first `depth` numbers of `rows` rows that are neighbours.
    ///
    /// # Safety
    /// They are there, and the copy has room for them.
    unsafe fn copied(self, rows: usize, depth: usize, copy: &mut Scratch) -> Self {
        let to: *mut f32 = copy.as_mut_ptr().cast();
        for k in 0..depth {
            // SAFETY: as the caller promises.
            unsafe { std::ptr::copy_nonoverlapping(self.numbers.add(k * self.step), to.add(k * rows), rows) };
        }
        Self {
            numbers: to,
            row: 1,
            step: rows,
        }
    }
}
