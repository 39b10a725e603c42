//! Working memory that threads keep between calls, in cache lines.
//!
//! A training step asks for the same few buffers again and again; fresh pages from the operating system would cost more
//! than the packing they are used for.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use crate::isa::LANES;

/// One cache line: the sixteen channels of a packed pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [f32; LANES]);

impl Line {
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// Buffers kept by one thread; more than this many are given back to the allocator.
const KEPT: usize = 4;

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of lines, returned to its thread when dropped. **Its contents are whatever was there before.**
pub(crate) struct Scratch {
    lines: Vec<Line>,
    used: usize,
}

impl Scratch {
    /// A buffer of `count` lines: the smallest kept one that is large enough, else the largest grown.
    pub fn take(count: usize) -> Self {
        let mut lines = FREE.with_borrow_mut(|free| {
            let fits = (0..free.len())
                .filter(|&i| free[i].len() >= count)
                .min_by_key(|&i| free[i].len());
            let chosen = fits.or_else(|| (0..free.len()).max_by_key(|&i| free[i].len()));
            chosen.map(|i| free.swap_remove(i)).unwrap_or_default()
        });
        if lines.len() < count {
            // A new zeroed vector, not `resize`: the old contents are not worth copying.
            lines = vec![Line::ZERO; count];
        }
        Self { lines, used: count }
    }

    /// A buffer of `count` lines of zeros.
    pub fn zeroed(count: usize) -> Self {
        let mut scratch = Self::take(count);
        scratch.fill(Line::ZERO);
        scratch
    }

    /// The buffer as numbers.
    pub fn as_ptr(&self) -> *const f32 {
        self.lines.as_ptr().cast()
    }
}

impl Deref for Scratch {
    type Target = [Line];
    fn deref(&self) -> &[Line] {
        &self.lines[..self.used]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [Line] {
        &mut self.lines[..self.used]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        FREE.with_borrow_mut(|free| {
            free.push(lines);
            if free.len() > KEPT {
                let smallest = (0..free.len()).min_by_key(|&i| free[i].len());
                if let Some(i) = smallest {
                    free.swap_remove(i);
                }
            }
        });
    }
}

/// A pointer into a buffer that several tasks write, each its own part.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(*mut T);

// SAFETY: the pointer is only used by the tasks of one `Pool::run`, which write disjoint elements, and the borrow that it
// was made from outlives that run.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// Of a buffer that begins here and lives as long as its tasks.
    pub fn at(first: *mut T) -> Self {
        Self(first)
    }

    /// The pointer. A method, so that closures capture the whole (`Sync`) wrapper.
    pub fn ptr(&self) -> *mut T {
        self.0
    }

    /// The elements `start .. start + len`.
    ///
    /// # Safety
    /// They lie inside the slice, and no other task touches them while the result lives.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part<'a>(&self, start: usize, len: usize) -> &'a mut [T] {
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}
