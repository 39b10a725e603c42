//! Where a convolution pass reads: taps over a packed source, for every class of target pixels.
//!
//! Forward reads, for the output pixel `(i, j)`, the packed input at `(i * stride + kh * dilation, j * stride + kw *
//! dilation)`. Backward-data with stride `s` falls into `s * s` classes of input pixels `(a + s i, b + s j)`, each of which
//! reads the output gradient at stride 1 through its own subset of the kernel. Both are a [`Stencil`]; packing separates
//! the columns by their remainder modulo the stride, so that neighbours in a row of targets always read neighbouring lines.

use super::shape::ConvShape;

/// Height, width and channels of a map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plane {
    pub h: usize,
    pub w: usize,
    pub channels: usize,
}

impl Plane {
    pub fn len(&self) -> usize {
        self.h * self.w * self.channels
    }
}

/// One element of the kernel, as an offset in the packed source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tap {
    /// Packed rows below the row of the target pixel.
    pub row: usize,
    /// Lines to the right within the packed row.
    pub line: usize,
    /// Position in the kernel, `kh * kw_size + kw`.
    pub kernel: usize,
}

/// Taps on neighbouring lines of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub row: usize,
    /// Line of the first.
    pub line: usize,
    pub columns: usize,
}

impl Run {
    /// Cuts taps that are in order into runs of at most `longest`.
    fn cut(taps: &[Tap], longest: usize) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for tap in taps {
            match runs.last_mut() {
                Some(run)
                    if run.row == tap.row && run.line + run.columns == tap.line && run.columns < longest =>
                {
                    run.columns += 1;
                }
                _ => runs.push(Self {
                    row: tap.row,
                    line: tap.line,
                    columns: 1,
                }),
            }
        }
        runs
    }
}

/// Target pixels `(origin + step * index)` that share their taps.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub origin: [usize; 2],
    pub step: [usize; 2],
    /// Rows and columns of the class.
    pub size: [usize; 2],
    /// By row, then line.
    pub taps: Vec<Tap>,
    /// The same, cut into neighbours.
    pub runs: Vec<Run>,
}

/// A convolution pass as reads from packed images of `source` into pixels of `target`.
#[derive(Debug, Clone)]
pub(crate) struct Stencil {
    pub images: usize,
    pub source: Plane,
    pub target: Plane,
    pub groups: usize,
    /// Packed rows, and column remainders, per row and column of targets.
    pub step: [usize; 2],
    /// Packed minus source coordinates; negative where padding exceeds the kernel and source pixels are never read.
    pub border: [isize; 2],
    /// Lines of a packed row that share a column remainder.
    pub phase_lines: usize,
    /// Which remainders of packed rows, and of columns, some tap reads.
    pub used: [Vec<bool>; 2],
    /// Packed rows that the lowest tap reaches below a target's row.
    pub halo: usize,
    pub classes: Vec<Class>,
}

/// Taps of one direction before packing: distance in the packed source and index in the kernel.
type Reach = Vec<(usize, usize)>;

impl Stencil {
    /// Input to output, in runs of at most `columns` taps.
    pub fn forward(shape: &ConvShape, columns: usize) -> Self {
        let [oh, ow] = shape.out_size();
        let reach =
            |d: usize| -> Reach { (0..shape.kernel[d]).map(|k| (k * shape.dilation[d], k)).collect() };
        let class = ([0, 0], [oh, ow], [reach(0), reach(1)]);
        Self::new(
            shape,
            Plane {
                h: shape.h,
                w: shape.w,
                channels: shape.c_in,
            },
            Plane {
                h: oh,
                w: ow,
                channels: shape.c_out,
            },
            (shape.stride, [1, 1]),
            [shape.padding[0] as isize, shape.padding[1] as isize],
            &[class],
            columns,
        )
    }

    /// Output gradient to input gradient, in runs of at most `columns` taps.
    pub fn backward_data(shape: &ConvShape, columns: usize) -> Self {
        let [oh, ow] = shape.out_size();
        let size = [shape.h, shape.w];
        // Input pixel `a + s i` met the kernel's tap `k` in output `i + (a + padding - k * dilation) / s`.
        let distances = |d: usize, remainder: usize| -> Vec<(isize, usize)> {
            let step = shape.stride[d] as isize;
            let at = |k: usize| (remainder + shape.padding[d]) as isize - (k * shape.dilation[d]) as isize;
            let hits = (0..shape.kernel[d]).filter(|&k| at(k).rem_euclid(step) == 0);
            hits.map(|k| (at(k).div_euclid(step), k)).collect()
        };
        let border: [isize; 2] = std::array::from_fn(|d| {
            let all = (0..shape.stride[d].min(size[d])).flat_map(|a| distances(d, a));
            -all.map(|(distance, _)| distance).min().unwrap_or(0)
        });
        let reach = |d: usize, a: usize| -> Reach {
            distances(d, a)
                .into_iter()
                .map(|(distance, k)| ((distance + border[d]) as usize, k))
                .collect()
        };
        let remainders = |d: usize| 0..shape.stride[d].min(size[d]);
        let mut classes = Vec::new();
        for a in remainders(0) {
            for b in remainders(1) {
                let count = |d: usize, from: usize| (size[d] - from).div_ceil(shape.stride[d]);
                classes.push(([a, b], [count(0, a), count(1, b)], [reach(0, a), reach(1, b)]));
            }
        }
        Self::new(
            shape,
            Plane {
                h: oh,
                w: ow,
                channels: shape.c_out,
            },
            Plane {
                h: shape.h,
                w: shape.w,
                channels: shape.c_in,
            },
            ([1, 1], shape.stride),
            border,
            &classes,
            columns,
        )
    }

    fn new(
        shape: &ConvShape,
        source: Plane,
        target: Plane,
        (step, target_step): ([usize; 2], [usize; 2]),
        border: [isize; 2],
        classes: &[([usize; 2], [usize; 2], [Reach; 2])],
        longest: usize,
    ) -> Self {
        let far = |d: usize| {
            classes
                .iter()
                .flat_map(move |c| &c.2[d])
                .map(|(distance, _)| *distance)
        };
        let columns = classes.iter().map(|c| c.1[1]).max().unwrap_or(0);
        let phase_lines = columns + far(1).max().unwrap_or(0) / step[1];
        let halo = far(0).max().unwrap_or(0);
        let used = std::array::from_fn(|d| {
            let mut used = vec![false; step[d]];
            far(d).for_each(|distance| used[distance % step[d]] = true);
            used
        });
        let line = |column: usize| column % step[1] * phase_lines + column / step[1];
        let classes = classes.iter().map(|(origin, size, [rows, columns])| {
            let taps = rows.iter().flat_map(|&(row, kh)| {
                let tap = move |&(column, kw): &(usize, usize)| Tap {
                    row,
                    line: line(column),
                    kernel: kh * shape.kernel[1] + kw,
                };
                columns.iter().map(tap)
            });
            let mut taps: Vec<Tap> = taps.collect();
            taps.sort_unstable_by_key(|tap| (tap.row, tap.line));
            Class {
                origin: *origin,
                step: target_step,
                size: *size,
                runs: Run::cut(&taps, longest),
                taps,
            }
        });
        let classes = classes.collect();
        Self {
            images: shape.n,
            source,
            target,
            groups: shape.groups,
            step,
            border,
            phase_lines,
            used,
            halo,
            classes,
        }
    }

    /// Channels that one group reads.
    pub fn channels_in(&self) -> usize {
        self.source.channels / self.groups
    }

    /// Channels that one group writes.
    pub fn channels_out(&self) -> usize {
        self.target.channels / self.groups
    }

    /// Rows of the tallest class.
    pub fn rows(&self) -> usize {
        self.classes.iter().map(|c| c.size[0]).max().unwrap_or(0)
    }

    /// Lines of a packed row.
    pub fn row_lines(&self) -> usize {
        self.step[1] * self.phase_lines
    }

    /// Packed rows that `rows` rows of targets read.
    pub fn packed_rows(&self, rows: usize) -> usize {
        (rows - 1) * self.step[0] + self.halo + 1
    }
}
