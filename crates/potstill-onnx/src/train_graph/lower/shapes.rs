//! Operators that move numbers about: shapes, orders, parts.

use std::sync::Arc;

use super::{
    Live, Lowered, Lowering, Refusal,
    layout::{Reshaped, reshaped},
    numbers::axis,
};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{Op, Size},
};

impl Lowering<'_> {
    /// `Reshape`, and all that comes to it: the size of what it makes is known.
    pub(super) fn reshape(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let made = self.sizes_made(node.output())?;
        if made == input.sizes {
            return self.give(node, input.value, input.layout, input.channels);
        }
        let Reshaped { before, after } = reshaped(&input.layout, &input.sizes, &made);
        let value = self.asked(&input, &before);
        let channels = kept_axis(&input, &made);
        let value = self.emit(Op::Reshape(after.ordered(&made)), vec![value]);
        self.give(node, value, after, channels)
    }

    /// Nothing moves: only the file's axes are other ones.
    pub(super) fn transpose(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let order: Vec<usize> = match node.list("perm") {
            Some(order) => order
                .iter()
                .map(|&given| axis(given, rank))
                .collect::<Result<_, _>>()?,
            None => (0..rank).rev().collect(),
        };
        let channels = input
            .channels
            .and_then(|channels| order.iter().position(|&from| from == channels));
        self.give(node, input.value, input.layout.transposed(&order), channels)
    }

    pub(super) fn slice(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let list = |at: usize, name: &str| -> Result<Option<Vec<i64>>, Refusal> {
            match node.input(at) {
                None => Ok(node.list(name).map(<[i64]>::to_vec)),
                given => {
                    let list = self.constant(given).and_then(Literal::as_whole);
                    let list =
                        list.ok_or_else(|| format!("has {name} that are computed or grow with the batch"))?;
                    Ok(Some(list.to_vec()))
                }
            }
        };
        let starts = list(1, "starts")?.ok_or("says not where it starts")?;
        let ends = list(2, "ends")?.ok_or("says not where it ends")?;
        let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
        let mut value = input.value;
        for (((&start, &end), &given), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = axis(given, rank)?;
            value = self.part(value, &input, axis, [start, end, step])?;
        }
        self.give(node, value, input.layout, input.channels)
    }

    /// The places of one axis from `start` to before `end`, which may count from the end, and backwards by a negative step.
    fn part(
        &mut self,
        value: usize,
        input: &Live,
        axis: usize,
        [start, end, step]: [i64; 3],
    ) -> Result<usize, Refusal> {
        let whole = i64::from(i32::MAX) - 1;
        let Size::Fixed(size) = input.sizes[axis] else {
            // The whole batch is all that is the same for any batch.
            let is_whole = start == 0 && end >= whole && step == 1;
            return is_whole
                .then_some(value)
                .ok_or("takes a part of the batch".into());
        };
        if size == 0 {
            return Err("takes nothing".into());
        }
        let size = size as i64;
        let from_start = |place: i64| if place < 0 { place + size } else { place };
        let axis = input.layout.place(axis);
        if step < 0 {
            let start = from_start(start).clamp(0, size - 1);
            let end = if end < -size {
                -1
            } else {
                from_start(end).clamp(-1, size - 1)
            };
            let places = (0..).map(|i| start + i * step).take_while(|&place| place > end);
            let places: Arc<[usize]> = places.map(|place| place as usize).collect();
            return Ok(self.emit(Op::Select(axis, places), vec![value]));
        }
        let (start, end) = (from_start(start).clamp(0, size), from_start(end).clamp(0, size));
        if (start, end, step) == (0, size, 1) {
            return Ok(value);
        }
        if start >= end || step == 0 {
            return Err("takes nothing".into());
        }
        let op = Op::Slice {
            axis,
            start: start as usize,
            end: end as usize,
            step: step as usize,
        };
        Ok(self.emit(op, vec![value]))
    }

    pub(super) fn split(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let axis = axis(node.whole("axis", 0), input.sizes.len())?;
        let mut start = 0;
        for name in node.outputs.clone() {
            let size = self.sizes(&name)?.get(axis).and_then(|size| size.fixed());
            let size = size.ok_or("splits the batch")?;
            let end = start + size;
            let value = self.part(input.value, &input, axis, [start as i64, end as i64, 1])?;
            self.give_as(&name, value, input.layout.clone(), input.channels)?;
            start = end;
        }
        Ok(())
    }

    pub(super) fn concat(&mut self, node: &Node) -> Lowered {
        let names: Vec<String> = node
            .inputs
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        let parts: Vec<Live> = names
            .iter()
            .map(|name| self.live(name))
            .collect::<Result<_, _>>()?;
        let first = parts.first().ok_or("joins nothing")?;
        // Parts that come from the images say where the axes lie; a class token does not.
        let of_images = names
            .iter()
            .position(|name| self.origin(name) == super::Origin::Images)
            .unwrap_or(0);
        let (layout, channels) = (parts[of_images].layout.clone(), parts[of_images].channels);
        let axis = axis(node.whole("axis", 0), first.sizes.len())?;
        let values: Vec<usize> = parts.iter().map(|part| self.asked(part, &layout)).collect();
        let value = self.emit(Op::Concat(layout.place(axis)), values);
        self.give(node, value, layout, channels)
    }

    pub(super) fn gather(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let axis = axis(node.whole("axis", 0), rank)?;
        let size = input.sizes[axis].fixed().ok_or("picks images out of the batch")?;
        let indices = self
            .constant(node.input(1))
            .ok_or("picks places that are computed")?;
        let places: Option<Vec<usize>> = indices.as_whole().and_then(|places| {
            let from_start =
                |place: i64| usize::try_from(if place < 0 { place + size as i64 } else { place }).ok();
            places
                .iter()
                .map(|&place| from_start(place).filter(|&place| place < size))
                .collect()
        });
        let places: Arc<[usize]> = places.ok_or("picks places that there are not")?.into();
        let value = self.emit(Op::Select(input.layout.place(axis), places), vec![input.value]);
        if indices.shape.len() == 1 {
            return self.give(node, value, input.layout, input.channels);
        }
        // The axis becomes as many as the indices have: none, or several.
        let mut picked = input.sizes.clone();
        picked[axis] = Size::Fixed(indices.shape.iter().product());
        let made = self.sizes_made(node.output())?;
        let live = Live {
            value,
            sizes: picked,
            ..input
        };
        let Reshaped { before, after } = reshaped(&live.layout, &live.sizes, &made);
        let value = self.asked(&live, &before);
        let channels = kept_axis(&live, &made);
        let value = self.emit(Op::Reshape(after.ordered(&made)), vec![value]);
        self.give(node, value, after, channels)
    }

    pub(super) fn expand(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let made = self.sizes(node.output())?;
        if made == input.sizes {
            return self.give(node, input.value, input.layout, input.channels);
        }
        let layout = input.layout.raised(made.len());
        let value = self.fitted(&input, &layout)?;
        let value = self.emit(Op::Expand(layout.ordered(&made)), vec![value]);
        self.give(node, value, layout, None)
    }

    /// Numbers repeated along axes, which stretches those of one place.
    pub(super) fn tile(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let made = self.sizes_made(node.output())?;
        let mut value = input.value;
        let mut sizes = input.sizes.clone();
        if made.len() != sizes.len() {
            return Err("makes other axes than it reads".into());
        }
        for axis in 0..sizes.len() {
            if sizes[axis] == made[axis] || sizes[axis] == Size::Fixed(1) {
                continue;
            }
            let counts = sizes[axis].fixed().zip(made[axis].fixed());
            let (size, wanted) = counts.ok_or("repeats the batch")?;
            if size == 0 || wanted % size != 0 {
                return Err("repeats a part of an axis".into());
            }
            let place = input.layout.place(axis);
            value = self.emit(Op::Concat(place), vec![value; wanted / size]);
            sizes[axis] = made[axis];
        }
        if sizes != made {
            value = self.emit(Op::Expand(input.layout.ordered(&made)), vec![value]);
        }
        self.give(node, value, input.layout, input.channels)
    }

    /// A constant number on each side.
    pub(super) fn pad(&mut self, node: &Node) -> Lowered {
        let input = self.input(node, 0)?;
        let rank = input.sizes.len();
        let mode = node.text("mode", "constant");
        let pads = match node.input(1) {
            None => node.list("pads").map(<[i64]>::to_vec),
            given => self
                .constant(given)
                .and_then(Literal::as_whole)
                .map(<[i64]>::to_vec),
        };
        let pads = pads.ok_or("pads by what is computed")?;
        let number = match node.input(2) {
            None => node.number("value", 0.0),
            given => self
                .constant(given)
                .and_then(Literal::single)
                .ok_or("pads with what is computed")?,
        };
        let axes: Vec<usize> = match node.input(3) {
            None => (0..rank).collect(),
            given => {
                let axes = self.constant(given).and_then(Literal::as_whole);
                let axes = axes.ok_or("pads axes that are computed")?;
                axes.iter()
                    .map(|&given| axis(given, rank))
                    .collect::<Result<_, _>>()?
            }
        };
        if pads.len() != 2 * axes.len() {
            return Err(format!("has {} pads for {} axes", pads.len(), axes.len()).into());
        }
        let mut sides = vec![(0, 0); rank];
        let mut value = input.value;
        for (at, &axis) in axes.iter().enumerate() {
            let (before, after) = (pads[at], pads[at + axes.len()]);
            // Less than nothing on a side takes places away.
            if before < 0 || after < 0 {
                let end = if after < 0 { after } else { i64::from(i32::MAX) };
                value = self.part(value, &input, axis, [(-before).max(0), end, 1])?;
            }
            let side = [before, after].map(|side| side.max(0) as usize);
            if mode == "constant" {
                sides[input.layout.place(axis)] = side.into();
            } else if side != [0, 0] {
                let size = input.sizes[axis].fixed().ok_or("pads the batch")?;
                let gone: i64 = [before, after].iter().map(|side| side.min(&0)).sum();
                let left = size.saturating_sub(gone.unsigned_abs() as usize);
                let places = repeated(mode, left, side)?;
                value = self.emit(Op::Select(input.layout.place(axis), places), vec![value]);
            }
        }
        if sides.iter().any(|&side| side != (0, 0)) {
            value = self.emit(Op::Pad(sides, number), vec![value]);
        }
        self.give(node, value, input.layout, input.channels)
    }
}

/// The places of an axis that stand in an axis with so many more on both sides.
fn repeated(mode: &str, size: usize, [before, after]: [usize; 2]) -> Result<Arc<[usize]>, Refusal> {
    let whole = size as i64;
    let all = -(before as i64)..whole + after as i64;
    let place = |at: i64| match mode {
        "edge" => at.clamp(0, whole - 1),
        "wrap" => at.rem_euclid(whole),
        _ if at < 0 => -at,
        _ if at >= whole => 2 * (whole - 1) - at,
        _ => at,
    };
    if !matches!(mode, "reflect" | "edge" | "wrap") {
        return Err(format!("pads by `{mode}`").into());
    }
    if size == 0 || mode == "reflect" && before.max(after) >= size {
        return Err("pads by more than there is".into());
    }
    Ok(all.map(|at| place(at) as usize).collect())
}

/// Which axis the channels are behind a reshape that leaves the first or the last axis as it was.
fn kept_axis(input: &Live, made: &[Size]) -> Option<usize> {
    let channels = input.channels?;
    let size = input.sizes.get(channels)?;
    if channels + 1 == input.sizes.len() {
        return (made.last() == Some(size)).then_some(made.len() - 1);
    }
    (channels == 1 && made.first() == input.sizes.first() && made.get(1) == Some(size)).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn borders_are_repeated_as_numpy_pads() {
        // numpy.pad of [0, 1, 2, 3] by (2, 1).
        for (mode, expected) in [
            ("reflect", [2, 1, 0, 1, 2, 3, 2]),
            ("edge", [0, 0, 0, 1, 2, 3, 3]),
            ("wrap", [2, 3, 0, 1, 2, 3, 0]),
        ] {
            assert_eq!(*repeated(mode, 4, [2, 1]).unwrap_or_default(), expected, "{mode}");
        }
        assert!(repeated("reflect", 2, [2, 0]).is_err() && repeated("constant", 4, [1, 1]).is_err());
    }
}
