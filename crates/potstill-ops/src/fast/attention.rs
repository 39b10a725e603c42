//! Attention as one node of the graph.

use burn::{
    backend::{
        Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops},
        },
    },
    tensor::Tensor,
};
use potstill_kernels::{AttentionBackward, AttentionShape, Pool};

use super::{
    CHECKED,
    buffer::Buffer,
    graph::{Operand, record},
};
use crate::Form;

/// Attention of this shape: queries, keys and values `[..., 3 C]` to `[..., C]`, with a bias `[G, heads, T, T]`; none if the fast form
/// does not apply.
pub(crate) fn attended<const D: usize>(
    qkv: &Tensor<D>,
    shape: AttentionShape,
    bias: Option<&Tensor<4>>,
) -> Option<Tensor<D>> {
    let mut dims = qkv.dims();
    let width = shape.channels();
    let tokens = shape.tokens();
    let fits = bias.is_none_or(|bias| bias.dims()[1..] == [shape.heads, tokens, tokens]);
    if Form::current() == Form::Portable || dims[D - 1] != 3 * width || !fits {
        return None;
    }
    dims[D - 1] = width;
    let is_plain = !(qkv.is_autodiff() || bias.is_some_and(Tensor::is_autodiff));
    let [qkv, bias] = [Operand::of(qkv)?, Operand::of_option(bias)?];
    let mut saved = Saved {
        shape,
        qkv: qkv.buffer,
        bias: bias.buffer,
        out: Buffer::new(Vec::new(), [0]),
        log_sums: Buffer::new(Vec::new(), [0]),
    };
    let (mut out, mut log_sums) = (Vec::new(), Vec::new());
    let wanted = (!is_plain).then_some(&mut log_sums);
    shape
        .forward(
            saved.qkv.as_slice(),
            saved.bias(),
            &mut out,
            wanted,
            Pool::global(),
        )
        .ok()?;
    let out = Buffer::new(out, dims);
    if is_plain {
        return Some(out.into_tensor());
    }
    let sums = [log_sums.len()];
    saved.log_sums = Buffer::new(log_sums, sums);
    saved.out = out.clone();
    Some(record(AttentionStep, [qkv.place, bias.place], saved, out))
}

/// What the backward pass reads.
#[derive(Debug, Clone)]
struct Saved {
    shape: AttentionShape,
    qkv: Buffer,
    /// Of no numbers if there is none.
    bias: Buffer,
    out: Buffer,
    log_sums: Buffer,
}

impl Saved {
    fn bias(&self) -> Option<&[f32]> {
        Some(self.bias.as_slice()).filter(|bias| !bias.is_empty())
    }
}

#[derive(Debug)]
struct AttentionStep;

impl Backward<Flex, 2> for AttentionStep {
    type State = Saved;

    /// Hands each parent that wants one its gradient: queries, keys and values; bias.
    fn backward(self, ops: Ops<Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Buffer::from_primitive(gradients.consume::<Flex>(&ops.node)).expect(CHECKED);
        let saved = ops.state;
        let [qkv, bias] = ops.parents;
        let given = AttentionBackward {
            qkv: saved.qkv.as_slice(),
            bias: saved.bias(),
            out: saved.out.as_slice(),
            log_sums: saved.log_sums.as_slice(),
            gradient: gradient.as_slice(),
        };
        let mut of_qkv = Vec::new();
        let of_bias = saved
            .shape
            .backward(&given, &mut of_qkv, bias.is_some(), Pool::global())
            .expect(CHECKED);
        for (parent, gradient, like) in [(qkv, of_qkv, &saved.qkv), (bias, of_bias, &saved.bias)] {
            if let Some(parent) = parent {
                let gradient = Buffer::new(gradient, like.shape());
                gradients.register::<Flex>(parent.id, gradient.into_primitive());
            }
        }
    }
}
