//! Rows of tokens and maps: what makes a transformer's features readable like any other network's.

use crate::{ForwardPass, PointSide};

/// The places of a map as a row of tokens: `[N, H, W, C]` to `[N, 1, H W, C]`.
pub fn tokens_of_map<P: ForwardPass>(map: P::Map, pass: &mut P) -> P::Map {
    let ([height, width], channels) = (pass.size(&map), pass.channels(&map));
    pass.reshape(map, [1, height * width, channels])
}

/// Shows tokens `[N, 1, K + H W, C]` to the pass as the map `[N, H, W, C]` at the point `path`. The K `leading` tokens (a class token)
/// belong to no place: they are neither shown nor replaced.
pub fn show_tokens<P: ForwardPass>(
    tokens: P::Map,
    leading: usize,
    [height, width]: [usize; 2],
    path: &str,
    pass: &mut P,
) -> P::Map {
    if !pass.wants(path, PointSide::Post) {
        return tokens;
    }
    let channels = pass.channels(&tokens);
    let places = pass.narrow(tokens.clone(), 2, leading, height * width);
    let map = pass.reshape(places, [height, width, channels]);
    let map = pass.show(path, PointSide::Post, map);
    let shown = tokens_of_map(map, pass);
    if leading == 0 {
        return shown;
    }
    let before = pass.narrow(tokens, 2, 0, leading);
    pass.concat(vec![before, shown], 2)
}
