//! From the arrays that a file computes to the outputs of a network.

use burn::tensor::{Device, Tensor, TensorData};
use potstill_detection::DecodeRule;
use potstill_onnx::{Array, OnnxError, OnnxNetwork};

use super::form::{Form, is_row};
use crate::{CellDetections, CellMaps, DenseLogits, Detections, Outputs, PlaceDetections};

impl Form {
    /// What the arrays of these tensors say of a batch of so many images of size `[H, W]`.
    ///
    /// # Errors
    /// An array of another form than that of the images the file was surveyed with.
    pub fn outputs(
        &self,
        network: &OnnxNetwork,
        arrays: Vec<Array>,
        (size, count): ([usize; 2], usize),
        device: &Device,
    ) -> Result<Outputs, OnnxError> {
        for (name, array) in self.tensors().into_iter().zip(&arrays) {
            if !self.fits(&array.shape, count) {
                let reason = format!("it is {:?} for {count} images", array.shape);
                return Err(network.no_logits(name, reason));
            }
        }
        let mut maps = arrays.into_iter();
        let mut next = || maps.next().unwrap_or_else(|| nothing(count));
        let detections = match self {
            Self::Rows { classes, .. } => {
                let data = TensorData::new(next().values, [count, *classes]);
                return Ok(Outputs::Logits(Tensor::from_data(data, device)));
            }
            Self::Dense { .. } => {
                return Ok(Outputs::DenseLogits(DenseLogits {
                    logits: channels_last(next(), device),
                    auxiliary: None,
                    size,
                }));
            }
            Self::PublishedCells { .. } => cells(published(channels_last(next(), device)), size),
            Self::Cells { .. } => {
                let [objectness, codes, logits] =
                    [next(), next(), next()].map(|map| channels_last(map, device));
                let maps = CellMaps {
                    objectness,
                    codes,
                    logits,
                };
                cells(maps, size)
            }
            Self::Places { logits, classes } => {
                let levels = logits.iter().map(|_| places(next(), *classes, device));
                Detections::Places(PlaceDetections {
                    levels: levels.collect(),
                    classes: *classes,
                })
            }
            Self::Unread => Detections::Places(PlaceDetections {
                levels: Vec::new(),
                classes: 0,
            }),
        };
        Ok(Outputs::Detections(Box::new(detections)))
    }

    /// Whether an array of so many images has the form that the file was found to have.
    fn fits(&self, shape: &[usize], count: usize) -> bool {
        let (Some(rows), rest) = (shape.first(), shape.get(1..).unwrap_or_default()) else {
            return false;
        };
        let has_form = match self {
            Self::Rows { classes, .. } => is_row(rest) && rest.first() == Some(classes),
            Self::Dense { classes, .. } => rest.len() == 3 && rest[0] == *classes,
            Self::PublishedCells { classes, .. } => rest.len() == 3 && rest[0] == classes + 5,
            Self::Cells { .. } => rest.len() == 3,
            Self::Places { classes, .. } => match *rest {
                [channels, _, _] => channels.is_multiple_of(*classes),
                [_, columns] => columns == *classes,
                _ => false,
            },
            Self::Unread => true,
        };
        *rows == count && has_form
    }
}

/// `[N, C, h, w]` as `[N, h, w, C]`.
fn channels_last(array: Array, device: &Device) -> Tensor<4> {
    let mut shape = [1; 4];
    shape
        .iter_mut()
        .zip(&array.shape)
        .for_each(|(to, from)| *to = *from);
    Tensor::<4>::from_data(TensorData::new(array.values, shape), device).permute([0, 2, 3, 1])
}

/// No images of no places.
fn nothing(count: usize) -> Array {
    Array {
        shape: vec![count, 0, 0, 0],
        values: Vec::new(),
    }
}

fn cells(cells: CellMaps, size: [usize; 2]) -> Detections {
    Detections::Cells(CellDetections {
        cells,
        size,
        rule: DecodeRule::fastestdet(),
    })
}

/// What is published, `[N, h, w, 1 + 4 + K]`, before its sigmoid and its softmax: of a softmax logits are known up to a number for each place,
/// which no softmax sees.
fn published(map: Tensor<4>) -> CellMaps {
    let classes = map.dims()[3].saturating_sub(5);
    let object = map.clone().narrow(3, 0, 1).clamp(SMALLEST, 1.0 - SMALLEST);
    CellMaps {
        objectness: object.clone().log() - object.neg().add_scalar(1.0).log(),
        codes: map.clone().narrow(3, 1, 4),
        logits: map.narrow(3, 5, classes).clamp_min(f32::MIN_POSITIVE).log(),
    }
}

/// How near to 0 and 1 a probability can be in single precision.
const SMALLEST: f32 = 6e-8;

/// The class logits of the places of a level, `[N, h w A, K]`: of `[N, A K, h, w]`, whose channels are anchor by anchor as in torchvision, or of
/// `[N, M, K]`.
fn places(array: Array, classes: usize, device: &Device) -> Tensor<3> {
    let [count, channels, height, width] = array.shape[..] else {
        let count = array.shape.first().copied().unwrap_or_default();
        let places = array.values.len() / (count * classes).max(1);
        return Tensor::from_data(TensorData::new(array.values, [count, places, classes]), device);
    };
    let anchors = channels / classes.max(1);
    let data = TensorData::new(array.values, [count, anchors, classes, height, width]);
    Tensor::<5>::from_data(data, device)
        .permute([0, 3, 4, 1, 2])
        .reshape([count, height * width * anchors, classes])
}
