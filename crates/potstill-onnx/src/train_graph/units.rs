//! Convolution, batch norm, sum and activation made one, where nothing else reads what lies between.

use super::{
    plan::{Binary, LayerPlan, MapView, Nonlinearity, Op, Step, Unit},
    steps::Steps,
};

/// The map as it lies.
const WHOLE: MapView = MapView::Map([0, 1, 2, 3]);

/// Makes units of steps of which `given` is read from outside.
pub(super) fn united(steps: Vec<Step>, layers: &mut [LayerPlan], given: usize) -> Vec<Step> {
    let mut steps = Steps::of(steps, given);
    for index in 0..steps.len() {
        pad_into(&mut steps, index, layers);
    }
    // From the end: of two units that are added the later one takes the sum.
    for index in (0..steps.len()).rev() {
        if let Some(found) = unit(&steps, index) {
            steps.replace(&found.gone, found.last, Op::Unit(found.unit), found.inputs);
        }
    }
    steps.finish(given)
}

/// Takes zeros on both sides into the convolution behind them.
fn pad_into(steps: &mut Steps, index: usize, layers: &mut [LayerPlan]) {
    let Some(Op::Pad(sides, number)) = steps.at(index).map(|step| step.op.clone()) else {
        return;
    };
    let &[(0, 0), (top, bottom), (left, right), (0, 0)] = sides.as_slice() else {
        return;
    };
    if number != 0.0 || top != bottom || left != right {
        return;
    }
    let (input, output) = match steps.at(index) {
        Some(step) => (step.inputs[0], step.output),
        None => return,
    };
    let Some((reader, layer)) = steps
        .only_reader(output)
        .and_then(|(reader, step)| match step.op {
            Op::Conv(layer) => Some((reader, layer)),
            _ => None,
        })
    else {
        return;
    };
    let uses =
        (0..steps.len()).filter(|&other| steps.at(other).is_some_and(|step| step.op == Op::Conv(layer)));
    if uses.count() > 1 {
        return;
    }
    if let LayerPlan::Conv { shape, .. } = &mut layers[layer] {
        shape.padding = [shape.padding[0] + top, shape.padding[1] + left];
        steps.replace(&[index], reader, Op::Conv(layer), vec![input]);
    }
}

struct Found {
    gone: Vec<usize>,
    last: usize,
    unit: Unit,
    inputs: Vec<usize>,
}

/// The name of a map that can be read where it lies.
fn name(step: &Step) -> Option<String> {
    let point = step.point.as_ref()?;
    (point.view == WHOLE).then(|| point.name.clone())
}

/// The unit that begins with the batch norm at `index`, and with the convolution before it.
fn unit(steps: &Steps, index: usize) -> Option<Found> {
    let norm = steps.at(index)?;
    let &Op::BatchNorm(norm_layer) = &norm.op else {
        return None;
    };
    let mut unit = Unit {
        conv: None,
        norm: norm_layer,
        adds: false,
        activation: Nonlinearity::Identity,
        inside: [None, None, None],
    };
    let (mut gone, mut inputs, mut last) = (Vec::new(), norm.inputs.clone(), index);
    let mut value = norm;
    let before = steps
        .maker(norm.inputs[0])
        .filter(|(_, conv)| steps.only_reader(conv.output).is_some());
    if let Some((place, conv)) = before
        && let Op::Conv(layer) = conv.op
    {
        unit.conv = Some(layer);
        unit.inside[0] = name(conv);
        inputs.clone_from(&conv.inputs);
        gone.push(place);
    }
    if let Some((place, sum)) = steps.only_reader(value.output)
        && sum.op == Op::Binary(Binary::Add)
        && let Some(residual) = residual(steps, sum, index)
    {
        unit.adds = true;
        unit.inside[1] = name(value);
        inputs.push(residual);
        gone.push(last);
        (last, value) = (place, sum);
    }
    if let Some((place, step)) = steps.only_reader(value.output)
        && let Op::Activate(activation) = step.op
    {
        unit.activation = activation;
        unit.inside[if unit.adds { 2 } else { 1 }] = name(value);
        gone.push(last);
        last = place;
    }
    Some(Found {
        gone,
        last,
        unit,
        inputs,
    })
}

/// What a sum adds to the norm at `index`, if that has its size and is there before the norm is.
fn residual(steps: &Steps, sum: &Step, index: usize) -> Option<usize> {
    let norm = steps.at(index)?.output;
    let other = match *sum.inputs.as_slice() {
        [a, b] if a == norm => b,
        [a, b] if b == norm => a,
        _ => return None,
    };
    // Only maps of one size are added in a unit. The images have no maker.
    let (place, maker) = steps.maker(other)?;
    let map = |step: &Step| {
        let point = step.point.as_ref().filter(|point| point.view == WHOLE);
        point.map(|point| point.map)
    };
    (place < index && map(maker)? == map(steps.at(index)?)?).then_some(other)
}
