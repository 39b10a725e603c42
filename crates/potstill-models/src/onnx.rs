//! ONNX files as classification networks: any file that takes images and gives one row of logits each.
//!
//! Points are the file's own tensors by name, after whatever made them (`/layer3/Relu_output_0`). A tensor is
//! a point if it can be seen as a map, channels last:
//!
//! | tensor | map |
//! |---|---|
//! | `[N, C, H, W]` | `[N, H, W, C]` |
//! | `[N, T, C]`, tokens of a square grid, `T = s s` | `[N, s, s, C]` |
//! | `[N, T, C]`, the same behind a class token, `T = 1 + s s` | `[N, s, s, C]`, the class token left out |
//! | `[N, C]`, an embedding | `[N, 1, 1, C]` |

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_onnx::{Array, OnnxNetwork, Survey};
use potstill_ops::{Pass, Point, PointSide};

use crate::{ModelError, Probe};

/// A classification network in an ONNX file. Copies share the file.
///
/// ```no_run
/// use potstill_models::{FrozenModel, OnnxModel};
///
/// let teacher = OnnxModel::open("teacher.onnx".as_ref(), None, [32, 32, 3])?;
/// for (point, size) in &teacher.probe().points {
///     println!("{point}: {size:?}");
/// }
/// let teacher = FrozenModel::Onnx(teacher);
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OnnxModel {
    network: Arc<OnnxNetwork>,
    file: PathBuf,
    survey: Survey,
    channels: usize,
}

/// How a tensor is seen as a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// `[C, H, W]`.
    Map([usize; 3]),
    /// `[skipped + side * side, C]`.
    Tokens {
        skipped: usize,
        side: usize,
        channels: usize,
    },
    /// `[C]`.
    Embedding(usize),
}

impl OnnxModel {
    /// Opens a file for images of size `[H, W, C]`. `logits` names the tensor of logits; without it the
    /// file's first output is meant.
    ///
    /// # Errors
    /// [`ModelError::Onnx`]: a file that cannot be read or run, or does not take such images.
    pub fn open(
        file: &Path,
        logits: Option<&str>,
        [height, width, channels]: [usize; 3],
    ) -> Result<Self, ModelError> {
        let network = OnnxNetwork::open(file, logits)?;
        let survey = network.survey([channels, height, width])?;
        Ok(Self {
            network: Arc::new(network),
            file: file.into(),
            survey,
            channels,
        })
    }

    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The size `[H, W, C]` of the images that a file takes; none where it leaves it open.
    ///
    /// # Errors
    /// [`ModelError::Onnx`]: a file that cannot be read, or takes no images.
    pub fn takes(file: &Path) -> Result<[Option<usize>; 3], ModelError> {
        let network = OnnxNetwork::open(file, None)?;
        let [height, width] = network.size();
        Ok([height, width, network.channels()])
    }

    /// Logits `[N, K]` of normalised images `[N, H, W, C]`. The pass's visitor may read maps, not replace
    /// them.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] if an operator fails on these images.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Result<Tensor<2>, ModelError> {
        let (device, count) = (images.device(), images.dims()[0]);
        let tensors = self.survey.tensors.iter();
        let wanted: Vec<&(String, Vec<usize>)> = tensors
            .filter(|(name, shape)| pass.wants(name, PointSide::Post) && View::of(shape).is_some())
            .collect();
        let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        let found = self.network.run(
            &channels_first(images),
            &[&names[..], &[self.network.logits()]].concat(),
        )?;
        for ((name, shape), array) in wanted.iter().zip(&found) {
            if let Some(view) = View::of(shape) {
                let _ = pass.show(name, PointSide::Post, view.map(array, &device));
            }
        }
        pass.count(self.survey.macs * count as u64);
        // One array for each name: the logits come last.
        let logits = found.into_iter().next_back().map(|array| array.values);
        let data = TensorData::new(logits.unwrap_or_default(), [count, self.classes()]);
        Ok(Tensor::from_data(data, &device))
    }

    /// Whether the file takes images of this size `[H, W, C]`.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] with what it takes.
    pub fn check(&self, [height, width, channels]: [usize; 3]) -> Result<(), ModelError> {
        Ok(self.network.check(&[1, channels, height, width])?)
    }

    /// What running the file once has shown.
    pub fn probe(&self) -> Probe {
        let points = self.survey.tensors.iter().filter_map(|(name, shape)| {
            let size = View::of(shape)?.size();
            Some((Point::post(name.clone()), size))
        });
        Probe::told(
            points.collect(),
            self.network.parameters(),
            self.survey.macs,
            self.survey.classes,
        )
    }

    /// Output classes.
    pub fn classes(&self) -> usize {
        self.survey.classes
    }

    /// Image channels.
    pub fn channels(&self) -> usize {
        self.channels
    }
}

impl View {
    /// How a tensor of this shape (the batch left out) is seen; none if it is no map.
    fn of(shape: &[usize]) -> Option<Self> {
        match *shape {
            [c, h, w] => Some(Self::Map([c, h, w])),
            [tokens, channels] => [0, 1].into_iter().find_map(|skipped| {
                let side = tokens.checked_sub(skipped)?.isqrt();
                (side > 0 && skipped + side * side == tokens).then_some(Self::Tokens {
                    skipped,
                    side,
                    channels,
                })
            }),
            [channels] => Some(Self::Embedding(channels)),
            _ => None,
        }
    }

    /// The size `[H, W, C]` of the map.
    fn size(self) -> [usize; 3] {
        match self {
            Self::Map([c, h, w]) => [h, w, c],
            Self::Tokens { side, channels, .. } => [side, side, channels],
            Self::Embedding(channels) => [1, 1, channels],
        }
    }

    /// The map `[N, H, W, C]`.
    fn map(self, array: &Array, device: &Device) -> Tensor<4> {
        let count = array.shape.first().copied().unwrap_or(0);
        let [h, w, c] = self.size();
        let values = array.values.clone();
        match self {
            Self::Map(_) => Tensor::<4>::from_data(TensorData::new(values, [count, c, h, w]), device)
                .permute([0, 2, 3, 1]),
            Self::Tokens { skipped, side, .. } => {
                let tokens = side * side;
                Tensor::<3>::from_data(TensorData::new(values, [count, skipped + tokens, c]), device)
                    .narrow(1, skipped, tokens)
                    .reshape([count, h, w, c])
            }
            Self::Embedding(_) => Tensor::from_data(TensorData::new(values, [count, 1, 1, c]), device),
        }
    }
}

fn channels_first(images: Tensor<4>) -> Array {
    let images = images.permute([0, 3, 1, 2]);
    Array {
        shape: images.dims().to_vec(),
        values: images.into_data().iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::View;

    #[test]
    fn tokens_of_a_square_are_a_map() {
        let size = |shape: &[usize]| View::of(shape).map(View::size);
        assert_eq!(size(&[8, 4, 6]), Some([4, 6, 8]));
        assert_eq!(size(&[196, 384]), Some([14, 14, 384]));
        assert_eq!(size(&[197, 384]), Some([14, 14, 384]));
        assert_eq!(size(&[198, 384]), None);
        assert_eq!(size(&[1, 5]), Some([1, 1, 5]));
        assert_eq!(size(&[64]), Some([1, 1, 64]));
        assert_eq!(size(&[12, 197, 197, 3]), None);
    }
}
