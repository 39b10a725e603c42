//! The inner loop of the weight gradient: some input channels times one or two vectors of output channels, held in
//! registers while all pixels of an item pass by.

use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch};
use crate::scratch::Line;

/// The pixels of an item, as one tap sees them. Distances in elements.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Packed input under the tap: first pixel, first of the input channels.
    pub x: *const f32,
    /// Packed output gradient: first pixel, first vector.
    pub dy: *const f32,
    pub images: usize,
    pub rows: usize,
    pub columns: usize,
    pub x_row: usize,
    pub x_image: usize,
    pub dy_row: usize,
    pub dy_image: usize,
    /// From vector to vector of the output gradient.
    pub dy_block: usize,
}

/// Where the sums of some input channels and neighbouring taps go. Distances in elements.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    /// `vectors` lines for the first channel and tap.
    pub to: *mut f32,
    pub tap: usize,
    pub vectors: usize,
    /// Input channels, at most sixteen.
    pub channels: usize,
    /// Neighbouring taps; more than one only where [`Isa::columns`] has it.
    pub columns: usize,
}

/// Adds the products of some input channels under neighbouring taps with one or two vectors of output channels.
///
/// # Safety
/// The memory of the window and of the sums is what their fields say.
pub(crate) unsafe fn add_products(isa: Isa, mut window: Window, mut sums: Sums) {
    let most = (isa.gradient_accumulators() / (sums.vectors * sums.columns)).max(1);
    let tiles = sums.channels.div_ceil(most);
    let (size, larger) = (sums.channels / tiles, sums.channels % tiles);
    for tile in 0..tiles {
        sums.channels = size + usize::from(tile < larger);
        // SAFETY: the tiles together cover the channels.
        unsafe {
            add_tile(isa, window, sums);
            window.x = window.x.add(sums.channels);
            sums.to = sums.to.add(sums.channels * sums.vectors * LANES);
        }
    }
}

/// # Safety
/// As [`add_products`].
unsafe fn add_tile(isa: Isa, window: Window, sums: Sums) {
    macro_rules! pick {
        ($($vectors:literal $columns:literal: $($channels:literal)*;)*) => {
            match (sums.vectors, sums.columns, sums.channels) {
                $($(($vectors, $columns, $channels) => {
                    dispatch(isa, Products::<$channels, $vectors, $columns> { window, sums });
                })*)*
                _ => unreachable!("channels are cut to the sizes above"),
            }
        };
    }
    pick!(
        1 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16;
        2 1: 1 2 3 4 5 6 7 8 9 10 11 12;
        1 2: 1 2 3 4 5 6 7 8 9 10 11 12;
        2 2: 1 2 3 4 5 6;
        1 3: 1 2 3 4 5 6 7 8;
        2 3: 1 2 3 4;
    );
}

struct Products<const C: usize, const V: usize, const R: usize> {
    window: Window,
    sums: Sums,
}

impl<const C: usize, const V: usize, const R: usize> Kernel for Products<C, V, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        // Sizes that this instruction set never asks for compile to nothing.
        if C * V * R > L::GRADIENT_ACCUMULATORS && C > 1 || R > L::COLUMNS {
            return;
        }
        let Self { window, sums: to } = self;
        let mut sums = [[[L::zero(); V]; C]; R];
        for image in 0..window.images {
            for row in 0..window.rows {
                // SAFETY: `add_products`'s caller promises these rows.
                unsafe {
                    let x = window.x.add(image * window.x_image + row * window.x_row);
                    let dy = window.dy.add(image * window.dy_image + row * window.dy_row);
                    add_row(&mut sums, x, dy, window.dy_block, window.columns);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (c, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    // SAFETY: there are `V` lines for each of the `C` channels of each of the `R` taps.
                    unsafe {
                        let to = to.to.add(r * to.tap + (c * V + v) * LANES);
                        L::load(to).add(sum).store(to);
                    }
                }
            }
        }
    }
}

/// # Safety
/// `columns + R - 1` lines from `x`, `columns` from each of the `V` vectors of `dy`.
#[inline(always)]
unsafe fn add_row<L: Lanes, const C: usize, const V: usize, const R: usize>(
    sums: &mut [[[L; V]; C]; R],
    x: *const f32,
    dy: *const f32,
    dy_block: usize,
    columns: usize,
) {
    for column in 0..columns {
        let mut g = [L::zero(); V];
        // SAFETY: as the caller promises.
        unsafe {
            for (v, g) in g.iter_mut().enumerate() {
                *g = L::load(dy.add(v * dy_block + column * LANES));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                for (c, sums) in sums.iter_mut().enumerate() {
                    let x = L::splat(*x.add((column + r) * LANES + c));
                    for (sum, g) in sums.iter_mut().zip(g) {
                        *sum = sum.fma(x, g);
                    }
                }
            }
        }
    }
}

/// Adds to one line the lane-by-lane products: the gradient of one tap of a depthwise convolution.
///
/// # Safety
/// The window's memory is what its fields say, for one vector.
pub(crate) unsafe fn add_lane_products(isa: Isa, window: Window, to: &mut Line) {
    dispatch(isa, LaneProducts { window, to });
}

struct LaneProducts<'a> {
    window: Window,
    to: &'a mut Line,
}

impl Kernel for LaneProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        /// Independent sums, to keep the multipliers busy.
        const CHAINS: usize = 4;
        let Self { window, to } = self;
        let mut sums = [L::zero(); CHAINS];
        for image in 0..window.images {
            for row in 0..window.rows {
                // SAFETY: `add_lane_products`'s caller promises these rows.
                unsafe {
                    let x = window.x.add(image * window.x_image + row * window.x_row);
                    let dy = window.dy.add(image * window.dy_image + row * window.dy_row);
                    let product = |sum: L, column: usize| {
                        sum.fma(L::load(x.add(column * LANES)), L::load(dy.add(column * LANES)))
                    };
                    let whole = window.columns / CHAINS * CHAINS;
                    for column in (0..whole).step_by(CHAINS) {
                        for (i, sum) in sums.iter_mut().enumerate() {
                            *sum = product(*sum, column + i);
                        }
                    }
                    for column in whole..window.columns {
                        sums[0] = product(sums[0], column);
                    }
                }
            }
        }
        let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
        let to = to.0.as_mut_ptr();
        // SAFETY: a line has sixteen elements.
        unsafe { L::load(to).add(sum).store(to) }
    }
}
