//! Rows of length one of a weight that does not train: worked out once.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;

use super::buffer::Buffer;
use crate::Conv2d;

/// A convolution made from a weight, kept beside it.
///
/// It can never be stale, for the reason given at [`PackedCache`](super::PackedCache): it holds the very tensor that it was made
/// from. A clone starts empty.
#[derive(Debug, Default)]
pub(crate) struct DirectionCache(Mutex<Option<(Buffer, Arc<Conv2d>)>>);

impl Clone for DirectionCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl DirectionCache {
    /// What `make` makes of this weight; the same as last time if the weight is plain and the same.
    pub fn get(&self, weight: &Tensor<4>, make: impl FnOnce() -> Conv2d) -> Arc<Conv2d> {
        let present = if weight.is_autodiff() {
            None
        } else {
            Buffer::of(weight)
        };
        let Some(present) = present else {
            return Arc::new(make());
        };
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_from, conv)) = slot.as_ref()
            && made_from.is(&present)
        {
            return Arc::clone(conv);
        }
        let conv = Arc::new(make());
        *slot = Some((present, Arc::clone(&conv)));
        conv
    }
}
