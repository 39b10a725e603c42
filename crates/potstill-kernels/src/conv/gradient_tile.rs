//! The inner loop of the weight gradient: some input channels times one or two vectors of output channels, held in
//! registers while all pixels of an item pass by.

use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch};

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
    /// The panel to add to: `vectors` lines for every input channel.
    pub to: *mut f32,
}

/// Adds the products of `channels` input channels (at most sixteen) with `vectors` vectors of output channels.
///
/// # Safety
/// The window's memory is what its fields say.
pub(crate) unsafe fn add_products(isa: Isa, vectors: usize, channels: usize, mut window: Window) {
    let most = (isa.accumulators() / vectors).max(1);
    let tiles = channels.div_ceil(most);
    let (size, larger) = (channels / tiles, channels % tiles);
    for tile in 0..tiles {
        let size = size + usize::from(tile < larger);
        // SAFETY: the tiles together cover the channels.
        unsafe {
            add_tile(isa, vectors, size, window);
            window.x = window.x.add(size);
            window.to = window.to.add(size * vectors * LANES);
        }
    }
}

/// # Safety
/// As [`add_products`].
unsafe fn add_tile(isa: Isa, vectors: usize, channels: usize, window: Window) {
    macro_rules! pick {
        ($($vectors:literal: $($channels:literal)*;)*) => {
            match (vectors, channels) {
                $($(($vectors, $channels) => dispatch(isa, Products::<$channels, $vectors>(window)),)*)*
                _ => unreachable!("channels are cut to the sizes above"),
            }
        };
    }
    pick!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; 2: 1 2 3 4 5 6 7 8;);
}

struct Products<const C: usize, const V: usize>(Window);

impl<const C: usize, const V: usize> Kernel for Products<C, V> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        // Sizes that this instruction set never asks for compile to nothing.
        if C * V > L::ACCUMULATORS && C > 1 {
            return;
        }
        let window = self.0;
        let mut sums = [[L::zero(); V]; C];
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
        for (c, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                // SAFETY: the panel has `V` lines for each of the `C` channels.
                unsafe {
                    let to = window.to.add((c * V + v) * LANES);
                    L::load(to).add(sum).store(to);
                }
            }
        }
    }
}

/// # Safety
/// `columns` lines from `x`, and from each of the `V` vectors of `dy`.
#[inline(always)]
unsafe fn add_row<L: Lanes, const C: usize, const V: usize>(
    sums: &mut [[L; V]; C],
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
            for (c, sums) in sums.iter_mut().enumerate() {
                let x = L::splat(*x.add(column * LANES + c));
                for (sum, g) in sums.iter_mut().zip(g) {
                    *sum = sum.fma(x, g);
                }
            }
        }
    }
}

/// Adds to one line the lane-by-lane products: the gradient of one tap of a depthwise convolution.
///
/// # Safety
/// The window's memory is what its fields say, for one vector.
pub(crate) unsafe fn add_lane_products(isa: Isa, window: Window) {
    dispatch(isa, LaneProducts(window));
}

struct LaneProducts(Window);

impl Kernel for LaneProducts {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        /// Independent sums, to keep the multipliers busy.
        const CHAINS: usize = 4;
        let window = self.0;
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
        // SAFETY: the caller promises one line.
        unsafe { L::load(window.to).add(sum).store(window.to) }
    }
}
