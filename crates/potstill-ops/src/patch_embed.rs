//! How a transformer reads an image.

use burn::module::Module;

use crate::{Conv2d, Conv2dConfig, ForwardPass, LayerNorm, Scope};

/// One linear layer on each square patch of the image, and a layer norm in some networks (Dosovitskiy et al. 2021, section 3.1).
#[derive(Module, Debug)]
pub struct PatchEmbed {
    proj: Conv2d,
    norm: Option<LayerNorm>,
}

impl PatchEmbed {
    /// Patches of `patch` x `patch` pixels of `inputs` channels, to `outputs` channels; weights uniform as PyTorch's default.
    pub fn new(inputs: usize, outputs: usize, patch: usize, norm: Option<f64>, scope: &Scope) -> Self {
        let config = Conv2dConfig::new(inputs, outputs, patch)
            .stride(patch)
            .without_padding()
            .with_bias();
        Self {
            proj: Conv2d::uniform(config, 1.0, &scope.at("proj")),
            norm: norm.map(|epsilon| LayerNorm::new(outputs, epsilon, &scope.at("norm"))),
        }
    }

    /// `[N, H, W, I]` to `[N, H / patch, W / patch, O]`.
    pub fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let map = self.proj.forward(images, pass);
        match &self.norm {
            Some(norm) => pass.layer_norm(map, norm),
            None => map,
        }
    }
}
