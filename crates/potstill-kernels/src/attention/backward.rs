//! Attention backward.

use super::operands::{
    Arena, Block, Columns, Packed, Places, QUERIES, Rows, gather, lines_of, mix, pack_columns, pack_rows,
    scatter, score,
};
use super::probabilities::{InnerProducts, Scores, SoftmaxBackward};
use super::shape::{AttentionShape, Tasks};
use crate::error::expect_length;
use crate::isa::{Isa, LANES, dispatch};
use crate::product::Panels;
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// What the backward pass reads: input and results of the forward pass, and the gradient of its output.
#[derive(Debug, Clone, Copy)]
pub struct AttentionBackward<'a> {
    /// `[N, H, W, 3 C]`.
    pub qkv: &'a [f32],
    /// As in the forward pass.
    pub bias: Option<&'a [f32]>,
    /// `[N, H, W, C]`.
    pub out: &'a [f32],
    /// For each window, head and query.
    pub log_sums: &'a [f32],
    /// `[N, H, W, C]`.
    pub gradient: &'a [f32],
}

impl AttentionShape {
    /// The gradient of queries, keys and values into `dqkv`, and that of the bias if `wants_bias` and there is one; else nothing.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward(
        &self,
        given: &AttentionBackward<'_>,
        dqkv: &mut (impl Output + ?Sized),
        wants_bias: bool,
        pool: &Pool,
    ) -> Result<Vec<f32>, KernelError> {
        self.validate()?;
        let len = self.rows() * self.channels();
        for (argument, expected, numbers) in [
            ("qkv", 3 * len, given.qkv),
            ("out", len, given.out),
            ("gradient", len, given.gradient),
            (
                "log_sums",
                self.sequences() * self.heads * self.tokens(),
                given.log_sums,
            ),
        ] {
            expect_length(argument, expected, numbers.len())?;
        }
        let bias_len = given.bias.filter(|_| wants_bias).map_or(0, <[f32]>::len);
        let tasks = Tasks::new(self, self.groups(given.bias)?, bias_len > 0);
        let to = Shared::at(dqkv.room("dqkv", 3 * len)?);
        let mut of_bias = vec![0.0_f32; tasks.parts * bias_len];
        let shared = Shared::new(&mut of_bias);
        let isa = Isa::current();
        pool.run(tasks.count(), |task| {
            let (part, group, head, members) = tasks.get(task);
            let each = self.tokens() * self.tokens();
            for member in members {
                let sequence = tasks.sequence(group, member);
                let run = Work {
                    shape: self,
                    given,
                    isa,
                    rows: self.rows_of(sequence),
                    head,
                    log_sums: &given.log_sums[(sequence * self.heads + head) * self.tokens()..],
                    bias: given.bias.map(|bias| self.bias_of(bias, group, head)),
                    of_bias: if bias_len == 0 {
                        std::ptr::null_mut()
                    } else {
                        // SAFETY: each part has the size of the bias, and each head of a group its place there.
                        unsafe {
                            shared
                                .ptr()
                                .add(part * bias_len + (group * self.heads + head) * each)
                        }
                    },
                };
                // SAFETY: lengths were checked; every head of every window has its part of the gradient.
                unsafe { run.backward(to.ptr()) };
            }
        });
        // SAFETY: the tasks together are all heads of all places.
        unsafe { dqkv.written(3 * len) };
        let (first, rest) = of_bias.split_at(bias_len);
        let mut total = first.to_vec();
        for part in rest.chunks_exact(bias_len.max(1)) {
            total.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        Ok(total)
    }
}

/// One head of one window.
struct Work<'a> {
    shape: &'a AttentionShape,
    given: &'a AttentionBackward<'a>,
    isa: Isa,
    rows: Vec<usize>,
    head: usize,
    log_sums: &'a [f32],
    bias: Option<&'a [f32]>,
    /// Takes the gradient of the bias, `[T, T]`. Null for none.
    of_bias: *mut f32,
}

/// The operands of a head, rows of whole lines and their packed forms, and its gradients.
struct Operands {
    queries: *mut f32,
    gradients: *mut f32,
    keys: Packed,
    values: Packed,
    /// The keys as they are mixed into the gradient of the queries.
    mixed_keys: Packed,
    /// Gradients of queries, keys and values.
    found: [*mut f32; 3],
    levels: Vec<f32>,
}

impl Work<'_> {
    fn columns(&self, numbers: &[f32], parts: usize, part: usize) -> Columns {
        Columns {
            numbers: numbers.as_ptr(),
            pitch: parts * self.shape.channels(),
            first: part * self.shape.channels() + self.head * self.shape.width,
            width: self.shape.width,
        }
    }

    fn factor(&self) -> f32 {
        (self.shape.width as f32).powf(-0.5)
    }

    /// # Safety
    /// The maps are whole, and so is the room for their gradient at `to`.
    unsafe fn backward(&self, to: *mut f32) {
        let (isa, tokens, width) = (self.isa, self.rows.len(), self.shape.width);
        let [as_columns, as_depth] = [Panels::new(isa, tokens, width), Panels::new(isa, width, tokens)];
        let most = QUERIES.min(tokens);
        let longest = Block::longest(as_columns);
        let of_some = Panels::new(isa, width, most).lines();
        let lines = 6 * lines_of(tokens, width)
            + 2 * as_columns.lines()
            + as_depth.lines()
            + 2 * of_some
            + 2 * lines_of(most, longest);
        let mut arena = Arena::new(lines);
        // SAFETY: the arena has room for all of this.
        let operands = unsafe { self.operands(&mut arena) };
        let [scores, slopes] = [0, 1].map(|_| arena.take(lines_of(most, longest)));
        let packed = [0, 1].map(|_| arena.take(of_some));
        for (at, block) in Block::all(operands.keys.panels).enumerate() {
            for first in (0..tokens).step_by(QUERIES) {
                let pair = Pair {
                    block,
                    block_index: at,
                    first,
                    queries: QUERIES.min(tokens - first),
                    scores,
                    slopes,
                    packed,
                };
                // SAFETY: as above.
                unsafe { self.meet(&operands, &pair) };
            }
        }
        for (part, from) in operands.found.into_iter().enumerate() {
            let factor = if part == 0 { self.factor() } else { 1.0 };
            let Columns {
                pitch, first, width, ..
            } = self.columns(self.given.qkv, 3, part);
            let places = Places {
                numbers: to,
                pitch,
                first,
                width,
            };
            // SAFETY: the rows are those of the map.
            unsafe { scatter(isa, from, &self.rows, |_| factor, places) };
        }
    }

    /// # Safety
    /// The maps are whole, and the arena has room.
    unsafe fn operands(&self, arena: &mut Arena) -> Operands {
        let (isa, tokens, width) = (self.isa, self.rows.len(), self.shape.width);
        let [queries, gradients, work, of_queries, of_keys, of_values] =
            [0; 6].map(|_| arena.take(lines_of(tokens, width)));
        let pitch = width.next_multiple_of(LANES);
        let mut levels = vec![0.0; tokens];
        // SAFETY: the rows are those of the maps, and the arena has room for them.
        unsafe {
            gather(
                isa,
                self.columns(self.given.qkv, 3, 0),
                &self.rows,
                self.factor(),
                queries,
            );
            gather(
                isa,
                self.columns(self.given.gradient, 1, 0),
                &self.rows,
                1.0,
                gradients,
            );
            // The mean slope of a query's probabilities is the inner product of its output with that of the gradient.
            gather(isa, self.columns(self.given.out, 1, 0), &self.rows, 1.0, work);
            dispatch(
                isa,
                InnerProducts {
                    rows: [gradients, work],
                    width: pitch,
                    products: &mut levels,
                },
            );
            gather(isa, self.columns(self.given.qkv, 3, 2), &self.rows, 1.0, work);
            let values = pack_columns(isa, work, tokens, width, arena);
            gather(isa, self.columns(self.given.qkv, 3, 1), &self.rows, 1.0, work);
            let keys = pack_columns(isa, work, tokens, width, arena);
            let to = arena.take(Panels::new(isa, width, tokens).lines());
            Operands {
                queries,
                gradients,
                keys,
                values,
                mixed_keys: pack_rows(isa, work, tokens, width, to),
                found: [of_queries, of_keys, of_values],
                levels,
            }
        }
    }

    /// Some queries meet a block of keys: everything that the pair adds to the gradients.
    ///
    /// # Safety
    /// As [`backward`](Self::backward).
    unsafe fn meet(&self, operands: &Operands, pair: &Pair) {
        let (isa, tokens, width) = (self.isa, self.rows.len(), self.shape.width);
        let (pitch, block, first) = (width.next_multiple_of(LANES), pair.block, pair.first);
        let rows = |numbers: *const f32, row| Rows {
            numbers,
            count: pair.queries,
            row,
            step: 1,
        };
        // The same numbers, keys by queries.
        let turned = |numbers: *const f32| Rows {
            numbers,
            count: block.keys,
            row: 1,
            step: block.pitch(),
        };
        let at = first * tokens + block.first;
        // SAFETY: all operands have these queries and these keys; the rest as the caller promises.
        unsafe {
            let [queries, gradients] =
                [operands.queries, operands.gradients].map(|all| all.cast_const().add(first * pitch));
            score(isa, rows(queries, pitch), &operands.keys, block, pair.scores);
            score(isa, rows(gradients, pitch), &operands.values, block, pair.slopes);
            dispatch(
                isa,
                SoftmaxBackward {
                    scores: Scores {
                        numbers: pair.scores,
                        pitch: block.pitch(),
                        queries: pair.queries,
                        keys: block.keys,
                        bias: self.bias.map_or(std::ptr::null(), |bias| bias[at..].as_ptr()),
                        bias_row: tokens,
                    },
                    slopes: pair.slopes,
                    log_sums: &self.log_sums[first..],
                    levels: &operands.levels[first..],
                    of_bias: if self.of_bias.is_null() {
                        self.of_bias
                    } else {
                        self.of_bias.add(at)
                    },
                },
            );
            let [of_queries, of_keys, of_values] = operands.found;
            let depth = (block.first, block.keys);
            let slopes = rows(pair.slopes, block.pitch());
            let to = of_queries.add(first * pitch);
            mix(isa, slopes, &operands.mixed_keys, depth, to, pair.block_index > 0);
            let some = (0, pair.queries);
            let right = pack_rows(isa, gradients, pair.queries, width, pair.packed[0]);
            let to = of_values.add(block.first * pitch);
            mix(isa, turned(pair.scores), &right, some, to, first > 0);
            let right = pack_rows(isa, queries, pair.queries, width, pair.packed[1]);
            let to = of_keys.add(block.first * pitch);
            mix(isa, turned(pair.slopes), &right, some, to, first > 0);
        }
    }
}

/// Some queries and some keys, and working memory for what is between them.
struct Pair {
    block: Block,
    block_index: usize,
    first: usize,
    queries: usize,
    scores: *mut f32,
    slopes: *mut f32,
    /// For queries and for gradients of outputs.
    packed: [*mut f32; 2],
}
