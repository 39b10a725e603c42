//! A global allocator that keeps large blocks for the next step.
//!
//! A training step allocates and frees the same hundreds of maps again and again. The system's allocator hands blocks of
//! this size back to the operating system, and each new one costs a page fault and a cleared page per 4 KB: a fifth of a
//! step of a small network. This allocator keeps freed blocks in lists by size class instead. Small blocks go to the
//! system's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size from which on blocks are kept.
const SMALLEST: usize = 32 * 1024;
/// Alignment of kept blocks: a cache line.
const ALIGNMENT: usize = 64;
/// Size classes per doubling: a block wastes less than a fifth.
const STEPS: usize = 4;
const CLASSES: usize = (usize::BITS as usize - SMALLEST.trailing_zeros() as usize) * STEPS;

/// Keeps large freed blocks for reuse; at most as many bytes as were in use at once.
///
/// A binary opts in with `#[global_allocator] static ALLOCATOR: Recycler = Recycler::new();`.
#[derive(Debug)]
pub struct Recycler {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// First free block of every class; each begins with the address of the next.
    first: [*mut u8; CLASSES],
    /// Bytes in the lists.
    free: usize,
    /// Bytes of large blocks that the program holds, and the most it ever held.
    live: usize,
    peak: usize,
}

// SAFETY: the lists own their blocks; nobody else holds an address in them.
unsafe impl Send for Kept {}

#[allow(
    clippy::cast_ptr_alignment,
    reason = "kept blocks are aligned to a cache line"
)]
impl Recycler {
    /// An allocator that keeps nothing yet.
    #[allow(clippy::new_without_default, reason = "a static needs a constant")]
    pub const fn new() -> Self {
        Self {
            kept: Mutex::new(Kept {
                first: [ptr::null_mut(); CLASSES],
                free: 0,
                live: 0,
                peak: 0,
            }),
        }
    }

    /// The most bytes of large blocks that were in use at once since the start or the last [`Recycler::forget_peak`].
    pub fn peak(&self) -> usize {
        self.lock().peak
    }

    /// Starts a new measurement of the peak: from what is in use now.
    pub fn forget_peak(&self) {
        let mut kept = self.lock();
        kept.peak = kept.live;
    }

    /// A poisoned lock is impossible (nothing inside panics) and would be harmless.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block of the class: a kept one, or none.
    fn take(&self, class: Class) -> *mut u8 {
        let mut kept = self.lock();
        kept.live += class.bytes;
        kept.peak = kept.peak.max(kept.live);
        let block = kept.first[class.index];
        if !block.is_null() {
            // SAFETY: a block in a list begins with the address of the next one.
            kept.first[class.index] = unsafe { block.cast::<*mut u8>().read() };
            kept.free -= class.bytes;
        }
        block
    }

    /// Keeps a freed block; `false` when enough are kept already.
    fn keep(&self, block: *mut u8, class: Class) -> bool {
        let mut kept = self.lock();
        kept.live -= class.bytes;
        let keeps = kept.free + class.bytes <= kept.peak;
        if keeps {
            // SAFETY: the block is large, aligned, and nobody's from now on.
            unsafe { block.cast::<*mut u8>().write(kept.first[class.index]) };
            kept.first[class.index] = block;
            kept.free += class.bytes;
        }
        keeps
    }

    /// After the system refused a block.
    fn refused(&self, class: Class) {
        self.lock().live -= class.bytes;
    }
}

/// A size class.
#[derive(Debug, Clone, Copy)]
struct Class {
    index: usize,
    /// Bytes of a block.
    bytes: usize,
}

impl Class {
    /// The class of a layout; none if it is small, unusually aligned, or too large for a class.
    fn of(layout: Layout) -> Option<Self> {
        let size = layout.size();
        if size < SMALLEST || layout.align() > ALIGNMENT || size > isize::MAX as usize / 2 {
            return None;
        }
        // Classes are (STEPS + 1 .. 2 * STEPS) / STEPS times a power of two.
        let doubling = (size - 1).ilog2() as usize;
        let step = 1 << (doubling - STEPS.trailing_zeros() as usize);
        let bytes = size.next_multiple_of(step);
        let index = (doubling + 1 - SMALLEST.trailing_zeros() as usize) * STEPS + (bytes >> (doubling - 2))
            - STEPS
            - 1;
        Some(Self { index, bytes })
    }

    fn layout(self) -> Layout {
        // SAFETY: the alignment is a power of two, and `bytes` is below the largest layout.
        unsafe { Layout::from_size_align_unchecked(self.bytes, ALIGNMENT) }
    }
}

// SAFETY: blocks of a class have the class's size and alignment, which cover the layouts that fall into it; a layout always
// falls into the same class, so that a block comes back to where it was taken from.
unsafe impl GlobalAlloc for Recycler {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc(layout) };
        };
        let mut block = self.take(class);
        if block.is_null() {
            // SAFETY: a class has a size.
            block = unsafe { System.alloc(class.layout()) };
            if block.is_null() {
                self.refused(class);
            }
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc_zeroed(layout) };
        };
        let mut block = self.take(class);
        if block.is_null() {
            // SAFETY: a class has a size.
            block = unsafe { System.alloc_zeroed(class.layout()) };
            if block.is_null() {
                self.refused(class);
            }
        } else {
            // SAFETY: the block is at least as large as the layout.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match Class::of(layout) {
            // SAFETY: as the caller promises.
            None => unsafe { System.dealloc(block, layout) },
            Some(class) => {
                if !self.keep(block, class) {
                    // SAFETY: the block came from the system with this layout.
                    unsafe { System.dealloc(block, class.layout()) };
                }
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that makes a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Class::of(layout), Class::of(wanted)) {
            // SAFETY: as the caller promises.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (Some(has), Some(wants)) if has.index == wants.index => block,
            _ => {
                // SAFETY: the new block is distinct and both hold the copied bytes.
                unsafe {
                    let new = self.alloc(wanted);
                    if !new.is_null() {
                        ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    new
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 16).unwrap()
    }

    #[test]
    fn classes_cover_their_sizes_and_do_not_mix() {
        let mut last: Option<Class> = None;
        let sizes = (15..40).flat_map(|power| {
            let base = 1_usize << power;
            [0, 1, 2]
                .into_iter()
                .chain([base / 5, base / 4, base / 4 + 1, base / 2, base - 1])
                .map(move |more| base + more)
        });
        let mut sizes: Vec<usize> = sizes.collect();
        sizes.sort_unstable();
        for size in sizes {
            let class = Class::of(layout(size)).unwrap();
            assert!(
                class.bytes >= size && class.bytes < size + size / 4 + 1,
                "{size}: {class:?}"
            );
            assert!(class.index < CLASSES);
            if let Some(last) = last {
                assert_eq!(
                    last.bytes == class.bytes,
                    last.index == class.index,
                    "{last:?} {class:?}"
                );
                assert!(class.index >= last.index);
            }
            last = Some(class);
        }
    }

    #[test]
    fn small_and_strictly_aligned_blocks_are_the_systems() {
        assert!(Class::of(layout(SMALLEST - 1)).is_none());
        assert!(Class::of(Layout::from_size_align(1 << 20, 4096).unwrap()).is_none());
    }

    #[test]
    fn a_freed_block_comes_back_zeroed_if_asked() {
        let recycler = Recycler::new();
        let layout = layout(100_000);
        // SAFETY: the blocks are used inside their layout and freed once.
        unsafe {
            let first = recycler.alloc(layout);
            first.write_bytes(7, layout.size());
            recycler.dealloc(first, layout);
            let second = recycler.alloc_zeroed(layout);
            assert_eq!(first, second);
            assert!((0..layout.size()).all(|i| second.add(i).read() == 0));
            let grown = recycler.realloc(second, layout, 300_000);
            assert!((0..layout.size()).all(|i| grown.add(i).read() == 0));
            recycler.dealloc(grown, self::layout(300_000));
        }
        assert!(recycler.peak() >= 300_000);
        recycler.forget_peak();
        assert_eq!(recycler.peak(), 0);
    }

    #[test]
    fn no_more_is_kept_than_was_in_use_at_once() {
        let recycler = Recycler::new();
        // SAFETY: each block is freed once with its layout.
        unsafe {
            for size in (1..40).map(|i| i * 50_000) {
                let block = recycler.alloc(layout(size));
                recycler.dealloc(block, layout(size));
            }
        }
        let kept = recycler.lock();
        assert!(kept.free <= kept.peak, "{} of {}", kept.free, kept.peak);
    }
}
