//! The modules of factor transfer.

use burn::{
    module::Module,
    tensor::{Tensor, activation::leaky_relu},
};
use potstill_ops::{BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, Pass, Scope};

/// What stands behind every layer. The slope of the networks' own is of single precision.
fn leaky(map: Tensor<4>) -> Tensor<4> {
    leaky_relu(map, 0.1)
}

/// An autoencoder of the teacher's map: three 3x3 convolutions to its factors, and three transposed ones back.
#[derive(Module, Debug)]
pub struct Paraphraser {
    encoder: Vec<Conv2d>,
    decoder: Vec<ConvTranspose2d>,
}

impl Paraphraser {
    /// Of maps of so many channels, to so many factors, drawn as PyTorch does by default.
    pub fn new(channels: usize, factors: usize, scope: &Scope) -> Self {
        let back = |at: usize, [inputs, outputs]: [usize; 2]| {
            let config = ConvTranspose2dConfig::new(inputs, outputs, 3)
                .padding(1, 0)
                .with_bias();
            ConvTranspose2d::uniform(config, 1.0, &scope.at("decoder").at(at))
        };
        Self {
            encoder: three(channels, factors, &scope.at("encoder")),
            decoder: vec![
                back(0, [factors, factors]),
                back(1, [factors, channels]),
                back(2, [channels, channels]),
            ],
        }
    }

    /// The factors `[N, H, W, F]` of a map `[N, H, W, C]`.
    pub fn factors(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let layers = self.encoder.iter();
        layers.fold(map, |map, conv| leaky(conv.forward(map, pass)))
    }

    /// The map again, of its factors.
    pub fn map(&self, factors: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let layers = self.decoder.iter();
        layers.fold(factors, |map, conv| leaky(conv.forward(map, pass)))
    }
}

/// What makes factors of the student's map: three 3x3 convolutions, each with batch norm if wanted.
#[derive(Module, Debug)]
pub struct Translator {
    encoder: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
}

impl Translator {
    /// From maps of so many channels to so many factors.
    pub fn new(channels: usize, factors: usize, with_norms: bool, scope: &Scope) -> Self {
        let widths = [channels, factors, factors];
        let norms = widths.into_iter().enumerate();
        let norms = norms.map(|(at, width)| BatchNorm::new(width, &scope.at("norms").at(at)));
        Self {
            encoder: three(channels, factors, &scope.at("encoder")),
            norms: norms.filter(|_| with_norms).collect(),
        }
    }

    /// The factors `[N, H, W, F]` of a map `[N, H, W, C]`.
    pub fn factors(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let layers = self.encoder.iter().enumerate();
        layers.fold(map, |map, (at, conv)| {
            let map = conv.forward(map, pass);
            leaky(match self.norms.get(at) {
                Some(norm) => norm.forward(map, pass),
                None => map,
            })
        })
    }
}

/// `C` to `C`, to `F`, to `F`.
fn three(channels: usize, factors: usize, scope: &Scope) -> Vec<Conv2d> {
    let widths = [[channels, channels], [channels, factors], [factors, factors]];
    let conv = |(at, [inputs, outputs]): (usize, [usize; 2])| {
        Conv2d::uniform(
            Conv2dConfig::new(inputs, outputs, 3).with_bias(),
            1.0,
            &scope.at(at),
        )
    };
    widths.into_iter().enumerate().map(conv).collect()
}
