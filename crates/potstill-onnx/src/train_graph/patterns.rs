//! Activations and shuffles that exporters write as several operators.
//!
//! | steps | become |
//! |---|---|
//! | `x sigmoid(x)` | SiLU |
//! | `x hardsigmoid(x)`, `x relu6(x + 3) / 6` | hard swish |
//! | `x / sqrt 2`, `erf`, `+ 1`, `x *`, `/ 2` in any order of the factors | GELU |
//! | channels split in groups, the two axes swapped, merged | channel shuffle |

use super::{
    plan::{Binary, MapView, Nonlinearity, Op, Step, Unary},
    steps::Steps,
};

/// Replaces every pattern in steps of which `given` is read from outside.
pub(super) fn simplified(steps: Vec<Step>, given: usize) -> Vec<Step> {
    let mut steps = Steps::of(steps, given);
    for index in 0..steps.len() {
        let found = gelu(&steps, index)
            .or_else(|| gated(&steps, index))
            .or_else(|| hard_swish(&steps, index))
            .or_else(|| shuffle(&steps, index));
        if let Some(Found {
            gone,
            last,
            op,
            input,
        }) = found
        {
            steps.replace(&gone, last, op, vec![input]);
        }
    }
    steps.finish(given)
}

/// Steps that one operation stands for.
struct Found {
    gone: Vec<usize>,
    last: usize,
    op: Op,
    input: usize,
}

/// Whether a step multiplies by this number, or divides by its inverse.
fn scales_by(op: &Op, factor: f32) -> bool {
    let is = |a: f32, b: f32| (a - b).abs() <= 1e-5 * b.abs();
    match op {
        Op::Scalar(Binary::Multiply, number, _) => is(*number, factor),
        Op::Scalar(Binary::Divide, number, false) => is(*number, 1.0 / factor),
        _ => false,
    }
}

/// Whether a step adds this number.
fn adds(op: &Op, number: f32) -> bool {
    matches!(op, Op::Scalar(Binary::Add, added, _) if *added == number)
}

/// The other operand of a product of two values.
fn times(step: &Step, value: usize) -> Option<usize> {
    match (&step.op, step.inputs.as_slice()) {
        (Op::Binary(Binary::Multiply), &[a, b]) if a == value => Some(b),
        (Op::Binary(Binary::Multiply), &[a, b]) if b == value => Some(a),
        _ => None,
    }
}

fn gelu(steps: &Steps, index: usize) -> Option<Found> {
    let erf = steps.at(index).filter(|step| step.op == Op::Unary(Unary::Erf))?;
    let (scaling, scaled) = steps.maker(erf.inputs[0])?;
    if !scales_by(&scaled.op, std::f32::consts::FRAC_1_SQRT_2) {
        return None;
    }
    steps.only_reader(scaled.output)?;
    let x = scaled.inputs[0];
    let (adding, sum) = steps
        .only_reader(erf.output)
        .filter(|(_, step)| adds(&step.op, 1.0))?;
    let (next, product) = steps.only_reader(sum.output)?;
    let mut gone = vec![scaling, index, adding];
    let last = if scales_by(&product.op, 0.5) {
        // (1 + erf) / 2, then x.
        let (last, end) = steps.only_reader(product.output)?;
        gone.push(next);
        (times(end, product.output)? == x).then_some(last)?
    } else {
        let other = times(product, sum.output)?;
        if other == x {
            // x (1 + erf), then half of it.
            let (last, end) = steps.only_reader(product.output)?;
            gone.push(next);
            scales_by(&end.op, 0.5).then_some(last)?
        } else {
            // x / 2 times (1 + erf).
            let (halving, half) = steps.maker(other)?;
            steps.only_reader(half.output)?;
            gone.push(halving);
            (scales_by(&half.op, 0.5) && half.inputs[0] == x).then_some(next)?
        }
    };
    Some(Found {
        gone,
        last,
        op: Op::Activate(Nonlinearity::Gelu),
        input: x,
    })
}

/// A value times a gate of itself.
fn gated(steps: &Steps, index: usize) -> Option<Found> {
    let gate = steps.at(index)?;
    let activation = match gate.op {
        Op::Unary(Unary::Sigmoid) => Nonlinearity::Silu,
        Op::Unary(Unary::HardSigmoid { alpha, beta }) if (alpha - 1.0 / 6.0).abs() < 1e-6 && beta == 0.5 => {
            Nonlinearity::HardSwish
        }
        _ => return None,
    };
    let (last, product) = steps.only_reader(gate.output)?;
    let x = times(product, gate.output)?;
    (x == gate.inputs[0]).then_some(Found {
        gone: vec![index],
        last,
        op: Op::Activate(activation),
        input: x,
    })
}

/// `x relu6(x + 3) / 6`, the division at either place.
fn hard_swish(steps: &Steps, index: usize) -> Option<Found> {
    let clip = steps
        .at(index)
        .filter(|step| step.op == Op::Activate(Nonlinearity::Relu6))?;
    let (adding, sum) = steps
        .maker(clip.inputs[0])
        .filter(|(_, step)| adds(&step.op, 3.0))?;
    steps.only_reader(sum.output)?;
    let x = sum.inputs[0];
    let sixth = 1.0 / 6.0;
    let (next, product) = steps.only_reader(clip.output)?;
    let (last, end) = steps.only_reader(product.output)?;
    let is_product = times(product, clip.output) == Some(x) && scales_by(&end.op, sixth);
    let is_scaled = scales_by(&product.op, sixth) && times(end, product.output) == Some(x);
    (is_product || is_scaled).then_some(Found {
        gone: vec![adding, index, next],
        last,
        op: Op::Activate(Nonlinearity::HardSwish),
        input: x,
    })
}

fn shuffle(steps: &Steps, index: usize) -> Option<Found> {
    let permute = steps
        .at(index)
        .filter(|step| step.op == Op::Permute(vec![0, 1, 2, 4, 3]))?;
    let (splitting, split) = steps.maker(permute.inputs[0])?;
    steps.only_reader(split.output)?;
    let (last, merge) = steps.only_reader(permute.output)?;
    let (Op::Reshape(apart), Op::Reshape(together)) = (&split.op, &merge.op) else {
        return None;
    };
    let groups = apart.get(3)?.fixed()?;
    let channels = groups * apart.get(4)?.fixed()?;
    let is_map = together.len() == 4 && together[..3] == apart[..3] && together[3].fixed() == Some(channels);
    // What is split has to be the same map: of tokens a map is made on the way.
    let (_, whole) = steps.maker(split.inputs[0])?;
    let whole = whole
        .point
        .as_ref()
        .filter(|point| point.view == MapView::Map([0, 1, 2, 3]))?;
    let sizes: Vec<Option<usize>> = together[1..].iter().map(|size| size.fixed()).collect();
    let is_same = is_map && sizes == whole.map.map(Some);
    is_same.then_some(Found {
        gone: vec![splitting, index],
        last,
        op: Op::Shuffle(groups),
        input: split.inputs[0],
    })
}
