//! The gradient of a convolution's weights.
//!
//! A fixed number of partitions of the work items, each with sums of its own, added up in order at the end: the result is
//! the same for any number of threads.

use std::ops::Range;

use super::depthwise;
use super::gradient_pass::GradientPass;
use super::panels::{Direction, Panels};
use super::patches;
use super::shape::ConvShape;
use super::stencil::Stencil;
use super::work_items::{WorkItem, WorkItems};
use crate::isa::{Isa, LANES};
use crate::scratch::{Line, Scratch, Shared};
use crate::{KernelError, Pool};

/// Partitions, if there are as many items and their sums do not fill the caches.
const MOST_PARTITIONS: usize = 16;
/// Fewer than this many leave cores idle.
const FEWEST_PARTITIONS: usize = 4;
/// Bytes of weights from which on their sums leave the second-level cache.
const HEAVY_BYTES: usize = 1024 * 1024;
/// Blocks of input channels, and images, that a task takes together where weights are that many.
const BLOCKS_TOGETHER: usize = 4;
const IMAGES_TOGETHER: usize = 8;
/// Bytes that the sums of all partitions may take before their number is reduced.
const SUM_BYTES: usize = 16 * 1024 * 1024;

/// From `x: [n, h, w, c_in]` and `dy: [n, oh, ow, c_out]`, the gradient `dw: [c_out, c_in / groups, kh, kw]`.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn conv_backward_weight(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(|shape| {
        [
            ("x", shape.input_len(), x.len()),
            ("dy", shape.output_len(), dy.len()),
            ("dw", shape.weight_len(), dw.len()),
        ]
    })?;
    if shape.is_empty() {
        dw.fill(0.0);
        return Ok(());
    }
    if shape.is_patches() {
        return patches::backward_weight(shape, x, dy, dw, pool);
    }
    let isa = Isa::current();
    let shape = shape.flattened();
    let mut stencil = Stencil::forward(&shape, isa.columns());
    let panels = Panels::new(&shape, &stencil, Direction::Forward, isa.vectors());
    let depthwise = shape.is_depthwise();
    let part_lines = if depthwise {
        stencil.groups = 1;
        shape.c_out.div_ceil(LANES) * shape.kernel[0] * shape.kernel[1]
    } else {
        panels.lines()
    };
    let pass = GradientPass {
        isa,
        stencil: &stencil,
        panels: &panels,
        depthwise,
        x,
        dy,
    };
    let items = WorkItems::new(&stencil);
    let packed_lines = stencil.images * pass.packed_lines(1, stencil.rows());
    let heavy = part_lines * size_of::<Line>() > HEAVY_BYTES && items.count() * part_lines > packed_lines;
    if heavy && !depthwise && stencil.groups == 1 {
        let mut sums = Scratch::zeroed(part_lines);
        sum_by_panels(&pass, &mut sums, pool);
        panels.sum_and_unpack(&sums, 1, dw, pool);
        return Ok(());
    }
    let (parts, partitions) = sum_by_items(&pass, &items, part_lines, pool);
    if depthwise {
        depthwise::sum_and_unpack(&shape, &parts, partitions, dw);
    } else {
        panels.sum_and_unpack(&parts, partitions, dw, pool);
    }
    Ok(())
}

/// Every partition of the items has sums of its own, of all weights.
fn sum_by_items(pass: &GradientPass, items: &WorkItems, part_lines: usize, pool: &Pool) -> (Scratch, usize) {
    let affordable = (SUM_BYTES / (part_lines * size_of::<Line>())).clamp(FEWEST_PARTITIONS, MOST_PARTITIONS);
    let partitions = affordable.min(items.count());
    let mut parts = Scratch::zeroed(partitions * part_lines);
    let shared = Shared::new(&mut parts);
    let groups = pass.stencil.groups;
    pool.run(partitions * groups, |task| {
        let (partition, group) = (task / groups, task % groups);
        let lines = part_lines / groups;
        // SAFETY: every partition and group has lines of its own.
        let sums = unsafe { shared.part(partition * part_lines + group * lines, lines) };
        let bound = |i: usize| i * items.count() / partitions;
        for index in bound(partition)..bound(partition + 1) {
            pass.add_item(items, &items.item(index), group, sums);
        }
    });
    (parts, partitions)
}

/// Where weights outweigh maps: the maps are packed once, then every task sums some of the weights over the whole batch.
fn sum_by_panels(pass: &GradientPass, sums: &mut [Line], pool: &Pool) {
    let (stencil, panels) = (pass.stencil, pass.panels);
    let (images, rows) = (stencil.images, stencil.rows());
    let each = pass.packed_lines(1, rows);
    let mut packed = Scratch::take(images * each);
    let shared_packed = Shared::new(&mut packed);
    let whole = |images: Range<usize>| WorkItem {
        images,
        rows: 0..rows,
    };
    pool.run(images, |image| {
        // SAFETY: every image has lines of its own.
        let lines = unsafe { shared_packed.part(image * each, each) };
        pass.pack_item(&whole(image..image + 1), 0, lines);
    });
    let blocks: Vec<(usize, usize)> = panels.out_groups().collect();
    let chunks = panels.in_blocks().div_ceil(BLOCKS_TOGETHER);
    let shared = Shared::new(sums);
    let from = packed.as_ptr();
    let from = Shared::at(from.cast_mut());
    pool.run(blocks.len() * chunks, |task| {
        let (block, chunk) = (blocks[task / chunks], task % chunks);
        let first = chunk * BLOCKS_TOGETHER;
        for start in (0..images).step_by(IMAGES_TOGETHER) {
            let item = whole(start..(start + IMAGES_TOGETHER).min(images));
            // SAFETY: the images lie one after the other, each as `pack_item` laid it out.
            let packed = unsafe { pass.packed(&item, from.ptr().add(start * each * LANES), each) };
            for in_block in first..(first + BLOCKS_TOGETHER).min(panels.in_blocks()) {
                let lines = pass.panel_lines(block, in_block);
                // SAFETY: every panel belongs to one task.
                unsafe { pass.add_panel(&packed, block, in_block, shared.part(lines.start, lines.len())) };
            }
        }
    });
}
