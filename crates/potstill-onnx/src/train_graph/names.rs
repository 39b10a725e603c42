//! What the name of a tensor tells: a state dict's, or one that an exporter made.

/// Whether a name is that of a tensor of a state dict, not of a place in the graph.
pub(super) fn is_own(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('/') && !name.contains("::")
}

/// Whether a name could be that of a PyTorch module's tensor: words with dots between, and none that exporters count up.
pub(super) fn is_of_state_dict(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_counted = || {
        let name = name.to_ascii_lowercase();
        COUNTED.iter().any(|start| name.starts_with(start))
    };
    let is_plain =
        || name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && !is_counted();
    name.split('.').all(is_word) && (name.contains('.') || is_plain())
}

/// How names without dots begin that exporters count up, our own among them.
const COUNTED: [&str; 9] = [
    "val_",
    "constant",
    "const_",
    "_tensor_constant",
    "lifted_tensor",
    "c_lifted",
    "scalar_tensor",
    "initializer_",
    "number",
];

/// Whether an exporter of PyTorch says that a tensor is a constant of the graph: `/layer1/Constant_output_0`.
pub(super) fn is_constant(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with('/') && last.starts_with("Constant")
}

#[cfg(test)]
mod tests {
    use super::{is_constant, is_of_state_dict};

    #[test]
    fn names_of_modules_are_told_from_those_of_exporters() {
        for name in [
            "fc.weight",
            "0.weight",
            "scale",
            "layers.0.blocks.1.norm1.bias",
            "logit_scale",
            "p",
        ] {
            assert!(is_of_state_dict(name), "{name}");
        }
        for name in [
            "onnx::Conv_47",
            "val_22",
            "/norm/Mul_output_0",
            "12",
            "Constant_3",
            "a/b:0",
            "",
            "a..b",
            "const_fold_opt__8",
        ] {
            assert!(!is_of_state_dict(name), "{name}");
        }
        assert!(is_constant("/layer1/layer1.0/Constant_output_0") && is_constant("/Constant_1_output_0"));
        assert!(!is_constant("Constant.weight") && !is_constant("/layer1/Mul_output_0"));
    }
}
