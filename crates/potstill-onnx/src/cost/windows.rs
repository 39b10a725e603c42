//! Operators that look at a window around each place of a map.

use super::{Cost, Inputs, count};
use crate::settings::Settings;

/// The sizes behind batch and channels after windows have gone over them: at most one more than steps fit.
fn windows(settings: &Settings, sizes: &[usize]) -> f64 {
    let (pads, strides) = (settings.list("pads"), settings.list("strides"));
    let size = |(axis, &size): (usize, &usize)| {
        let pad = |at: usize| pads.get(at).copied().unwrap_or(0).max(0) as f64;
        let stride = strides.get(axis).copied().unwrap_or(1).max(1) as f64;
        ((size as f64 + pad(axis) + pad(axis + sizes.len())) / stride).floor() + 1.0
    };
    sizes.iter().enumerate().map(size).product()
}

pub(super) fn convolution(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let ([images, _, sizes @ ..], [filters, kernel @ ..]) = (inputs.shape(0), inputs.shape(1)) else {
        return Cost::default();
    };
    let numbers = *images as f64 * *filters as f64 * windows(settings, sizes);
    // The padded input, and what a filter sees, stand beside the output.
    let pads: f64 = settings.list("pads").iter().map(|&pad| pad.max(0) as f64).sum();
    Cost {
        numbers: numbers + inputs.count(0) + pads,
        products: numbers * count(kernel),
    }
}

pub(super) fn transposed_convolution(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let ([images, _, sizes @ ..], [_, filters, kernel @ ..]) = (inputs.shape(0), inputs.shape(1)) else {
        return Cost::default();
    };
    let filters = *filters as f64 * settings.one("group", 1).max(1) as f64;
    let at = |name: &str, axis: usize, otherwise: i64| {
        settings.list(name).get(axis).copied().unwrap_or(otherwise).max(0) as f64
    };
    let size = |(axis, &size): (usize, &usize)| {
        let window = (kernel.get(axis).copied().unwrap_or(1) as f64) * at("dilations", axis, 1).max(1.0);
        let grown = size as f64 * at("strides", axis, 1).max(1.0) + window + at("output_padding", axis, 0);
        grown.max(at("output_shape", axis, 0))
    };
    let out: f64 = sizes.iter().enumerate().map(size).product();
    let columns = count(sizes) * filters * count(kernel);
    Cost {
        numbers: *images as f64 * filters * out + columns,
        products: inputs.count(0) * filters * count(kernel),
    }
}

pub(super) fn pooling(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let [images, channels, sizes @ ..] = inputs.shape(0) else {
        return Cost::default();
    };
    let numbers = *images as f64 * *channels as f64 * windows(settings, sizes);
    let kernel = settings
        .list("kernel_shape")
        .iter()
        .map(|&size| size.max(1) as f64);
    // A window sees no more than there is.
    let seen = kernel.product::<f64>().min(count(sizes));
    Cost {
        numbers: 2.0 * numbers,
        products: numbers * seen,
    }
}

/// A grid states two numbers for each place of each image, and every channel is sampled there.
pub(super) fn sampled(inputs: &Inputs<'_>) -> Cost {
    let channels = inputs.shape(0).get(1).copied().unwrap_or(1);
    Cost::of(channels as f64 * inputs.count(1) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{numbers, tensor, told};

    #[test]
    fn a_convolution_costs_its_windows() {
        let inputs = [tensor(&[2, 3, 10, 10], &[]), tensor(&[4, 3, 3, 3], &[])];
        // Without padding 8x8 places are seen; the bound says 11x11.
        let cost = told("Conv", &inputs);
        assert_eq!(cost.products, 2.0 * 4.0 * 121.0 * 27.0);
        assert_eq!(cost.numbers, 2.0 * 4.0 * 121.0 + 600.0);
    }

    #[test]
    fn every_place_of_a_grid_is_sampled_once_a_channel() {
        let inputs = [tensor(&[2, 3, 10, 10], &[]), tensor(&[2, 20, 30, 2], &[])];
        assert_eq!(numbers("GridSample", &inputs), 2.0 * 3.0 * 20.0 * 30.0);
    }
}
