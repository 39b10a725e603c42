//! `[student]`, and how a network takes an image.

use std::path::PathBuf;

use potstill_settings::{Shortcut, choice, settings};

settings! {
    /// A network by its name, and usually its weights: `[student]`, or where a teacher comes from.
    pub struct Network {
        /// The network's name.
        pub model: String = example "cifar_resnet20",
        /// The file of weights to start from, safetensors or PyTorch.
        pub weights: Option<PathBuf> = without "random weights" like "resnet20.pth",
        /// The shortcut of a CIFAR ResNet.
        pub shortcut: Option<Shortcut> = without "as published" like "b",
        /// How the network takes an image.
        pub input: Option<Input> = without "whole, normalised as its weights say or as is usual for the data set"
            like { mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] } (also "normalize", "normalise"),
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
