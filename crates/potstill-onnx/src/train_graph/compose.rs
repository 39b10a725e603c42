//! Operators that are written as others, because the engine that tells their sizes has no code for them: so they run, train and leave again.
//!
//! | operator | becomes |
//! |---|---|
//! | `Selu` | `gamma Elu(x)` |
//! | `Celu` | `alpha Elu(x / alpha)` |
//! | `Mish` | `x Tanh(Softplus(x))` |
//! | `Softsign` | `x / (1 + Abs(x))` |
//! | `GroupNormalization` | `InstanceNormalization` of groups as channels, with a scale and a shift for each group, or behind it for each channel |

use rten_onnx::onnx::{AttributeProto, AttributeType, DataType, GraphProto, NodeProto, TensorProto};

use super::node::Node;

/// Writes such operators of a graph anew.
///
/// # Errors
/// A node that cannot be read.
pub(super) fn compose(graph: &mut GraphProto, opset: i64) -> Result<(), String> {
    let is_known = |node: &NodeProto| {
        let kind = node.op_type.as_deref().unwrap_or_default();
        matches!(kind, "Selu" | "Celu" | "Mish" | "Softsign" | "GroupNormalization")
            && matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"))
    };
    if !graph.node.iter().any(is_known) {
        return Ok(());
    }
    let nodes = std::mem::take(&mut graph.node);
    for (index, node) in nodes.into_iter().enumerate() {
        if !is_known(&node) || node.input.is_empty() || node.output.is_empty() {
            graph.node.push(node);
            continue;
        }
        let mut part = Part {
            graph,
            prefix: format!("potstill::{index}_"),
            made: 0,
        };
        part.write(&Node::of(&node)?, opset);
    }
    Ok(())
}

/// The operators that stand for one.
struct Part<'g> {
    graph: &'g mut GraphProto,
    prefix: String,
    made: usize,
}

impl Part<'_> {
    fn write(&mut self, node: &Node, opset: i64) {
        let x = node.input(0).unwrap_or_default().to_owned();
        let made = node.output();
        match node.kind.as_str() {
            "Selu" => {
                let bent = self.elu(&x, node.number("alpha", 1.673_263_2));
                let gamma = self.number(node.number("gamma", 1.050_701));
                self.named("Mul", &[&bent, &gamma], made);
            }
            "Celu" => {
                let alpha = self.number(node.number("alpha", 1.0));
                let scaled = self.node("Div", &[&x, &alpha]);
                let bent = self.elu(&scaled, 1.0);
                self.named("Mul", &[&bent, &alpha], made);
            }
            "Mish" => {
                let soft = self.node("Softplus", &[&x]);
                let gate = self.node("Tanh", &[&soft]);
                self.named("Mul", &[&x, &gate], made);
            }
            "Softsign" => {
                let (size, one) = (self.node("Abs", &[&x]), self.number(1.0));
                let below = self.node("Add", &[&size, &one]);
                self.named("Div", &[&x, &below], made);
            }
            _ => self.group_norm(node, &x, opset),
        }
    }

    /// Before version 21 scale and shift have a number for each group, and for each channel since.
    fn group_norm(&mut self, node: &Node, x: &str, opset: i64) {
        let groups = node.whole("num_groups", 1);
        let of_groups = opset < 21;
        let [scale, shift] = [1, 2].map(|at| node.input(at).unwrap_or_default().to_owned());
        let shape = self.node("Shape", &[x]);
        let grouped = self.list(&[0, groups, -1]);
        let grouped = self.node("Reshape", &[x, &grouped]);
        let [ones, zeros] = [1.0, 0.0].map(|value| self.floats(groups, value));
        let own = if of_groups {
            [&scale, &shift]
        } else {
            [&ones, &zeros]
        };
        let normed = self.node("InstanceNormalization", &[&grouped, own[0], own[1]]);
        let epsilon = AttributeProto {
            name: Some("epsilon".into()),
            r#type: Some(AttributeType::FLOAT),
            f: Some(node.number("epsilon", 1e-5)),
            ..AttributeProto::default()
        };
        self.graph
            .node
            .iter_mut()
            .last()
            .into_iter()
            .for_each(|node| node.attribute.push(epsilon.clone()));
        if of_groups {
            return self.named("Reshape", &[&normed, &shape], node.output());
        }
        // A number for each channel stands before its places: [C, 1].
        let (column, rows) = (self.list(&[-1, 1]), self.list(&[0, 0, -1]));
        let flat = self.node("Reshape", &[x, &rows]);
        let flat = self.node("Shape", &[&flat]);
        let channels = self.node("Reshape", &[&normed, &flat]);
        let [scale, shift] = [scale, shift].map(|row| self.node("Reshape", &[&row, &column]));
        let scaled = self.node("Mul", &[&channels, &scale]);
        let shifted = self.node("Add", &[&scaled, &shift]);
        self.named("Reshape", &[&shifted, &shape], node.output());
    }

    fn elu(&mut self, x: &str, alpha: f32) -> String {
        let name = self.node("Elu", &[x]);
        let alpha = AttributeProto {
            name: Some("alpha".into()),
            r#type: Some(AttributeType::FLOAT),
            f: Some(alpha),
            ..AttributeProto::default()
        };
        self.graph
            .node
            .iter_mut()
            .last()
            .into_iter()
            .for_each(|node| node.attribute.push(alpha.clone()));
        name
    }

    /// An operator; the name of what it makes.
    fn node(&mut self, kind: &str, inputs: &[&str]) -> String {
        let name = self.name();
        self.named(kind, inputs, &name);
        name
    }

    fn named(&mut self, kind: &str, inputs: &[&str], output: &str) {
        self.graph.node.push(NodeProto {
            op_type: Some(kind.into()),
            name: Some(output.into()),
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        });
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("{}{}", self.prefix, self.made)
    }

    fn number(&mut self, number: f32) -> String {
        self.tensor(TensorProto {
            data_type: Some(DataType::FLOAT),
            float_data: vec![number],
            ..TensorProto::default()
        })
    }

    /// So many equal numbers.
    fn floats(&mut self, count: i64, value: f32) -> String {
        let count = count.clamp(0, MOST_GROUPS);
        let filled = self.number(value);
        let shape = self.list(&[count]);
        self.node("Expand", &[&filled, &shape])
    }

    fn list(&mut self, numbers: &[i64]) -> String {
        self.tensor(TensorProto {
            dims: vec![numbers.len() as i64],
            data_type: Some(DataType::INT64),
            int64_data: numbers.to_vec(),
            ..TensorProto::default()
        })
    }

    fn tensor(&mut self, tensor: TensorProto) -> String {
        let name = self.name();
        self.graph.initializer.push(TensorProto {
            name: Some(name.clone()),
            ..tensor
        });
        name
    }
}

/// Groups of channels that any norm has.
const MOST_GROUPS: i64 = 1 << 20;
