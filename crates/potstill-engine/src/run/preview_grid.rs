//! Images before and after, with how sure both networks are of them, as a picture.

use burn::tensor::Tensor;
use potstill_report::{ReportError, Tile, TileSheet};

/// The side of a tile in pixels.
const SIDE: usize = 96;

/// Some images before and after, with what both networks make of them.
pub(super) struct Specimen {
    /// Pixels in `[0, 1]`, `[N, H, W, C]`.
    pub before: Tensor<4>,
    /// Pixels of the augmented images.
    pub after: Tensor<4>,
    /// The probability of the target, for each image: the student's of the clean and of the augmented image.
    pub student: [Vec<f64>; 2],
    /// The teacher's.
    pub teacher: [Vec<f64>; 2],
    /// The targets in words.
    pub names: Vec<String>,
}

/// A row of clean images over a row of augmented ones; under each the probability that teacher and student give its target.
pub(super) fn draw(specimen: &Specimen) -> Result<String, ReportError> {
    let rows = [&specimen.before, &specimen.after];
    let tiles = rows.into_iter().enumerate().map(|(row, images)| {
        let [_, height, width, _] = images.dims();
        let pictures = bytes(images);
        let tile = |(index, rgb): (usize, Vec<u8>)| Tile {
            height,
            width,
            rgb,
            caption: caption(specimen, row, index),
            ..Tile::default()
        };
        pictures.into_iter().enumerate().map(tile).collect()
    });
    let sheet = TileSheet {
        title: "Clean images, and what the augmentation makes of them".into(),
        side: SIDE,
        rows: tiles.collect(),
    };
    sheet.svg()
}

fn caption(specimen: &Specimen, row: usize, index: usize) -> Vec<String> {
    let target = specimen.names.get(index).cloned().unwrap_or_default();
    let percent = |name: &str, probabilities: &[Vec<f64>; 2]| {
        let probability = probabilities[row].get(index).copied().unwrap_or(f64::NAN);
        format!("{name} {:.0} %", 100.0 * probability)
    };
    vec![
        target,
        percent("teacher", &specimen.teacher),
        percent("student", &specimen.student),
    ]
}

/// Pixels `[N, H, W, 3]` as bytes, clipped, image by image.
fn bytes(images: &Tensor<4>) -> Vec<Vec<u8>> {
    let length = images.dims()[1..].iter().product::<usize>().max(1);
    let bytes: Vec<u8> = images
        .clone()
        .inner()
        .into_data()
        .iter::<f32>()
        .map(|value| (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8)
        .collect();
    bytes.chunks_exact(length).map(<[u8]>::to_vec).collect()
}
