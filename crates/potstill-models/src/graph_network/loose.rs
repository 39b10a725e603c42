//! A weight that is read as it is, of any rank.

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use potstill_onnx::train_graph::KeptTensor;
use potstill_ops::Scope;

use super::{layer::given, value::Value};

/// A weight that is read as it is.
#[derive(Debug, Clone)]
pub(super) enum Loose {
    One(Param<Tensor<1>>),
    Two(Param<Tensor<2>>),
    Three(Param<Tensor<3>>),
    Four(Param<Tensor<4>>),
    Five(Param<Tensor<5>>),
    Six(Param<Tensor<6>>),
}

/// Something of a weight, by the same expression for each rank.
macro_rules! of_loose {
    ($loose:expr, $weight:ident => $body:expr) => {
        match $loose {
            Loose::One($weight) => $body,
            Loose::Two($weight) => $body,
            Loose::Three($weight) => $body,
            Loose::Four($weight) => $body,
            Loose::Five($weight) => $body,
            Loose::Six($weight) => $body,
        }
    };
}
pub(super) use of_loose;

/// A weight of the same rank, by the same expression for each.
macro_rules! map_loose {
    ($loose:expr, $weight:ident => $body:expr) => {
        match $loose {
            Loose::One($weight) => Loose::One($body),
            Loose::Two($weight) => Loose::Two($body),
            Loose::Three($weight) => Loose::Three($body),
            Loose::Four($weight) => Loose::Four($body),
            Loose::Five($weight) => Loose::Five($body),
            Loose::Six($weight) => Loose::Six($body),
        }
    };
}
pub(super) use map_loose;

impl Loose {
    /// A weight of the file; drawn with this deviation from the streams of the scope if one is given.
    pub fn of(tensor: &KeptTensor, deviation: Option<f64>, scope: &Scope) -> Self {
        let weight = Self::stored(tensor, scope.device());
        let Some(deviation) = deviation else {
            return weight;
        };
        map_loose!(weight, weight => scope.normal("weight", weight.dims(), deviation))
    }

    fn stored(tensor: &KeptTensor, device: &Device) -> Self {
        match tensor.shape.len() {
            0 | 1 => Self::One(given(tensor, true, device)),
            2 => Self::Two(given(tensor, true, device)),
            3 => Self::Three(given(tensor, true, device)),
            4 => Self::Four(given(tensor, true, device)),
            5 => Self::Five(given(tensor, true, device)),
            6 => Self::Six(given(tensor, true, device)),
            rank => unreachable!("a plan has weights of at most six axes, not of {rank}"),
        }
    }

    /// Its values.
    pub fn value(&self) -> Value {
        match self {
            Self::One(weight) => Value::One(weight.val()),
            Self::Two(weight) => Value::Two(weight.val()),
            Self::Three(weight) => Value::Three(weight.val()),
            Self::Four(weight) => Value::Four(weight.val()),
            Self::Five(weight) => Value::Five(weight.val()),
            Self::Six(weight) => Value::Six(weight.val()),
        }
    }
}

/// Numbers of a shape of at most so many axes, on a device.
pub(super) fn tensor_of<const D: usize>(tensor: &KeptTensor, device: &Device) -> Tensor<D> {
    let mut shape = [1; D];
    shape
        .iter_mut()
        .zip(&tensor.shape)
        .for_each(|(to, from)| *to = *from);
    Tensor::from_data(TensorData::new(tensor.values.to_vec(), shape), device)
}
