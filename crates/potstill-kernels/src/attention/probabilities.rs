//! From scores to probabilities, and from their gradients to those of the scores.

use crate::activation::exp;
use crate::isa::{Kernel, LANES, Lanes, load, store};

/// Stands behind the last key: its probability is nothing.
const NOTHING: f32 = -1e30;

/// Some queries against a block of keys.
#[derive(Clone, Copy)]
pub(super) struct Scores {
    /// Rows of `pitch` numbers, of which `keys` count.
    pub numbers: *mut f32,
    pub pitch: usize,
    pub queries: usize,
    pub keys: usize,
    /// Added to the scores: the first query's at the first key; null for none.
    pub bias: *const f32,
    /// Elements from query to query of the bias.
    pub bias_row: usize,
}

impl Scores {
    /// Sixteen scores of a query with their bias.
    ///
    /// # Safety
    /// The query and the block are there.
    #[inline(always)]
    unsafe fn biased<L: Lanes>(&self, query: usize, block: usize, lanes: usize) -> L {
        // SAFETY: as the caller promises.
        unsafe {
            let score = L::load(self.numbers.add(query * self.pitch + block));
            if self.bias.is_null() {
                score
            } else {
                score.add(load(self.bias.add(query * self.bias_row + block), lanes))
            }
        }
    }

    #[inline(always)]
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let keys = self.keys;
        (0..keys)
            .step_by(LANES)
            .map(move |block| (block, LANES.min(keys - block)))
    }
}

/// Turns scores into exponentials less each query's largest so far, and takes that and the sums along.
pub(super) struct Softmax<'a> {
    pub scores: Scores,
    /// Of each query so far: the largest score, and the sum of the exponentials.
    pub largest: &'a mut [f32],
    pub sums: &'a mut [f32],
    /// What was mixed so far, rows of `width` numbers; made smaller where a larger score is met. Null with the first keys.
    pub mixed: *mut f32,
    pub width: usize,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let scores = self.scores;
        let behind: [f32; LANES] =
            std::array::from_fn(|lane| if scores.keys % LANES > lane { 0.0 } else { NOTHING });
        // SAFETY: there are sixteen.
        let behind = unsafe { L::load(behind.as_ptr()) };
        for query in 0..scores.queries {
            let mut largest = L::splat(self.largest[query]);
            for (block, lanes) in scores.blocks() {
                // SAFETY: the query has these scores.
                unsafe {
                    let mut score = scores.biased::<L>(query, block, lanes);
                    if lanes < LANES {
                        score = score.add(behind);
                    }
                    score.store(scores.numbers.add(query * scores.pitch + block));
                    largest = largest.at_least(score);
                }
            }
            let largest = largest.largest();
            let mut sum = L::zero();
            for (block, _) in scores.blocks() {
                // SAFETY: as above.
                unsafe {
                    let to = scores.numbers.add(query * scores.pitch + block);
                    let power = exp(L::load(to).sub(L::splat(largest)));
                    power.store(to);
                    sum = sum.add(power);
                }
            }
            let shrunk = (self.largest[query] - largest).exp();
            self.largest[query] = largest;
            self.sums[query] = self.sums[query] * shrunk + sum.total();
            if !self.mixed.is_null() && shrunk < 1.0 {
                let shrunk = L::splat(shrunk);
                for block in (0..self.width).step_by(LANES) {
                    // SAFETY: the query's row is there, of whole lines.
                    unsafe {
                        let to = self.mixed.add(query * self.width + block);
                        L::load(to).mul(shrunk).store(to);
                    }
                }
            }
        }
    }
}

/// Turns scores into probabilities again, and gradients of probabilities into those of scores.
pub(super) struct SoftmaxBackward<'a> {
    pub scores: Scores,
    /// Gradients of the probabilities, laid out like the scores.
    pub slopes: *mut f32,
    /// Of each query: the logarithm of the sum of all exponentials, and the mean slope by the probabilities.
    pub log_sums: &'a [f32],
    pub levels: &'a [f32],
    /// Takes the gradient of the bias, laid out like the bias. Null for none.
    pub of_bias: *mut f32,
}

impl Kernel for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let scores = self.scores;
        for query in 0..scores.queries {
            let log_sum = L::splat(self.log_sums[query]);
            let level = L::splat(self.levels[query]);
            for (block, lanes) in scores.blocks() {
                let at = query * scores.pitch + block;
                // SAFETY: the query has these scores and slopes, and its row of the bias these keys.
                unsafe {
                    let score = scores.biased::<L>(query, block, lanes);
                    let probability = exp(score.sub(log_sum));
                    probability.store(scores.numbers.add(at));
                    let slope = L::load(self.slopes.add(at)).sub(level).mul(probability);
                    slope.store(self.slopes.add(at));
                    if !self.of_bias.is_null() {
                        let to = self.of_bias.add(query * scores.bias_row + block);
                        store(load::<L>(to, lanes).add(slope), to, lanes);
                    }
                }
            }
        }
    }
}

/// The inner products of rows of whole lines with those of another operand.
pub(super) struct InnerProducts<'a> {
    pub rows: [*const f32; 2],
    pub width: usize,
    pub products: &'a mut [f32],
}

impl Kernel for InnerProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (row, product) in self.products.iter_mut().enumerate() {
            let mut sum = L::zero();
            for block in (0..self.width).step_by(LANES) {
                // SAFETY: both operands have as many rows as there are products.
                let [a, b] = self
                    .rows
                    .map(|rows| unsafe { L::load(rows.add(row * self.width + block)) });
                sum = sum.fma(a, b);
            }
            *product = sum.total();
        }
    }
}
