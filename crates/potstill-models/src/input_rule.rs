//! How a published network takes an image, where that is not the usual way.

use potstill_settings::ChannelOrder;

use crate::ModelEntry;

/// How a published network takes an image of pixels in `[0, 1]`. Weights say nothing of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputRule {
    /// To what it is scaled, bilinearly and without a wider filter where it shrinks.
    pub scaling: InputScaling,
    /// In which order its channels are.
    pub order: ChannelOrder,
    /// Subtracted from each channel, in that order.
    pub mean: [f32; 3],
    /// Divides each channel.
    pub std: [f32; 3],
}

/// To what an image is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputScaling {
    /// To this height and width, whatever its proportions.
    Stretched([usize; 2]),
    /// So that the shorter side has the first length, unless the longer one would have more than the second.
    Shorter([usize; 2]),
}

/// ImageNet's statistics.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

impl InputRule {
    /// FastestDet's: blue, green, red, and nothing subtracted.
    pub(crate) const FASTESTDET: Self = Self {
        scaling: InputScaling::Stretched([352, 352]),
        order: ChannelOrder::Bgr,
        mean: [0.0; 3],
        std: [1.0; 3],
    };

    /// ENet's: nothing subtracted.
    pub(crate) const ENET: Self = Self {
        scaling: InputScaling::Stretched([512, 512]),
        order: ChannelOrder::Rgb,
        mean: [0.0; 3],
        std: [1.0; 3],
    };

    /// SSDLite's.
    pub(crate) const SSDLITE: Self = Self {
        scaling: InputScaling::Stretched([320, 320]),
        order: ChannelOrder::Rgb,
        mean: [0.5; 3],
        std: [0.5; 3],
    };

    /// That of torchvision's detectors with a pyramid, with the shorter side and the most that the longer one may have.
    pub(crate) const fn pyramid(shorter: usize, longer: usize) -> Self {
        Self {
            scaling: InputScaling::Shorter([shorter, longer]),
            order: ChannelOrder::Rgb,
            mean: IMAGENET.0,
            std: IMAGENET.1,
        }
    }
}

impl ModelEntry {
    /// How the published network takes an image; `None` where it is the usual way: a square of its [`input`](Self::input) size.
    pub fn input_rule(&self) -> Option<InputRule> {
        self.blueprint.input_rule(self.input)
    }
}
