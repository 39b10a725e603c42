//! Whether a file computes what the student computes.

use std::{f64::consts::TAU, fmt, path::Path, sync::Arc};

use burn::tensor::{Tensor, TensorData};
use potstill_data::{Augment, Dataset, FloatImage};
use potstill_models::{FrozenModel, ModelError, OnnxModel, OnnxOutputs, Outputs, tensor_name};
use potstill_ops::{Mode, Pass, Point, Taps};
use potstill_random::Seed;
use potstill_recipe::Recipe;
use potstill_tasks::{Probabilities, TaskOptions};

use super::OnnxSettings;
use crate::{device::cpu, error::EngineError, export::Finished, plan::splits::Splits, run_folder::RunFolder};

/// Images that a file is tried on.
const IMAGES: usize = 64;
/// Images at once: the last batch is another one.
const BATCH: usize = 24;
/// What numbers of a file may be away from the student's, as a share of the largest.
const TOLERANCE: f32 = 1e-4;

/// How near a file comes to its student.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnnxProof {
    /// Images that it was tried on.
    pub images: usize,
    /// Whether they were drawn, as the test images of the run could not be opened.
    pub drawn: bool,
    /// The largest difference of a logit.
    pub difference: f32,
    /// The largest logit.
    pub largest: f32,
    /// Answers: one for each image, or for each place of a segmenter's logits.
    pub answers: usize,
    /// Answers that are the same.
    pub equal: usize,
}

impl fmt::Display for OnnxProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            images,
            difference,
            largest,
            answers,
            equal,
            ..
        } = self;
        let which = if self.drawn { "drawn images" } else { "test images" };
        let share = 100.0 * *equal as f64 / (*answers).max(1) as f64;
        write!(
            f,
            "on {images} {which} the logits differ by at most {difference:.1e} (the largest is {largest:.3}), and {share:.1}% of the \
             answers are equal"
        )
    }
}

/// Runs the file and the student on the same images.
pub(super) fn prove(
    finished: &Finished,
    student: &FrozenModel,
    folder: &RunFolder,
    (file, bytes): (&Path, &[u8]),
    settings: &OnnxSettings,
) -> Result<OnnxProof, EngineError> {
    let config = &finished.config;
    let input = config.network_input();
    let (images, drawn) = match test_images(finished, folder) {
        Some(images) => (images, false),
        None => (drawn_images(finished), true),
    };
    let [height, width] = config.input.size;
    let size = [height, width, config.input.channels];
    let shown = if settings.with_input {
        size
    } else {
        input.size(size)?
    };
    let task = potstill_tasks::task(config.task, TaskOptions::default());
    let asked = OnnxOutputs::of(task.output_kind(), Some(config.classes));
    let exported = FrozenModel::Onnx(OnnxModel::of_bytes(file, bytes.to_vec(), &asked, shown)?);
    let names: Vec<Point> = settings
        .points
        .iter()
        .map(|point| Point::post(tensor_name(point)))
        .collect();
    let classes = student.classes().max(1);
    let mut proof = OnnxProof {
        images: images.len(),
        drawn,
        difference: 0.0,
        largest: 0.0,
        answers: 0,
        equal: 0,
    };
    for batch in images.chunks(BATCH) {
        let pixels = tensor(batch);
        let normalised = input.of_pixels(pixels.clone());
        let given = if settings.with_input {
            pixels
        } else {
            normalised.clone()
        };
        let (ours, our_maps) = read(student, normalised, &settings.points)?;
        let (theirs, their_maps) = read(&exported, given, &names)?;
        for (point, (ours, theirs)) in settings.points.iter().zip(our_maps.iter().zip(&their_maps)) {
            held(file, &format!("the map at `{point}`"), apart(ours, theirs))?;
        }
        let [difference, largest] = apart(&ours, &theirs);
        proof.difference = larger(proof.difference, difference);
        proof.largest = larger(proof.largest, largest);
        proof.answers += ours.len() / classes;
        let rows = ours.chunks(classes).zip(theirs.chunks(classes));
        let equal = rows.filter(|(ours, theirs)| match task.probabilities() {
            Probabilities::Softmax => best(ours) == best(theirs),
            Probabilities::Sigmoid => ours.iter().zip(*theirs).all(|(a, b)| (*a > 0.0) == (*b > 0.0)),
        });
        proof.equal += equal.count();
    }
    held(file, "the logits", [proof.difference, proof.largest])?;
    Ok(proof)
}

/// Logits, class by class for each image or place, and the maps at these points, all of them flat.
fn read(
    network: &FrozenModel,
    images: Tensor<4>,
    points: &[Point],
) -> Result<(Vec<f32>, Vec<Vec<f32>>), EngineError> {
    let mut taps = Taps::at(points);
    let mut pass = Pass::visited(Mode::Running, &mut taps);
    let outputs = network.forward(images, &mut pass)?;
    let logits: Vec<f32> = match outputs {
        Outputs::DenseLogits(dense) => dense.logits.into_data().iter().collect(),
        outputs => outputs
            .into_logits()
            .map_err(ModelError::from)?
            .into_data()
            .iter()
            .collect(),
    };
    let map = |point: &Point| {
        taps.map(point)
            .map(|map| map.into_data().iter().collect())
            .unwrap_or_default()
    };
    Ok((logits, points.iter().map(map).collect()))
}

/// The largest difference, and the largest of our numbers. Lists of several lengths are infinitely far apart.
fn apart(ours: &[f32], theirs: &[f32]) -> [f32; 2] {
    if ours.len() != theirs.len() || ours.is_empty() {
        return [f32::INFINITY, 0.0];
    }
    let difference = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    [
        difference.fold(0.0, larger),
        ours.iter().map(|value| value.abs()).fold(0.0, larger),
    ]
}

/// The larger of two numbers; one that is none wins.
fn larger(a: f32, b: f32) -> f32 {
    if b.is_nan() || b > a { b } else { a }
}

fn held(file: &Path, what: &str, [difference, largest]: [f32; 2]) -> Result<(), EngineError> {
    // A number that is none is not below anything.
    if difference <= TOLERANCE * largest {
        return Ok(());
    }
    Err(EngineError::OnnxDiffers {
        file: file.into(),
        what: what.to_owned(),
        difference,
        largest,
    })
}

fn best(row: &[f32]) -> Option<usize> {
    let classes = row.iter().enumerate();
    classes.max_by(|a, b| a.1.total_cmp(b.1)).map(|(class, _)| class)
}

/// Images of the run's test part, as the student sees them but not yet degraded; `None` where they cannot be opened any more.
fn test_images(finished: &Finished, folder: &RunFolder) -> Option<Vec<FloatImage>> {
    let mut recipe = Recipe::from_path(folder.recipe(), &[]).ok()?;
    let task = potstill_tasks::task(recipe.task, TaskOptions::default());
    let target = task.target_kind();
    let mut splits = Splits::open(&mut recipe.data, target, recipe.train.task_weight).ok()?;
    let test = splits.test(&recipe.data, target).ok()?;
    let data = test
        .or_else(|| splits.validation.clone())
        .unwrap_or_else(|| Arc::clone(&splits.train));
    let steps = finished.config.preprocess().augment().ok()?;
    let count = IMAGES.min(data.len());
    // From all over the data: class folders stand one after the other.
    let places = (0..count).map(|at| at * data.len() / count);
    let images: Vec<FloatImage> = places
        .map(|place| prepared(finished, data.as_ref(), &steps, place))
        .collect::<Option<_>>()?;
    (!images.is_empty()).then_some(images)
}

fn prepared(finished: &Finished, data: &dyn Dataset, steps: &Augment, place: usize) -> Option<FloatImage> {
    let config = &finished.config;
    let image = data.image(place).ok()?.into_channels(config.input.channels)?;
    let image = steps.apply(&image, Seed::new(0), 0, 0).ok()?;
    let [height, width] = config.input.size;
    (image.shape() == [height, width, config.input.channels]).then_some(image)
}

/// Images of soft patches with grain on them, from a seed.
fn drawn_images(finished: &Finished) -> Vec<FloatImage> {
    let ([height, width], channels) = (finished.config.input.size, finished.config.input.channels);
    let draw = |at: usize| {
        let mut stream = Seed::new(0).stream("onnx.proof", &[at as u64]);
        let waves: Vec<[f64; 3]> = (0..channels)
            .map(|_| {
                [
                    stream.uniform(1.0, 6.0),
                    stream.uniform(1.0, 6.0),
                    stream.uniform(0.0, TAU),
                ]
            })
            .collect();
        let pixels = (0..height * width * channels).map(|i| {
            let (place, channel) = (i / channels, i % channels);
            let [across, down, phase] = waves[channel];
            let x = (place % width) as f64 / width as f64;
            let y = (place / width) as f64 / height as f64;
            let wave = (across * TAU * x + phase).sin() * (down * TAU * y).cos();
            (0.5 + 0.35 * wave + stream.uniform(-0.15, 0.15)) as f32
        });
        FloatImage {
            height,
            width,
            channels,
            pixels: pixels.collect(),
        }
    };
    (0..IMAGES).map(draw).collect()
}

/// Pixels `[N, H, W, C]` in `[0, 1]`.
fn tensor(images: &[FloatImage]) -> Tensor<4> {
    let [height, width, channels] = images.first().map_or([0; 3], FloatImage::shape);
    let values: Vec<f32> = images
        .iter()
        .flat_map(|image| image.pixels.iter().copied())
        .collect();
    let shape = [images.len(), height, width, channels];
    Tensor::from_data(TensorData::new(values, shape), &cpu())
}
