//! Operators on two numbers, sizes of 1 stretched.

use super::{Live, Lowered, Lowering, Refusal, layout::Layout};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{Binary, Op, Size},
    trace::Origin,
};

impl Lowering<'_> {
    /// A function of two numbers, sizes of 1 stretched as in numpy; of several one after the other.
    pub(super) fn binary(&mut self, node: &Node) -> Lowered {
        let function = match node.kind.as_str() {
            "Sub" => Binary::Subtract,
            "Mul" => Binary::Multiply,
            "Div" => Binary::Divide,
            "Max" => Binary::Maximum,
            "Min" => Binary::Minimum,
            "Pow" => Binary::Power,
            _ => Binary::Add,
        };
        let names: Vec<&str> = node.inputs.iter().map(String::as_str).collect();
        let live = match names.as_slice() {
            [] => return Err("reads nothing".into()),
            [only] => self.live(only)?,
            &[first, second] if self.number(first).is_some() => {
                let live = self.live(second)?;
                self.with_number(function, first, &live, true)?
            }
            [first, others @ ..] => {
                let first = self.operand(first)?;
                let all = others
                    .iter()
                    .try_fold(first, |first, name| self.pair(function, &first, name));
                all?.live
            }
        };
        self.give(node, live.value, live.layout, live.channels)
    }

    /// The one number of a constant.
    fn number(&self, name: &str) -> Option<(&Literal, f32)> {
        let is_constant = self.origin(name) == Origin::Constant;
        let literal = self.constant(Some(name)).filter(|_| is_constant)?;
        Some((literal, literal.single()?))
    }

    fn operand(&mut self, name: &str) -> Result<Operand, Refusal> {
        Ok(Operand {
            live: self.live(name)?,
            is_of_images: self.origin(name) == Origin::Images,
        })
    }

    /// A function of a value and a tensor with one number.
    fn with_number(
        &mut self,
        function: Binary,
        name: &str,
        live: &Live,
        comes_first: bool,
    ) -> Result<Live, Refusal> {
        let (shape, number) = match self.number(name) {
            Some((literal, number)) => (literal.shape.len(), number),
            None => return Err(format!("reads `{name}` as one number").into()),
        };
        let is_plain = function != Binary::Power;
        // A number that stretches the other operand is no plain number.
        if shape <= live.sizes.len() && is_plain {
            let value = self.emit(Op::Scalar(function, number, comes_first), vec![live.value]);
            return Ok(Live {
                value,
                ..live.clone()
            });
        }
        let other = self.operand(name)?;
        let own = Operand {
            live: live.clone(),
            is_of_images: true,
        };
        let [first, second] = if comes_first { [other, own] } else { [own, other] };
        Ok(self.joined(function, &first, &second)?.live)
    }

    fn pair(&mut self, function: Binary, first: &Operand, name: &str) -> Result<Operand, Refusal> {
        if self.number(name).is_some() {
            let live = self.with_number(function, name, &first.live, false)?;
            return Ok(Operand { live, ..*first });
        }
        let second = self.operand(name)?;
        self.joined(function, first, &second)
    }

    /// A function of two values. What comes from the images keeps its layout; of two of them that of the higher rank, then one with the
    /// batch first.
    fn joined(&mut self, function: Binary, first: &Operand, second: &Operand) -> Result<Operand, Refusal> {
        let leader = if second.weight() > first.weight() {
            second
        } else {
            first
        };
        let (first, second) = (&first.live, &second.live);
        let rank = first.sizes.len().max(second.sizes.len());
        let layout = leader.live.layout.raised(rank);
        let raised = rank - leader.live.sizes.len();
        let values = vec![self.fitted(first, &layout)?, self.fitted(second, &layout)?];
        let value = self.emit(Op::Binary(function), values);
        Ok(Operand {
            live: Live {
                value,
                layout,
                sizes: stretched(&first.sizes, &second.sizes),
                channels: leader.live.channels.map(|axis| axis + raised),
            },
            is_of_images: leader.is_of_images,
        })
    }

    /// A value of the rank of a layout, and in that layout.
    pub(super) fn fitted(&mut self, live: &Live, layout: &Layout) -> Result<usize, Refusal> {
        let more = layout
            .rank()
            .checked_sub(live.sizes.len())
            .ok_or("stretches its first operand")?;
        if more == 0 {
            return Ok(self.asked(live, layout));
        }
        let raised = live.layout.raised(layout.rank());
        let sizes: Vec<Size> = std::iter::repeat_n(Size::Fixed(1), more)
            .chain(live.sizes.iter().copied())
            .collect();
        let key = (live.value, raised.0.clone());
        let value = if let Some(&value) = self.moved.get(&key) {
            value
        } else {
            let value = self.emit(Op::Reshape(raised.ordered(&sizes)), vec![live.value]);
            self.moved.insert(key, value);
            value
        };
        let live = Live {
            value,
            layout: raised,
            sizes,
            channels: None,
        };
        Ok(self.asked(&live, layout))
    }
}

/// An operand of a function of two numbers.
struct Operand {
    live: Live,
    is_of_images: bool,
}

impl Operand {
    /// Whose layout is kept.
    fn weight(&self) -> (bool, usize, bool) {
        let has_batch_first = self.live.layout.0.first() == Some(&0);
        (self.is_of_images, self.live.sizes.len(), has_batch_first)
    }
}

/// The sizes of what two operands of these sizes make, sizes of 1 stretched.
fn stretched(first: &[Size], second: &[Size]) -> Vec<Size> {
    let rank = first.len().max(second.len());
    let at = |sizes: &[Size], axis: usize| {
        let missing = rank - sizes.len();
        axis.checked_sub(missing)
            .map_or(Size::Fixed(1), |axis| sizes[axis])
    };
    let pairs = (0..rank).map(|axis| (at(first, axis), at(second, axis)));
    pairs
        .map(|(a, b)| if a == Size::Fixed(1) { b } else { a })
        .collect()
}
