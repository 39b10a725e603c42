//! Every public kernel once over shapes so small that an interpreter gets through them in minutes: what `cargo xtask sanitize`
//! runs under Miri. The larger shapes are in the files beside this one.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod numbers;
#[allow(dead_code, reason = "its statistics are for another file")]
mod reference;

use numbers::{close, numbers};
use potstill_kernels::{
    Activation, AdamW, AffineWarp, Axis, BatchNormBackward, ConvShape, Epilogue, GateInputs, GateSource,
    GatedSum, Moments, PackedConv, Pool, PooledError, Precision, Prelu, Region, Resample, RoiAlign, RoiRule,
    Sgd, UnpoolShape, bn_apply, bn_backward, bn_statistics, conv_backward_data, conv_backward_data_add,
    conv_backward_weight, conv_forward, row_norms, row_norms_backward, softmax_divergence,
};
use reference::Reference;

/// A hot path, one with tails everywhere, stride two, one by one, depthwise, groups with dilation.
fn shapes() -> Vec<ConvShape> {
    let conv =
        |n, size, c_in, c_out, k, s| ConvShape::new(n, size, c_in, c_out, k).with_stride_padding(s, k / 2);
    vec![
        conv(1, [4, 4], 16, 16, 3, 1),
        conv(2, [3, 5], 3, 17, 3, 1),
        conv(1, [5, 4], 5, 6, 3, 2),
        conv(1, [3, 3], 18, 9, 1, 1),
        conv(1, [4, 4], 18, 18, 3, 1).with_groups(18),
        ConvShape {
            dilation: [2, 1],
            ..conv(1, [5, 4], 4, 6, 3, 1).with_groups(2)
        },
    ]
}

#[test]
fn convolutions() {
    let pool = Pool::new(2);
    for shape in shapes() {
        let reference = Reference::new(&shape);
        let what = format!("{shape:?}");
        let (mut y, mut dx, mut moments) = (Vec::new(), Vec::new(), Moments::default());
        let statistics = Epilogue::Statistics(&mut moments);
        conv_forward(&shape, &reference.x, &reference.weight, statistics, &mut y, &pool).unwrap();
        close(&y, &reference.y, 2e-6, &what);
        conv_backward_data(&shape, &reference.dy, &reference.weight, &mut dx, &pool).unwrap();
        close(&dx, &reference.dx, 2e-6, &what);
        conv_backward_data_add(&shape, &reference.dy, &reference.weight, &mut dx, &pool).unwrap();
        let twice: Vec<f64> = reference.dx.iter().map(|value| 2.0 * value).collect();
        close(&dx, &twice, 2e-6, &what);
        let mut dw = vec![f32::NAN; shape.weight_len()];
        conv_backward_weight(&shape, &reference.x, &reference.dy, &mut dw, &pool).unwrap();
        close(&dw, &reference.dw, 2e-6, &what);
        let ones = vec![1.0; shape.c_out];
        let packed = PackedConv::new(
            &shape,
            &reference.weight,
            &ones,
            &vec![0.0; shape.c_out],
            Precision::Single,
        )
        .unwrap();
        let size = [shape.n, shape.h, shape.w];
        packed
            .forward(size, &reference.x, None, Activation::None, &mut y, &pool)
            .unwrap();
        close(&y, &reference.y, 2e-6, &what);
    }
}

#[test]
fn batch_norms() {
    let pool = Pool::new(2);
    for (pixels, channels) in [(3, 5), (4, 16), (2, 33)] {
        let len = pixels * channels;
        let (y, dz, residual) = (numbers(len, 1), numbers(len, 2), numbers(len, 3));
        let moments = bn_statistics(&y, channels, &pool).unwrap();
        let (mean, inv_std) = (moments.mean(), moments.inv_std(1e-5));
        let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
        for activation in [Activation::None, Activation::Relu, Activation::Silu] {
            let mut z = Vec::new();
            bn_apply(&y, &ones, &zeros, Some(&residual), activation, &mut z, &pool).unwrap();
            assert_eq!(z.len(), len);
            let gate = GateSource::Input {
                residual: Some(&residual),
            };
            let arguments = BatchNormBackward {
                y: &y,
                dz: &dz,
                gate,
                mean: &mean,
                inv_std: &inv_std,
                gamma: &ones,
                beta: &zeros,
                activation,
                batch_statistics: true,
            };
            let (mut dy, mut gated) = (Vec::new(), Vec::new());
            bn_backward(&arguments, &mut dy, Some(&mut gated), &pool).unwrap();
            // A gradient through batch statistics has no mean.
            for channel in 0..channels {
                let sum: f32 = dy.iter().skip(channel).step_by(channels).sum();
                assert!(sum.abs() < 1e-3, "{activation:?}, channel {channel}: {sum}");
            }
            assert_eq!(gated.len(), len);
        }
    }
}

#[test]
fn optimizers() {
    let pool = Pool::new(2);
    for len in [1, 16, 21] {
        let gradients = numbers(len, 4);
        let (mut parameters, mut first, mut second) = (numbers(len, 5), vec![0.0; len], vec![0.0; len]);
        let sgd = Sgd {
            learning_rate: 0.1,
            momentum: 0.9,
            ..Sgd::default()
        };
        sgd.step(&mut parameters, &gradients, &mut first, true, &pool)
            .unwrap();
        let moved: Vec<f64> = numbers(len, 5)
            .iter()
            .zip(&gradients)
            .map(|(p, g)| f64::from(*p) - 0.1 * f64::from(*g))
            .collect();
        close(&parameters, &moved, 1e-6, "sgd");
        let plain = Sgd { momentum: 0.0, ..sgd };
        plain
            .step(&mut parameters, &gradients, &mut [], true, &pool)
            .unwrap();
        first.fill(0.0);
        let state = [&mut first[..], &mut second[..]];
        AdamW::default()
            .step(&mut parameters, &gradients, state, 1, &pool)
            .unwrap();
        assert!(parameters.iter().chain(&second).all(|value| value.is_finite()));
    }
}

#[test]
fn whole_maps() {
    let pool = Pool::new(2);
    let (map, target) = (numbers(2 * 3 * 2 * 18, 6), numbers(2 * 3 * 2 * 18, 7));
    let plan = PooledError::new([2, 3, 2, 18], 1.0, &[(2, 0.5), (1, 0.25)]).unwrap();
    let (error, sums) = plan.forward(&map, &target, &pool).unwrap();
    assert!(error > 0.0);
    let mut gradient = Vec::new();
    plan.backward(&map, &target, &sums, 1.0, &mut gradient, &pool)
        .unwrap();
    let shape = GatedSum {
        images: 2,
        size: [3, 2],
        from: [2, 1],
        channels: 18,
    };
    let (y, weight) = (numbers(2 * 2 * 18, 8), numbers(4 * 18, 9));
    let inputs = GateInputs {
        x: &map,
        y: &y,
        weight: &weight,
        bias: &[0.1, 0.2],
    };
    let mut sum = Vec::new();
    let gates = shape.forward(&inputs, &mut sum, &pool).unwrap();
    let found = shape.backward(&inputs, &gates, &target, &pool).unwrap();
    assert_eq!(
        (gradient.len(), found.x.len(), found.y.len()),
        (map.len(), map.len(), y.len())
    );
}

#[test]
fn warps() {
    let shape = AffineWarp {
        images: 2,
        size: [3, 4],
        channels: 2,
    };
    let pool = Pool::new(2);
    let images = numbers(48, 1);
    // The first image as it is, the second moved by one pixel to the right.
    let maps = [[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, -0.5, 0.0, 1.0, 0.0]].concat();
    let mut warped = Vec::new();
    shape.forward(&images, &maps, &mut warped, &pool).unwrap();
    let right = |i: usize| if i % 8 < 2 { 0.0 } else { images[24 + i - 2] };
    let expected: Vec<f32> = images[..24].iter().copied().chain((0..24).map(right)).collect();
    assert_eq!(warped, expected);
    let gradients = shape.backward(&images, &maps, &warped, true, &pool).unwrap();
    let left = |i: usize| if i % 8 < 6 { warped[24 + i + 2] } else { 0.0 };
    let expected: Vec<f32> = warped[..24].iter().copied().chain((0..24).map(left)).collect();
    assert_eq!(gradients.images, expected);
    assert!(gradients.maps.iter().all(|slope| slope.is_finite()));
    assert!(
        shape
            .backward(&images, &maps, &warped, false, &pool)
            .unwrap()
            .images
            .is_empty()
    );
    assert!(shape.forward(&images, &maps[1..], &mut warped, &pool).is_err());
}

#[test]
fn regions() {
    let pool = Pool::new(2);
    let region = |image, corners| Region { image, corners };
    let rule = RoiRule {
        bins: [2, 2],
        scale: 1.0,
        sampling: Some(1),
        aligned: true,
    };
    // A bin of one sample in the middle of a pixel is that pixel.
    let whole = region(1, [1.0, 0.0, 3.0, 2.0]);
    let plan = RoiAlign::new([2, 3, 4, 18], &[whole], &rule).unwrap();
    let (map, mut pooled) = (numbers(2 * 3 * 4 * 18, 1), Vec::new());
    plan.forward(&map, &mut pooled, &pool).unwrap();
    let pixel = |row: usize, column: usize| ((3 + row) * 4 + column) * 18;
    let corners = [(0, 1), (0, 2), (1, 1), (1, 2)];
    let expected: Vec<f32> = corners
        .iter()
        .flat_map(|&(row, column)| map[pixel(row, column)..][..18].to_vec())
        .collect();
    assert_eq!(pooled, expected);
    let gradient = plan.backward(&pooled, &pool).unwrap();
    assert_eq!(gradient[pixel(1, 2)..][..18], expected[54..]);
    assert_eq!(gradient.iter().filter(|value| **value != 0.0).count(), 72);
    assert!(plan.forward(&map[1..], &mut pooled, &pool).is_err());
    assert!(RoiAlign::new([2, 3, 4, 18], &[region(2, [0.0; 4])], &rule).is_err());
    assert!(RoiAlign::new([2, 3, 4, 18], &[region(0, [f64::NAN; 4])], &rule).is_err());
}

#[test]
fn rows() {
    let pool = Pool::new(2);
    for (rows, columns) in [(3, 5), (2, 16), (2, 33)] {
        let (scores, targets) = (numbers(rows * columns, 10), numbers(rows * columns, 11));
        let (mut norms, mut gradient) = (Vec::new(), Vec::new());
        row_norms(&scores, columns, 1e-12, &mut norms, &pool).unwrap();
        row_norms_backward(&scores, columns, 1e-12, [&norms, &norms], &mut gradient, &pool).unwrap();
        // The length times its own gradient is the row.
        let expected: Vec<f64> = scores.iter().map(|&x| f64::from(x)).collect();
        close(&gradient, &expected, 1e-6, "rows");
        let divergence = softmax_divergence(&scores, &targets, columns, 1.0, &mut gradient, &pool).unwrap();
        assert!(divergence > 0.0);
        for row in gradient.chunks(columns) {
            assert!(row.iter().sum::<f32>().abs() < 1e-6, "{row:?}");
        }
    }
}

#[test]
fn resampling_unpooling_and_slopes() {
    let pool = Pool::new(2);
    let (x, mut out, mut back) = (numbers(2 * 3 * 2 * 17, 1), Vec::new(), Vec::new());
    for axis in [Axis::linear, Axis::nearest, Axis::means] {
        let resample = Resample {
            images: 2,
            channels: 17,
            rows: axis(3, 2),
            columns: axis(2, 3),
        };
        resample.apply(&x, &mut out, &pool).unwrap();
        resample.transposed().apply(&out, &mut back, &pool).unwrap();
        assert_eq!([out.len(), back.len()], [x.len(); 2]);
    }
    let shape = UnpoolShape {
        images: 2,
        size: [3, 2],
        channels: 17,
        window: 2,
    };
    let mut places = vec![0; shape.pooled_len()];
    shape.pool(&x, &mut out, &mut places, &pool).unwrap();
    shape.unpool(&out, &places, &mut back, &pool).unwrap();
    shape.gather(&x, &places, &mut out, &pool).unwrap();
    let sum = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>();
    close(&[sum(&back) as f32], &[sum(&out)], 1e-6, "as much as was there");
    let prelu = Prelu { channels: 17 };
    prelu.forward(&x, &[0.25], &mut out, &pool).unwrap();
    let of_slope = prelu.backward([&x, &out], &[0.25], &mut back, &pool).unwrap();
    let negative = |x: &f32| {
        if *x > 0.0 {
            0.0
        } else {
            0.25 * f64::from(*x).powi(2)
        }
    };
    close(&of_slope, &[x.iter().map(negative).sum()], 1e-5, "slope");
}
