//! How well a bank does what its operations do: the acceptance test of its training.

use burn::tensor::Tensor;
use potstill_data::Normalise;

use super::{
    bank::{Bank, BankKind},
    closed_form::closed_form,
    colour::constant,
    operation::{BINS, MAGNITUDES, Operation},
    pixels::PixelRange,
};

/// The mean squared error of one operation in normalised images, over all steps of its table and both signs.
#[derive(Debug, Clone, Copy)]
pub struct BankError {
    /// The operation.
    pub operation: Operation,
    /// Of the trained network; none if the bank has no networks.
    pub network: Option<f64>,
    /// Of doing nothing.
    pub identity: f64,
    /// Of the closed form.
    pub closed_form: f64,
}

/// Measures a bank on pixels `[N, H, W, 3]` in `[0, 1]` on the plain device.
pub fn fit(bank: &Bank, input: &Normalise, pixels: Tensor<4>) -> Vec<BankError> {
    let scale = PixelRange::from(input);
    let x = scale.normalised(pixels);
    let operations = Operation::ALL.into_iter().take(MAGNITUDES);
    operations
        .map(|operation| fit_of(operation, bank, &scale, &x))
        .collect()
}

fn fit_of(operation: Operation, bank: &Bank, scale: &PixelRange, x: &Tensor<4>) -> BankError {
    let pictures = scale.pictures(x);
    let [_, height, width, _] = x.dims();
    let signs: &[bool] = if operation.is_signed() {
        &[false, true]
    } else {
        &[false]
    };
    let cases = (0..BINS).flat_map(|bin| signs.iter().map(move |&negative| (bin, negative)));
    let (mut sums, mut count) = ([0.0; 3], 0.0);
    for (bin, negative) in cases {
        let Some(pil_op) = operation.pil_op(bin, negative, [height, width]) else {
            continue;
        };
        let target = scale.operated(&pictures, pil_op, x);
        // The magnitudes of a step lie around its middle.
        let strength = (bin as f64 + 0.5) / BINS as f64;
        let magnitude = || constant(&[if negative { -strength } else { strength }], [1], x);
        let network = match &bank.forms {
            BankKind::Networks(networks) => networks.forward(operation, x.clone(), magnitude(), &[]),
            BankKind::ClosedForm => None,
        };
        let closed = closed_form(operation, x.clone(), magnitude(), &[], scale);
        let outs = [network.unwrap_or_else(|| x.clone()), x.clone(), closed];
        for (sum, out) in sums.iter_mut().zip(outs) {
            let error = (out - target.clone()).square().mean();
            *sum += error.into_data().iter::<f64>().sum::<f64>();
        }
        count += 1.0;
    }
    let [network, identity, closed_form] = sums.map(|sum| sum / count);
    BankError {
        operation,
        network: matches!(bank.forms, BankKind::Networks(_)).then_some(network),
        identity,
        closed_form,
    }
}
