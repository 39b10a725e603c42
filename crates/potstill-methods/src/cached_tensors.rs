//! Named numbers, as an entry of the cache keeps them.

use std::collections::BTreeMap;

use potstill_base::{CacheEntry, CacheError};
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

use crate::MethodError;

/// Numbers by name, each with its shape: what a preparation keeps in the cache, as the bytes of a safetensors file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CachedTensors {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl CachedTensors {
    /// With these numbers besides.
    #[must_use]
    pub fn with(mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        self.tensors.insert(name.into(), (shape.to_vec(), values));
        self
    }

    /// The numbers of this name, if they are there in this shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Option<&[f32]> {
        let (found, values) = self.tensors.get(name)?;
        (found == shape).then_some(values)
    }

    /// Every name with its numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        let tensors = self.tensors.iter();
        tensors.map(|(name, (_, values))| (name.as_str(), values.as_slice()))
    }

    /// The columns of the numbers of this name.
    pub fn columns(&self, name: &str) -> Option<usize> {
        self.tensors.get(name)?.0.last().copied()
    }

    /// Writes them as the content of `entry`.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn finish(&self, entry: &mut CacheEntry) -> Result<(), MethodError> {
        entry.finish(&self.to_bytes()?).map_err(failed)
    }

    /// Leaves them in `entry` as unfinished work.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn write_partial(&self, entry: &CacheEntry, name: &str) -> Result<(), MethodError> {
        entry.write_partial(name, &self.to_bytes()?).map_err(failed)
    }

    /// The numbers as one piece of bytes.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MethodError> {
        let bytes = self.tensors.iter().map(|(name, (shape, values))| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, shape, bytes)
        });
        let bytes: Vec<_> = bytes.collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F32, (*shape).clone(), bytes).map(|view| (name, view))
        });
        let views: Vec<_> = views.collect::<Result<_, _>>().map_err(failed)?;
        serialize(views, None).map_err(failed)
    }

    /// The numbers that [`to_bytes`](Self::to_bytes) wrote; none if the bytes are of anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let file = SafeTensors::deserialize(bytes).ok()?;
        let tensors = file.iter().map(|(name, view)| {
            let (numbers, rest) = view.data().as_chunks::<4>();
            let is_whole = view.dtype() == Dtype::F32 && rest.is_empty();
            let values = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            is_whole.then(|| (name.to_owned(), (view.shape().to_vec(), values)))
        });
        Some(Self {
            tensors: tensors.collect::<Option<_>>()?,
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> MethodError {
    MethodError::PrepareContext(Box::new(error))
}

impl From<CacheError> for MethodError {
    fn from(error: CacheError) -> Self {
        failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::CachedTensors;

    fn two() -> CachedTensors {
        CachedTensors::default()
            .with("a", &[2, 3], vec![0.1, 0.2, 0.3, 0.4, f32::MIN_POSITIVE, 1e30])
            .with("b", &[1, 2], vec![1.0, -0.0])
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        let read = CachedTensors::from_bytes(&two().to_bytes().unwrap()).unwrap();
        assert_eq!(read, two());
        let bits = |tensors: &CachedTensors| tensors.get("b", &[1, 2]).unwrap()[1].to_bits();
        assert_eq!(bits(&read), (-0.0_f32).to_bits());
        assert_eq!(read.columns("a"), Some(3));
        assert_eq!(read.get("a", &[3, 2]), None, "another shape");
        assert_eq!(read.get("c", &[1, 2]), None);
    }

    #[test]
    fn other_bytes_are_no_numbers() {
        let bytes = two().to_bytes().unwrap();
        assert_eq!(CachedTensors::from_bytes(&bytes[..bytes.len() - 3]), None);
        assert_eq!(CachedTensors::from_bytes(b"{\"epochs\": 3}"), None);
    }

    #[test]
    fn numbers_that_do_not_fill_their_shape_are_an_error() {
        let wrong = CachedTensors::default().with("a", &[2, 2], vec![1.0]);
        assert!(wrong.to_bytes().is_err());
    }
}
