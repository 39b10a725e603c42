//! Tensors of the file as they are here: values, and where the file's axes lie in them.

use super::{Lowered, Lowering, Refusal, layout::Layout};
use crate::train_graph::{
    literal::Literal,
    node::Node,
    plan::{LayerPlan, MapView, Op, PointPlan, Size},
    trace::Origin,
};

/// A tensor of the file as it is here.
#[derive(Debug, Clone)]
pub(in crate::train_graph) struct Live {
    /// Its value.
    pub value: usize,
    /// Where its axes lie.
    pub(super) layout: Layout,
    /// Its sizes in the file's order.
    pub(super) sizes: Vec<Size>,
    /// The file's axis of its channels, where that is known.
    pub(super) channels: Option<usize>,
}

impl Lowering<'_> {
    /// A tensor as a value. A weight of the file becomes a step that gives it, a constant one with its values.
    pub(super) fn live(&mut self, name: &str) -> Result<Live, Refusal> {
        if let Some(live) = self.live.get(name) {
            return Ok(live.clone());
        }
        if let Some(place) = self.weight(name) {
            return self.loose(place);
        }
        if let Some((each, sizes)) = self.trace.for_each_image.get(name) {
            return self.repeated(each, sizes);
        }
        let literal = self.constant(Some(name));
        let literal = literal.ok_or_else(|| format!("reads `{name}`, whose values depend on the batch"))?;
        let values = literal.as_floats();
        let values = values.ok_or_else(|| format!("reads whole numbers, `{name}`, as a map"))?;
        let shape = at_least_one(&literal.shape);
        if shape.len() > MOST_AXES {
            return Err(format!("reads a constant of {} axes", shape.len()).into());
        }
        let sizes: Vec<Size> = shape.iter().map(|&size| Size::Fixed(size)).collect();
        let op = Op::Constant {
            shape,
            values: values.clone(),
        };
        let value = self.emit(op, vec![]);
        Ok(Live {
            value,
            layout: Layout::plain(sizes.len()),
            sizes,
            channels: None,
        })
    }

    /// A constant that is the same for each image, as many times as there are images.
    pub(super) fn repeated(&mut self, each: &Literal, sizes: &[Size]) -> Result<Live, Refusal> {
        let values = each.as_floats().ok_or("reads whole numbers as a map")?.clone();
        if sizes.len() > MOST_AXES {
            return Err(format!("reads a constant of {} axes", sizes.len()).into());
        }
        let shape = each.shape.clone();
        let constant = self.emit(Op::Constant { shape, values }, vec![]);
        let value = self.emit(Op::Expand(sizes.to_vec()), vec![constant]);
        Ok(Live {
            value,
            layout: Layout::plain(sizes.len()),
            sizes: sizes.to_vec(),
            channels: None,
        })
    }

    /// A weight that operators read as it is.
    pub(super) fn loose(&mut self, place: usize) -> Result<Live, Refusal> {
        let sizes: Vec<Size> = at_least_one(self.layers.shape(place))
            .into_iter()
            .map(Size::Fixed)
            .collect();
        if sizes.len() > MOST_AXES {
            return Err(format!("reads a weight of {} axes", sizes.len()).into());
        }
        let value = if let Some(&value) = self.weights.get(&place) {
            value
        } else {
            let layer = self.layers.layer(LayerPlan::Loose { tensor: place })?;
            let value = self.emit(Op::Weight(layer), vec![]);
            self.weights.insert(place, value);
            value
        };
        Ok(Live {
            value,
            layout: Layout::plain(sizes.len()),
            sizes,
            channels: None,
        })
    }

    /// The tensor at an input of an operator.
    pub(super) fn input(&mut self, node: &Node, at: usize) -> Result<Live, Refusal> {
        let name = node.input(at).ok_or("has too few inputs")?.to_owned();
        self.live(&name)
    }

    /// The value of a tensor in this layout.
    pub(super) fn asked(&mut self, live: &Live, layout: &Layout) -> usize {
        let order = live.layout.to(layout);
        if order.iter().enumerate().all(|(place, &from)| place == from) {
            return live.value;
        }
        let key = (live.value, order);
        if let Some(&value) = self.moved.get(&key) {
            return value;
        }
        let value = self.emit(Op::Permute(key.1.clone()), vec![live.value]);
        self.moved.insert(key, value);
        value
    }

    /// The map at an input, channels last.
    pub(super) fn map(&mut self, node: &Node, at: usize) -> Result<(usize, Vec<Size>), Refusal> {
        let live = self.input(node, at)?;
        if live.sizes.len() != 4 {
            return Err(format!("reads a tensor of {} axes, not a map of four", live.sizes.len()).into());
        }
        Ok((self.asked(&live, &Layout::channels_last(4)), live.sizes))
    }

    /// Notes the value of the first output of an operator.
    pub(super) fn give(
        &mut self,
        node: &Node,
        value: usize,
        layout: Layout,
        channels: Option<usize>,
    ) -> Lowered {
        let name = node.output().to_owned();
        self.give_as(&name, value, layout, channels)
    }

    pub(super) fn give_as(
        &mut self,
        name: &str,
        value: usize,
        layout: Layout,
        channels: Option<usize>,
    ) -> Lowered {
        let sizes = self.sizes_made(name)?;
        if sizes.len() != layout.rank() || sizes.len() > MOST_AXES {
            return Err(format!("makes `{name}` of {} axes", sizes.len()).into());
        }
        let live = Live {
            value,
            layout,
            sizes,
            channels,
        };
        if self.origin(name) == Origin::Images
            && let Some((view, map)) = live.view()
            && let Some(step) = self.steps.iter_mut().rfind(|step| step.output == value)
            && step.point.is_none()
        {
            let name = name.to_owned();
            step.point = Some(PointPlan { name, view, map });
        }
        self.live.insert(name.to_owned(), live);
        Ok(())
    }

    /// The value of a tensor `[N, K]` and its K; none of a tensor that is no such rows, or not made of the images.
    pub(in crate::train_graph) fn rows(&mut self, name: &str) -> Option<(usize, usize)> {
        let live = self
            .live
            .get(name)
            .cloned()
            .filter(|_| self.origin(name) == Origin::Images)?;
        match live.sizes[..] {
            [Size::PerImage(1), Size::Fixed(classes)] => {
                Some((self.asked(&live, &Layout::plain(2)), classes))
            }
            _ => None,
        }
    }
}

/// Axes of a value: those of windows of a map.
const MOST_AXES: usize = 6;

impl Live {
    /// How the tensor is seen as a map, if it is one, and the size `[H, W, C]` of that.
    fn view(&self) -> Option<(MapView, [usize; 3])> {
        if self.sizes.first() != Some(&Size::PerImage(1)) || self.layout.0.first() != Some(&0) {
            return None;
        }
        let fixed: Option<Vec<usize>> = self.sizes[1..].iter().map(|size| size.fixed()).collect();
        let fixed = fixed?;
        match (fixed.as_slice(), self.channels) {
            (&[a, b, c], channels) => {
                // The file's axes that are rows, columns and channels.
                let (axes, map) = match channels {
                    Some(3) => ([0, 1, 2, 3], [a, b, c]),
                    None | Some(1) => ([0, 2, 3, 1], [b, c, a]),
                    Some(_) => return None,
                };
                Some((MapView::Map(axes.map(|axis| self.layout.place(axis))), map))
            }
            (&[tokens, channels], None | Some(2)) if self.layout == Layout::plain(3) => {
                [0, 1].into_iter().find_map(|skipped| {
                    let side = tokens.checked_sub(skipped)?.isqrt();
                    let is_square = side > 0 && skipped + side * side == tokens;
                    is_square.then_some((MapView::Tokens { skipped, side }, [side, side, channels]))
                })
            }
            (&[channels], _) => Some((MapView::Embedding, [1, 1, channels])),
            _ => None,
        }
    }
}

/// A shape of at least one axis: a single number is a row of one.
fn at_least_one(shape: &[usize]) -> Vec<usize> {
    if shape.is_empty() { vec![1] } else { shape.to_vec() }
}
