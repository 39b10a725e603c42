//! The one-dimensional transforms of F(4, 3) and what they do to tiles, lane by lane.
//!
//! Interpolation points 0, 1, -1, 2, -2 and infinity (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural
//! Networks", section 4.2): `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`.

use crate::isa::Lanes;

/// Rows and columns of a transformed tile.
pub(super) const SIDE: usize = 6;
/// Positions of a transformed tile.
pub(super) const POSITIONS: usize = SIDE * SIDE;
/// Rows and columns of outputs that a tile gives.
pub(super) const OUT: usize = 4;

/// `Bᵀ d`.
#[inline(always)]
fn input<L: Lanes>(d: [L; SIDE]) -> [L; SIDE] {
    let (two, four, five) = (L::splat(2.0), L::splat(4.0), L::splat(5.0));
    let even = d[4].sub(four.mul(d[2]));
    let odd = d[3].sub(four.mul(d[1]));
    let (near_even, near_odd) = (d[4].sub(d[2]), two.mul(d[3].sub(d[1])));
    [
        d[4].fma(four, d[0]).sub(five.mul(d[2])),
        even.add(odd),
        even.sub(odd),
        near_even.add(near_odd),
        near_even.sub(near_odd),
        d[5].fma(four, d[1]).sub(five.mul(d[3])),
    ]
}

/// `G g`.
#[inline(always)]
fn weight<L: Lanes>(g: [L; 3]) -> [L; SIDE] {
    let outer = g[0].add(g[2]).mul(L::splat(-1.0 / 6.0));
    let middle = g[1].mul(L::splat(1.0 / 6.0));
    let far = g[0].mul(L::splat(1.0 / 24.0)).fma(g[2], L::splat(1.0 / 6.0));
    let far_middle = g[1].mul(L::splat(1.0 / 12.0));
    [
        g[0].mul(L::splat(0.25)),
        outer.sub(middle),
        outer.add(middle),
        far.add(far_middle),
        far.sub(far_middle),
        g[2],
    ]
}

/// `Aᵀ m`.
#[inline(always)]
fn output<L: Lanes>(m: [L; SIDE]) -> [L; OUT] {
    let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
    let (far_sum, far_difference) = (m[3].add(m[4]), m[3].sub(m[4]));
    [
        m[0].add(sum).add(far_sum),
        difference.fma(far_difference, L::splat(2.0)),
        sum.fma(far_sum, L::splat(4.0)),
        difference.fma(far_difference, L::splat(8.0)).add(m[5]),
    ]
}

/// Applies a transform to the rows, then to the columns of a tile. A macro with plain loops: closures would not be compiled
/// with the instruction set's features.
macro_rules! both_ways {
    ($tile:expr, $transform:ident, $from:expr => $to:expr) => {{
        let tile = $tile;
        let mut half = [[L::zero(); $to]; $from];
        for row in 0..$from {
            half[row] = $transform(tile[row]);
        }
        let mut out = [[L::zero(); $to]; $to];
        for column in 0..$to {
            let mut values = [L::zero(); $from];
            for row in 0..$from {
                values[row] = half[row][column];
            }
            let values = $transform(values);
            for row in 0..$to {
                out[row][column] = values[row];
            }
        }
        out
    }};
}

/// `Bᵀ d B`.
#[inline(always)]
pub(super) fn input_tile<L: Lanes>(d: [[L; SIDE]; SIDE]) -> [[L; SIDE]; SIDE] {
    both_ways!(d, input, SIDE => SIDE)
}

/// `G g Gᵀ`.
#[inline(always)]
pub(super) fn weight_tile<L: Lanes>(g: [[L; 3]; 3]) -> [[L; SIDE]; SIDE] {
    both_ways!(g, weight, 3 => SIDE)
}

/// `Aᵀ m A`.
#[inline(always)]
pub(super) fn output_tile<L: Lanes>(m: [[L; SIDE]; SIDE]) -> [[L; OUT]; OUT] {
    both_ways!(m, output, SIDE => OUT)
}
