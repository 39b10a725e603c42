//! What is remembered of every training image: an embedding of each network.

use burn::{
    module::{Module, Param, ParamId},
    tensor::{IndexingUpdateOp, Int, Tensor, TensorData},
};
use potstill_ops::Scope;

use crate::levels::unit;

/// Added to the denominators of the loss.
const EPSILON: f64 = 1e-7;

/// The memories of contrastive distillation, `[n, d]` for each network, and what scores are divided by, which the first batch decides.
#[derive(Module, Debug)]
pub struct ContrastBanks {
    student: Param<Tensor<2>>,
    teacher: Param<Tensor<2>>,
    /// `[2]`: of the student's scores and of the teacher's; 0 before the first batch.
    z: Param<Tensor<1>>,
}

/// What a batch is held against.
#[derive(Debug, Clone)]
pub struct Contrast {
    /// The index of each image of the batch in the training images.
    pub indices: Vec<usize>,
    /// The index of its positive, and behind it those of its negatives, `[N, 1 + K]`.
    pub rows: Tensor<2, Int>,
}

/// The constants of contrastive distillation.
#[derive(Debug, Clone, Copy)]
pub struct ContrastOptions {
    /// tau: what cosines are divided by.
    pub temperature: f64,
    /// How much of itself a memory keeps.
    pub momentum: f64,
}

impl ContrastBanks {
    /// Memories of so many images, uniform in `sqrt(3 / width)`.
    pub fn new(images: usize, width: usize, scope: &Scope) -> Self {
        let bound = (3.0 / width as f64).sqrt();
        let drawn = |name: &str| constant(scope.uniform(name, [images, width], bound).val().inner());
        Self {
            student: drawn("student"),
            teacher: drawn("teacher"),
            z: constant(scope.constant([2], 0.0).val().inner()),
        }
    }

    /// The loss of a batch, of the student's embeddings and the teacher's, `[N, d]`: how surely each tells the image that the other network
    /// remembers from its negatives. A tensor with one element.
    pub fn loss(
        &self,
        embeddings: [Tensor<2>; 2],
        contrast: &Contrast,
        options: ContrastOptions,
    ) -> Tensor<1> {
        let scores = self.scores(embeddings, contrast, options);
        let z = self.normalisers(&scores);
        let images = self.student.dims()[0] as f64;
        let [ours, theirs] = [0, 1].map(|network| {
            let scale = z.clone().narrow(0, network, 1).recip().unsqueeze::<2>();
            noise_contrast(scores[network].clone() * scale, images)
        });
        ours + theirs
    }

    /// Moves the memories of the images of a batch towards these embeddings; of an image that is there twice the last counts. The first batch decides
    /// what scores are divided by.
    pub fn remember(&mut self, embeddings: [Tensor<2>; 2], contrast: &Contrast, options: ContrastOptions) {
        let embeddings = embeddings.map(Tensor::inner);
        let scores = self.scores(embeddings.clone(), contrast, options);
        let z = self.normalisers(&scores);
        self.z = constant(z);
        let last = last_places(&contrast.indices);
        for (bank, embedding) in [&mut self.student, &mut self.teacher].into_iter().zip(embeddings) {
            let device = embedding.device();
            let ints = |values: Vec<i64>| {
                let count = values.len();
                Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
            };
            let rows = ints(last.iter().map(|&place| place as i64).collect());
            let images = ints(last.iter().map(|&place| contrast.indices[place] as i64).collect());
            let new = unit(embedding, 1).select(0, rows);
            let all = bank.val().inner();
            let old = all.clone().select(0, images.clone());
            let moved = unit(old.clone() * options.momentum + new * (1.0 - options.momentum), 1);
            *bank = constant(all.select_assign(0, images, moved - old, IndexingUpdateOp::Add));
        }
    }

    /// `exp(memory of the other network * embedding / tau)` of each image's positive and negatives, `[N, 1 + K]`, of the student's embeddings and of the
    /// teacher's.
    fn scores(
        &self,
        embeddings: [Tensor<2>; 2],
        contrast: &Contrast,
        options: ContrastOptions,
    ) -> [Tensor<2>; 2] {
        let [ours, theirs] = embeddings;
        // All products at once take less memory than the rows of every image would.
        let score = |embedding: Tensor<2>, bank: &Param<Tensor<2>>| {
            let products = unit(embedding, 1).matmul(bank.val().inner().transpose());
            (products.gather(1, contrast.rows.clone()) * (1.0 / options.temperature)).exp()
        };
        [score(ours, &self.teacher), score(theirs, &self.student)]
    }

    /// What scores are divided by, `[2]`: what was decided, or the mean of these times the number of images.
    fn normalisers(&self, scores: &[Tensor<2>; 2]) -> Tensor<1> {
        let known = self.z.val().inner();
        let images = self.student.dims()[0] as f64;
        let found = scores.clone().map(|scores| scores.inner().mean() * images);
        let found = Tensor::cat(found.to_vec(), 0);
        let is_open = known.clone().equal_elem(0.0);
        known.mask_where(is_open, found)
    }
}

/// A tensor that no gradient moves.
fn constant<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), value)
}

/// The loss of scores `[N, 1 + K]`, the positive's first, against noise: `-1/N sum_i (ln(x_0 / (x_0 + q)) + sum_j ln(q / (x_j + q)))`, `q = K / n`.
fn noise_contrast(scores: Tensor<2>, images: f64) -> Tensor<1> {
    let [n, columns] = scores.dims();
    let noise = (columns - 1) as f64 / images;
    let parts = (scores.clone() + (noise + EPSILON)).log();
    let positive = scores.narrow(1, 0, 1).log().sum();
    // Each of the negatives brings a constant.
    let constant = noise.ln() * (n * (columns - 1)) as f64;
    (parts.sum() - positive - constant) * (1.0 / n as f64)
}

/// The places of a batch that come last of their image, in order.
fn last_places(indices: &[usize]) -> Vec<usize> {
    let is_last = |place: &usize| !indices[place + 1..].contains(&indices[*place]);
    (0..indices.len()).filter(is_last).collect()
}
