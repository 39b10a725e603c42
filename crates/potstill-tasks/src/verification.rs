//! **Verification**: do two images show the same identity? A protocol on the embeddings of a trained network; nothing trains for it.

use std::collections::BTreeSet;

use burn::tensor::Tensor;
use potstill_data::Pairs;
use potstill_metrics::{PairScore, Verification, cosine, verification};

/// Gathers the embeddings of the images of some pairs.
#[derive(Debug)]
pub struct Verifier<'a> {
    pairs: &'a Pairs,
    /// The images of the pairs, ascending.
    images: Vec<usize>,
    /// The embeddings of the first of them.
    embeddings: Vec<Vec<f32>>,
}

impl<'a> Verifier<'a> {
    /// For these pairs, without an embedding.
    pub fn new(pairs: &'a Pairs) -> Self {
        let pairs_of_all = pairs.folds().iter().flatten();
        let images: BTreeSet<usize> = pairs_of_all.flat_map(|pair| [pair.first, pair.second]).collect();
        Self {
            pairs,
            images: images.into_iter().collect(),
            embeddings: Vec::new(),
        }
    }

    /// The images whose embeddings are wanted, in this order.
    pub fn images(&self) -> &[usize] {
        &self.images
    }

    /// Adds the embeddings of the next images: maps `[N, H, W, C]`, each of which is laid out as one row.
    pub fn add(&mut self, maps: Tensor<4>) {
        let [count, height, width, channels] = maps.dims();
        let values: Vec<f32> = maps.inner().into_data().iter().collect();
        let rows = values.chunks((height * width * channels).max(1)).take(count);
        self.embeddings.extend(rows.map(<[f32]>::to_vec));
    }

    /// What the pairs say, once the embeddings of all [`images`](Self::images) are added.
    pub fn finish(&self) -> Verification {
        let embedding = |index: usize| {
            let at = self.images.binary_search(&index).ok();
            at.and_then(|at| self.embeddings.get(at))
                .map_or(&[][..], Vec::as_slice)
        };
        let folds = self.pairs.folds().iter().map(|fold| {
            let scored = fold.iter().map(|pair| PairScore {
                score: cosine(embedding(pair.first), embedding(pair.second)),
                same: pair.same,
            });
            scored.collect()
        });
        verification(&folds.collect::<Vec<Vec<PairScore>>>())
    }
}
