//! `[student]`, and how a network takes an image.

use std::path::{Path, PathBuf};

use potstill_settings::{ChannelOrder, Described, HeadWeights, Kind, Shortcut, choice, settings};
use serde::{Deserialize, Serialize};

settings! {
    /// A network by its name, and usually its weights: `[student]`, or where a teacher comes from.
    pub struct Network {
        /// The network's name.
        pub model: String = example "cifar_resnet20",
        /// The file of weights to start from, safetensors or PyTorch; or `{ file = "FILE", prefix = "PREFIX" }` for
        /// one of several networks in it; or `"random"`.
        pub weights: Option<Weights> = without "random weights" like "resnet20.pth",
        /// Whether the last layer has the file's weights as all others, or starts anew for the classes of the data.
        pub head: HeadWeights = quiet "kept",
        /// The shortcut of a CIFAR ResNet.
        pub shortcut: Option<Shortcut> = without "as published" like "b",
        /// Whether a segmenter has a second classifier on an earlier stage, for its loss alone.
        pub auxiliary: Option<bool> = without "as its weights have it, or as the published network is built" like true,
        /// How the network takes an image.
        pub input: Option<Input> = without "whole, normalised as its weights say or as is usual for the data set"
            like { mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] } (also "normalize", "normalise"),
        /// How batch norms are: `frozen` ones normalise by their running statistics and learn nothing, as in a detector that starts from a
        /// pretrained backbone and sees few images at once. Of a network with a neck those of the backbone; the others are ordinary.
        pub norm: Option<Norms> = without "ordinary" like "frozen",
        /// What those batch norms add to the variance. Weights do not say: 0 for torchvision's detectors of the first generation.
        pub norm_eps: Option<f64> [at_least(0.0)] = without "as the network has it" like 0.0,
        /// Parts of the student whose weights do not train, by the beginnings of their paths. Running statistics of batch
        /// norms move all the same. Not of a teacher.
        pub freeze: Option<Vec<String>> [not_empty()] = without "everything trains" like ["conv1", "layer1"],
        /// Parts that the student takes from the teacher before it trains, by the beginnings of their paths: every tensor
        /// there with the name and the shape of one of the teacher's. Not of a teacher.
        pub inherit: Option<Vec<String>> [not_empty()] = without "nothing" like ["backbone.fpn", "head"],
    }
}

impl Network {
    /// Whether it starts from a file of weights.
    pub fn has_weights(&self) -> bool {
        self.weights.as_ref().is_some_and(|weights| !weights.are_random())
    }
}

/// Where weights come from, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Weights {
    /// A file, or the word for random ones.
    File(PathBuf),
    /// A part of a file.
    Part(WeightsPart),
}

settings! {
    /// One of several networks in a file.
    pub struct WeightsPart {
        /// The file of weights.
        pub file: PathBuf = example "checkpoint.pth",
        /// What stands before the names of the tensors that are meant, or a part of that.
        pub prefix: Option<String> = without "the only network in the file" like "student",
    }
}

impl Described for Weights {
    const KIND: Kind = Kind::Either(&Kind::Text, &WeightsPart::KIND);
}

/// The word for weights that come from no file.
const RANDOM: &str = "random";

impl Weights {
    /// The file.
    pub fn file(&self) -> &Path {
        match self {
            Self::File(file) => file,
            Self::Part(part) => &part.file,
        }
    }

    /// The prefix of the names in it.
    pub fn prefix(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Part(part) => part.prefix.as_deref(),
        }
    }

    /// Whether they are to be random ones. A file of that name is written `./random`.
    pub fn are_random(&self) -> bool {
        matches!(self, Self::File(file) if file.as_os_str() == RANDOM)
    }
}

impl<P: Into<PathBuf>> From<P> for Weights {
    fn from(file: P) -> Self {
        Self::File(file.into())
    }
}

settings! {
    /// How a network takes an image: degraded or not, then `(pixel - mean) / std` of pixels in `[0, 1]`.
    #[derive(Default)]
    pub struct Input {
        /// One value for each channel, subtracted from pixels in `[0, 1]`. Not without `std`.
        pub mean: Option<Vec<f64>> [not_empty()]
            = without "as is usual for the data set" like [0.485, 0.456, 0.406],
        /// One value for each channel, by which the difference is divided. Not without `mean`.
        pub std: Option<Vec<f64>> [above(0.0).not_empty()]
            = without "as is usual for the data set" like [0.229, 0.224, 0.225],
        /// In which order the network takes the colours of a pixel; mean and std are in that order.
        pub order: Option<ChannelOrder> = without "as its weights say, or rgb" like "bgr",
        /// Degrades the augmented image before it is normalised.
        pub low_resolution: Option<LowResolution> = without "the whole image" like { size = 16 },
    }
}

settings! {
    /// An image of fewer pixels: square windows are averaged, and the result enlarged to the old size.
    #[derive(Copy, Eq)]
    pub struct LowResolution {
        /// Rows and columns that windows are averaged to. Must divide those of the image.
        pub size: usize [at_least(1.0)] = example 16,
        /// How the image gets its old size back.
        pub enlarge: Enlarge = default "nearest",
    }
}

choice! {
    /// Whether batch norms learn.
    pub enum Norms = Ordinary {
        /// They normalise by the batch in training, and learn.
        Ordinary = "ordinary",
        /// They are constant.
        Frozen = "frozen",
    }
}

choice! {
    /// How a degraded image gets its old size back.
    pub enum Enlarge = Nearest {
        /// Each pixel becomes a square of equal ones: degrading twice changes nothing.
        Nearest = "nearest",
        /// Bilinear, with half-pixel centres (corners not aligned).
        Bilinear = "bilinear",
        /// Not at all: the network is fed the small image.
        None = "none",
    }
}
