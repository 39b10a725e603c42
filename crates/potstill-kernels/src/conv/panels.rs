//! Weights in the order in which tiles read them.
//!
//! For every group, class of the stencil, group of output vectors (one or two blocks of sixteen channels) and block of
//! input channels there is a panel `[tap][input channel][16 or 32 output channels]`; panels of the same output channels
//! follow each other. The weight gradient is summed in the same order and scattered back at the end.

use std::ops::Range;

use super::shape::ConvShape;
use super::stencil::Stencil;
use crate::Pool;
use crate::isa::LANES;
use crate::scratch::{Line, Shared};

/// Geometry of the panels of one pass.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    pub groups: usize,
    /// Channels that a group reads and writes.
    pub channels: [usize; 2],
    /// Blocks of output channels in a group of output vectors.
    pub vectors: usize,
    /// Kernel positions of the taps of each class.
    taps: Vec<Vec<usize>>,
    /// First line of each class within a group.
    class_start: Vec<usize>,
    group_lines: usize,
    /// Steps in the `[O, I, kh, kw]` weights: from group to group, output lane to lane, and input channel to channel.
    weight_step: [usize; 3],
}

/// Which channels are the lanes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Direction {
    /// The convolution's output channels.
    Forward,
    /// The convolution's input channels.
    BackwardData,
}

impl Panels {
    pub fn new(shape: &ConvShape, stencil: &Stencil, direction: Direction, vectors: usize) -> Self {
        let channels = [stencil.channels_in(), stencil.channels_out()];
        let taps: Vec<Vec<usize>> = stencil
            .classes
            .iter()
            .map(|c| c.taps.iter().map(|t| t.kernel).collect())
            .collect();
        let mut group_lines = 0;
        let mut class_start = Vec::new();
        for class in &taps {
            class_start.push(group_lines);
            group_lines += class.len() * channels[0] * channels[1].div_ceil(LANES);
        }
        let area = shape.kernel[0] * shape.kernel[1];
        let filter = shape.c_in / shape.groups * area;
        let group = filter * (shape.c_out / shape.groups);
        let weight_step = match direction {
            Direction::Forward => [group, filter, area],
            Direction::BackwardData => [group, area, filter],
        };
        Self {
            groups: stencil.groups,
            channels,
            vectors,
            taps,
            class_start,
            group_lines,
            weight_step,
        }
    }

    /// Lines of all panels.
    pub fn lines(&self) -> usize {
        self.groups * self.group_lines
    }

    /// Lines of the panels of one group.
    pub fn group_lines(&self) -> usize {
        self.group_lines
    }

    /// Blocks of output channels.
    pub fn out_blocks(&self) -> usize {
        self.channels[1].div_ceil(LANES)
    }

    /// Blocks of input channels.
    pub fn in_blocks(&self) -> usize {
        self.channels[0].div_ceil(LANES)
    }

    /// First line, within the group, of the panel of these blocks. `out_block` starts a group of `vectors` output blocks.
    pub fn start(&self, class: usize, out_block: usize, vectors: usize, in_block: usize) -> usize {
        let taps = self.taps[class].len();
        self.class_start[class] + taps * (out_block * self.channels[0] + in_block * LANES * vectors)
    }

    /// The groups of output vectors: first block and number of blocks.
    pub fn out_groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (blocks, vectors) = (self.out_blocks(), self.vectors);
        (0..blocks)
            .step_by(vectors)
            .map(move |block| (block, vectors.min(blocks - block)))
    }

    /// Writes `weight`, times a factor for every output channel if given, in panel order.
    pub fn pack(&self, weight: &[f32], scale: Option<&[f32]>, to: &mut [Line], pool: &Pool) {
        let tasks = self.tasks();
        let shared = Shared::new(to);
        pool.run(tasks.len(), |task| {
            let (group, block, in_block) = tasks[task];
            for class in 0..self.taps.len() {
                let panel = self.panel(class, group, block, in_block);
                // SAFETY: panels do not overlap, and each belongs to one task.
                let lines = unsafe { shared.part(panel.start, panel.len) };
                for lane_block in 0..panel.vectors {
                    self.pack_block(class, &panel, lane_block, weight, scale, lines);
                }
            }
        });
    }

    /// Adds up `parts` buffers of panels, in order, and writes the sums as `[O, I, kh, kw]` weights.
    pub fn sum_and_unpack(&self, parts: &[Line], count: usize, weight: &mut [f32], pool: &Pool) {
        let tasks = self.tasks();
        let shared = Shared::new(weight);
        pool.run(tasks.len(), |task| {
            let (group, block, in_block) = tasks[task];
            let panel = self.panel(0, group, block, in_block);
            let mut sum = crate::scratch::Scratch::take(panel.len);
            sum.copy_from_slice(&parts[panel.start..][..panel.len]);
            for part in 1..count {
                let other = &parts[part * self.lines() + panel.start..][..panel.len];
                for (sum, other) in sum.iter_mut().zip(other) {
                    for (sum, other) in sum.0.iter_mut().zip(&other.0) {
                        *sum += other;
                    }
                }
            }
            for lane_block in 0..panel.vectors {
                self.for_each_weight(0, &panel, lane_block, |line, lane, index| {
                    // SAFETY: `index` is inside the weights, and every weight belongs to one panel.
                    unsafe { *shared.ptr().add(index) = sum[line].0[lane] };
                });
            }
        });
    }

    /// One task for every group, group of output vectors and block of input channels.
    fn tasks(&self) -> Vec<(usize, (usize, usize), usize)> {
        let mut tasks = Vec::new();
        for group in 0..self.groups {
            for block in self.out_groups() {
                tasks.extend((0..self.in_blocks()).map(|in_block| (group, block, in_block)));
            }
        }
        tasks
    }

    fn panel(&self, class: usize, group: usize, (block, vectors): (usize, usize), in_block: usize) -> Panel {
        let first = in_block * LANES;
        let channels = first..(first + LANES).min(self.channels[0]);
        let len = self.taps[class].len() * channels.len() * vectors;
        let start = group * self.group_lines + self.start(class, block, vectors, in_block);
        Panel {
            start,
            len,
            group,
            block,
            vectors,
            channels,
        }
    }

    fn pack_block(
        &self,
        class: usize,
        panel: &Panel,
        lane_block: usize,
        weight: &[f32],
        scale: Option<&[f32]>,
        lines: &mut [Line],
    ) {
        let lanes = (self.channels[1] - (panel.block + lane_block) * LANES).min(LANES);
        if lanes < LANES {
            lines
                .iter_mut()
                .skip(lane_block)
                .step_by(panel.vectors)
                .for_each(|line| *line = Line::ZERO);
        }
        match scale {
            None => self.for_each_weight(class, panel, lane_block, |line, lane, index| {
                lines[line].0[lane] = weight[index];
            }),
            Some(scale) => {
                let first = panel.group * self.channels[1] + (panel.block + lane_block) * LANES;
                self.for_each_weight(class, panel, lane_block, |line, lane, index| {
                    lines[line].0[lane] = weight[index] * scale[first + lane];
                });
            }
        }
    }

    /// Calls `visit(line of the panel, lane, index of the weight)` for one block of lanes of a panel, reading along the
    /// weights' rows.
    #[inline]
    fn for_each_weight(
        &self,
        class: usize,
        panel: &Panel,
        lane_block: usize,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let [group_step, lane_step, channel_step] = self.weight_step;
        let first_lane = (panel.block + lane_block) * LANES;
        let lanes = (self.channels[1] - first_lane).min(LANES);
        let taps = &self.taps[class];
        let base = panel.group * group_step + first_lane * lane_step + panel.channels.start * channel_step;
        let channels = panel.channels.len();
        for lane in 0..lanes {
            for channel in 0..channels {
                let index = base + lane * lane_step + channel * channel_step;
                for (tap, position) in taps.iter().enumerate() {
                    visit(
                        (tap * channels + channel) * panel.vectors + lane_block,
                        lane,
                        index + position,
                    );
                }
            }
        }
    }
}

/// One panel: its lines, and the channels they are for.
struct Panel {
    start: usize,
    len: usize,
    group: usize,
    block: usize,
    vectors: usize,
    channels: Range<usize>,
}
