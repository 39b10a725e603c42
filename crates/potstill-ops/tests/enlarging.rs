//! Transposed convolution, unpooling, resizing and pooling over overlapping bins against their definitions, and the fast form of
//! each against the plain one, values and gradients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Tensor};
use potstill_ops::{
    ConvTranspose2d, ConvTranspose2dConfig, Form, Mode, Pass, Prelu, adaptive_avg_pool,
    max_pool_with_indices, max_unpool, resize_bilinear, resize_nearest,
};
use potstill_testing::numbers::{assert_near, fill, gradients, map, nchw, scope, values};

fn wave(i: usize) -> f64 {
    (0.61 * i as f64).sin() + 0.01 * i as f64
}

/// What a layer that spreads each input by the kernel gives, in `[N, C, H, W]` order: from `stride` times its place, less the
/// padding.
fn spread(config: &ConvTranspose2dConfig, [n, h, w]: [usize; 3]) -> Vec<f64> {
    let (inputs, outputs, [kh, kw]) = (config.inputs, config.outputs, config.kernel);
    let [height, width] = config.out_size([h, w]);
    let bias = |channel: usize| if config.bias { weights(1, channel) } else { 0.0 };
    let mut expected: Vec<f64> = (0..n * outputs * height * width)
        .map(|i| bias(i / (height * width) % outputs))
        .collect();
    for i in 0..n * inputs * h * w {
        let (image, channel, row, column) = (i / (inputs * h * w), i / (h * w) % inputs, i / w % h, i % w);
        for k in 0..outputs * kh * kw {
            let (output, ky, kx) = (k / (kh * kw), k / kw % kh, k % kw);
            let y = (row * config.stride[0] + ky).wrapping_sub(config.padding[0]);
            let x = (column * config.stride[1] + kx).wrapping_sub(config.padding[1]);
            if y < height && x < width {
                expected[((image * outputs + output) * height + y) * width + x] +=
                    wave(i) * weights(4, channel * outputs * kh * kw + k);
            }
        }
    }
    expected
}

fn weights(rank: usize, i: usize) -> f64 {
    (0.37 * i as f64 + rank as f64).sin()
}

fn transposed_cases() -> [(ConvTranspose2dConfig, [usize; 3]); 5] {
    let config = ConvTranspose2dConfig::new;
    [
        (config(3, 2, 4).stride(2).padding(1, 0).with_bias(), [2, 3, 5]),
        (config(4, 3, 3).stride(2).padding(1, 1), [2, 4, 3]),
        (config(5, 7, 1), [1, 3, 2]),
        (config(17, 4, 2).stride(2).with_bias(), [1, 2, 3]),
        (config(2, 20, 3).stride(3).padding(0, 2), [1, 3, 3]),
    ]
}

#[test]
fn the_transposed_convolution_equals_its_definition() {
    for (config, [n, h, w]) in transposed_cases() {
        let mut layer = ConvTranspose2d::uniform(config, 1.0, &scope());
        fill(&mut layer, |entry, i| Some(weights(entry.shape.len(), i)));
        let mut pass = Pass::new(Mode::Running);
        let y = layer.forward(map([n, config.inputs, h, w], wave), &mut pass);
        let [height, width] = config.out_size([h, w]);
        assert_eq!(y.dims(), [n, height, width, config.outputs]);
        assert_near("output", &nchw(&y), &spread(&config, [n, h, w]), 1e-12);
        let macs = n * h * w * config.inputs * config.outputs * config.kernel.iter().product::<usize>();
        assert_eq!(pass.macs(), macs as u64);
    }
}

#[test]
fn both_forms_of_the_transposed_convolution_agree() {
    for (config, [n, h, w]) in transposed_cases() {
        let outcome = |form: Form| {
            form.with(|| {
                let layer = ConvTranspose2d::uniform(config, 1.0, &scope());
                let x = map([n, config.inputs, h, w], wave)
                    .cast(DType::F32)
                    .autodiff()
                    .require_grad();
                let y = layer.forward(x.clone(), &mut Pass::new(Mode::Batch));
                let tape = y.clone().square().sum().backward();
                let mut all = vec![nchw(&y), nchw(&x.grad(&tape).unwrap())];
                all.extend(gradients(&layer, &tape).into_values());
                all
            })
        };
        let (fast, portable) = (outcome(Form::Fast), outcome(Form::Portable));
        assert_eq!(fast.len(), 3 + usize::from(config.bias));
        for (fast, portable) in fast.iter().zip(&portable) {
            assert_near(&format!("{config:?}"), fast, portable, 1e-5);
        }
    }
}

/// A value and the gradient of its weighted sum, in both forms and in double precision.
fn held_together(what: &str, shape: [usize; 4], operation: impl Fn(Tensor<4>) -> Tensor<4>) {
    let outcome = |form: Form, dtype| {
        form.with(|| {
            let x = map(shape, wave).cast(dtype).autodiff().require_grad();
            let y = operation(x.clone());
            let [n, h, w, c] = y.dims();
            let weight = map([n, c, h, w], |i| weights(0, i)).cast(dtype);
            let tape = (y.clone() * weight).sum().backward();
            [nchw(&y), nchw(&x.grad(&tape).unwrap())]
        })
    };
    let exact = outcome(Form::Portable, DType::F64);
    for form in [Form::Fast, Form::Portable] {
        for (ours, theirs) in outcome(form, DType::F32).iter().zip(&exact) {
            assert_near(&format!("{what}, {form:?}"), ours, theirs, 3e-6);
        }
    }
}

#[test]
fn both_forms_of_resizing_and_pooling_agree() {
    for (shape, size) in [
        ([2, 3, 4, 5], [9, 7]),
        ([1, 17, 7, 6], [3, 11]),
        ([1, 1, 1, 1], [4, 3]),
        ([1, 12, 8, 8], [16, 24]),
        ([2, 5, 9, 4], [9, 3]),
    ] {
        let of = |what: &str| format!("{what} {shape:?} to {size:?}");
        held_together(&of("bilinear"), shape, |x| resize_bilinear(x, size));
        held_together(&of("nearest"), shape, |x| resize_nearest(x, size));
        held_together(&of("means"), shape, |x| adaptive_avg_pool(x, size));
    }
}

#[test]
fn a_bilinear_resize_has_the_bits_of_the_plain_form() {
    // What a low-resolution teacher sees must not depend on the form.
    let x = map([2, 3, 11, 6], wave).cast(DType::F32);
    let resized = |form: Form| form.with(|| values(&resize_bilinear(x.clone(), [32, 17])));
    assert_eq!(resized(Form::Fast), resized(Form::Portable));
}

#[test]
fn unpooling_puts_each_value_where_it_came_from() {
    // Of the second window, four equal values, the first counts; the third row fills no window.
    let plane = [
        1.0, 5.0, 2.0, 2.0, 9.0, 3.0, 4.0, 0.0, 2.0, 2.0, 7.0, 7.0, 7.0, 1.0, 8.0, 6.0, 1.0, 3.0,
    ];
    let x = map([1, 1, 3, 6], |i| plane[i]);
    for (form, dtype) in [
        (Form::Fast, DType::F32),
        (Form::Portable, DType::F64),
        (Form::Portable, DType::F32),
    ] {
        form.with(|| {
            let (pooled, indices) = max_pool_with_indices(x.clone().cast(dtype), 2);
            assert_eq!(nchw(&pooled), [5.0, 2.0, 9.0]);
            assert_eq!(indices.size(), [3, 6]);
            let back = nchw(&max_unpool(pooled * 10.0, &indices));
            let mut expected = [0.0; 18];
            (expected[1], expected[2], expected[4]) = (50.0, 20.0, 90.0);
            assert_eq!(back, expected, "{form:?} {dtype:?}");
        });
    }
}

#[test]
fn both_forms_of_unpooling_agree() {
    for (shape, window) in [([2, 3, 4, 6], 2), ([1, 20, 7, 5], 2), ([1, 2, 9, 9], 3)] {
        held_together(&format!("{shape:?} {window}"), shape, |x| {
            let (pooled, indices) = max_pool_with_indices(x, window);
            max_unpool(pooled.square(), &indices)
        });
    }
}

#[test]
fn places_of_the_fast_form_serve_the_plain_one() {
    let x = map([2, 3, 4, 7], wave);
    let (pooled, indices) = Form::Fast.with(|| max_pool_with_indices(x.clone().cast(DType::F32), 2));
    let (exact, exact_indices) = max_pool_with_indices(x, 2);
    let back = max_unpool(pooled.cast(DType::F64), &indices);
    assert_near(
        "unpooled",
        &nchw(&back),
        &nchw(&max_unpool(exact, &exact_indices)),
        1e-6,
    );
}

#[test]
fn learned_slopes_scale_what_is_negative() {
    let expected = |slopes: usize| -> Vec<f64> {
        let slope = |i: usize| 0.1 + 0.2 * (i % slopes) as f64;
        let channel = |i: usize| i / 12 % 3;
        (0..72)
            .map(|i| (wave(i) - 0.4, channel(i)))
            .map(|(x, c)| if x > 0.0 { x } else { slope(c) * x })
            .collect()
    };
    for slopes in [1, 3] {
        let mut outcomes = Vec::new();
        for (form, dtype) in [
            (Form::Portable, DType::F64),
            (Form::Fast, DType::F32),
            (Form::Portable, DType::F32),
        ] {
            form.with(|| {
                let mut layer = Prelu::new(slopes, &scope());
                fill(&mut layer, |_, i| Some(0.1 + 0.2 * i as f64));
                layer.weight = layer
                    .weight
                    .map(|slope| slope.inner().cast(dtype).autodiff().require_grad());
                let x = map([2, 3, 3, 4], |i| wave(i) - 0.4)
                    .cast(dtype)
                    .autodiff()
                    .require_grad();
                let y = layer.forward(x.clone());
                assert_near("values", &nchw(&y), &expected(slopes), 1e-6);
                let weight = map([2, 3, 3, 4], |i| weights(0, i)).cast(dtype);
                let tape = (y * weight).sum().backward();
                let of_slopes = gradients(&layer, &tape).remove("weight").unwrap();
                outcomes.push([nchw(&x.grad(&tape).unwrap()), of_slopes]);
            });
        }
        let by_hand = (0..72)
            .filter(|i| wave(*i) <= 0.4)
            .map(|i| ((i / 12 % 3) % slopes, (wave(i) - 0.4) * weights(0, i)));
        let mut sums = vec![0.0; slopes];
        by_hand.for_each(|(slope, share)| sums[slope] += share);
        assert_near("slopes", &outcomes[0][1], &sums, 1e-12);
        for outcome in &outcomes[1..] {
            for (ours, theirs) in outcome.iter().zip(&outcomes[0]) {
                assert_near("gradients", ours, theirs, 1e-5);
            }
        }
    }
}

#[test]
fn fresh_weights_are_as_wide_as_pytorchs() {
    let config = ConvTranspose2dConfig::new(32, 8, 4).with_bias();
    let layer = ConvTranspose2d::uniform(config, 1.0, &scope());
    let bound = 1.0 / (8.0f64 * 16.0).sqrt();
    for drawn in [values(&layer.weight.val()), values(&layer.bias.unwrap().val())] {
        let largest = drawn.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        assert!(largest <= bound && largest > 0.7 * bound, "{largest} of {bound}");
    }
}
