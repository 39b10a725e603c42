//! The bank: what stands for each operation, differentiable in its magnitude, frozen.

use burn::{module::Module, tensor::Tensor};
use potstill_data::Normalise;
use potstill_ops::Scope;
use potstill_random::Stream;

use super::{
    affine::{AffineNetwork, gated},
    closed_form::{closed_form, closed_form_map},
    colour::{ColourNetwork, constant},
    operation::{Kind, MAGNITUDES, Operation},
    pixels::PixelRange,
    relaxed::{fixed_gate, uniform},
};

/// The eleven networks: six for tones, five for places, in the order of [`Operation::ALL`].
#[derive(Module, Debug)]
pub struct Networks {
    colour: Vec<ColourNetwork>,
    affine: Vec<AffineNetwork>,
}

impl Networks {
    /// Networks that are not trained yet.
    pub fn new(scope: &Scope) -> Self {
        let of = |kind| {
            let operations = Operation::ALL
                .into_iter()
                .filter(move |operation| operation.kind() == kind);
            operations.map(|operation| scope.at(operation.name()))
        };
        Self {
            colour: of(Kind::Colour).map(|scope| ColourNetwork::new(&scope)).collect(),
            affine: of(Kind::Affine).map(|scope| AffineNetwork::new(&scope)).collect(),
        }
    }

    /// The operation at `magnitude` (`[1]`) on normalised images `[N, H, W, 3]`, as it is trained: without gates, with a colour
    /// network's `noise`. None for an operation that has no network.
    pub fn forward(
        &self,
        operation: Operation,
        x: Tensor<4>,
        magnitude: Tensor<1>,
        noise: &[f64],
    ) -> Option<Tensor<4>> {
        let index = operation as usize;
        match operation.kind() {
            Kind::Colour => Some(self.colour.get(index)?.forward(x, magnitude, noise, &[])),
            Kind::Affine => {
                let network = self.affine.get(index - self.colour.len())?;
                Some(network.forward(x, magnitude, noise, &[]))
            }
            Kind::Fixed => None,
        }
    }
}

/// What the operations with a magnitude are made of.
#[derive(Debug, Clone)]
pub enum BankKind {
    /// Networks, trained beforehand.
    Networks(Box<Networks>),
    /// No networks.
    ClosedForm,
}

/// The bank as the augmentation uses it.
#[derive(Debug, Clone)]
pub struct Bank {
    pub(super) forms: BankKind,
    pub(super) scale: PixelRange,
    /// The logit of the gate that each image has for itself; none for no gate.
    pub(super) inner_gate: Option<f64>,
    /// Half the side of what Cutout leaves out.
    pub(super) cutout: usize,
}

impl Bank {
    /// A bank for images that are normalised like this. `cutout` is half the side of the square that Cutout leaves out;
    /// `inner_gate` the logit of the gate that each image has within an operation, none for no such gate.
    pub fn new(forms: BankKind, input: &Normalise, inner_gate: Option<f64>, cutout: usize) -> Self {
        Self {
            forms,
            scale: PixelRange::from(input),
            inner_gate,
            cutout,
        }
    }

    /// The scale of its images.
    pub fn scale(&self) -> &PixelRange {
        &self.scale
    }

    /// The operation on normalised images `[N, H, W, 3]`, at the `magnitude` (`[1]`) of those that have one.
    pub fn apply(
        &self,
        operation: Operation,
        x: &Tensor<4>,
        magnitude: Option<Tensor<1>>,
        stream: &mut Stream,
    ) -> Tensor<4> {
        let Some(magnitude) = magnitude.filter(|_| (operation as usize) < MAGNITUDES) else {
            return self.fixed(operation, x, stream);
        };
        let images = x.dims()[0];
        let gates = self.image_gates(images, stream);
        let index = operation as usize;
        match &self.forms {
            BankKind::ClosedForm => closed_form(operation, x.clone(), magnitude, &gates, &self.scale),
            BankKind::Networks(networks) => {
                if let Some(network) = networks.colour.get(index) {
                    let noise = ColourNetwork::noise(stream);
                    return network.forward(x.clone(), magnitude, &noise, &gates);
                }
                match networks.affine.get(index - networks.colour.len()) {
                    Some(network) => {
                        let noise = AffineNetwork::noise(images, stream);
                        network.forward(x.clone(), magnitude, &noise, &gates)
                    }
                    None => x.clone(),
                }
            }
        }
    }

    /// How an operation on places moves each image, `[N, 2, 3]`, at the `magnitude` (`[1]`): where each new place takes its colour from. `None`
    /// for an operation of another kind.
    pub fn maps(
        &self,
        operation: Operation,
        x: &Tensor<4>,
        magnitude: Tensor<1>,
        stream: &mut Stream,
    ) -> Option<Tensor<3>> {
        if operation.kind() != Kind::Affine {
            return None;
        }
        let images = x.dims()[0];
        let gates = self.image_gates(images, stream);
        let maps = match &self.forms {
            BankKind::ClosedForm => closed_form_map(operation, magnitude, x)?.expand([images, 2, 3]),
            BankKind::Networks(networks) => {
                let network = networks.affine.get(operation as usize - networks.colour.len())?;
                network.maps(x, magnitude, &AffineNetwork::noise(images, stream))
            }
        };
        Some(gated(maps, &gates, x))
    }

    /// The gate of each image within an operation; none if there are no such gates.
    fn image_gates(&self, images: usize, stream: &mut Stream) -> Vec<f64> {
        match self.inner_gate {
            Some(logit) => (0..images).map(|_| fixed_gate(logit, uniform(stream))).collect(),
            None => Vec::new(),
        }
    }

    /// An operation without a magnitude.
    fn fixed(&self, operation: Operation, x: &Tensor<4>, stream: &mut Stream) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        match operation.pil_op(0, false, [height, width]) {
            Some(pil_op) => self.scale.operated(&self.scale.pictures(x), pil_op, x),
            None => cut_out(x, self.cutout, [stream.below(height), stream.below(width)]),
        }
    }
}

/// The images without one square, of this half side around this row and column: 0 there, which is the mean colour.
fn cut_out(x: &Tensor<4>, half: usize, centre: [usize; 2]) -> Tensor<4> {
    let [_, height, width, _] = x.dims();
    let inside = |at: usize, centre: usize| (centre.saturating_sub(half)..centre + half).contains(&at);
    let kept: Vec<f64> = (0..height * width)
        .map(|i| {
            f64::from(u8::from(
                !(inside(i / width, centre[0]) && inside(i % width, centre[1])),
            ))
        })
        .collect();
    let kept: Tensor<4> = constant(&kept, [1, height, width, 1], x);
    x.clone() * kept
}
