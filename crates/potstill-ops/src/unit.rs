//! The unit that convolutional networks are made of: convolution, batch norm, residual add, activation.
//!
//! Every network goes through these functions. Behind them is the fast form where it applies, one operation with its own
//! gradients, and else the portable form, from plain tensor operations of any backend.

use burn::tensor::Tensor;

use crate::{
    Activation, BatchNorm, Conv2d, ForwardPass, Pass, PointSide,
    fast::{Unit, conv_unit, norm_unit},
};

/// `norm(conv(x))`: a unit inside a block, at no named point. `[N, H, W, I]` to `[N, H', W', O]`.
pub fn conv_norm<P: ForwardPass>(
    x: P::Map,
    conv: &Conv2d,
    norm: &BatchNorm,
    activation: Activation,
    pass: &mut P,
) -> P::Map {
    pass.unit(x, conv, norm, None, activation)
}

/// `activation(norm(conv(x)) + residual)`: a unit that joins a shortcut, at no named point.
pub fn conv_norm_add<P: ForwardPass>(
    x: P::Map,
    conv: &Conv2d,
    norm: &BatchNorm,
    residual: P::Map,
    activation: Activation,
    pass: &mut P,
) -> P::Map {
    pass.unit(x, conv, norm, Some(residual), activation)
}

/// `activation(norm(x))` at no named point: a batch norm behind something else than a convolution. `[N, H, W, C]` to as many.
pub fn batch_norm<P: ForwardPass>(
    x: P::Map,
    norm: &BatchNorm,
    activation: Activation,
    pass: &mut P,
) -> P::Map {
    pass.batch_norm(x, norm, activation)
}

/// `activation(norm(conv(x)) + residual)`, ending at the point called `path`.
///
/// The map before the activation exists on its own only if the pass's visitor wants it there. Without an activation the point
/// has one side, after it.
pub fn conv_norm_act<P: ForwardPass>(
    x: P::Map,
    conv: &Conv2d,
    norm: &BatchNorm,
    residual: Option<P::Map>,
    activation: Activation,
    path: &str,
    pass: &mut P,
) -> P::Map {
    let map = if activation != Activation::Identity && pass.wants(path, PointSide::Pre) {
        let before = pass.unit(x, conv, norm, residual, Activation::Identity);
        let before = pass.show(path, PointSide::Pre, before);
        pass.activate(before, activation)
    } else {
        pass.unit(x, conv, norm, residual, activation)
    };
    pass.show(path, PointSide::Post, map)
}

/// `activation(norm(x))`, ending at the point called `path`: a batch norm that stands before its convolution, as in networks
/// of pre-activation blocks.
pub fn norm_act<P: ForwardPass>(
    x: P::Map,
    norm: &BatchNorm,
    activation: Activation,
    path: &str,
    pass: &mut P,
) -> P::Map {
    let map = if pass.wants(path, PointSide::Pre) {
        let before = pass.batch_norm(x, norm, Activation::Identity);
        let before = pass.show(path, PointSide::Pre, before);
        pass.activate(before, activation)
    } else {
        pass.batch_norm(x, norm, activation)
    };
    pass.show(path, PointSide::Post, map)
}

/// `activation(x)`, ending at the point called `path`: where no convolution or batch norm is there to be fused with.
pub fn act<P: ForwardPass>(x: P::Map, activation: Activation, path: &str, pass: &mut P) -> P::Map {
    let before = pass.show(path, PointSide::Pre, x);
    let map = pass.activate(before, activation);
    pass.show(path, PointSide::Post, map)
}

/// `activation(norm(conv(x)) + residual)`, computed: by one fast operation where there is one.
pub(crate) fn fused(
    x: Tensor<4>,
    conv: &Conv2d,
    norm: &BatchNorm,
    residual: Option<Tensor<4>>,
    activation: Activation,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    if let Some(unit) = conv_unit(
        &x,
        residual.as_ref(),
        conv,
        norm,
        activation,
        (norm.mode(pass.mode()), pass.precision()),
    ) {
        conv.count(&unit.map, pass);
        return noted(unit, norm, pass);
    }
    let y = conv.forward(x, pass);
    let y = norm.forward(y, pass);
    activation.apply(match residual {
        Some(residual) => y + residual,
        None => y,
    })
}

/// `activation(norm(x))`, computed.
pub(crate) fn normalised(
    x: Tensor<4>,
    norm: &BatchNorm,
    activation: Activation,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    match norm_unit(&x, norm, activation, norm.mode(pass.mode())) {
        Some(unit) => noted(unit, norm, pass),
        None => activation.apply(norm.forward(x, pass)),
    }
}

/// Leaves the moments of a fast unit with the pass.
fn noted(Unit { map, moments }: Unit, norm: &BatchNorm, pass: &mut Pass<'_>) -> Tensor<4> {
    if let Some(moments) = moments {
        norm.note(moments, pass);
    }
    map
}
