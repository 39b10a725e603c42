//! The head of a classification network: from the last map to one row of logits.

use potstill_ops::{Activation, ForwardPass, LayerNorm, Linear, PointSide};

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

    /// The layer that gives the logits, if nothing else stands behind the mean over all positions.
    pub fn linear(&self) -> Option<&Linear> {
        let is_plain = self.norm.is_none() && self.hidden.is_none() && self.pooling == Pooling::Mean;
        is_plain.then(|| self.last.get())
    }

    /// Logits `[N, 1, 1, K]` of a map `[N, H, W, C]`.
    pub fn forward<P: ForwardPass>(&self, map: P::Map, pass: &mut P) -> P::Map {
        let normed = |x, pass: &mut P| match &self.norm {
            Some(norm) => pass.layer_norm(x, norm.get()),
            None => x,
        };
        let embedding = match self.pooling {
            Pooling::Mean => {
                let mean = pass.mean(map);
                normed(mean, pass)
            }
            Pooling::MeanOfNormed => {
                let map = normed(map, pass);
                pass.mean(map)
            }
            Pooling::Embedding => normed(map, pass),
        };
        let mut x = pass.show("pool", PointSide::Post, embedding);
        if let Some(hidden) = &self.hidden {
            x = pass.linear(x, hidden.get());
            x = pass.activate(x, self.activation);
        }
        pass.linear(x, self.last.get())
    }
}
