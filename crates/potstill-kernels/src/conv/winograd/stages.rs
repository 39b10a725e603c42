//! The three stages, on some tiles of a batch.
//!
//! Before the product: `[position][block of input channels][tile]` lines. After it: `[position][tile][block of output
//! channels]` lines. A line more between positions keeps the 36 streams of a tile out of each other's way in the caches.

use std::ops::Range;

use super::super::epilogue_args::EpiloguePart;
use super::super::stencil::{Plane, Run};
use super::super::tile::{Form, Grid, Strip, Target, finish_tile, run_grid};
use super::transform::{OUT, POSITIONS, SIDE, input_tile, output_tile, weight_tile};
use super::{Tiling, Winograd};
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load};
use crate::scratch::Line;

/// The product sees one tap.
const ONE_TAP: &[Run] = &[Run {
    row: 0,
    line: 0,
    columns: 1,
}];

/// The stages of `tiles` tiles.
pub(super) struct Stages<'a> {
    pass: &'a Winograd<'a>,
    tiling: Tiling,
    tiles: usize,
    in_blocks: usize,
    out_blocks: usize,
}

impl<'a> Stages<'a> {
    pub fn new(pass: &'a Winograd<'a>, tiling: Tiling, tiles: usize) -> Self {
        Self {
            pass,
            tiling,
            tiles,
            in_blocks: pass.panels.in_blocks(),
            out_blocks: pass.panels.out_blocks(),
        }
    }

    fn position_before(&self) -> usize {
        self.in_blocks * self.tiles + 1
    }

    fn position_after(&self) -> usize {
        self.out_blocks * self.tiles + 1
    }

    pub fn lines_before(&self) -> usize {
        POSITIONS * self.position_before()
    }

    pub fn lines_after(&self) -> usize {
        POSITIONS * self.position_after()
    }

    /// Transforms the inputs of these tiles into the places from `place` on.
    ///
    /// # Safety
    /// `source` is the whole map; `to` has [`Stages::lines_before`] lines.
    pub unsafe fn transform_input(&self, source: &[f32], tiles: Range<usize>, to: *mut f32, place: usize) {
        let kernel = TransformInput {
            stages: self,
            source,
            tiles,
            to,
            place,
        };
        dispatch(self.pass.isa, kernel);
    }

    /// The product of one position.
    ///
    /// # Safety
    /// `before` and `after` have the lines that this struct says, all tiles of `before` written.
    pub unsafe fn multiply(&self, position: usize, before: *const f32, after: *mut f32) {
        let Winograd {
            isa, panels, weights, ..
        } = self.pass;
        let [reads, _] = panels.channels;
        let lines = weights.len() / POSITIONS;
        let grid = Grid {
            images: 1,
            rows: 1,
            columns: self.tiles,
            from_image: 0,
            from_row: 0,
            to_image: 0,
            to_row: 0,
        };
        for (block, vectors) in panels.out_groups() {
            let strip = Strip {
                // SAFETY: the position is among the lines.
                from: unsafe { before.add(position * self.position_before() * LANES) },
                taps: &[],
                runs: ONE_TAP,
                row: 0,
                block: self.tiles * LANES,
                full_blocks: reads / LANES,
                last_channels: reads % LANES,
                weights: weights[position * lines + block * reads..].as_ptr().cast(),
                form: Form::Dense,
            };
            let target = Target {
                // SAFETY: as above.
                to: unsafe { after.add((position * self.position_after() + block) * LANES) },
                pixel: self.out_blocks * LANES,
                last_lanes: LANES,
                accumulate: false,
                finish: None,
            };
            // SAFETY: a row of tiles, with weights for all their channels.
            unsafe { run_grid(*isa, vectors, grid, strip, target) };
        }
    }

    /// Transforms the products at the places from `place` on to the outputs of these tiles.
    ///
    /// # Safety
    /// `from` has the lines that this struct says, all of these tiles written; `target` is the whole map.
    pub unsafe fn transform_output(
        &self,
        from: *const f32,
        place: usize,
        tiles: Range<usize>,
        target: *mut f32,
        ending: EpiloguePart,
    ) {
        let kernel = TransformOutput {
            stages: self,
            from,
            place,
            tiles,
            target,
            ending,
        };
        dispatch(self.pass.isa, kernel);
    }
}

struct TransformInput<'a> {
    stages: &'a Stages<'a>,
    source: &'a [f32],
    tiles: Range<usize>,
    to: *mut f32,
    place: usize,
}

impl Kernel for TransformInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            stages,
            source,
            tiles,
            to,
            place,
        } = self;
        let stencil = stages.pass.stencil;
        let plane = stencil.source;
        let position = stages.position_before() * LANES;
        for (index, tile) in tiles.enumerate() {
            let (image, row, column) = stages.tiling.at(tile);
            let image = &source[image * plane.len()..][..plane.len()];
            let corner = [
                (row * OUT) as isize - stencil.border[0],
                (column * OUT) as isize - stencil.border[1],
            ];
            for block in 0..stages.in_blocks {
                let first = block * LANES;
                let lanes = (plane.channels - first).min(LANES);
                let inputs = load_tile::<L>(&image[first..], plane, corner, lanes);
                let transformed = input_tile(inputs);
                let line = block * stages.tiles + place + index;
                for (i, row) in transformed.iter().enumerate() {
                    for (j, value) in row.iter().enumerate() {
                        // SAFETY: every position has a line for each block and tile.
                        unsafe { value.store(to.add((i * SIDE + j) * position + line * LANES)) };
                    }
                }
            }
        }
    }
}

/// The inputs of a tile, from the first of the block's channels; zeros outside of the map.
#[inline(always)]
fn load_tile<L: Lanes>(image: &[f32], plane: Plane, corner: [isize; 2], lanes: usize) -> [[L; SIDE]; SIDE] {
    let mut inputs = [[L::zero(); SIDE]; SIDE];
    for (i, inputs) in inputs.iter_mut().enumerate() {
        let row = corner[0] + i as isize;
        if row < 0 || row >= plane.h as isize {
            continue;
        }
        for (j, input) in inputs.iter_mut().enumerate() {
            let column = corner[1] + j as isize;
            if column < 0 || column >= plane.w as isize {
                continue;
            }
            let at = (row as usize * plane.w + column as usize) * plane.channels;
            // SAFETY: the pixel is inside the map and has these channels.
            *input = unsafe { load(image[at..].as_ptr(), lanes) };
        }
    }
    inputs
}

struct TransformOutput<'a> {
    stages: &'a Stages<'a>,
    from: *const f32,
    place: usize,
    tiles: Range<usize>,
    target: *mut f32,
    ending: EpiloguePart<'a>,
}

impl Kernel for TransformOutput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            stages,
            from,
            place,
            tiles,
            target,
            ending,
        } = self;
        let plane = stages.pass.stencil.target;
        let position = stages.position_after() * LANES;
        for block in 0..stages.out_blocks {
            let target = Target {
                // SAFETY: the first pixel has all channels.
                to: unsafe { target.add(block * LANES) },
                pixel: plane.channels,
                last_lanes: (plane.channels - block * LANES).min(LANES),
                accumulate: false,
                finish: ending.finish(0, block, plane.channels),
            };
            for (index, tile) in tiles.clone().enumerate() {
                let line = (place + index) * stages.out_blocks + block;
                let mut products = [[L::zero(); SIDE]; SIDE];
                for (i, row) in products.iter_mut().enumerate() {
                    for (j, product) in row.iter_mut().enumerate() {
                        // SAFETY: every position has a line for each tile and block.
                        *product = unsafe { L::load(from.add((i * SIDE + j) * position + line * LANES)) };
                    }
                }
                let (image, row, column) = stages.tiling.at(tile);
                let (row, column) = (row * OUT, column * OUT);
                let at = image * plane.len() + (row * plane.w + column) * plane.channels;
                // SAFETY: the rows and columns given are inside the map.
                unsafe {
                    store_tile(
                        output_tile(products),
                        &target,
                        at,
                        plane.w * plane.channels,
                        [(plane.h - row).min(OUT), (plane.w - column).min(OUT)],
                    );
                }
            }
        }
    }
}

/// Finishes the outputs of a tile that are inside the map.
///
/// # Safety
/// As [`finish_tile`], for `rows` by `columns` pixels from `at`.
#[inline(always)]
unsafe fn store_tile<L: Lanes>(
    outputs: [[L; OUT]; OUT],
    target: &Target,
    at: usize,
    row: usize,
    [rows, columns]: [usize; 2],
) {
    for (i, outputs) in outputs.iter().enumerate() {
        if i >= rows {
            break;
        }
        let at = at + i * row;
        // SAFETY: as the caller promises.
        unsafe {
            if columns == OUT {
                let [a, b, c, d] = *outputs;
                finish_tile::<L, OUT, 1>([[a], [b], [c], [d]], target, at);
            } else {
                for (j, value) in outputs[..columns].iter().enumerate() {
                    finish_tile::<L, 1, 1>([[*value]], target, at + j * target.pixel);
                }
            }
        }
    }
}

/// Transforms `count` lines of each of nine taps to lines that lie `position` lines apart.
///
/// # Safety
/// `from` has `9 * count` lines, `to` has `count` lines at each of the 36 positions.
pub(super) unsafe fn transform_panel(isa: Isa, from: &[Line], count: usize, to: *mut Line, position: usize) {
    dispatch(
        isa,
        TransformPanel {
            from,
            count,
            to,
            position,
        },
    );
}

struct TransformPanel<'a> {
    from: &'a [Line],
    count: usize,
    to: *mut Line,
    position: usize,
}

impl Kernel for TransformPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            from,
            count,
            to,
            position,
        } = self;
        for line in 0..count {
            let mut kernel = [[L::zero(); 3]; 3];
            for (i, row) in kernel.iter_mut().enumerate() {
                for (j, tap) in row.iter_mut().enumerate() {
                    // SAFETY: a line has sixteen elements.
                    *tap = unsafe { L::load(from[(i * 3 + j) * count + line].0.as_ptr()) };
                }
            }
            for (i, row) in weight_tile(kernel).iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    // SAFETY: as `transform_panel`'s caller promises.
                    unsafe { value.store((*to.add((i * SIDE + j) * position + line)).0.as_mut_ptr()) };
                }
            }
        }
    }
}
