//! A convolutional LSTM that reads a sequence of maps and forecasts the next one.

use burn::{
    module::Module,
    tensor::{Tensor, activation::leaky_relu, s},
};

use potstill_ops::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, Form, Pass, Scope};

use super::{ConvLstmCell, ConvLstmState};

/// The slope of every leaky ReLU in here.
const SLOPE: f64 = 0.2;

/// The widths of a [`Forecaster`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForecasterConfig {
    /// Channels of the convolutions before the encoder and behind the forecaster.
    pub features: usize,
    /// Channels of the cells' states.
    pub hidden: usize,
    /// Height and width of the maps for which the cells get peepholes; none for cells without, which take any
    /// size.
    pub peepholes: Option<[usize; 2]>,
}

/// Encoder and forecaster on maps of one channel (Shi et al. 2015, section 3.2): a convolution halves each
/// map of the sequence, a cell reads them one after the other, a second cell, the decoder, takes one step
/// from the first one's state with an input of zeros, and convolutions bring what it says back to the size of
/// the maps.
#[derive(Module, Debug)]
pub struct Forecaster {
    shrink: Conv2d,
    encoder: ConvLstmCell,
    decoder: ConvLstmCell,
    enlarge: ConvTranspose2d,
    refine: Conv2d,
    head: Conv2d,
}

impl Forecaster {
    /// Fresh modules, initialised as PyTorch's are.
    pub fn new(config: ForecasterConfig, scope: &Scope) -> Self {
        let ForecasterConfig {
            features,
            hidden,
            peepholes,
        } = config;
        let conv = |name, inputs, outputs, kernel, stride| {
            let config = Conv2dConfig::new(inputs, outputs, kernel).stride(stride);
            Conv2d::uniform(config.with_bias(), 1.0, &scope.at(name))
        };
        let cell = |name, inputs| {
            let scope = scope.at(name);
            let cell = ConvLstmCell::new(inputs, hidden, &scope);
            match peepholes {
                Some(size) => cell.with_peepholes(size.map(|size| size.div_ceil(2)), &scope),
                None => cell,
            }
        };
        let doubling = ConvTranspose2dConfig::new(hidden, features, 4)
            .stride(2)
            .padding(1, 0);
        Self {
            shrink: conv("shrink", 1, features, 3, 2),
            encoder: cell("encoder", features),
            // Its input is zero, so those of its weights that see it are never moved by the loss. They are
            // there in the published network, and decay.
            decoder: cell("decoder", hidden),
            enlarge: ConvTranspose2d::uniform(doubling.with_bias(), 1.0, &scope.at("enlarge")),
            refine: conv("refine", features, features, 3, 1),
            head: conv("head", features, 1, 1, 1),
        }
    }

    /// The forecast `[N, H, W, 1]` of what follows the maps `[N, H, W, 1]`, the oldest first; none of no
    /// maps. It may be negative.
    pub fn forward(&self, maps: Vec<Tensor<4>>, pass: &mut Pass<'_>) -> Option<Tensor<4>> {
        let [_, height, width, _] = maps.first()?.dims();
        let state = self.encode(maps, pass)?;
        let hidden = self.step(state, pass).hidden;
        // The maps are tiny, and the plain form gives the very bits that earlier runs have.
        let y = Form::Portable.with(|| self.enlarge.forward(hidden, pass));
        let y = leaky_relu(y, SLOPE);
        let y = leaky_relu(self.refine.forward(y, pass), SLOPE);
        // A size that is odd was rounded up on its way.
        Some(self.head.forward(y, pass).slice(s![.., 0..height, 0..width, ..]))
    }

    /// The encoder's state `[N, ceil(H / 2), ceil(W / 2), C]` after the maps `[N, H, W, 1]`; none of no maps.
    pub fn encode(&self, maps: Vec<Tensor<4>>, pass: &mut Pass<'_>) -> Option<ConvLstmState> {
        let mut state = None;
        for map in maps {
            let seen = leaky_relu(self.shrink.forward(map, pass), SLOPE);
            let before = state
                .take()
                .unwrap_or_else(|| ConvLstmState::zeros_for(&seen, self.encoder.channels()));
            state = Some(self.encoder.forward(seen, before, pass));
        }
        state
    }

    /// The decoder's step from the encoder's state.
    pub fn step(&self, state: ConvLstmState, pass: &mut Pass<'_>) -> ConvLstmState {
        let nothing = ConvLstmState::zeros_for(&state.hidden, self.decoder.channels()).hidden;
        self.decoder.forward(nothing, state, pass)
    }
}
