//! The unit that convolutional networks are made of: convolution, batch norm, residual add, activation.
//!
//! Every network goes through these two functions. Behind them is the fast form where it applies, one operation with its own
//! gradients, and else the portable form, from plain tensor operations of any backend.

use burn::tensor::Tensor;

use crate::{
    Activation, BatchNorm, Conv2d, Pass, Side,
    fast::{Unit, conv_unit},
};

/// `norm(conv(x))`: a unit inside a block, at no named point. `[N, H, W, I]` to `[N, H', W', O]`.
pub fn conv_norm(
    x: Tensor<4>,
    conv: &Conv2d,
    norm: &BatchNorm,
    activation: Activation,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    fused(x, conv, norm, None, activation, pass)
}

/// `activation(norm(conv(x)) + residual)`, ending at the point called `path`.
///
/// The map before the activation exists on its own only if the pass's visitor wants it there.
pub fn conv_norm_act(
    x: Tensor<4>,
    conv: &Conv2d,
    norm: &BatchNorm,
    residual: Option<Tensor<4>>,
    activation: Activation,
    path: &str,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    let map = if pass.wants(path, Side::Pre) {
        let before = fused(x, conv, norm, residual, Activation::Identity, pass);
        activation.apply(pass.show(path, Side::Pre, before))
    } else {
        fused(x, conv, norm, residual, activation, pass)
    };
    pass.show(path, Side::Post, map)
}

fn fused(
    x: Tensor<4>,
    conv: &Conv2d,
    norm: &BatchNorm,
    residual: Option<Tensor<4>>,
    activation: Activation,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    if let Some(Unit { map, moments }) = conv_unit(&x, residual.as_ref(), conv, norm, activation, pass.mode())
    {
        conv.count(&map, pass);
        if let Some(moments) = moments {
            norm.note(moments, pass);
        }
        return map;
    }
    let y = conv.forward(x, pass);
    let y = norm.forward(y, pass);
    activation.apply(match residual {
        Some(residual) => y + residual,
        None => y,
    })
}
