//! Convolution by its definition, in double precision.

use potstill_kernels::ConvShape;

use crate::numbers::numbers;

/// Inputs of a convolution, and what the definition makes of them.
pub struct Reference {
    pub x: Vec<f32>,
    pub weight: Vec<f32>,
    pub dy: Vec<f32>,
    pub y: Vec<f64>,
    pub dx: Vec<f64>,
    pub dw: Vec<f64>,
    channels: usize,
}

impl Reference {
    pub fn inputs(shape: &ConvShape) -> Self {
        Self {
            x: numbers(shape.input_len(), 1),
            weight: numbers(shape.weight_len(), 2),
            dy: numbers(shape.output_len(), 3),
            y: vec![0.0; shape.output_len()],
            dx: vec![0.0; shape.input_len()],
            dw: vec![0.0; shape.weight_len()],
            channels: shape.c_out,
        }
    }

    /// Every product of the definition, added where it belongs in the output and both gradients.
    pub fn new(shape: &ConvShape) -> Self {
        let mut this = Self::inputs(shape);
        let [oh, ow] = shape.out_size();
        let (group_in, group_out) = (shape.c_in / shape.groups, shape.c_out / shape.groups);
        for n in 0..shape.n {
            for (i, j) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
                for (kh, kw) in (0..shape.kernel[0]).flat_map(|a| (0..shape.kernel[1]).map(move |b| (a, b))) {
                    let row = (i * shape.stride[0] + kh * shape.dilation[0]).wrapping_sub(shape.padding[0]);
                    let column =
                        (j * shape.stride[1] + kw * shape.dilation[1]).wrapping_sub(shape.padding[1]);
                    if row >= shape.h || column >= shape.w {
                        continue;
                    }
                    for o in 0..shape.c_out {
                        let at_y = ((n * oh + i) * ow + j) * shape.c_out + o;
                        for c in 0..group_in {
                            let from = o / group_out * group_in + c;
                            let at_x = ((n * shape.h + row) * shape.w + column) * shape.c_in + from;
                            let at_w = ((o * group_in + c) * shape.kernel[0] + kh) * shape.kernel[1] + kw;
                            let (x, w) = (f64::from(this.x[at_x]), f64::from(this.weight[at_w]));
                            let dy = f64::from(this.dy[at_y]);
                            this.y[at_y] += x * w;
                            this.dx[at_x] += dy * w;
                            this.dw[at_w] += dy * x;
                        }
                    }
                }
            }
        }
        this
    }

    /// Mean and biased variance of the output's channels.
    pub fn output_statistics(&self) -> (Vec<f64>, Vec<f64>) {
        let count = (self.y.len() / self.channels) as f64;
        let channel = |c: usize| self.y.iter().skip(c).step_by(self.channels);
        let mean: Vec<f64> = (0..self.channels)
            .map(|c| channel(c).sum::<f64>() / count)
            .collect();
        let variance = |c: usize| channel(c).map(|y| (y - mean[c]).powi(2)).sum::<f64>() / count;
        let variance = (0..self.channels).map(variance).collect();
        (mean, variance)
    }
}
