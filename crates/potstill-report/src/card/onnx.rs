//! The card of a student that is an ONNX file.

use super::{CardFacts, card, escape};

/// What a card tells of an ONNX file.
#[derive(Debug, Clone, Copy)]
pub struct OnnxFacts<'a> {
    /// Its name.
    pub file: &'a str,
    /// The version of its operators.
    pub opset: i64,
    /// What it takes, in words.
    pub takes: &'a str,
    /// The name of its input.
    pub input: &'a str,
    /// The names of its outputs, the logits first.
    pub outputs: &'a [&'a str],
    /// How near it came to the student, in words.
    pub proof: &'a str,
}

/// The text of the card of an ONNX file.
pub fn onnx_card(facts: &CardFacts<'_>, onnx: &OnnxFacts<'_>) -> String {
    let file = escape(onnx.file);
    let weights = format!("`{file}` is the network with its weights, for ONNX Runtime and other runtimes");
    let outputs = match onnx.outputs {
        [] => String::new(),
        [logits] => format!("Output `{logits}`: the logits."),
        [logits, maps @ ..] => format!(
            "Outputs: the logits, `{logits}`, and the maps `{}`.",
            maps.join("`, `")
        ),
    };
    let section = format!(
        "## The ONNX file\n\nInput `{}`: {}. {outputs} Opset {}; any number of images at once. The names of the classes \
         and everything else in `config.json` stand in the file's metadata, too. When it was written, {}.\n",
        onnx.input, onnx.takes, onnx.opset, onnx.proof
    );
    // Before the results, which begin a section of their own.
    let text = card(facts, &weights);
    match text.split_once("\n## Results") {
        Some((before, after)) => format!("{before}\n{section}\n## Results{after}"),
        None => text + "\n" + &section,
    }
}
