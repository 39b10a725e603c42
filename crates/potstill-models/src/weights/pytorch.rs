//! PyTorch's pickled checkpoints, whose tensors are read without running anything.

use std::path::Path;

use half::{bf16, f16};
use pytorch_reader::{DType, PickleError, PytorchError, PytorchReader};

use super::{
    archive, pickle_scan,
    tensor_file::{Read, StoredTensor, floats},
};

/// Values that are read of any file, however short it is: a tensor may be a view that repeats a few numbers.
const FEW_BYTES: u64 = 16 << 20;

/// How often the numbers of a file may be there: for the weights, for their names in other parts of a network, for averages that
/// have not moved yet.
const MOST_TIMES: u64 = 8;

/// Every tensor of the file, by the names of the dicts and modules around it.
///
/// Nothing of a size that the file only states is made: the pickle is gone over before it is run, in the archive that it is run from,
/// and the names and shapes are known before the first value is read.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Read)>, String> {
    let rewritten = archive::rewritten(path)?;
    let path = rewritten.as_ref().map_or(path, |file| file.path());
    pickle_scan::check(path)?;
    let reader = PytorchReader::new(path).map_err(|error| worded(&error))?;
    check_sizes(&reader, path)?;
    let mut tensors = Vec::new();
    for (name, tensor) in reader.into_tensors() {
        let decode: fn(&[u8]) -> Vec<f32> = match tensor.dtype() {
            DType::F32 => |bytes| floats(bytes, f32::from_le_bytes),
            DType::F64 => |bytes| floats(bytes, |b| f64::from_le_bytes(b) as f32),
            DType::F16 => |bytes| floats(bytes, |b| f16::from_le_bytes(b).to_f32()),
            DType::BF16 => |bytes| floats(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            other => {
                tensors.push((name, Err(type_name(other).to_owned())));
                continue;
            }
        };
        let bytes = tensor.read().map_err(|error| error.to_string())?;
        let shape = tensor.shape().to_vec();
        let values = decode(&bytes);
        tensors.push((name, Ok(StoredTensor { shape, values })));
    }
    Ok(tensors)
}

/// Holds what the tensors state to what the file has.
fn check_sizes(reader: &PytorchReader, path: &Path) -> Result<(), String> {
    let length = path.metadata().map_err(|error| error.to_string())?.len();
    let most = length.saturating_mul(MOST_TIMES).max(FEW_BYTES);
    let stated = reader
        .tensors()
        .values()
        .fold(0u64, |sum, tensor| sum.saturating_add(tensor.byte_len() as u64));
    if stated <= most {
        return Ok(());
    }
    let largest = reader.tensors().values().max_by_key(|tensor| tensor.byte_len());
    let largest = largest.map_or_else(String::new, |tensor| {
        format!(" (`{}` is {:?})", tensor.name, tensor.shape())
    });
    Err(format!(
        "its tensors state {stated} bytes{largest}, and the file has {length}: they are views that repeat a few numbers, or packed; \
         save copies of them (`tensor.clone()`) unpacked"
    ))
}

/// PyTorch's name of a type that holds no weights.
fn type_name(kind: DType) -> &'static str {
    match kind {
        DType::F64 => "float64",
        DType::F32 => "float32",
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        DType::I64 => "int64",
        DType::I32 => "int32",
        DType::I16 => "int16",
        DType::I8 => "int8",
        DType::U64 => "uint64",
        DType::U32 => "uint32",
        DType::U16 => "uint16",
        DType::U8 => "uint8",
        DType::Bool => "bool",
    }
}

/// Why the file cannot be read, in the words of whoever saved it.
fn worded(error: &PytorchError) -> String {
    let PytorchError::Pickle(PickleError::UnsupportedType(kind)) = error else {
        return format!("neither a safetensors nor a PyTorch file that can be read: {error}");
    };
    let is_quantised = [
        "qtensor",
        "QInt8",
        "QUInt8",
        "QInt32",
        "quantized",
        "PackedParams",
    ]
    .iter()
    .any(|word| kind.contains(word));
    if is_quantised {
        format!("it is quantised (`{kind}`): take the floating-point weights that it was made from")
    } else if kind.to_lowercase().contains("float8") {
        format!("it has tensors of `{kind}`: save them as 32-bit floats (`tensor.float()`)")
    } else if kind.starts_with("__torch__") {
        archive::TORCHSCRIPT.to_owned()
    } else {
        format!(
            "it has `{kind}`, which is not only tensors: save its `state_dict()` from PyTorch, and take that file"
        )
    }
}
