//! The tensors that are written in a file: their sizes, and the values of those small ones that sizes are made of.

use std::{collections::BTreeMap, path::Path};

use rten_onnx::onnx::{AttributeProto, DataLocation, DataType, GraphProto, TensorProto};

use crate::external::External;

/// A tensor that is written in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Constant {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, where they are few.
    pub values: Vec<f64>,
}

/// Sizes, pads, steps: no operator takes more of them.
pub(crate) const FEW: usize = 64;

/// All tensors that are written in a graph: its weights, and what operators called `Constant` give.
///
/// # Errors
/// A tensor whose shape does not fit its values; one whose values are in a file that is none.
pub(crate) fn constants(graph: &GraphProto, file: &Path) -> Result<BTreeMap<String, Constant>, String> {
    let mut found = BTreeMap::new();
    for weight in &graph.initializer {
        let name = weight.name.clone().unwrap_or_default();
        let constant =
            Constant::of(weight, file).map_err(|problem| format!("the tensor `{name}` {problem}"))?;
        found.insert(name, constant);
    }
    for node in &graph.node {
        let name = node.output.first().cloned().unwrap_or_default();
        for attribute in &node.attribute {
            let constant = Constant::written(attribute, file);
            let constant = constant.map_err(|problem| format!("the tensor `{name}` {problem}"))?;
            if let (Some("Constant"), Some(constant)) = (node.op_type.as_deref(), constant) {
                found.insert(name.clone(), constant);
            }
        }
    }
    Ok(found)
}

impl Constant {
    /// A scalar or a list.
    fn list(shape: Vec<usize>, values: impl Iterator<Item = f64>) -> Self {
        Self {
            shape,
            values: values.take(FEW + 1).collect(),
        }
    }

    /// What an attribute of an operator holds; `None` for what is no tensor.
    fn written(attribute: &AttributeProto, file: &Path) -> Result<Option<Self>, String> {
        if let Some(tensor) = &attribute.t {
            return Self::of(tensor, file).map(Some);
        }
        Ok(match attribute.name.as_deref() {
            Some("value_int") => attribute
                .i
                .map(|value| Self::list(Vec::new(), std::iter::once(value as f64))),
            Some("value_float") => attribute
                .f
                .map(|value| Self::list(Vec::new(), std::iter::once(f64::from(value)))),
            Some("value_ints") => {
                let values = &attribute.ints;
                Some(Self::list(
                    vec![values.len()],
                    values.iter().map(|&value| value as f64),
                ))
            }
            Some("value_floats") => {
                let values = &attribute.floats;
                Some(Self::list(
                    vec![values.len()],
                    values.iter().map(|&value| f64::from(value)),
                ))
            }
            _ => None,
        })
    }

    fn of(tensor: &TensorProto, file: &Path) -> Result<Self, String> {
        let sizes = tensor.dims.iter().map(|&size| usize::try_from(size).ok());
        let shape: Option<Vec<usize>> = sizes.collect();
        let count = shape.as_ref().and_then(|shape| {
            let mut sizes = shape.iter();
            sizes.try_fold(1usize, |product, &size| product.checked_mul(size))
        });
        let (Some(shape), Some(count)) = (shape, count) else {
            return Err(format!("states the sizes {:?}, which no tensor has", tensor.dims));
        };
        let kind = tensor.data_type.unwrap_or(DataType::FLOAT);
        let found = match tensor.data_location {
            Some(DataLocation::EXTERNAL) => External::open(tensor, file)?.bytes(),
            _ => written_bytes(tensor, kind),
        };
        // Kinds of less than a byte and of none are refused by whoever loads them.
        let needed = count.checked_mul(width(kind).unwrap_or(0));
        if needed.is_none_or(|needed| needed as u64 > found) {
            return Err(format!(
                "states the sizes {:?}, and has {found} bytes of values",
                tensor.dims
            ));
        }
        let values = if count <= FEW {
            values(tensor, kind)
        } else {
            Vec::new()
        };
        Ok(Self { shape, values })
    }
}

/// Whether tensors of this kind hold floats.
pub(crate) fn is_float(kind: DataType) -> bool {
    [
        DataType::FLOAT,
        DataType::FLOAT16,
        DataType::BFLOAT16,
        DataType::DOUBLE,
    ]
    .contains(&kind)
}

/// Bytes of a number.
pub(crate) fn width(kind: DataType) -> Option<usize> {
    Some(match kind {
        DataType::UINT8 | DataType::INT8 | DataType::BOOL => 1,
        DataType::UINT16 | DataType::INT16 | DataType::FLOAT16 | DataType::BFLOAT16 => 2,
        DataType::FLOAT | DataType::INT32 | DataType::UINT32 => 4,
        DataType::DOUBLE | DataType::INT64 | DataType::UINT64 => 8,
        _ => return None,
    })
}

/// Bytes of the values in the file itself, those in lists of wider numbers by their own width.
fn written_bytes(tensor: &TensorProto, kind: DataType) -> u64 {
    if let Some(raw) = &tensor.raw_data {
        return raw.borrow().len() as u64;
    }
    let count = tensor.float_data.len()
        + tensor.int32_data.len()
        + tensor.int64_data.len()
        + tensor.double_data.len();
    (count * width(kind).unwrap_or(0)) as u64
}

/// The values of a small tensor that is in the file itself.
fn values(tensor: &TensorProto, kind: DataType) -> Vec<f64> {
    if let Some(raw) = &tensor.raw_data {
        let raw = raw.borrow();
        return match kind {
            DataType::FLOAT => numbers(&raw, |bytes| f64::from(f32::from_le_bytes(bytes))),
            DataType::DOUBLE => numbers(&raw, f64::from_le_bytes),
            DataType::INT32 => numbers(&raw, |bytes| f64::from(i32::from_le_bytes(bytes))),
            DataType::INT64 => numbers(&raw, |bytes| i64::from_le_bytes(bytes) as f64),
            _ => Vec::new(),
        };
    }
    let floats = tensor.float_data.iter().map(|&value| f64::from(value));
    let whole = tensor.int32_data.iter().map(|&value| f64::from(value));
    let long = tensor.int64_data.iter().map(|&value| value as f64);
    floats
        .chain(whole)
        .chain(long)
        .chain(tensor.double_data.iter().copied())
        .take(FEW + 1)
        .collect()
}

fn numbers<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let numbers = bytes.as_chunks::<N>().0.iter();
    numbers.take(FEW + 1).map(|&chunk| decode(chunk)).collect()
}
