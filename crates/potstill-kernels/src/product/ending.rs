//! What happens to the finished sums of a product, while they are in the nearest caches.

use crate::Activation;
use crate::activation::{Activate, with_activation};
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};

/// `residual + activation(sum + bias)`. Null where there is none.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    /// Per column.
    pub bias: *const f32,
    /// Takes what the activation is applied to; laid out like the target.
    pub before: *mut f32,
    pub activation: Activation,
    /// Laid out like the target.
    pub residual: *const f32,
}

// SAFETY: bias and residual are read only; tasks write disjoint parts of `before`.
unsafe impl Sync for Ending {}

impl Ending {
    pub const NONE: Self = Self {
        bias: std::ptr::null(),
        before: std::ptr::null_mut(),
        activation: Activation::None,
        residual: std::ptr::null(),
    };

    /// Whether it leaves the sums as they are.
    pub fn is_none(&self) -> bool {
        self.bias.is_null()
            && self.before.is_null()
            && self.residual.is_null()
            && self.activation == Activation::None
    }
}

/// A part of the target: `columns` columns of `rows` rows from `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub to: *mut f32,
    /// First element of the part.
    pub first: usize,
    /// First column of the part.
    pub first_column: usize,
    pub rows: usize,
    pub columns: usize,
    /// Elements from row to row.
    pub row: usize,
}

/// Ends the sums of a part.
///
/// # Safety
/// The part lies in the target, which the ending's memory is laid out like; every sum of it is written.
pub(crate) unsafe fn end(isa: Isa, ending: &Ending, part: Part) {
    with_activation!(ending.activation, activation => {
        dispatch(isa, Sweep { ending, activation, part });
    });
}

struct Sweep<'a, A> {
    ending: &'a Ending,
    activation: A,
    part: Part,
}

impl<A: Activate> Kernel for Sweep<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            ending,
            activation,
            part,
        } = self;
        for row in 0..part.rows {
            for column in (0..part.columns).step_by(LANES) {
                let lanes = LANES.min(part.columns - column);
                let at = part.first + row * part.row + column;
                // SAFETY: `end`'s caller promises these elements.
                unsafe {
                    let mut value = load::<L>(part.to.add(at), lanes);
                    if !ending.bias.is_null() {
                        value = value.add(load(ending.bias.add(part.first_column + column), lanes));
                    }
                    if !ending.before.is_null() {
                        store(value, ending.before.add(at), lanes);
                    }
                    value = activation.apply(value);
                    if !ending.residual.is_null() {
                        value = value.add(load(ending.residual.add(at), lanes));
                    }
                    store(value, part.to.add(at), lanes);
                }
            }
        }
    }
}
