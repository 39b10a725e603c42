//! Tensors that are written in a file, with their values.

use std::sync::Arc;

use rten_onnx::onnx::{DataType, TensorProto};

/// A tensor with its values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Numbers,
}

/// Values of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Numbers {
    /// Floats of any width, at single precision.
    Floats(Arc<[f32]>),
    /// Whole numbers of any width, and truths.
    Whole(Arc<[i64]>),
}

/// Numbers of a tensor that is read here: 8 GB of them.
const MOST: usize = 1 << 31;

impl Literal {
    /// Floats of this shape.
    pub fn floats(shape: Vec<usize>, values: Vec<f32>) -> Self {
        Self {
            shape,
            values: Numbers::Floats(values.into()),
        }
    }

    /// Whole numbers of this shape.
    pub fn whole(shape: Vec<usize>, values: Vec<i64>) -> Self {
        Self {
            shape,
            values: Numbers::Whole(values.into()),
        }
    }

    /// Reads a tensor whose values are in the file itself; none of a kind that is not read (texts, complex numbers).
    ///
    /// # Errors
    /// A shape that does not fit the values.
    pub fn of(tensor: &TensorProto) -> Result<Option<Self>, String> {
        let name = tensor.name.as_deref().unwrap_or_default();
        let wrong = || {
            format!(
                "the tensor `{name}` has other values than its sizes {:?}",
                tensor.dims
            )
        };
        let (shape, count) = sizes(tensor).ok_or_else(wrong)?;
        let kind = tensor.data_type.unwrap_or(DataType::FLOAT);
        let values = match &tensor.raw_data {
            Some(raw) => of_bytes(&raw.borrow(), kind),
            None => of_lists(tensor, kind),
        };
        let Some(values) = values else { return Ok(None) };
        if values.len() != count {
            return Err(wrong());
        }
        Ok(Some(Self { shape, values }))
    }

    /// The one number of a tensor with one.
    pub fn single(&self) -> Option<f32> {
        match &self.values {
            Numbers::Floats(values) if values.len() == 1 => Some(values[0]),
            Numbers::Whole(values) if values.len() == 1 => Some(values[0] as f32),
            _ => None,
        }
    }

    /// The values if they are floats.
    pub fn as_floats(&self) -> Option<&Arc<[f32]>> {
        match &self.values {
            Numbers::Floats(values) => Some(values),
            Numbers::Whole(_) => None,
        }
    }

    /// The values if they are whole.
    pub fn as_whole(&self) -> Option<&[i64]> {
        match &self.values {
            Numbers::Whole(values) => Some(values),
            Numbers::Floats(_) => None,
        }
    }
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Whole(values) => values.len(),
        }
    }
}

/// The shape of a tensor, and how many numbers that is, if there can be so many.
pub(super) fn sizes(tensor: &TensorProto) -> Option<(Vec<usize>, usize)> {
    let shape: Option<Vec<usize>> = tensor
        .dims
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect();
    let shape = shape?;
    let count = shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))?;
    (count <= MOST).then_some((shape, count))
}

fn of_bytes(raw: &[u8], kind: DataType) -> Option<Numbers> {
    Some(match kind {
        DataType::FLOAT => Numbers::Floats(decoded(raw, f32::from_le_bytes).into()),
        DataType::DOUBLE => Numbers::Floats(decoded(raw, |bytes| f64::from_le_bytes(bytes) as f32).into()),
        DataType::FLOAT16 => Numbers::Floats(decoded(raw, |bytes| half(u16::from_le_bytes(bytes))).into()),
        DataType::BFLOAT16 => {
            let wide = |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16);
            Numbers::Floats(decoded(raw, wide).into())
        }
        DataType::INT64 => Numbers::Whole(decoded(raw, i64::from_le_bytes).into()),
        DataType::INT32 => Numbers::Whole(decoded(raw, |bytes| i64::from(i32::from_le_bytes(bytes))).into()),
        DataType::UINT8 | DataType::BOOL => {
            Numbers::Whole(decoded(raw, |[byte]: [u8; 1]| i64::from(byte)).into())
        }
        DataType::INT8 => Numbers::Whole(decoded(raw, |bytes| i64::from(i8::from_le_bytes(bytes))).into()),
        _ => return None,
    })
}

fn of_lists(tensor: &TensorProto, kind: DataType) -> Option<Numbers> {
    Some(match kind {
        DataType::FLOAT => Numbers::Floats(tensor.float_data.clone().into()),
        DataType::DOUBLE => {
            let values = tensor.double_data.iter().map(|&value| value as f32);
            Numbers::Floats(values.collect())
        }
        DataType::FLOAT16 => {
            let values = tensor.int32_data.iter().map(|&bits| half(bits as u16));
            Numbers::Floats(values.collect())
        }
        DataType::INT64 => Numbers::Whole(tensor.int64_data.clone().into()),
        DataType::INT32 | DataType::BOOL | DataType::UINT8 | DataType::INT8 => {
            Numbers::Whole(tensor.int32_data.iter().map(|&value| i64::from(value)).collect())
        }
        _ => return None,
    })
}

fn decoded<const N: usize, T>(raw: &[u8], decode: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.as_chunks::<N>()
        .0
        .iter()
        .map(|&chunk| decode(chunk))
        .collect()
}

/// A number of half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn half_precision_is_read_to_the_bit() {
        // Values of numpy's float16.
        let pairs = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
        ];
        for (bits, value) in pairs {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e01).is_nan());
    }
}
