//! Rows of tokens and maps: what makes a transformer's features readable like any other network's.

use burn::tensor::Tensor;

use crate::{Pass, PointSide};

/// The places of a map as a row of tokens: `[N, H, W, C]` to `[N, H W, C]`.
pub fn tokens_of_map(map: Tensor<4>) -> Tensor<3> {
    let [n, h, w, c] = map.dims();
    map.reshape([n, h * w, c])
}

/// Shows tokens `[N, K + H W, C]` to the pass's visitor as the map `[N, H, W, C]` at the point `path`. The K `leading` tokens (a class
/// token) belong to no place: they are neither shown nor replaced.
pub fn show_tokens(
    tokens: Tensor<3>,
    leading: usize,
    [height, width]: [usize; 2],
    path: &str,
    pass: &mut Pass<'_>,
) -> Tensor<3> {
    if !pass.wants(path, PointSide::Post) {
        return tokens;
    }
    let [n, _, c] = tokens.dims();
    let places = tokens.clone().narrow(1, leading, height * width);
    let map = pass.show(path, PointSide::Post, places.reshape([n, height, width, c]));
    let shown = tokens_of_map(map);
    match leading {
        0 => shown,
        _ => Tensor::cat(vec![tokens.narrow(1, 0, leading), shown], 1),
    }
}
