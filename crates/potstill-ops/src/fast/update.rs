//! Tensors updated where they lie, by a kernel over their slices.

use burn::{backend::Flex, tensor::Tensor};
use potstill_kernels::Pool;

use super::buffer::Buffer;
use crate::Form;

/// Lets `update` change plain flat tensors of one length, with a `gradient` to read: in place where nobody else holds their
/// numbers, else in copies.
///
/// # Errors
/// The tensors as they were, if one of them is not `f32` on the flex backend, or if the portable form is asked for.
#[allow(clippy::missing_panics_doc, reason = "it asks before it takes")]
pub fn update_in_place<const N: usize>(
    tensors: [Tensor<1>; N],
    gradient: &Tensor<1>,
    update: impl FnOnce([&mut [f32]; N], &[f32], &Pool),
) -> Result<[Tensor<1>; N], [Tensor<1>; N]> {
    let gradient = match Buffer::of(gradient) {
        Some(gradient) if Form::current() == Form::Fast => gradient,
        _ => return Err(tensors),
    };
    // Asked of clones that are dropped again: a tensor must not be lost by a refusal.
    if tensors.iter().any(|tensor| Buffer::of(tensor).is_none()) {
        return Err(tensors);
    }
    let mut buffers = tensors.map(|tensor| Buffer::taken(tensor).expect(ASKED));
    update(
        buffers.each_mut().map(Buffer::as_mut_slice),
        gradient.as_slice(),
        Pool::global(),
    );
    Ok(buffers.map(Buffer::into_tensor))
}

impl Buffer {
    /// The tensor's numbers, no longer held by the tensor.
    fn taken(tensor: Tensor<1>) -> Option<Self> {
        tensor
            .try_into_primitive::<Flex>()
            .ok()
            .and_then(Self::from_primitive)
    }
}

/// Why taking a buffer cannot fail.
const ASKED: &str = "it was asked just before";

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use potstill_random::Seed;

    use super::*;
    use crate::{Linear, Mode, Parameters, Pass, Scope};

    fn address(tensor: &Tensor<1>) -> *const f32 {
        Buffer::of(tensor).map_or(std::ptr::null(), |buffer| buffer.as_slice().as_ptr())
    }

    fn add(tensor: Tensor<1>, gradient: &Tensor<1>) -> Tensor<1> {
        let added = update_in_place([tensor], gradient, |[values], gradient, _| {
            for (value, gradient) in values.iter_mut().zip(gradient) {
                *value += gradient;
            }
        });
        let [added] = added.unwrap_or_else(|_| unreachable!("an f32 tensor of flex is taken"));
        added
    }

    #[test]
    fn numbers_that_nobody_shares_stay_where_they_are() {
        let device = Device::flex();
        let [values, gradient] = [[1.0, 2.0], [0.5, 0.25]].map(|v| Tensor::<1>::from_floats(v, &device));
        let before = address(&values);
        let values = add(values, &gradient);
        assert_eq!(address(&values), before);
        assert_eq!(values.into_data().try_to_vec::<f32>().ok(), Some(vec![1.5, 2.25]));
    }

    #[test]
    fn shared_numbers_are_copied_first() {
        let device = Device::flex();
        let matrix = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &device);
        let row = matrix.clone().slice([1..2, 0..2]).reshape([2]);
        let sum = add(row.clone(), &row);
        assert_eq!(sum.into_data().try_to_vec::<f32>().ok(), Some(vec![6.0, 8.0]));
        assert_eq!(
            matrix.into_data().try_to_vec::<f32>().ok(),
            Some(vec![1.0, 2.0, 3.0, 4.0])
        );
    }

    #[test]
    fn a_module_descends_where_its_numbers_lie() {
        let scope = Scope::new(&Device::flex(), Seed::new(0), "test");
        let mut layer = Linear::new(3, 2, &scope);
        let address_of_weight = |layer: &Linear| {
            let mut found = std::ptr::null();
            layer.each(&mut |entry, value| {
                if entry.path == "weight" {
                    found = address(&value);
                }
            });
            found
        };
        let x = Tensor::<2>::ones([4, 3], &Device::flex());
        let mut gradients = layer.forward(x, &mut Pass::new(Mode::Batch)).sum().backward();
        let (before, copy) = (address_of_weight(&layer), layer.clone());
        let own_copy = copy.weight.val().inner().into_data();
        drop(copy);
        layer.update_with_gradients(&mut gradients, &mut |_, value, gradient| add(value, &gradient));
        assert_eq!(address_of_weight(&layer), before);
        assert_ne!(layer.weight.val().inner().into_data(), own_copy);
    }
}
