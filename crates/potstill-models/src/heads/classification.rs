//! The head of a classification network: from the last map to one row of logits.

use burn::tensor::Tensor;
use potstill_ops::{Activation, LayerNorm, Linear, Pass, PointSide, global_avg_pool};

use crate::named::{Named, module_of_parts};

/// The mean over all positions of a map, and a linear layer; in some families with a layer norm or a second
/// linear layer.
///
/// The embedding that goes into the linear layers stands at the point `pool`, as a map `[N, 1, 1, C]`.
#[derive(Debug, Clone)]
pub(crate) struct ClassificationHead {
    norm: Option<Named<LayerNorm>>,
    hidden: Option<Named<Linear>>,
    last: Named<Linear>,
    pooling: Pooling,
    /// Between the hidden layer and the last.
    activation: Activation,
}

module_of_parts!(ClassificationHead { norm, hidden, last } with { pooling, activation });

/// How the embedding is made from the map, and where the layer norm stands if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The mean over all positions, then the norm.
    Mean,
    /// The norm of each position, then the mean over all.
    MeanOfNormed,
    /// The map is an embedding already, `[N, 1, 1, C]`: the norm alone.
    Embedding,
}

impl ClassificationHead {
    /// The mean over all positions, and this layer, whose tensors stand below `path`.
    pub fn new(path: &str, last: Linear) -> Self {
        Self {
            norm: None,
            hidden: None,
            last: Named::new(path, last),
            pooling: Pooling::Mean,
            activation: Activation::Identity,
        }
    }

    /// With a layer norm where `pooling` says.
    pub fn with_norm(self, path: &str, norm: LayerNorm, pooling: Pooling) -> Self {
        Self {
            norm: Some(Named::new(path, norm)),
            pooling,
            ..self
        }
    }

    /// With one more linear layer before the last, and this activation between the two.
    pub fn with_hidden(self, path: &str, hidden: Linear, activation: Activation) -> Self {
        Self {
            hidden: Some(Named::new(path, hidden)),
            activation,
            ..self
        }
    }

    /// Whether it takes a map of any size, and not an embedding.
    pub fn takes_a_map(&self) -> bool {
        self.pooling != Pooling::Embedding
    }

    /// Logits `[N, K]` of a map `[N, H, W, C]`.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let normed = |x| match &self.norm {
            Some(norm) => norm.get().forward(x),
            None => x,
        };
        let embedding = match self.pooling {
            Pooling::Mean => normed(global_avg_pool(map)),
            Pooling::MeanOfNormed => global_avg_pool(normed(map)),
            Pooling::Embedding => normed(map),
        };
        let mut x = pass.show("pool", PointSide::Post, embedding).flatten(1, 3);
        if let Some(hidden) = &self.hidden {
            x = self.activation.apply(hidden.get().forward(x, pass));
        }
        self.last.get().forward(x, pass)
    }
}
