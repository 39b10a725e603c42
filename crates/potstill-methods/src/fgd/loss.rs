//! The four terms of a level.

use burn::tensor::Tensor;
use potstill_ops::Pass;

use super::{
    attention::{Attention, attention},
    box_masks::BoxMasks,
    context_block::ContextBlock,
};

/// The terms of a level before their weights, each a sum divided by the number of images, a tensor with one element.
#[derive(Debug, Clone)]
pub struct FgdTerms {
    /// The features of objects.
    pub objects: Tensor<1>,
    /// The features of the background.
    pub background: Tensor<1>,
    /// Both attentions.
    pub attention: Tensor<1>,
    /// The relation.
    pub relation: Tensor<1>,
}

/// The weights of the terms: alpha, beta, gamma and lambda of the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FgdWeights {
    /// Of the features of objects.
    pub objects: f64,
    /// Of the features of the background.
    pub background: f64,
    /// Of the attentions.
    pub attention: f64,
    /// Of the relation.
    pub relation: f64,
}

impl FgdTerms {
    /// Their weighted sum.
    pub fn weighted(self, weights: &FgdWeights) -> Tensor<1> {
        self.objects * weights.objects
            + self.background * weights.background
            + self.attention * weights.attention
            + self.relation * weights.relation
    }
}

/// The terms of the student's map and the teacher's, `[N, H, W, C]` both, with the context blocks of both and attentions softened by the
/// temperature. The teacher's attention weighs the features of both; the student's is compared with it.
pub fn fgd_terms(
    [student, teacher]: [Tensor<4>; 2],
    masks: &BoxMasks,
    (student_block, teacher_block): (&ContextBlock, &ContextBlock),
    temperature: f64,
    pass: &mut Pass<'_>,
) -> FgdTerms {
    let [n, h, w, c] = student.dims();
    let share = 1.0 / n.max(1) as f64;
    let (ours, theirs) = (attention(&student, temperature), attention(&teacher, temperature));
    let squares = (student.clone() - teacher.clone())
        .powi_scalar(2)
        .reshape([n, h * w, c]);
    let Attention { spatial, channel } = theirs.clone();
    let attended = squares * spatial.reshape([n, h * w, 1]) * channel.reshape([n, 1, c]);
    let apart = |a: Tensor<2>, b: Tensor<2>| (a - b).abs().sum();
    let attention = apart(ours.spatial, theirs.spatial) + apart(ours.channel, theirs.channel);
    let related = student_block.forward(student, pass) - teacher_block.forward(teacher, pass);
    FgdTerms {
        objects: (attended.clone() * masks.objects.clone()).sum() * share,
        background: (attended * masks.background.clone()).sum() * share,
        attention: attention * share,
        relation: related.powi_scalar(2).sum() * share,
    }
}
