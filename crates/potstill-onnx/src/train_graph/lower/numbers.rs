//! Operators on each number, and on all along axes.

use super::{Lowered, Lowering, Refusal, layout::Layout};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{Nonlinearity, Op, Reduction, Size, Unary},
};

impl Lowering<'_> {
    /// A function of each number.
    pub(super) fn unary(&mut self, node: &Node) -> Lowered {
        let op = match node.kind.as_str() {
            "Relu" => Op::Activate(Nonlinearity::Relu),
            "LeakyRelu" => Op::Activate(Nonlinearity::LeakyRelu(node.number("alpha", 0.01))),
            "HardSwish" => Op::Activate(Nonlinearity::HardSwish),
            "Gelu" if node.text("approximate", "none") == "tanh" => Op::Unary(Unary::GeluByTanh),
            "Gelu" => Op::Activate(Nonlinearity::Gelu),
            "HardSigmoid" => Op::Unary(Unary::HardSigmoid {
                alpha: node.number("alpha", 0.2),
                beta: node.number("beta", 0.5),
            }),
            "Elu" => Op::Unary(Unary::Elu(node.number("alpha", 1.0))),
            "Sigmoid" => Op::Unary(Unary::Sigmoid),
            "Tanh" => Op::Unary(Unary::Tanh),
            "Erf" => Op::Unary(Unary::Erf),
            "Exp" => Op::Unary(Unary::Exp),
            "Log" => Op::Unary(Unary::Log),
            "Sqrt" => Op::Unary(Unary::Sqrt),
            "Neg" => Op::Unary(Unary::Negative),
            "Abs" => Op::Unary(Unary::Absolute),
            "Reciprocal" => Op::Unary(Unary::Reciprocal),
            "Softplus" => Op::Unary(Unary::Softplus),
            _ => return Err(Refusal::Unknown),
        };
        self.each(node, op)
    }

    /// A step that leaves every number where it is.
    pub(super) fn each(&mut self, node: &Node, op: Op) -> Lowered {
        let input = self.input(node, 0)?;
        let value = self.emit(op, vec![input.value]);
        self.give(node, value, input.layout, input.channels)
    }

    /// `Clip`: one of the activations, or a clamp.
    pub(super) fn clip(&mut self, node: &Node) -> Lowered {
        let bound = |at: usize, name: &str, otherwise: f32| match node.input(at) {
            None => Ok(node.number(name, otherwise)),
            given => {
                let bound = self.constant(given).and_then(Literal::single);
                bound.ok_or_else(|| Refusal::from("has bounds that are computed"))
            }
        };
        let (low, high) = (bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?);
        let op = match (low, high) {
            (0.0, 6.0) => Op::Activate(Nonlinearity::Relu6),
            (0.0, high) if high >= f32::MAX => Op::Activate(Nonlinearity::Relu),
            _ => Op::Unary(Unary::Clamp { low, high }),
        };
        self.each(node, op)
    }

    /// A power that is written in the file, or that is a value itself.
    pub(super) fn power(&mut self, node: &Node) -> Lowered {
        match self.constant(node.input(1)).and_then(Literal::single) {
            Some(power) => self.each(node, Op::Unary(Unary::Power(power))),
            None => self.binary(node),
        }
    }

    pub(super) fn prelu(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let slopes = self.input(node, 1)?;
        let slopes = self.fitted(&slopes, &input.layout)?;
        let value = self.emit(Op::Prelu, vec![input.value, slopes]);
        self.give(node, value, input.layout, input.channels)
    }

    pub(super) fn softmax(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let is_flat = self.opset < 13;
        let axis = axis(
            node.whole("axis", if is_flat { 1 } else { -1 }),
            input.sizes.len(),
        )?;
        if is_flat && input.sizes[axis + 1..].iter().any(|&size| size != Size::Fixed(1)) {
            let reason = format!(
                "takes all axes from {axis} on as one, as operators before version 13 do; export with opset_version=17"
            );
            return Err(reason.into());
        }
        let place = input.layout.place(axis);
        let op = if node.kind == "LogSoftmax" {
            Op::LogSoftmax(place)
        } else {
            Op::Softmax(place)
        };
        let value = self.emit(op, vec![input.value]);
        self.give(node, value, input.layout, input.channels)
    }

    /// Means, sums and lengths.
    pub(super) fn reduce(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let axes = self.axes(node, rank)?;
        let reduction = match node.kind.as_str() {
            "ReduceMean" => Reduction::Mean,
            "ReduceSum" => Reduction::Sum,
            "ReduceMax" => Reduction::Maximum,
            _ => Reduction::Length,
        };
        let mut places: Vec<usize> = axes.iter().map(|&axis| input.layout.place(axis)).collect();
        places.sort_unstable();
        let is_global = reduction == Reduction::Mean && rank == 4 && places == [1, 2];
        let op = if is_global {
            Op::GlobalMean
        } else {
            Op::Reduce(reduction, places)
        };
        let value = self.emit(op, vec![input.value]);
        if node.whole("keepdims", 1) != 0 {
            return self.give(node, value, input.layout, input.channels);
        }
        let is_left = |axis: &usize| !axes.contains(axis);
        let left: Vec<usize> = input.layout.0.iter().copied().filter(is_left).collect();
        let sizes: Vec<Size> = left.iter().map(|&axis| input.sizes[axis]).collect();
        let lower = |axis: usize| axis - axes.iter().filter(|&&gone| gone < axis).count();
        let channels = input.channels.filter(is_left).map(lower);
        let layout = Layout(left.into_iter().map(lower).collect());
        if layout.rank() == 0 {
            return Err("leaves nothing of the images".into());
        }
        let value = self.emit(Op::Reshape(sizes), vec![value]);
        self.give(node, value, layout, channels)
    }

    /// The axes of an operator, which are an input in newer files.
    pub(super) fn axes(&self, node: &Node, rank: usize) -> Result<Vec<usize>, Refusal> {
        let given = match node.input(1) {
            Some(name) => {
                let axes = self.constant(Some(name)).and_then(Literal::as_whole);
                Some(axes.ok_or("has axes that are computed")?)
            }
            None => node.list("axes"),
        };
        match given {
            Some(axes) if !axes.is_empty() => axes.iter().map(|&given| axis(given, rank)).collect(),
            _ => Ok((0..rank).collect()),
        }
    }
}

/// An axis that may count from the end.
pub(super) fn axis(given: i64, rank: usize) -> Result<usize, Refusal> {
    let from_start = if given < 0 { given + rank as i64 } else { given };
    usize::try_from(from_start)
        .ok()
        .filter(|&axis| axis < rank)
        .ok_or_else(|| format!("has the axis {given} of {rank}").into())
}
