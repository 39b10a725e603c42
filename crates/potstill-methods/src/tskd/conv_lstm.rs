//! The convolutional LSTM: a recurrent cell whose state is a map (Shi et al. 2015, section 3.1).

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::sigmoid, s},
};

use potstill_ops::{Conv2d, Conv2dConfig, Pass, Scope};

/// What a cell carries from step to step, both `[N, H, W, C]`.
#[derive(Debug, Clone)]
pub struct ConvLstmState {
    /// The hidden map, the cell's output.
    pub hidden: Tensor<4>,
    /// The cell map, its memory.
    pub cell: Tensor<4>,
}

impl ConvLstmState {
    /// The state before the first step of inputs like `x` (`[N, H, W, _]`): zeros, `channels` of them.
    pub fn zeros_for(x: &Tensor<4>, channels: usize) -> Self {
        let [n, h, w, _] = x.dims();
        let zeros = Tensor::zeros([n, h, w, channels], (&x.device(), x.dtype()));
        Self {
            hidden: zeros.clone(),
            cell: zeros,
        }
    }
}

/// One step of a convolutional LSTM with a 3x3 kernel: one convolution of `[input, hidden]` gives the input
/// gate, the forget gate, the candidate and the output gate, in this order.
#[derive(Module, Debug)]
pub struct ConvLstmCell {
    conv: Conv2d,
    peepholes: Option<Peepholes>,
}

/// How each gate sees the cell map, place by place: `[1, C, H, W]` each, zero at first.
#[derive(Module, Debug)]
pub struct Peepholes {
    /// Of the input gate.
    pub input: Param<Tensor<4>>,
    /// Of the forget gate.
    pub forget: Param<Tensor<4>>,
    /// Of the output gate, which sees the new cell map.
    pub output: Param<Tensor<4>>,
}

impl ConvLstmCell {
    /// A cell from `inputs` to `channels` channels, initialised as PyTorch's convolutions are.
    pub fn new(inputs: usize, channels: usize, scope: &Scope) -> Self {
        let config = Conv2dConfig::new(inputs + channels, 4 * channels, 3).with_bias();
        Self {
            conv: Conv2d::uniform(config, 1.0, &scope.at("conv")),
            peepholes: None,
        }
    }

    /// With learned peepholes for maps of size `[H, W]`: the cell then takes no other size.
    #[must_use]
    pub fn with_peepholes(self, [height, width]: [usize; 2], scope: &Scope) -> Self {
        let shape = [1, self.channels(), height, width];
        let scope = scope.at("peepholes");
        Self {
            peepholes: Some(Peepholes {
                input: scope.at("input").constant(shape, 0.0),
                forget: scope.at("forget").constant(shape, 0.0),
                output: scope.at("output").constant(shape, 0.0),
            }),
            ..self
        }
    }

    /// Channels of the state.
    pub fn channels(&self) -> usize {
        self.conv.config().outputs / 4
    }

    /// The state after the input `x`, `[N, H, W, I]`.
    pub fn forward(&self, x: Tensor<4>, state: ConvLstmState, pass: &mut Pass<'_>) -> ConvLstmState {
        let ConvLstmState { hidden, cell } = state;
        let channels = self.channels();
        let gates = self.conv.forward(Tensor::cat(vec![x, hidden], 3), pass);
        let part = |k: usize| {
            gates
                .clone()
                .slice(s![.., .., .., k * channels..(k + 1) * channels])
        };
        let peep = |gate: Tensor<4>, by: fn(&Peepholes) -> &Param<Tensor<4>>, cell: &Tensor<4>| match &self
            .peepholes
        {
            Some(peepholes) => gate + by(peepholes).val().permute([0, 2, 3, 1]) * cell.clone(),
            None => gate,
        };
        let input = sigmoid(peep(part(0), |p| &p.input, &cell));
        let forget = sigmoid(peep(part(1), |p| &p.forget, &cell));
        let cell = forget * cell + input * part(2).tanh();
        let output = sigmoid(peep(part(3), |p| &p.output, &cell));
        ConvLstmState {
            hidden: output * cell.clone().tanh(),
            cell,
        }
    }
}
