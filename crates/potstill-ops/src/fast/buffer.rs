//! From Burn's tensors to slices and back, without copies.

use burn::{
    backend::Flex,
    tensor::{Bytes, DType, Shape, Tensor},
};
use burn_flex::{FlexTensor, Layout};

/// A contiguous `f32` tensor of the flex backend. Cloning shares the numbers.
#[derive(Debug, Clone)]
pub(super) struct Buffer(FlexTensor);

impl Buffer {
    /// The plain tensor's numbers; copied only if they are strided.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        tensor
            .clone()
            .try_into_primitive::<Flex>()
            .ok()
            .and_then(Self::from_primitive)
    }

    /// The same for the backend's own tensor; none if its numbers are not `f32`.
    pub fn from_primitive(tensor: FlexTensor) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        let contiguous = tensor.as_slice::<f32>().is_some();
        Some(Self(if contiguous {
            tensor
        } else {
            tensor.to_contiguous()
        }))
    }

    /// A buffer of these numbers.
    pub fn new(values: Vec<f32>, dims: impl Into<Shape>) -> Self {
        Self(FlexTensor::new(
            Bytes::from_elems(values),
            Layout::contiguous(dims.into()),
            DType::F32,
        ))
    }

    pub fn shape(&self) -> Shape {
        self.0.layout().shape().clone()
    }

    pub fn as_slice(&self) -> &[f32] {
        // Contiguity and number type were made sure of when the buffer was made.
        self.0.as_slice().unwrap_or_default()
    }

    /// The numbers, to be written: where they lie if nobody else holds them, else in a copy.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        let is_whole = self.0.storage::<f32>().len() == self.as_slice().len();
        if !(is_whole && self.0.is_unique()) {
            let layout = Layout::contiguous(self.0.layout().shape().clone());
            let copy = Bytes::from_elems(self.as_slice().to_vec());
            self.0 = FlexTensor::new(copy, layout, DType::F32);
        }
        self.0.try_storage_mut().unwrap_or_default()
    }

    /// Whether both are the same numbers in the same place. While one of them lives nobody can write there: the backend
    /// copies before it writes to shared memory.
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.as_slice(), other.as_slice())
    }

    pub fn into_primitive(self) -> FlexTensor {
        self.0
    }

    pub fn into_tensor<const D: usize>(self) -> Tensor<D> {
        Tensor::from_primitive::<Flex>(self.0)
    }
}
