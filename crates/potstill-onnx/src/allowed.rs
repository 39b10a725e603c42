//! What a graph may hold to be run: operators whose work can be told before.

use rten_onnx::onnx::NodeProto;

use crate::branches::graphs_of;

/// Operators that are not run. The first repeat graphs as often as they like; the others, of sound, make the size of their output
/// out of a number.
const REFUSED: [&str; 5] = ["Loop", "Scan", "DFT", "STFT", "Multinomial"];

/// Operators of a graph in an operator (`If`) that make nothing larger than what they get.
const PLAIN: [&str; 14] = [
    "Cast",
    "Constant",
    "Dropout",
    "Flatten",
    "Identity",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Whether an operator may be run at all.
///
/// # Errors
/// Why not.
pub(crate) fn check_kind(node: &NodeProto) -> Result<(), String> {
    let kind = node.op_type.as_deref().unwrap_or_default();
    if REFUSED.contains(&kind) {
        return Err(format!(
            "the operator {kind} is not run: what it takes cannot be told before"
        ));
    }
    for inner in graphs_of(node).flat_map(|graph| &graph.node) {
        let inner_kind = inner.op_type.as_deref().unwrap_or_default();
        if !PLAIN.contains(&inner_kind) {
            return Err(format!(
                "the operator {inner_kind} in a graph of {kind} is not run: there are {}",
                PLAIN.join(", ")
            ));
        }
    }
    Ok(())
}
