//! Multi-head self-attention.

use burn::{
    module::Module,
    tensor::{Tensor, activation::softmax},
};

use potstill_kernels::AttentionShape;

use crate::{ForwardPass, Linear, Pass, Scope, fast::attended};

/// Self-attention of a row of tokens (Vaswani et al. 2017, section 3.2; Dosovitskiy et al. 2021).
#[derive(Module, Debug)]
pub struct Attention {
    qkv: Linear,
    proj: Linear,
    #[module(skip)]
    heads: usize,
}

impl Attention {
    /// `heads` heads of `channels / heads` channels; weights normal with deviation 0.02, biases 0.
    pub fn new(channels: usize, heads: usize, scope: &Scope) -> Self {
        Self {
            qkv: Linear::normal(channels, 3 * channels, 0.02, &scope.at("qkv")),
            proj: Linear::normal(channels, channels, 0.02, &scope.at("proj")),
            heads,
        }
    }

    /// Tokens `[N, 1, T, C]` to `[N, 1, T, C]`.
    pub fn forward<P: ForwardPass>(&self, tokens: P::Map, pass: &mut P) -> P::Map {
        let mixed = self.mixed(tokens, pass);
        pass.linear(mixed, &self.proj)
    }

    /// The same, added to a shortcut.
    pub fn forward_add<P: ForwardPass>(&self, tokens: P::Map, shortcut: P::Map, pass: &mut P) -> P::Map {
        let mixed = self.mixed(tokens, pass);
        pass.linear_add(mixed, &self.proj, shortcut)
    }

    fn mixed<P: ForwardPass>(&self, tokens: P::Map, pass: &mut P) -> P::Map {
        let rows = pass.linear(tokens, &self.qkv);
        pass.attend(rows, self.heads)
    }
}

/// Attention head by head in each row of tokens: queries, keys and values `[N, 1, T, 3 C]` to `[N, 1, T, C]`.
pub(crate) fn attend_in_rows(qkv: Tensor<4>, heads: usize, pass: &mut Pass<'_>) -> Tensor<4> {
    let [n, _, tokens, triple] = qkv.dims();
    let channels = triple / 3;
    let shape = AttentionShape::of_rows(n, tokens, heads, channels / heads);
    if let Some(mixed) = attended(&qkv, shape, None) {
        pass.count(products(n, tokens, channels));
        return mixed;
    }
    let mixed = attend(&qkv.reshape([n, tokens, triple]), heads, None, pass);
    mixed.reshape([n, 1, tokens, channels])
}

/// Multiplications of queries with keys and of probabilities with values in so many rows of tokens.
pub(crate) fn products(rows: usize, tokens: usize, channels: usize) -> u64 {
    (2 * rows * tokens * tokens * channels) as u64
}

/// `softmax(q k^T / sqrt(C / heads) + bias) v`, head by head: queries, keys and values `[N, T, 3 C]` to `[N, T, C]`.
///
/// `bias`, if any, is `[G, heads, T, T]` where `G` divides `N`: row `n` takes `bias[n mod G]`.
pub(crate) fn attend(
    qkv: &Tensor<3>,
    heads: usize,
    bias: Option<Tensor<4>>,
    pass: &mut Pass<'_>,
) -> Tensor<3> {
    let [n, tokens, triple] = qkv.dims();
    let channels = triple / 3;
    let width = channels / heads;
    let part = |i: usize| {
        qkv.clone()
            .narrow(2, i * channels, channels)
            .reshape([n, tokens, heads, width])
            .swap_dims(1, 2)
    };
    let (query, key, value) = (part(0) * (width as f64).powf(-0.5), part(1), part(2));
    pass.count(products(n, tokens, channels));
    let mut scores = query.matmul(key.swap_dims(2, 3));
    if let Some(bias) = bias {
        let groups = bias.dims()[0];
        scores = (scores.reshape([n / groups, groups * heads, tokens, tokens])
            + bias.reshape([1, groups * heads, tokens, tokens]))
        .reshape([n, heads, tokens, tokens]);
    }
    softmax(scores, 3)
        .matmul(value)
        .swap_dims(1, 2)
        .reshape([n, tokens, channels])
}
