//! The right operand of a product in the order in which the tiles read it.

use crate::Pool;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load};
use crate::scratch::{Line, Shared};

/// How the columns are cut into panels: as many vectors each as a tile takes, or nearly. A panel holds, for every number of
/// the depth in turn, one line of each of its vectors; missing columns are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panels {
    pub columns: usize,
    pub depth: usize,
    /// Vectors of the smaller panels, and how many panels have one more.
    size: usize,
    larger: usize,
    count: usize,
}

impl Panels {
    pub fn new(isa: Isa, columns: usize, depth: usize) -> Self {
        let [_, most] = isa.product_tile();
        let vectors = columns.div_ceil(LANES);
        let count = vectors.div_ceil(most).max(1);
        Self {
            columns,
            depth,
            size: vectors / count,
            larger: vectors % count,
            count,
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Lines of all panels.
    pub fn lines(&self) -> usize {
        self.columns.div_ceil(LANES) * self.depth
    }

    pub fn get(&self, index: usize) -> Panel {
        let first = index * self.size + index.min(self.larger);
        let vectors = self.size + usize::from(index < self.larger);
        let columns = self.columns.min((first + vectors) * LANES) - first * LANES;
        Panel {
            first: first * LANES,
            columns,
            vectors,
            start: first * self.depth,
        }
    }
}

/// One panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    /// First column.
    pub first: usize,
    pub columns: usize,
    pub vectors: usize,
    /// First line.
    pub start: usize,
}

impl Panel {
    pub fn last_lanes(&self) -> usize {
        self.columns - (self.vectors - 1) * LANES
    }
}

/// The right operand as it lies in memory: number `k` of column `n` at `k * step + n * column`, one of which is 1.
#[derive(Clone, Copy)]
pub(crate) struct Right {
    pub numbers: *const f32,
    pub step: usize,
    pub column: usize,
}

// SAFETY: the numbers are read only, and borrowed for as long as the tasks run that read them.
unsafe impl Sync for Right {}

/// Elements that are worth a task.
const TASK: usize = 16 * 1024;

/// Packs all panels into `lines`.
///
/// # Safety
/// `right` has the columns and the depth of the panels, `lines` their lines.
pub(crate) unsafe fn pack(isa: Isa, panels: &Panels, right: Right, lines: &mut [Line], pool: &Pool) {
    let shared = Shared::new(lines);
    let each = (TASK / (panels.depth * LANES).max(1)).clamp(1, panels.count);
    pool.run(panels.count.div_ceil(each), |task| {
        for index in task * each..panels.count.min((task + 1) * each) {
            let panel = panels.get(index);
            // SAFETY: every panel has lines of its own, and as the caller promises.
            unsafe {
                pack_panel(
                    isa,
                    panels.depth,
                    panel,
                    right,
                    shared.ptr().add(panel.start).cast(),
                );
            };
        }
    });
}

/// Packs one panel.
///
/// # Safety
/// `right` has the panel's columns and this depth; there are `vectors * depth` lines at `to`.
pub(crate) unsafe fn pack_panel(isa: Isa, depth: usize, panel: Panel, right: Right, to: *mut f32) {
    let packing = Packing {
        depth,
        panel,
        right,
        to,
    };
    if right.column == 1 {
        dispatch(isa, Copied(packing));
    } else {
        dispatch(isa, Turned(packing));
    }
}

struct Packing {
    depth: usize,
    panel: Panel,
    right: Right,
    to: *mut f32,
}

impl Packing {
    /// The columns of the panel's vectors: for each its index, its first number, its columns and its first line.
    #[inline(always)]
    fn vectors(&self) -> impl Iterator<Item = (*const f32, usize, *mut f32)> + '_ {
        (0..self.panel.vectors).map(|v| {
            let lanes = if v + 1 == self.panel.vectors {
                self.panel.last_lanes()
            } else {
                LANES
            };
            let first = (self.panel.first + v * LANES) * self.right.column;
            // SAFETY: the column is one of the operand's, the line one of the panel's.
            unsafe { (self.right.numbers.add(first), lanes, self.to.add(v * LANES)) }
        })
    }

    /// Elements from line to line of a vector.
    #[inline(always)]
    fn pitch(&self) -> usize {
        self.panel.vectors * LANES
    }
}

/// Of an operand whose columns are neighbours.
struct Copied(Packing);

impl Kernel for Copied {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (packing, pitch) = (&self.0, self.0.pitch());
        for k in 0..packing.depth {
            for (from, lanes, to) in packing.vectors() {
                // SAFETY: `pack_panel`'s caller promises both.
                unsafe { load::<L>(from.add(k * packing.right.step), lanes).store(to.add(k * pitch)) };
            }
        }
    }
}

/// Of an operand whose depth runs through memory: squares of sixteen by sixteen are turned in registers.
struct Turned(Packing);

impl Kernel for Turned {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (packing, pitch) = (&self.0, self.0.pitch());
        for (from, lanes, to) in packing.vectors() {
            for first in (0..packing.depth).step_by(LANES) {
                let count = LANES.min(packing.depth - first);
                let mut rows = [L::zero(); LANES];
                for (column, row) in rows.iter_mut().enumerate().take(lanes) {
                    // SAFETY: as above: `count` numbers are left of the column's depth.
                    *row = unsafe { load(from.add(column * packing.right.column + first), count) };
                }
                let turned = L::transpose(rows);
                for (k, line) in turned.into_iter().enumerate().take(count) {
                    // SAFETY: as above.
                    unsafe { line.store(to.add((first + k) * pitch)) };
                }
            }
        }
    }
}
