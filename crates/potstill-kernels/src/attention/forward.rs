//! Attention forward.

use super::operands::{
    Arena, Block, Columns, Packed, Places, QUERIES, Rows, gather, lines_of, mix, pack_columns, pack_rows,
    scatter, score,
};
use super::probabilities::{Scores, Softmax};
use super::shape::{AttentionShape, Tasks};
use crate::error::expect_length;
use crate::isa::{Isa, LANES, dispatch};
use crate::output::sealed;
use crate::product::Panels;
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

impl AttentionShape {
    /// `softmax(q k^T / sqrt(width) + bias) v`, window by window and head by head: queries, keys and values `[N, H, W, 3 C]` to
    /// `[N, H, W, C]`.
    ///
    /// `bias` is `[G, heads, T, T]` for the T tokens of a window, where G divides the number of all windows: window `s`, counted through
    /// all images, takes `bias[s mod G]`. `log_sums` takes what the backward pass needs: for each window, head and query the
    /// logarithm of the sum of the exponentials of its scores.
    ///
    /// # Errors
    /// [`KernelError::Length`] when a slice does not fit; [`KernelError::Shape`] when the shape describes nothing.
    pub fn forward(
        &self,
        qkv: &[f32],
        bias: Option<&[f32]>,
        out: &mut (impl Output + ?Sized),
        log_sums: Option<&mut Vec<f32>>,
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.validate()?;
        let len = self.rows() * self.channels();
        expect_length("qkv", 3 * len, qkv.len())?;
        let tasks = Tasks::new(self, self.groups(bias)?, false);
        let to = Shared::at(out.room("out", len)?);
        let mut log_sums = log_sums;
        let count = self.sequences() * self.heads * self.tokens();
        let sums_at = match &mut log_sums {
            Some(sums) => sealed::Output::room(*sums, "log_sums", count)?,
            None => std::ptr::null_mut(),
        };
        let sums_at = Shared::at(sums_at);
        let isa = Isa::current();
        pool.run(tasks.count(), |task| {
            let (_, group, head, members) = tasks.get(task);
            for member in members {
                let sequence = tasks.sequence(group, member);
                let run = Work {
                    shape: self,
                    isa,
                    rows: self.rows_of(sequence),
                    head,
                    bias: bias.map(|bias| self.bias_of(bias, group, head)),
                };
                let sums = if sums_at.ptr().is_null() {
                    std::ptr::null_mut()
                } else {
                    // SAFETY: every head of every sequence has its sums.
                    unsafe { sums_at.ptr().add((sequence * self.heads + head) * self.tokens()) }
                };
                // SAFETY: lengths were checked; every head of every sequence has its part of the output.
                unsafe { run.forward(qkv, to.ptr(), sums) };
            }
        });
        // SAFETY: the tasks together are all heads of all places.
        unsafe {
            out.written(len);
            if let Some(sums) = log_sums {
                sealed::Output::written(sums, count);
            }
        }
        Ok(())
    }

    /// The bias of a head of a group, `[T, T]`.
    pub(super) fn bias_of<'a>(&self, bias: &'a [f32], group: usize, head: usize) -> &'a [f32] {
        let each = self.tokens() * self.tokens();
        &bias[(group * self.heads + head) * each..][..each]
    }
}

/// One head of one window.
struct Work<'a> {
    shape: &'a AttentionShape,
    isa: Isa,
    rows: Vec<usize>,
    head: usize,
    bias: Option<&'a [f32]>,
}

/// Keys and values of a head, and working memory for some queries at a time.
struct Operands {
    keys: Packed,
    values: Packed,
    queries: *mut f32,
    scores: *mut f32,
    mixed: *mut f32,
}

impl Work<'_> {
    fn columns(&self, qkv: &[f32], part: usize) -> Columns {
        let channels = self.shape.channels();
        Columns {
            numbers: qkv.as_ptr(),
            pitch: 3 * channels,
            first: part * channels + self.head * self.shape.width,
            width: self.shape.width,
        }
    }

    /// # Safety
    /// The map is whole, and so is the room for the output at `out`; there is room for the sums of the head at `log_sums`, which may
    /// be null.
    unsafe fn forward(&self, qkv: &[f32], out: *mut f32, log_sums: *mut f32) {
        let (isa, tokens, width) = (self.isa, self.rows.len(), self.shape.width);
        let most = QUERIES.min(tokens);
        let [as_columns, as_depth] = [Panels::new(isa, tokens, width), Panels::new(isa, width, tokens)];
        let lines = lines_of(tokens, width)
            + as_columns.lines()
            + as_depth.lines()
            + 2 * lines_of(most, width)
            + lines_of(most, Block::longest(as_columns));
        let mut arena = Arena::new(lines);
        let gathered = arena.take(lines_of(tokens, width));
        // SAFETY: the rows are those of the map, and the arena has room for all parts.
        let operands = unsafe {
            gather(isa, self.columns(qkv, 1), &self.rows, 1.0, gathered);
            let keys = pack_columns(isa, gathered, tokens, width, &mut arena);
            gather(isa, self.columns(qkv, 2), &self.rows, 1.0, gathered);
            let to = arena.take(as_depth.lines());
            Operands {
                keys,
                values: pack_rows(isa, gathered, tokens, width, to),
                queries: arena.take(lines_of(most, width)),
                scores: arena.take(lines_of(most, Block::longest(as_columns))),
                mixed: arena.take(lines_of(most, width)),
            }
        };
        for first in (0..tokens).step_by(QUERIES) {
            let rows = &self.rows[first..tokens.min(first + QUERIES)];
            // SAFETY: as above, and as the caller promises.
            unsafe {
                gather(
                    isa,
                    self.columns(qkv, 0),
                    rows,
                    (width as f32).powf(-0.5),
                    operands.queries,
                );
                let sums = self.mix(&operands, first, rows, out);
                if !log_sums.is_null() {
                    std::ptr::copy_nonoverlapping(sums.as_ptr(), log_sums.add(first), rows.len());
                }
            }
        }
    }

    /// Mixes the values for the gathered queries, from token `first` on, and gives the logarithms of their sums.
    ///
    /// # Safety
    /// As [`forward`](Self::forward).
    unsafe fn mix(&self, operands: &Operands, first: usize, rows: &[usize], out: *mut f32) -> [f32; QUERIES] {
        let (isa, tokens, width) = (self.isa, self.rows.len(), self.shape.width);
        let Operands {
            keys,
            values,
            queries,
            scores,
            mixed,
        } = *operands;
        let left = |numbers: *const f32, row| Rows {
            numbers,
            count: rows.len(),
            row,
            step: 1,
        };
        let (mut largest, mut sums) = ([f32::MIN; QUERIES], [0.0; QUERIES]);
        for (index, block) in Block::all(keys.panels).enumerate() {
            // SAFETY: as the caller promises.
            unsafe {
                score(
                    isa,
                    left(queries, width.next_multiple_of(LANES)),
                    &keys,
                    block,
                    scores,
                );
            };
            let bias = |bias: &[f32]| bias[first * tokens + block.first..].as_ptr();
            let softmax = Softmax {
                scores: Scores {
                    numbers: scores,
                    pitch: block.pitch(),
                    queries: rows.len(),
                    keys: block.keys,
                    bias: self.bias.map_or(std::ptr::null(), bias),
                    bias_row: tokens,
                },
                largest: &mut largest,
                sums: &mut sums,
                mixed: if index == 0 { std::ptr::null_mut() } else { mixed },
                width: width.next_multiple_of(LANES),
            };
            dispatch(isa, softmax);
            let depth = (block.first, block.keys);
            // SAFETY: as the caller promises.
            unsafe { mix(isa, left(scores, block.pitch()), &values, depth, mixed, index > 0) };
        }
        let places = Places {
            numbers: out,
            pitch: self.shape.channels(),
            first: self.head * width,
            width,
        };
        // SAFETY: the rows are those of the output.
        unsafe { scatter(isa, mixed, rows, |query| 1.0 / sums[query], places) };
        std::array::from_fn(|query| largest[query] + sums[query].ln())
    }
}
