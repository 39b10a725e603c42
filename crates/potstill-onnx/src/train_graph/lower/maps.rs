//! Operators on maps `[N, C, H, W]`, which lie channels last here: convolutions, norms, resizing.

use super::{Lowered, Lowering, Refusal, layout::Layout};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{Binary, ConvShape, LayerPlan, Op, Size},
    trace::Origin,
};

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: &Node) -> Lowered {
        let (mut map, sizes) = self.map(node, 0)?;
        let kernel = self.kernel(node)?;
        let pads = Pads::of(node, &sizes, kernel)?;
        let shape = ConvShape {
            stride: pads.stride,
            padding: pads.symmetric().unwrap_or([0; 2]),
            dilation: pads.dilation,
            groups: usize::try_from(node.whole("group", 1)).unwrap_or(0).max(1),
        };
        if pads.symmetric().is_none() {
            map = self.emit(pads.op(0.0), vec![map]);
        }
        let weight_name = node.input(1).ok_or("has no weight")?.to_owned();
        let bias_name = node
            .input(2)
            .filter(|name| !self.is_zero(name))
            .map(str::to_owned);
        let bias = bias_name.as_deref().and_then(|name| self.weight(name));
        if bias.is_some_and(|bias| self.layers.shape(bias).len() != 1) {
            return Err("has a bias that is no row".into());
        }
        let value = if let Some(weight) = self.weight(&weight_name) {
            let layer = self.layers.layer(LayerPlan::Conv { weight, bias, shape })?;
            self.emit(Op::Conv(layer), vec![map])
        } else {
            let weight = self.live(&weight_name)?;
            let weight = self.asked(&weight, &Layout::plain(4));
            let mut inputs = vec![map, weight];
            if let Some(bias) = bias {
                inputs.push(self.loose(bias)?.value);
            }
            self.emit(Op::ConvBy(shape), inputs)
        };
        let value = match &bias_name {
            // A bias that does not train.
            Some(name) if bias.is_none() => self.add_constant(value, name, 4)?,
            _ => value,
        };
        self.give(node, value, Layout::channels_last(4), Some(1))
    }

    /// Height and width of a convolution's weight.
    fn kernel(&self, node: &Node) -> Result<[usize; 2], Refusal> {
        let name = node.input(1).ok_or("has no weight")?;
        let fixed = |sizes: Vec<Size>| sizes.into_iter().map(Size::fixed).collect::<Option<Vec<_>>>();
        let shape = match self.weight(name) {
            Some(place) => Some(self.layers.shape(place).to_vec()),
            None => fixed(self.sizes(name)?),
        };
        match shape.as_deref() {
            Some([_, _, height, width]) => Ok([*height, *width]),
            _ => Err("is no convolution of maps".into()),
        }
    }

    /// Batch norm of a map, or of rows `[N, C]` and `[N, C, L]` as maps of one column.
    pub(super) fn batch_norm(&mut self, node: &Node) -> Lowered {
        let has_statistics = [3, 4].map(|at| node.input(at).is_some_and(|name| self.weight(name).is_some()));
        if has_statistics == [false; 2] && self.origin(node.output()) == Origin::Weights {
            // Weights that are standardised: each filter by its own mean and variance.
            return self.instance_norm(node);
        }
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let channels = input.sizes.get(1).and_then(|size| size.fixed());
        let mut tensors = [0; 4];
        for (tensor, (at, what)) in tensors
            .iter_mut()
            .zip((1..).zip(["scale", "shift", "mean", "variance"]))
        {
            let place = node.input(at).and_then(|name| self.weight(name));
            let place = place.filter(|&place| {
                Some(self.layers.shape(place)) == channels.as_ref().map(std::slice::from_ref)
            });
            *tensor = place.ok_or_else(|| format!("has a {what} that is no tensor of the file"))?;
        }
        let layer = self.layers.layer(LayerPlan::BatchNorm {
            tensors,
            momentum: rounded(1.0 - decimal(node.number("momentum", 0.9))),
            epsilon: decimal(node.number("epsilon", 1e-5)),
        })?;
        let layout = Layout::channels_last(rank);
        let value = self.asked(&input, &layout);
        let sizes = layout.ordered(&input.sizes);
        let of_map = |sizes: &[Size]| match *sizes {
            [n, c] => Some(vec![n, Size::Fixed(1), Size::Fixed(1), c]),
            [n, l, c] => Some(vec![n, l, Size::Fixed(1), c]),
            _ => None,
        };
        let value = match of_map(&sizes) {
            None if rank == 4 => self.emit(Op::BatchNorm(layer), vec![value]),
            None => return Err(format!("normalises a tensor of {rank} axes").into()),
            Some(as_map) => {
                let map = self.emit(Op::Reshape(as_map), vec![value]);
                let map = self.emit(Op::BatchNorm(layer), vec![map]);
                self.emit(Op::Reshape(sizes), vec![map])
            }
        };
        self.give(node, value, layout, Some(1))
    }

    /// Instance norm, which group norms are written as: then a constant scale of ones and shift of zeros.
    pub(super) fn instance_norm(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        if rank < 3 || (node.kind != "InstanceNormalization" && input.sizes[0] != Size::Fixed(1)) {
            return Err("normalises over the batch".into());
        }
        let layout = Layout::plain(rank);
        let value = self.asked(&input, &layout);
        let mut value = self.emit(
            Op::InstanceNorm(decimal(node.number("epsilon", 1e-5))),
            vec![value],
        );
        let is_one = |name: &str| {
            let values = self.constant(Some(name)).and_then(Literal::as_floats);
            values.is_some_and(|values| values.iter().all(|&value| value == 1.0))
        };
        let (scale, shift) = (
            node.input(1).unwrap_or_default(),
            node.input(2).unwrap_or_default(),
        );
        for (name, is_idle, function) in [
            (scale, is_one(scale), Binary::Multiply),
            (shift, self.is_zero(shift), Binary::Add),
        ] {
            if is_idle {
                continue;
            }
            let live = self.live(name)?;
            if self.origin(name) == Origin::Images || live.sizes.len() != 1 {
                return Err("has a scale or a shift that is computed".into());
            }
            let mut sizes = vec![Size::Fixed(1); rank];
            sizes[1] = live.sizes[0];
            let each = self.emit(Op::Reshape(sizes), vec![live.value]);
            value = self.emit(Op::Binary(function), vec![value, each]);
        }
        self.give(node, value, layout, Some(1))
    }

    /// The mean over all places of a map.
    pub(super) fn global_mean(&mut self, node: &Node) -> Lowered {
        let (map, _) = self.map(node, 0)?;
        let value = self.emit(Op::GlobalMean, vec![map]);
        self.give(node, value, Layout::channels_last(4), Some(1))
    }

    /// A map with more or fewer rows and columns: every pixel repeated, or bilinear as PyTorch does it.
    pub(super) fn resize(&mut self, node: &Node) -> Lowered {
        let (map, sizes) = self.map(node, 0)?;
        let made = self.sizes(node.output())?;
        let size = |axis: usize| {
            let size = made.get(axis).and_then(|size| size.fixed());
            size.ok_or_else(|| Refusal::from("makes a map whose size depends on the batch"))
        };
        let target = [size(2)?, size(3)?];
        if made.get(1) != sizes.get(1) {
            return Err("resizes channels".into());
        }
        self.check_scales(node, &sizes, target)?;
        let places = node.text("coordinate_transformation_mode", "half_pixel");
        let is_old = node.kind == "Upsample";
        let op = match node.text("mode", "nearest") {
            "nearest" if is_old || (places == "asymmetric" && node.text("nearest_mode", "") == "floor") => {
                Op::Nearest(target)
            }
            "linear" | "bilinear" if !is_old && matches!(places, "half_pixel" | "pytorch_half_pixel") => {
                if node.whole("antialias", 0) != 0 {
                    return Err("smooths what it makes smaller".into());
                }
                Op::Bilinear(target)
            }
            mode => return Err(format!("resizes by `{mode}` with coordinates `{places}`").into()),
        };
        let value = self.emit(op, vec![map]);
        self.give(node, value, Layout::channels_last(4), Some(1))
    }
}

impl Lowering<'_> {
    /// Where a scale is stated it has to be the ratio of the sizes, which is what operations here go by.
    fn check_scales(&self, node: &Node, sizes: &[Size], target: [usize; 2]) -> Lowered {
        let at = if node.kind == "Upsample" { 1 } else { 2 };
        let given = self.constant(node.input(at)).and_then(Literal::as_floats);
        let Some([_, _, scales @ ..]) = given.map(|scales| &scales[..]) else {
            return Ok(());
        };
        for ((scale, size), made) in scales.iter().zip(&sizes[2..]).zip(target) {
            let exact = size.fixed().map_or(0.0, |size| size as f32 * scale);
            if (exact - made as f32).abs() > 1e-3 {
                let reason = format!(
                    "makes {made} places of {exact}: export it with `size=` in the place of `scale_factor=`"
                );
                return Err(reason.into());
            }
        }
        Ok(())
    }
}

/// How a window slides over a map, and what is put round the map for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pads {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub before: [usize; 2],
    pub after: [usize; 2],
}

impl Pads {
    /// What the attributes of an operator say for a map of these sizes `[N, C, H, W]`.
    pub fn of(node: &Node, sizes: &[Size], kernel: [usize; 2]) -> Result<Self, Refusal> {
        let pair = |name: &str, otherwise: usize| match node.list(name) {
            None | Some([]) => Ok([otherwise; 2]),
            Some(&[a, b]) => {
                let pair = usize::try_from(a).ok().zip(usize::try_from(b).ok());
                pair.map(|(a, b)| [a, b])
                    .ok_or_else(|| Refusal::from(format!("has {name} below 0")))
            }
            Some(_) => Err(Refusal::from(format!("has other {name} than two"))),
        };
        let (stride, dilation) = (pair("strides", 1)?, pair("dilations", 1)?);
        if stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
            return Err("has strides, dilations or a kernel of 0".into());
        }
        let mut pads = Self {
            kernel,
            stride,
            dilation,
            before: [0; 2],
            after: [0; 2],
        };
        match node.text("auto_pad", "NOTSET") {
            "NOTSET" | "" => pads.explicit(node)?,
            "VALID" => {}
            same => pads.same(sizes, same == "SAME_LOWER")?,
        }
        Ok(pads)
    }

    fn explicit(&mut self, node: &Node) -> Lowered {
        let side = |value: i64| usize::try_from(value).map_err(|_| Refusal::from("has pads below 0"));
        match node.list("pads") {
            None | Some([]) => {}
            Some(&[top, left, bottom, right]) => {
                self.before = [side(top)?, side(left)?];
                self.after = [side(bottom)?, side(right)?];
            }
            Some(_) => return Err("has other pads than four".into()),
        }
        Ok(())
    }

    /// As many places as `ceil(size / stride)` takes.
    fn same(&mut self, sizes: &[Size], lower: bool) -> Lowered {
        for d in 0..2 {
            let size = sizes
                .get(d + 2)
                .and_then(|size| size.fixed())
                .ok_or("pads what depends on the batch")?;
            let reach = self.dilation[d] * (self.kernel[d] - 1) + 1;
            let needed = (size.div_ceil(self.stride[d]) - 1) * self.stride[d] + reach;
            let all = needed.saturating_sub(size);
            let (less, more) = (all / 2, all - all / 2);
            (self.before[d], self.after[d]) = if lower { (more, less) } else { (less, more) };
        }
        Ok(())
    }

    /// The padding if it is the same on both sides.
    pub fn symmetric(&self) -> Option<[usize; 2]> {
        (self.before == self.after).then_some(self.before)
    }

    /// A step that puts a number round a map that lies channels last.
    pub fn op(&self, value: f32) -> Op {
        let sides = [0, 1].map(|d| (self.before[d], self.after[d]));
        Op::Pad(vec![(0, 0), sides[0], sides[1], (0, 0)], value)
    }
}

/// A number of single precision as it was written: 1e-5, not 9.99999974737875e-6.
pub(super) fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

/// A difference of such numbers as it would be written.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::{decimal, rounded};

    #[test]
    fn numbers_are_those_that_were_written() {
        assert_eq!(decimal(1e-5_f32), 1e-5);
        assert_eq!(rounded(1.0 - decimal(0.9_f32)), 0.1);
        assert_eq!(rounded(1.0 - decimal(0.99_f32)), 0.01);
    }
}
