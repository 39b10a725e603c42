//! Convolutions of maps, and of rows as maps of one column.

use super::{Lowered, Lowering, Refusal, layout::Layout, maps::Pads};
use crate::train_graph::{
    node::Node,
    plan::{Binary, ConvShape, LayerPlan, Op, Size},
};

/// How a convolution slides, the map that is read for it, and its weight.
struct Reading {
    map: usize,
    shape: ConvShape,
    weight: String,
    /// A bias that is not zero for good.
    bias: Option<String>,
}

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: &Node) -> Lowered {
        if self.input(node, 0)?.sizes.len() == 3 {
            return self.conv_of_rows(node);
        }
        let (map, sizes) = self.map(node, 0)?;
        let kernel = match self.kernel(node)?.as_slice() {
            &[_, _, height, width] => [height, width],
            _ => return Err("is no convolution of maps".into()),
        };
        let reading = self.reading(node, map, Pads::of(node, &sizes, kernel)?)?;
        let value = if let Some(weight) = self.weight(&reading.weight) {
            let (bias, shape) = (self.bias(&reading)?, reading.shape);
            let layer = self.layers.layer(LayerPlan::Conv { weight, bias, shape })?;
            let value = self.emit(Op::Conv(layer), vec![reading.map]);
            match &reading.bias {
                // A bias that does not train.
                Some(name) if bias.is_none() => self.with_constant(value, name)?,
                _ => value,
            }
        } else {
            let weight = self.live(&reading.weight)?;
            let weight = self.asked(&weight, &Layout::plain(4));
            self.convolved(&reading, weight)?
        };
        self.give(node, value, Layout::channels_last(4), Some(1))
    }

    /// A convolution `[N, C, L]` by a weight `[O, I / groups, k]`, which stays of three axes: names and shapes are the module's.
    fn conv_of_rows(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let layout = Layout::channels_last(3);
        let rows = self.asked(&input, &layout);
        let as_map = |sizes: &[Size]| vec![sizes[0], sizes[2], Size::Fixed(1), sizes[1]];
        let map = self.emit(Op::Reshape(as_map(&input.sizes)), vec![rows]);
        let kernel = self.kernel(node)?;
        let &[outputs, inputs, length] = kernel.as_slice() else {
            return Err("is no convolution of rows".into());
        };
        let reading = self.reading(node, map, Pads::of(node, &input.sizes, [length, 1])?)?;
        let weight = self.live(&reading.weight)?;
        let weight = self.asked(&weight, &Layout::plain(3));
        let sizes = [outputs, inputs, length, 1].map(Size::Fixed);
        let weight = self.emit(Op::Reshape(sizes.into()), vec![weight]);
        let map = self.convolved(&reading, weight)?;
        let made = layout.ordered(&self.sizes(node.output())?);
        let value = self.emit(Op::Reshape(made), vec![map]);
        self.give(node, value, layout, Some(1))
    }

    fn reading(&mut self, node: &Node, map: usize, pads: Pads) -> Result<Reading, Refusal> {
        let map = match pads.symmetric() {
            Some(_) => map,
            None => self.emit(pads.op(0.0), vec![map]),
        };
        let bias = node.input(2).filter(|name| !self.is_zero(name));
        Ok(Reading {
            map,
            shape: ConvShape {
                stride: pads.stride,
                padding: pads.symmetric().unwrap_or([0; 2]),
                dilation: pads.dilation,
                groups: usize::try_from(node.whole("group", 1)).unwrap_or(0).max(1),
            },
            weight: node.input(1).ok_or("has no weight")?.to_owned(),
            bias: bias.map(str::to_owned),
        })
    }

    /// The bias if it is a weight.
    fn bias(&self, reading: &Reading) -> Result<Option<usize>, Refusal> {
        let bias = reading.bias.as_deref().and_then(|name| self.weight(name));
        if bias.is_some_and(|bias| self.layers.shape(bias).len() != 1) {
            return Err("has a bias that is no row".into());
        }
        Ok(bias)
    }

    /// A convolution by a weight `[O, I / groups, kh, kw]` that is a value: computed, constant, or a weight in another shape.
    fn convolved(&mut self, reading: &Reading, weight: usize) -> Result<usize, Refusal> {
        let mut inputs = vec![reading.map, weight];
        match (self.bias(reading)?, &reading.bias) {
            (Some(bias), _) => inputs.push(self.loose(bias)?.value),
            (None, Some(name)) => {
                let value = self.emit(Op::ConvBy(reading.shape), inputs);
                return self.with_constant(value, name);
            }
            (None, None) => {}
        }
        Ok(self.emit(Op::ConvBy(reading.shape), inputs))
    }

    /// The shape of a convolution's weight.
    fn kernel(&self, node: &Node) -> Result<Vec<usize>, Refusal> {
        let name = node.input(1).ok_or("has no weight")?;
        if let Some(place) = self.weight(name) {
            return Ok(self.layers.shape(place).to_vec());
        }
        if let Some(constant) = self.constant(Some(name)) {
            return Ok(constant.shape.clone());
        }
        let sizes = self.sizes(name)?.into_iter().map(Size::fixed);
        let sizes: Option<Vec<usize>> = sizes.collect();
        sizes.ok_or_else(|| "has a weight for each image".into())
    }

    /// A map that lies channels last with a constant added to each channel.
    fn with_constant(&mut self, value: usize, name: &str) -> Result<usize, Refusal> {
        let values = self.constant(Some(name)).and_then(|literal| literal.as_floats());
        let values = values.ok_or("adds what depends on the batch")?.clone();
        let shape = vec![1, 1, 1, values.len()];
        let constant = self.emit(Op::Constant { shape, values }, vec![]);
        Ok(self.emit(Op::Binary(Binary::Add), vec![value, constant]))
    }
}
