//! What operators share, and what exporters have made of convolutions: for the notes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{names, node::Node};

/// Names of weights that several operators read.
pub(super) type Shared = BTreeSet<String>;

/// How the convolutions of a file are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Convolutions {
    /// All of them.
    pub all: usize,
    /// Those with a bias and no batch norm behind them.
    pub biased: usize,
    /// Those of them whose tensors have names that exporters give where they fold a norm in.
    pub folded: usize,
}

impl Convolutions {
    /// Those of a file with tensors of these names. A weight that is computed (standardised, for one) had no norm folded into it.
    pub fn of(nodes: &[Node], tensors: &HashSet<&str>) -> Self {
        let normed: BTreeSet<&str> = nodes
            .iter()
            .filter(|node| node.kind == "BatchNormalization")
            .filter_map(|node| node.input(0))
            .collect();
        let mut found = Self::default();
        for node in nodes.iter().filter(|node| node.kind == "Conv") {
            found.all += 1;
            let weight = node.input(1).unwrap_or_default();
            let bias = node.input(2).filter(|_| !normed.contains(node.output()));
            let Some(bias) = bias.filter(|_| tensors.contains(weight)) else {
                continue;
            };
            found.biased += 1;
            let path = weight
                .strip_suffix("weight")
                .filter(|_| names::is_of_state_dict(weight));
            let is_pair = path.is_some_and(|path| bias.strip_suffix("bias") == Some(path));
            found.folded += usize::from(!is_pair);
        }
        found
    }
}

/// The operators that read each weight.
#[derive(Debug, Default)]
pub(super) struct Readers(BTreeMap<usize, BTreeSet<usize>>);

impl Readers {
    /// Notes that an operator reads the weight at a place.
    pub fn note(&mut self, weight: usize, operator: usize) {
        self.0.entry(weight).or_default().insert(operator);
    }

    /// The places that several operators read.
    pub fn shared(&self) -> impl Iterator<Item = usize> {
        let shared = self.0.iter().filter(|(_, operators)| operators.len() > 1);
        shared.map(|(&weight, _)| weight)
    }
}

#[cfg(test)]
mod tests {
    use super::{Convolutions, Node};

    #[test]
    fn norms_that_were_folded_in_are_told_by_names() {
        let nodes = [
            Node::plain("Conv", &["x", "a.weight", "a.bias"], "1"),
            Node::plain("Conv", &["1", "b.weight", "b.weight_bias"], "2"),
            Node::plain("Conv", &["2", "onnx::Conv_4", "onnx::Conv_5"], "3"),
            Node::plain("Conv", &["3", "c.weight", "c.bias"], "4"),
            Node::plain("BatchNormalization", &["4", "s", "t", "m", "v"], "5"),
            Node::plain("Conv", &["5", "d.weight"], "6"),
            Node::plain("Conv", &["6", "/e/Reshape_output_0", "e.bias"], "7"),
        ];
        let tensors = ["a.weight", "b.weight", "onnx::Conv_4", "c.weight", "d.weight"];
        let expected = Convolutions {
            all: 6,
            biased: 3,
            folded: 2,
        };
        assert_eq!(Convolutions::of(&nodes, &tensors.into()), expected);
    }
}
