//! A tensor whose rank is known at run time only.

use burn::tensor::{Int, Tensor, TensorData};

/// A tensor of one to six axes.
#[derive(Debug, Clone)]
pub(super) enum Value {
    One(Tensor<1>),
    Two(Tensor<2>),
    Three(Tensor<3>),
    Four(Tensor<4>),
    Five(Tensor<5>),
    Six(Tensor<6>),
}

/// A value of the same rank, by the same expression for each.
macro_rules! map_value {
    ($value:expr, $x:ident => $body:expr) => {
        match $value {
            Value::One($x) => Value::One($body),
            Value::Two($x) => Value::Two($body),
            Value::Three($x) => Value::Three($body),
            Value::Four($x) => Value::Four($body),
            Value::Five($x) => Value::Five($body),
            Value::Six($x) => Value::Six($body),
        }
    };
}
pub(super) use map_value;

/// Something of a value, by the same expression for each rank.
macro_rules! of_value {
    ($value:expr, $x:ident => $body:expr) => {
        match $value {
            Value::One($x) => $body,
            Value::Two($x) => $body,
            Value::Three($x) => $body,
            Value::Four($x) => $body,
            Value::Five($x) => $body,
            Value::Six($x) => $body,
        }
    };
}

/// A value of two of one rank.
macro_rules! map_values {
    ($first:expr, $second:expr, ($a:ident, $b:ident) => $body:expr) => {
        match ($first, $second) {
            (Value::One($a), Value::One($b)) => Value::One($body),
            (Value::Two($a), Value::Two($b)) => Value::Two($body),
            (Value::Three($a), Value::Three($b)) => Value::Three($body),
            (Value::Four($a), Value::Four($b)) => Value::Four($body),
            (Value::Five($a), Value::Five($b)) => Value::Five($body),
            (Value::Six($a), Value::Six($b)) => Value::Six($body),
            (first, second) => unreachable!(
                "a plan brings values to one rank, and here are {:?} and {:?}",
                first.dims(),
                second.dims()
            ),
        }
    };
}
pub(super) use map_values;

impl Value {
    /// Its sizes.
    pub fn dims(&self) -> Vec<usize> {
        of_value!(self, x => x.dims().to_vec())
    }

    /// The same numbers in another shape of one to six axes.
    pub fn reshape(self, dims: &[usize]) -> Self {
        of_value!(self, x => reshaped(x, dims))
    }

    /// The axes in another order.
    pub fn permute(self, order: &[usize]) -> Self {
        map_value!(self, x => permuted(x, order))
    }

    /// Sizes of 1 stretched to these.
    pub fn expand(self, dims: &[usize]) -> Self {
        map_value!(self, x => expanded(x, dims))
    }

    /// These places along an axis.
    pub fn select(self, axis: usize, places: &[usize]) -> Self {
        let is_run = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        map_value!(self, x => if is_run && !places.is_empty() {
            x.narrow(axis, places[0], places.len())
        } else {
            let indices: Vec<i32> = places.iter().map(|&place| place as i32).collect();
            let indices = TensorData::new(indices, [places.len()]);
            let device = x.device();
            x.select(axis, Tensor::<1, Int>::from_data(indices, &device))
        })
    }

    /// Values of one rank behind each other along an axis.
    pub fn cat(values: Vec<Self>, axis: usize) -> Self {
        let mut values = values.into_iter();
        let first = values.next();
        let Some(first) = first else {
            unreachable!("a plan joins something")
        };
        map_value!(first, x => {
            let rank = x.dims().len();
            let others = values.map(|other| same_rank(other, rank));
            Tensor::cat(std::iter::once(x).chain(others).collect(), axis)
        })
    }

    /// A map.
    pub fn into_map(self) -> Tensor<4> {
        same_rank(self, 4)
    }

    /// Rows.
    pub fn into_rows(self) -> Tensor<2> {
        same_rank(self, 2)
    }

    /// Numbers of this shape.
    pub fn of(values: &[f32], shape: &[usize], device: &burn::tensor::Device) -> Self {
        let flat = Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), device);
        Self::One(flat).reshape(shape)
    }
}

/// The tensor of a value of a rank that the plan states.
fn same_rank<const D: usize>(value: Value, rank: usize) -> Tensor<D> {
    debug_assert_eq!(rank, D);
    of_value!(value, x => Tensor::from_dispatch(x.into_dispatch()))
}

fn reshaped<const D: usize>(x: Tensor<D>, dims: &[usize]) -> Value {
    match *dims {
        [a] => Value::One(x.reshape([a])),
        [a, b] => Value::Two(x.reshape([a, b])),
        [a, b, c] => Value::Three(x.reshape([a, b, c])),
        [a, b, c, d] => Value::Four(x.reshape([a, b, c, d])),
        [a, b, c, d, e] => Value::Five(x.reshape([a, b, c, d, e])),
        [a, b, c, d, e, f] => Value::Six(x.reshape([a, b, c, d, e, f])),
        _ => unreachable!("a plan has values of one to six axes, not of {}", dims.len()),
    }
}

fn permuted<const D: usize>(x: Tensor<D>, order: &[usize]) -> Tensor<D> {
    x.permute(fixed::<D>(order))
}

fn expanded<const D: usize>(x: Tensor<D>, dims: &[usize]) -> Tensor<D> {
    x.expand(fixed::<D>(dims))
}

/// As many numbers as the rank.
fn fixed<const D: usize>(numbers: &[usize]) -> [usize; D] {
    let mut fixed = [0; D];
    fixed.copy_from_slice(numbers);
    fixed
}
