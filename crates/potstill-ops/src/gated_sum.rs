//! A sum of two maps, weighed at every pixel by gates that read both.

use burn::tensor::{Tensor, activation::sigmoid};

use crate::{Conv2d, Pass, fast::gated, resize_nearest};

/// `g0 x + g1 y` with `(g0, g1) = sigmoid(gates([x, y]))`: `x` is `[N, H, W, C]`, `y` `[N, h, w, C]` and enlarged to the size of
/// `x` by nearest neighbour, `gates` a 1x1 convolution from `2 C` channels to 2. Gives `[N, H, W, C]`.
pub fn gated_sum(x: Tensor<4>, y: Tensor<4>, gates: &Conv2d, pass: &mut Pass<'_>) -> Tensor<4> {
    if let Some(sum) = gated(&x, &y, gates) {
        let [n, h, w, c] = sum.dims();
        pass.count((n * h * w * 4 * c) as u64);
        return sum;
    }
    let [_, h, w, _] = x.dims();
    let y = resize_nearest(y, [h, w]);
    let gates = sigmoid(gates.forward(Tensor::cat(vec![x.clone(), y.clone()], 3), pass));
    x * gates.clone().narrow(3, 0, 1) + y * gates.narrow(3, 1, 1)
}
