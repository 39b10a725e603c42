//! Operators on maps `[N, C, H, W]`, which lie channels last here: means, resizing, and how windows slide.

use super::{Lowered, Lowering, Refusal, layout::Layout, resample::Places};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{Op, Reduction, Size},
};

impl Lowering<'_> {
    /// The mean over all places of a map.
    pub(super) fn global_mean(&mut self, node: &Node) -> Lowered {
        let (map, _) = self.map(node, 0)?;
        let value = self.emit(Op::GlobalMean, vec![map]);
        self.give(node, value, Layout::channels_last(4), Some(1))
    }

    /// The largest number of all places of a map.
    pub(super) fn global_maximum(&mut self, node: &Node) -> Lowered {
        let (map, _) = self.map(node, 0)?;
        let value = self.emit(Op::Reduce(Reduction::Maximum, vec![1, 2]), vec![map]);
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
        if node.whole("antialias", 0) != 0 || node.whole("exclude_outside", 0) != 0 {
            return Err("smooths what it makes smaller, or leaves the outside out".into());
        }
        let from = [2, 3].map(|axis| sizes[axis].fixed());
        let value = match node.text("mode", "nearest") {
            "nearest" if is_old || (places == "asymmetric" && node.text("nearest_mode", "") == "floor") => {
                self.emit(Op::Nearest(target), vec![map])
            }
            "linear" | "bilinear" if !is_old && matches!(places, "half_pixel" | "pytorch_half_pixel") => {
                self.emit(Op::Bilinear(target), vec![map])
            }
            mode => {
                // The engine that files are held to makes cubic resizing linear.
                let is_linear = matches!(mode, "linear" | "bilinear") && !is_old;
                let known = Places::of(places).filter(|_| is_linear);
                let places = known.ok_or_else(|| {
                    Refusal::from(format!("resizes by `{mode}` with coordinates `{places}`"))
                })?;
                let [Some(height), Some(width)] = from else {
                    return Err("reads a map whose size depends on the batch".into());
                };
                self.resampled(map, &sizes, ([height, width], target), places)
            }
        };
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
    /// What the attributes of an operator say for a map of these sizes `[N, C, H, W]`, or of rows `[N, C, L]` as a map of one column.
    pub fn of(node: &Node, sizes: &[Size], kernel: [usize; 2]) -> Result<Self, Refusal> {
        let axes = sizes.len().saturating_sub(2).min(2);
        let pair = |name: &str| {
            let Some(list) = node.list(name).filter(|list| !list.is_empty()) else {
                return Ok([1; 2]);
            };
            if list.len() != axes {
                return Err(Refusal::from(format!(
                    "has {} {name} for {axes} axes",
                    list.len()
                )));
            }
            let mut pair = [1; 2];
            for (to, &from) in pair.iter_mut().zip(list) {
                *to = usize::try_from(from).map_err(|_| Refusal::from(format!("has {name} below 0")))?;
            }
            Ok(pair)
        };
        let (stride, dilation) = (pair("strides")?, pair("dilations")?);
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
            "NOTSET" | "" => pads.explicit(node, axes)?,
            "VALID" => {}
            same => pads.same(sizes, same == "SAME_LOWER")?,
        }
        Ok(pads)
    }

    fn explicit(&mut self, node: &Node, axes: usize) -> Lowered {
        let Some(sides) = node.list("pads").filter(|sides| !sides.is_empty()) else {
            return Ok(());
        };
        if sides.len() != 2 * axes {
            return Err(format!("has {} pads for {axes} axes", sides.len()).into());
        }
        let side = |value: i64| usize::try_from(value).map_err(|_| Refusal::from("has pads below 0"));
        for axis in 0..axes {
            self.before[axis] = side(sides[axis])?;
            self.after[axis] = side(sides[axes + axis])?;
        }
        Ok(())
    }

    /// As many places as `ceil(size / stride)` takes.
    fn same(&mut self, sizes: &[Size], lower: bool) -> Lowered {
        for (d, size) in sizes.iter().skip(2).take(2).enumerate() {
            let size = size.fixed().ok_or("pads what depends on the batch")?;
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
pub(super) fn rounded(number: f64) -> f64 {
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
