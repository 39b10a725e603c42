//! Where a kernel writes its result.

use crate::KernelError;
use crate::error::expect_length;

/// A place for a result: a slice of the right length, or a vector, which is filled.
///
/// A vector spares the pass over memory that would set a slice to zero first: its elements are written once, by the kernel.
pub trait Output: sealed::Output {}

impl<T: sealed::Output + ?Sized> Output for T {}

pub(crate) mod sealed {
    use super::{KernelError, expect_length};

    pub trait Output {
        /// Room for `len` elements, of any content or none.
        ///
        /// # Errors
        /// A slice of another length; `argument` is its name.
        fn room(&mut self, argument: &'static str, len: usize) -> Result<*mut f32, KernelError>;

        /// Tells that all elements are written.
        ///
        /// # Safety
        /// [`Output::room`] was called with this length, and every element of that room has been written since.
        unsafe fn written(&mut self, len: usize);
    }

    impl Output for [f32] {
        fn room(&mut self, argument: &'static str, len: usize) -> Result<*mut f32, KernelError> {
            expect_length(argument, len, self.len())?;
            Ok(self.as_mut_ptr())
        }
        unsafe fn written(&mut self, _: usize) {}
    }

    impl<const N: usize> Output for [f32; N] {
        fn room(&mut self, argument: &'static str, len: usize) -> Result<*mut f32, KernelError> {
            self.as_mut_slice().room(argument, len)
        }
        unsafe fn written(&mut self, _: usize) {}
    }

    impl Output for Vec<f32> {
        fn room(&mut self, _: &'static str, len: usize) -> Result<*mut f32, KernelError> {
            self.clear();
            self.reserve_exact(len);
            Ok(self.as_mut_ptr())
        }
        unsafe fn written(&mut self, len: usize) {
            // SAFETY: the room of this many elements was written.
            unsafe { self.set_len(len) };
        }
    }
}
