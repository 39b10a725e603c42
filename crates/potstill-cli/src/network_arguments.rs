//! What several commands ask about a network.

use clap::Args;
use potstill_recipe::Enlarge;

use crate::choice::choice;

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
    #[arg(long, value_parser = choice::<Enlarge>(), default_value_t = Enlarge::Nearest, requires = "low_resolution")]
    pub enlarge: Enlarge,
}
