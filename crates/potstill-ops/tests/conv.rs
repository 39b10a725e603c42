//! Convolution and the linear layer against their definitions, one product at a time.

use burn::tensor::Tensor;
use potstill_ops::{Conv2d, Conv2dConfig, Linear, Mode, Pass};
use potstill_testing::numbers::{assert_near, fill, gradients, map, nchw, scope, tensor, values};

const EXACT: f64 = 1e-12;

fn wave(i: usize, phase: f64) -> f64 {
    (0.61 * i as f64 + phase).sin()
}

/// A shape in which no two directions are alike: kernel, stride, padding and dilation differ.
fn lopsided(groups: usize) -> Conv2dConfig {
    Conv2dConfig {
        inputs: 4,
        outputs: 6,
        kernel: [3, 2],
        stride: [2, 1],
        padding: [1, 3],
        dilation: [1, 2],
        groups,
        bias: true,
    }
}

/// What the definition says about an input `[2, 4, 7, 5]`: its output, and the gradients of the output's product with
/// `wave(., 3)`. All in `[N, C, H, W]` order.
struct Definition {
    size: [usize; 2],
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

const INPUT: [usize; 4] = [2, 4, 7, 5];

fn definition(config: Conv2dConfig) -> Definition {
    let Conv2dConfig {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        ..
    } = config;
    let size: [usize; 2] = std::array::from_fn(|d| {
        (INPUT[d + 2] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1
    });
    let (per_group, outputs_per_group) = (inputs / groups, outputs / groups);
    let mut y: Vec<f64> = Vec::new();
    let mut dx = vec![0.0; INPUT.iter().product()];
    let mut dw = vec![0.0; outputs * per_group * kernel[0] * kernel[1]];
    for n in 0..INPUT[0] {
        for o in 0..outputs {
            for position in 0..size[0] * size[1] {
                let at = [position / size[1], position % size[1]];
                let dy = wave(y.len(), 3.0);
                let mut sum = wave(o, 2.0);
                for k in 0..per_group * kernel[0] * kernel[1] {
                    let (c, ky, kx) = (
                        k / (kernel[0] * kernel[1]),
                        k / kernel[1] % kernel[0],
                        k % kernel[1],
                    );
                    let row = (at[0] * stride[0] + ky * dilation[0]).wrapping_sub(padding[0]);
                    let column = (at[1] * stride[1] + kx * dilation[1]).wrapping_sub(padding[1]);
                    if row >= INPUT[2] || column >= INPUT[3] {
                        continue;
                    }
                    let channel = o / outputs_per_group * per_group + c;
                    let i = ((n * inputs + channel) * INPUT[2] + row) * INPUT[3] + column;
                    let j = o * per_group * kernel[0] * kernel[1] + k;
                    sum += wave(i, 0.0) * wave(j, 1.0);
                    dx[i] += wave(j, 1.0) * dy;
                    dw[j] += wave(i, 0.0) * dy;
                }
                y.push(sum);
            }
        }
    }
    Definition { size, y, dx, dw }
}

#[test]
fn convolution_and_its_gradients_equal_the_definition() {
    for groups in [1, 2] {
        let mut conv = Conv2d::uniform(lopsided(groups), 1.0, &scope());
        fill(&mut conv, |entry, i| {
            Some(wave(i, if entry.path == "weight" { 1.0 } else { 2.0 }))
        });
        let definition = definition(lopsided(groups));
        let [height, width] = definition.size;
        let x = map(INPUT, |i| wave(i, 0.0)).autodiff().require_grad();
        let y = conv.forward(x.clone(), &mut Pass::new(Mode::Batch));
        assert_eq!(y.dims(), [2, height, width, 6]);
        assert_near("output", &nchw(&y), &definition.y, EXACT);
        let tape = (y * map([2, 6, height, width], |i| wave(i, 3.0)))
            .sum()
            .backward();
        assert_near("dx", &nchw(&x.grad(&tape).unwrap()), &definition.dx, EXACT);
        let own = gradients(&conv, &tape);
        assert_near("dw", &own["weight"], &definition.dw, EXACT);
        let plane = height * width;
        let db = (0..6).map(|o| {
            (0..2)
                .flat_map(|n| (0..plane).map(move |p| wave((n * 6 + o) * plane + p, 3.0)))
                .sum()
        });
        assert_near("db", &own["bias"], &db.collect::<Vec<f64>>(), EXACT);
    }
}

#[test]
fn a_square_kernel_keeps_the_size_and_a_stride_rounds_up() {
    let sizes = |config| {
        let conv = Conv2d::he_normal(config, &scope());
        conv.forward(
            Tensor::zeros([1, 7, 5, 3], &burn::tensor::Device::flex()),
            &mut Pass::new(Mode::Running),
        )
        .dims()
    };
    assert_eq!(sizes(Conv2dConfig::new(3, 2, 3)), [1, 7, 5, 2]);
    assert_eq!(sizes(Conv2dConfig::new(3, 2, 1)), [1, 7, 5, 2]);
    assert_eq!(sizes(Conv2dConfig::new(3, 2, 3).stride(2)), [1, 4, 3, 2]);
    assert_eq!(sizes(Conv2dConfig::new(3, 2, 1).stride(2)), [1, 4, 3, 2]);
}

#[test]
fn the_linear_layer_is_rows_times_the_transposed_weight() {
    let mut linear = Linear::new(3, 2, &scope());
    fill(&mut linear, |entry, i| {
        Some(if entry.path == "weight" {
            [1.0, 2.0, 3.0, -1.0, 0.0, 5.0][i]
        } else {
            [10.0, 20.0][i]
        })
    });
    let x = tensor([2, 3], |i| [1.0, 1.0, 2.0, 0.0, -1.0, 1.0][i]);
    let y = linear.forward(x, &mut Pass::new(Mode::Running));
    assert_eq!(values(&y), [19.0, 29.0, 11.0, 25.0]);
}

#[test]
fn a_pass_counts_multiplications() {
    let mut pass = Pass::new(Mode::Running);
    let conv = Conv2d::uniform(lopsided(2), 1.0, &scope());
    let y = conv.forward(map(INPUT, |i| i as f64).cast(burn::tensor::DType::F32), &mut pass);
    let [n, height, width, outputs] = y.dims();
    assert_eq!([n, height, width, outputs], [2, 4, 9, 6]);
    assert_eq!(
        pass.macs(),
        2 * 4 * 9 * 6 * (2 * 3 * 2),
        "every output sees two channels through six weights"
    );
    Linear::new(3, 5, &scope()).forward(
        Tensor::<2>::zeros([2, 3], &burn::tensor::Device::flex()),
        &mut pass,
    );
    assert_eq!(pass.macs(), 5184 + 30);
}
