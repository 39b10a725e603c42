//! What an operator will make, told before it runs: the numbers of its outputs and of the memory that it works in, and its
//! multiplications. Upper bounds, from the shapes of its inputs and the values of those that state sizes.

mod attention;
mod inputs;
mod products;
mod sizes;
mod windows;

use crate::graph::Node;

use attention::{KeysSoFar, attention};
use inputs::stated;
pub(crate) use inputs::{Inputs, count};

/// What an operator takes: at most so many numbers at once, and so many multiplications.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    /// Numbers in its outputs, and beside them while it works.
    pub numbers: f64,
    /// Multiplications.
    pub products: f64,
}

impl Cost {
    fn of(numbers: f64) -> Self {
        Self {
            numbers,
            products: numbers,
        }
    }

    /// What an operator takes for all that it reads.
    pub fn told(node: &Node, inputs: &Inputs<'_>) -> Self {
        let (settings, outputs) = (&node.settings, node.outputs.len().max(1) as f64);
        match node.kind.as_str() {
            "Conv" | "ConvInteger" => windows::convolution(settings, inputs),
            "ConvTranspose" => windows::transposed_convolution(settings, inputs),
            "AveragePool" | "MaxPool" => windows::pooling(settings, inputs),
            "MatMul" | "MatMulInteger" => products::product(inputs),
            "Gemm" => products::gemm(settings, inputs),
            "Einsum" => products::einsum(settings, inputs),
            "MatMulNBits" => products::packed_product(inputs),
            "LSTM" | "GRU" => products::recurrent(inputs),
            "Attention" => attention(settings, inputs, KeysSoFar(4)),
            "MultiHeadAttention" => attention(settings, inputs, KeysSoFar(6)),
            "GroupQueryAttention" => attention(settings, inputs, KeysSoFar(3)),
            "GridSample" => windows::sampled(inputs),
            "Pad" => sizes::padded(settings, inputs),
            "Expand" => sizes::expanded(inputs),
            "ConstantOfShape" => Self::of(stated(inputs.values(0))),
            "Range" => sizes::range(inputs),
            "Resize" | "Upsample" => sizes::resized(&node.kind, settings, inputs),
            "Tile" | "OneHot" => Self::of(inputs.count(0) * stated(inputs.values(1))),
            "Gather" => sizes::gathered(settings, inputs),
            "GatherND" => sizes::gathered_rows(settings, inputs),
            "NonMaxSuppression" => sizes::boxes_that_stay(inputs),
            "NonZero" => Self::of(inputs.count(0) * inputs.shape(0).len().max(1) as f64),
            // Operators in graphs of this one make nothing larger than what they get.
            "If" => Self::of((inputs.sum() + node.branches.written) * node.branches.operators.max(1) as f64),
            // What they get beside their first input does not line up with its last axis: a number a channel, places, sizes.
            "BatchNormalization"
            | "InstanceNormalization"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "CastLike"
            | "Scatter"
            | "ScatterND"
            | "ScatterElements"
            | "Slice"
            | "Split"
            | "Reshape"
            | "ReverseSequence" => Self::of(inputs.sum() * outputs),
            _ => Self::of(inputs.broadcast().max(inputs.sum()) * outputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cost, Inputs};
    use crate::{branches::Branches, constants::Constant, graph::Node, settings::Settings};

    pub(super) fn tensor(shape: &[usize], values: &[f64]) -> Constant {
        Constant {
            shape: shape.to_vec(),
            values: values.to_vec(),
        }
    }

    /// What an operator takes of these inputs.
    pub(super) fn told_with(kind: &str, settings: Settings, inputs: &[Constant]) -> Cost {
        let node = Node {
            kind: kind.to_owned(),
            outputs: vec!["y".to_owned()],
            settings,
            ..Node::default()
        };
        Cost::told(&node, &Inputs(inputs.iter().map(Some).collect()))
    }

    pub(super) fn told(kind: &str, inputs: &[Constant]) -> Cost {
        told_with(kind, Settings::default(), inputs)
    }

    /// The numbers that an operator without settings makes out of these inputs.
    pub(super) fn numbers(kind: &str, inputs: &[Constant]) -> f64 {
        told(kind, inputs).numbers
    }

    #[test]
    fn what_lines_up_is_told_by_the_shape_that_all_have() {
        let outer = [tensor(&[1000, 1], &[]), tensor(&[1, 2000], &[])];
        assert_eq!(numbers("Add", &outer), 2e6);
        let image = tensor(&[1, 2, 8, 8], &[]);
        assert_eq!(numbers("Concat", &[image.clone(), image]), 256.0);
    }

    #[test]
    fn numbers_of_channels_do_not_line_up_with_the_width() {
        let maps = tensor(&[128, 640, 8, 8], &[]);
        let channels = tensor(&[640], &[]);
        let all = 128.0 * 640.0 * 64.0;
        let norm = [
            maps.clone(),
            channels.clone(),
            channels.clone(),
            channels.clone(),
            channels.clone(),
        ];
        assert_eq!(numbers("BatchNormalization", &norm), all + 4.0 * 640.0);
        assert_eq!(numbers("InstanceNormalization", &norm[..3]), all + 2.0 * 640.0);
        for kind in [
            "QuantizeLinear",
            "DequantizeLinear",
            "CastLike",
            "Scatter",
            "ScatterND",
            "ScatterElements",
            "Slice",
            "Split",
            "Reshape",
            "ReverseSequence",
        ] {
            assert_eq!(
                numbers(kind, &[maps.clone(), channels.clone()]),
                all + 640.0,
                "{kind}"
            );
        }
    }

    #[test]
    fn graphs_in_an_operator_are_told_by_what_they_read() {
        let node = Node {
            kind: "If".to_owned(),
            branches: Branches {
                operators: 3,
                written: 10.0,
                ..Branches::default()
            },
            ..Node::default()
        };
        let (condition, read) = (tensor(&[], &[]), tensor(&[1, 2, 8, 8], &[]));
        let cost = Cost::told(&node, &Inputs(vec![Some(&condition), Some(&read)]));
        assert_eq!(cost.numbers, 3.0 * (1.0 + 128.0 + 10.0));
    }
}
