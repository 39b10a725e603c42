//! The same images with the truth and with what each network says.

use std::sync::Arc;

use potstill_data::{Dataset, LoaderConfig, Subset};
use potstill_report::{Tile, TileSheet};
use potstill_tasks::{Prediction, Task};

use super::scene;
use crate::{
    device::cpu,
    error::EngineError,
    evaluate::{Viewer, padded_for},
};

/// A network whose answers are drawn.
pub(crate) struct Answers<'a> {
    /// What its column is called.
    pub name: String,
    pub viewer: Viewer<'a>,
}

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
        rows.push(vec![captioned(scene(&sample.image, &truth, names), "truth")]);
    }
    for network in networks {
        let said = answers(task, &network.viewer, data, &places)?;
        for ((row, place), said) in rows.iter_mut().zip(&places).zip(said) {
            let image = data.image(*place)?;
            row.push(captioned(scene(&image, &said, names), &network.name));
        }
    }
    let sheet = TileSheet {
        title: title.into(),
        side: SIDE,
        rows,
    };
    Ok(sheet.svg()?)
}

/// What a network says of the images at these places.
fn answers(
    task: &dyn Task,
    viewer: &Viewer<'_>,
    data: &Arc<dyn Dataset>,
    places: &[usize],
) -> Result<Vec<Prediction>, EngineError> {
    let some: Arc<dyn Dataset> = Arc::new(Subset::of(Arc::clone(data), places.to_vec())?);
    let config = LoaderConfig {
        batch: 1,
        keep_truth: true,
        ..padded_for(task, LoaderConfig::default())
    };
    let (device, mut said) = (cpu(), Vec::with_capacity(places.len()));
    for batch in viewer.batches(some, config)? {
        let batch = batch?;
        let outputs = viewer.look(&batch, &device)?;
        said.extend(task.predictions(&outputs, &batch)?);
    }
    Ok(said)
}
