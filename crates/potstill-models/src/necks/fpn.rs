//! The feature pyramid network (Lin et al. 2017, section 3), as torchvision's `FeaturePyramidNetwork` has it.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Conv2d, Conv2dConfig, Pass, PointSide, Scope, resize_nearest};

/// Maps of all levels with one number of channels: each level's map goes through a 1x1 convolution, the
/// deeper level's is added at its size, and the sum goes through a 3x3 convolution.
///
/// Tensors have torchvision's names, `inner_blocks.0.0.weight` and `layer_blocks.0.0.weight`; level 0 is the
/// finest. The maps that come out stand at the points `layer_blocks.0` and so on.
#[derive(Module, Debug)]
pub(crate) struct Fpn {
    inner_blocks: Vec<[Conv2d; 1]>,
    layer_blocks: Vec<[Conv2d; 1]>,
}

impl Fpn {
    /// A pyramid for maps of these channels, fine to coarse. Weights are uniform in `sqrt(3 / fan_in)`,
    /// biases 0.
    pub fn new(inputs: &[usize], channels: usize, scope: &Scope) -> Self {
        let block = |config: Conv2dConfig, scope: Scope| {
            let mut conv = Conv2d::uniform(config, 3f64.sqrt(), &scope);
            conv.bias = Some(scope.constant([channels], 0.0));
            [conv]
        };
        let blocks = |name: &str, config: &dyn Fn(usize) -> Conv2dConfig| {
            let place = |level: usize| scope.at(name).at(level).at(0);
            let levels = inputs.iter().enumerate();
            levels
                .map(|(level, &inputs)| block(config(inputs).with_bias(), place(level)))
                .collect()
        };
        Self {
            inner_blocks: blocks("inner_blocks", &|inputs| Conv2dConfig::new(inputs, channels, 1)),
            layer_blocks: blocks("layer_blocks", &|_| Conv2dConfig::new(channels, channels, 3)),
        }
    }

    /// Maps `[N, H_l, W_l, C_l]` of each level, fine to coarse, to as many of the same heights and widths.
    pub fn forward(&self, maps: Vec<Tensor<4>>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        let (count, mut outputs) = (maps.len(), Vec::with_capacity(maps.len()));
        let mut deeper: Option<Tensor<4>> = None;
        let levels = maps.into_iter().zip(&self.inner_blocks).zip(&self.layer_blocks);
        for (level, ((map, [inner]), [layer])) in (0..count).zip(levels).rev() {
            let [_, height, width, _] = map.dims();
            let mut sum = inner.forward(map, pass);
            if let Some(deeper) = deeper {
                sum = sum + resize_nearest(deeper, [height, width]);
            }
            let out = layer.forward(sum.clone(), pass);
            outputs.push(pass.show(&format!("layer_blocks.{level}"), PointSide::Post, out));
            deeper = Some(sum);
        }
        outputs.reverse();
        outputs
    }
}
