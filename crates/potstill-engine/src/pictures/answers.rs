//! The same images with the truth and with what each network says.

use std::sync::Arc;

use potstill_data::{Dataset, Subset};
use potstill_report::{Tile, TileSheet};
use potstill_tasks::{Prediction, Task};

use super::scene;
use crate::{error::EngineError, evaluate::Viewer};

/// A network whose answers are drawn.
pub(crate) struct Answers<'a> {
    /// What its column is called.
    pub name: String,
    pub viewer: Viewer<'a>,
}

/// Detections of lower scores are not drawn.
const SHOWN: f32 = 0.3;

/// The longer side of an image in the picture.
const SIDE: usize = 240;

/// So many images from all over a set, a row each: the truth, then what each network says.
pub(crate) fn answers_svg(
    title: &str,
    task: &dyn Task,
    networks: &[Answers<'_>],
    data: &Arc<dyn Dataset>,
    wanted: usize,
) -> Result<String, EngineError> {
    let images = data.len();
    let wanted = wanted.min(images);
    let places: Vec<usize> = (0..wanted).map(|index| index * images / wanted).collect();
    let names = data.classes();
    let captioned = |mut tile: Tile, text: &str| {
        tile.caption.insert(0, text.to_owned());
        tile
    };
    let mut rows = Vec::with_capacity(wanted);
    for &place in &places {
        let sample = data.sample(place)?;
        let truth = Prediction {
            target: sample.target,
            scores: Vec::new(),
        };
        rows.push(vec![captioned(
            scene(&sample.image, &truth, names, SHOWN),
            "truth",
        )]);
    }
    for network in networks {
        let some = Subset::of(Arc::clone(data), places.clone())?;
        let said = network.viewer.predictions(task, Arc::new(some))?;
        for ((row, place), said) in rows.iter_mut().zip(&places).zip(said) {
            let image = data.image(*place)?;
            row.push(captioned(scene(&image, &said, names, SHOWN), &network.name));
        }
    }
    let sheet = TileSheet {
        title: title.into(),
        side: SIDE,
        rows,
    };
    Ok(sheet.svg()?)
}
