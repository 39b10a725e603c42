//! What several commands ask about a network.

use std::path::Path;

use clap::Args;
use potstill_data::{Augment, Normalise};
use potstill_engine::{NetworkInput, Predictor, Source};
use potstill_models::weights::Asked;
use potstill_recipe::{Enlarge, LowResolution};
use potstill_settings::Shortcut;
use serde::Deserialize;

use crate::{choice::choice, image_size::image_size, model_name::ModelName};

/// Which network weights are of, where they do not say it.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// The architecture, where no config.json lies beside the weights.
    #[arg(long, value_name = "NAME", value_parser = ModelName, hide_possible_values = true)]
    pub model: Option<String>,
    /// Below which prefix of the file the weights are, where it holds several networks; a part of it will do.
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// The shortcut of a residual network for small images.
    #[arg(long, value_parser = choice::<Shortcut>())]
    pub shortcut: Option<Shortcut>,
}

impl SourceArguments {
    /// Where the network with these weights comes from.
    pub fn source(&self, weights: &Path) -> Source {
        Source {
            model: self.model.clone(),
            weights: Some(weights.to_owned()),
            prefix: self.prefix.clone(),
            shortcut: self.shortcut,
            asked: Asked::CommandLine,
            ..Source::default()
        }
    }
}

/// How a network takes an image, where its weights' config does not say or something else is wanted.
#[derive(Debug, Default, Args)]
pub struct InputArguments {
    /// Bring every image to this height and width. A square by its shorter side and a centre crop; what the weights'
    /// config says if not given.
    #[arg(long, value_name = "N|HxW", value_parser = image_size)]
    pub size: Option<[usize; 2]>,
    /// Take images through these fixed steps, written as in a recipe: '[{ resize-shorter = { size = 256 } }, { centre-crop = { size = 224 } }]'.
    #[arg(long, value_name = "STEPS", value_parser = steps)]
    pub preprocess: Option<Augment>,
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

impl InputArguments {
    /// How the network takes an image of its size: as the arguments say where they say something, else as is `known`.
    pub fn network_input(&self, mut known: NetworkInput) -> NetworkInput {
        if let (Some(mean), Some(std)) = (&self.mean, &self.std) {
            let (mean, std) = (mean.clone(), std.clone());
            known.normalise = Normalise { mean, std };
        }
        if let Some(size) = self.low_resolution {
            let enlarge = self.enlarge;
            known.low_resolution = Some(LowResolution { size, enlarge });
        }
        known
    }

    /// The same network, which takes its images as the arguments say where they say something.
    pub fn applied(&self, predictor: Predictor) -> Predictor {
        let mut predictor = Predictor {
            input: self.network_input(predictor.input),
            ..predictor
        };
        if let Some(steps) = &self.preprocess {
            predictor.preprocess.steps = Some(steps.clone());
            predictor.preprocess.size = steps.fixed_size();
        }
        if let Some(size) = self.size {
            predictor.preprocess.size = Some(size);
            if self.preprocess.is_none() {
                predictor.preprocess.steps = None;
            }
        }
        predictor
    }
}

/// Reads fixed steps.
fn steps(text: &str) -> Result<Augment, String> {
    #[derive(Deserialize)]
    struct Written {
        steps: Augment,
    }
    let Written { steps } = toml::from_str(&format!("steps = {text}")).map_err(|error| {
        // The first line of TOML's error is about a place in a text that the user has not written.
        let said = error.message().to_owned();
        format!("{said}; steps are written as in a recipe: [{{ resize = {{ size = 32 }} }}]")
    })?;
    match steps.random_step() {
        Some(step) => Err(format!(
            "`{step}` draws at random, and images take fixed steps only here"
        )),
        None => Ok(steps),
    }
}

#[cfg(test)]
mod tests {
    use potstill_data::augment::{Size, Step};

    use super::steps;

    #[test]
    fn steps_are_those_of_a_recipe() {
        let found = steps("[{ resize-shorter = { size = 9 } }, { center-crop = { size = 8 } }]").unwrap();
        let expected = [
            Step::resize_shorter(9),
            Step::CentreCrop {
                size: Size::Square(8),
            },
        ];
        assert_eq!(found.steps(), expected);
        assert!(
            steps(r#"["flip"]"#)
                .unwrap_err()
                .contains("`flip` draws at random")
        );
        assert!(steps("resize 32").unwrap_err().contains("as in a recipe"));
        assert!(
            steps("[{ resize = { sise = 32 } }]")
                .unwrap_err()
                .contains("sise")
        );
    }
}
