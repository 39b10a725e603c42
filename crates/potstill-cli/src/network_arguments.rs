//! What several commands ask about a network.

use clap::{Args, ValueEnum};
use potstill_models::Shortcut;
use potstill_ops::Precision;
use potstill_recipe::Enlarge;

/// How a network takes an image, where its weights' config does not say or something else is wanted.
#[derive(Debug, Args)]
pub struct InputArguments {
    /// Mean of each channel, of pixels in 0..1; what the weights' config says if not given, else ImageNet's.
    #[arg(long, value_delimiter = ',', requires = "std", value_name = "R,G,B")]
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of each channel.
    #[arg(long, value_delimiter = ',', requires = "mean", value_name = "R,G,B")]
    pub std: Option<Vec<f32>>,
    /// Degrade each image to so many rows and columns; as the weights' config says if not given.
    #[arg(long, value_name = "N")]
    pub low_resolution: Option<usize>,
    /// How a degraded image gets its old size back.
    #[arg(long, value_enum, default_value_t = EnlargeArgument::Nearest, requires = "low_resolution")]
    pub enlarge: EnlargeArgument,
}

/// How a degraded image gets its old size back.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EnlargeArgument {
    /// Each pixel becomes a square of equal ones.
    Nearest,
    /// Bilinear, with half-pixel centres.
    Bilinear,
    /// Not at all: the network is fed the small image.
    None,
}

impl From<EnlargeArgument> for Enlarge {
    fn from(argument: EnlargeArgument) -> Self {
        match argument {
            EnlargeArgument::Nearest => Self::Nearest,
            EnlargeArgument::Bilinear => Self::Bilinear,
            EnlargeArgument::None => Self::None,
        }
    }
}

/// In what frozen convolutions compute.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionArgument {
    /// Single precision.
    Single,
    /// Half precision where the machine has it.
    Half,
}

impl From<PrecisionArgument> for Precision {
    fn from(argument: PrecisionArgument) -> Self {
        match argument {
            PrecisionArgument::Single => Self::Single,
            PrecisionArgument::Half => Self::Half,
        }
    }
}

/// The two shortcuts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ShortcutArgument {
    /// Subsample and pad with zeros.
    A,
    /// A 1x1 convolution.
    B,
}

impl From<ShortcutArgument> for Shortcut {
    fn from(argument: ShortcutArgument) -> Self {
        match argument {
            ShortcutArgument::A => Self::Subsample,
            ShortcutArgument::B => Self::Projection,
        }
    }
}
