//! A network with what a program needs to use it.

use burn::tensor::{Tensor, TensorData};
use potstill_data::{Augment, FloatImage, Image};
use potstill_models::{FrozenModel, Model, ModelError, Outputs, Shortcut};
use potstill_ops::{Mode, Pass, Point, Taps};
use potstill_random::Seed;
use potstill_recipe::TaskKind;

use crate::{
    device::cpu, error::EngineError, network_input::NetworkInput, plan::data::default_input,
    preprocess::Preprocess,
};

/// A network, how it takes an image, and what its classes are called.
///
/// ```
/// use potstill_data::{Split, open};
/// use potstill_engine::VisionModel;
/// use potstill_ops::Point;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = VisionModel::build("cifar_resnet8", 10, 0)?;
/// let image = open("shapes:size=16,train=10", Split::Train)?.image(0)?;
/// let stage = Point::post("layer1.0");
/// let (outputs, taps) = model.read(&[image], &[stage.clone()])?;
/// assert_eq!(outputs.logits()?.dims(), [1, 10]);
/// assert_eq!(taps.map(&stage).map(|map| map.dims()), Some([1, 16, 16, 16]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VisionModel {
    /// The architecture's name in the registry, or what a program calls its own.
    pub architecture: String,
    /// The shortcut of a residual network for small images, where it was chosen.
    pub shortcut: Option<Shortcut>,
    /// What the batch norms of its backbone add to the variance, where that was chosen.
    pub norm_eps: Option<f64>,
    /// The network.
    pub network: Model,
    /// How it takes an image; `None` if nothing says so.
    pub input: Option<NetworkInput>,
    /// How images of any size are brought to what it takes; `None` if nothing says so, and images are taken as they are.
    pub preprocess: Option<Preprocess>,
    /// What it was trained for; `None` if nothing says so.
    pub task: Option<TaskKind>,
    /// The names of its classes in the order of its outputs; empty if nothing says so.
    pub class_names: Vec<String>,
    /// What has to be said about how its weights were found, in a line each.
    pub notes: Vec<String>,
}

impl VisionModel {
    /// The same network, which takes its images so.
    #[must_use]
    pub fn with_input(self, input: impl Into<NetworkInput>) -> Self {
        Self {
            input: Some(input.into()),
            ..self
        }
    }

    /// How it takes an image: as something says, else whole and normalised by [`default_input`].
    pub fn input(&self) -> NetworkInput {
        let usual = || default_input(self.network.channels()).into();
        self.input.clone().unwrap_or_else(usual)
    }

    /// Logits `[N, K]` of images, by the running statistics. The network is frozen at each call: for many images there is
    /// [`evaluate`](crate::evaluate).
    ///
    /// # Errors
    /// As [`read`](Self::read); outputs of another kind.
    pub fn logits(&self, images: &[Image]) -> Result<Tensor<2>, EngineError> {
        let (outputs, _) = self.read(images, &[])?;
        Ok(outputs.into_logits().map_err(ModelError::from)?)
    }

    /// What the network gives for images, and its maps at these points, which are all there. Images are brought to one size as
    /// [`preprocess`](Self::preprocess) says; where it does not, they must have one.
    ///
    /// # Errors
    /// Images that it cannot take, or of several sizes; a point that the network does not have.
    pub fn read(&self, images: &[Image], points: &[Point]) -> Result<(Outputs, Taps), EngineError> {
        let pixels = pixels(images, self.preprocess.as_ref())?;
        let [_, height, width, channels] = pixels.dims();
        let input = self.input();
        input.check([height, width, channels])?;
        self.network.check(input.size([height, width, channels])?)?;
        let mut taps = Taps::at(points);
        let mut pass = Pass::visited(Mode::Running, &mut taps);
        let outputs = FrozenModel::from(&self.network).forward(input.of_pixels(pixels), &mut pass)?;
        let unmet = taps.unmet().next().cloned();
        match unmet {
            Some(point) => Err(EngineError::NoPoint {
                model: self.architecture.clone(),
                point,
            }),
            None => Ok((outputs, taps)),
        }
    }
}

/// A network of the program's own.
impl From<Model> for VisionModel {
    fn from(network: Model) -> Self {
        Self {
            architecture: network.name().into(),
            shortcut: None,
            norm_eps: None,
            network,
            input: None,
            preprocess: None,
            task: None,
            class_names: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// The pixels of images in `[0, 1]`, `[N, H, W, C]`, brought to one size if something says how.
fn pixels(images: &[Image], preprocess: Option<&Preprocess>) -> Result<Tensor<4>, EngineError> {
    let refused = |reason: &str| Err(EngineError::Images(reason.into()));
    if images
        .iter()
        .any(|image| image.pixels.len() != image.shape().iter().product::<usize>())
    {
        return refused("one has more or fewer values than its size says");
    }
    let augment = preprocess.map_or_else(|| Ok(Augment::none()), Preprocess::augment)?;
    let images: Vec<FloatImage> = images
        .iter()
        .map(|image| augment.apply(image, Seed::new(0), 0, 0))
        .collect::<Result<_, _>>()?;
    let Some([height, width, channels]) = images.first().map(FloatImage::shape) else {
        return refused("there is none");
    };
    if images
        .iter()
        .any(|image| image.shape() != [height, width, channels])
    {
        return refused("they have several sizes");
    }
    let shape = [images.len(), height, width, channels];
    let values: Vec<f32> = images.into_iter().flat_map(|image| image.pixels).collect();
    Ok(Tensor::from_data(TensorData::new(values, shape), &cpu()))
}
