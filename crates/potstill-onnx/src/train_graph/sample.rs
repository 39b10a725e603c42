//! Two drawn images, and what a file itself says of them: what is read from the file is held to it.

use super::{TrainGraph, source::GraphSource};
use crate::{Array, OnnxError, OnnxNetwork};

/// Images and their logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The images `[2, C, H, W]`, of the size of normalised ones.
    pub images: Array,
    /// What the file computes of them in evaluation mode, by another engine: `[2, K]`.
    pub logits: Array,
}

impl Sample {
    /// So many images of size `[C, H, W]`: waves of several lengths with grain on them, of deviation one or so.
    pub(super) fn images(count: usize, [channels, height, width]: [usize; 3]) -> Array {
        let shape = vec![count, channels, height, width];
        let all: usize = shape.iter().product();
        let value = |at: usize| {
            let (column, row) = (at % width.max(1), at / width.max(1) % height.max(1));
            let plane = (at / (width * height).max(1)) as f64;
            let wave = (0.31 * column as f64 + plane).sin() + (0.17 * row as f64 - 2.0 * plane).cos();
            // Far along the sine no two neighbours are alike.
            let grain = (12.9898 * at as f64 + 78.233 * plane).sin();
            (0.7 * wave + 0.7 * grain) as f32
        };
        Array {
            values: (0..all).map(value).collect(),
            shape,
        }
    }
}

impl TrainGraph {
    /// What the file itself computes of images `[N, C, H, W]` in evaluation mode: the tensors of these names.
    ///
    /// # Errors
    /// A file that cannot be read any more; a name that no tensor of floats has.
    pub fn tensors_of(&self, images: &Array, names: &[&str]) -> Result<Vec<Array>, OnnxError> {
        let bytes = GraphSource::read(&self.file).and_then(|mut source| source.bytes());
        let bytes = bytes.map_err(|reason| OnnxError::Unreadable {
            file: self.file.clone(),
            reason,
        })?;
        OnnxNetwork::of_bytes(&self.file, bytes, None)?.run(images, names)
    }
}
