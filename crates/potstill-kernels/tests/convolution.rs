//! Convolution against the definition in double precision, over odd shapes, on every instruction set of the machine.

// Allowed in tests only, which the lint cannot tell from their helper functions.
#![allow(clippy::unwrap_used)]

mod numbers;
mod reference;

use numbers::{close, numbers};
use potstill_kernels::{
    Activation, ConvShape, Epilogue, Isa, Moments, PackedConv, Pool, Precision, conv_backward_data,
    conv_backward_data_add, conv_backward_weight, conv_forward,
};
use reference::Reference;

/// Shapes that hit every path: hot ones, tails in every dimension, phases, groups, borders wider than the kernel.
fn shapes() -> Vec<ConvShape> {
    let dense =
        |n, size, c_in, c_out, k, s, p| ConvShape::new(n, size, c_in, c_out, k).with_stride_padding(s, p);
    let mut shapes = vec![
        dense(2, [32, 32], 3, 16, 3, 1, 1),
        dense(3, [16, 16], 16, 16, 3, 1, 1),
        dense(2, [32, 32], 16, 32, 3, 2, 1),
        dense(9, [8, 8], 64, 64, 3, 1, 1),
        dense(3, [7, 9], 48, 50, 3, 1, 1),
        dense(2, [5, 6], 52, 49, 3, 1, 0),
        dense(1, [30, 33], 64, 80, 3, 1, 2),
        dense(5, [2, 1], 64, 48, 3, 1, 1),
        dense(33, [4, 4], 256, 256, 3, 1, 1),
        dense(2, [15, 13], 16, 48, 3, 2, 1),
        dense(33, [4, 4], 40, 80, 3, 1, 1),
        dense(5, [7, 7], 24, 20, 3, 1, 1),
        dense(2, [14, 28], 33, 65, 3, 1, 1),
        dense(3, [8, 8], 32, 64, 1, 1, 0),
        dense(3, [9, 8], 32, 64, 1, 2, 0),
        dense(1, [56, 60], 17, 5, 1, 1, 0),
        dense(17, [1, 1], 100, 10, 1, 1, 0),
        dense(4, [1, 1], 6, 7, 3, 1, 1),
        dense(1, [40, 40], 3, 24, 7, 2, 3),
        dense(1, [96, 100], 70, 8, 3, 1, 1),
        dense(2, [9, 9], 4, 4, 5, 1, 2),
        dense(2, [11, 10], 5, 6, 2, 2, 0),
        dense(3, [8, 12], 3, 20, 4, 4, 0),
        dense(2, [11, 10], 5, 6, 2, 3, 1),
        dense(2, [6, 6], 3, 4, 1, 1, 2),
        dense(2, [6, 5], 8, 9, 3, 4, 3),
        dense(1, [5, 5], 1, 1, 5, 1, 0),
        dense(2, [12, 12], 32, 64, 3, 1, 1).with_groups(4),
        dense(2, [12, 12], 36, 12, 3, 2, 1).with_groups(6),
        dense(2, [6, 6], 8, 16, 3, 1, 1).with_groups(8),
        dense(2, [10, 12], 32, 32, 3, 1, 1).with_groups(32),
        dense(3, [11, 9], 21, 21, 3, 2, 1).with_groups(21),
        dense(2, [14, 14], 40, 40, 5, 2, 2).with_groups(40),
        dense(2, [5, 7], 16, 16, 7, 1, 3).with_groups(16),
        dense(2, [7, 9], 12, 24, 1, 1, 0).with_groups(3),
    ];
    let odd = ConvShape {
        kernel: [3, 2],
        stride: [1, 2],
        padding: [2, 0],
        dilation: [2, 3],
        ..dense(2, [10, 11], 18, 19, 1, 1, 0)
    };
    shapes.push(odd);
    shapes.push(ConvShape {
        kernel: [2, 3],
        stride: [2, 3],
        ..dense(2, [9, 14], 7, 18, 1, 1, 0)
    });
    shapes.push(ConvShape {
        dilation: [2, 2],
        padding: [2, 2],
        kernel: [3, 3],
        ..dense(2, [9, 17], 16, 16, 1, 1, 0)
    });
    shapes.push(ConvShape {
        kernel: [1, 5],
        padding: [0, 2],
        stride: [3, 1],
        ..odd
    });
    shapes.push(ConvShape {
        dilation: [3, 1],
        stride: [2, 3],
        kernel: [2, 3],
        padding: [1, 4],
        ..odd
    });
    shapes
}

/// How far a convolution may be from the definition, relative to the largest element: wide 3x3 convolutions are computed by
/// Winograd's F(4, 3), whose transforms cost some bits, except by portable code.
fn tolerance(shape: &ConvShape, isa: &str) -> f64 {
    let wide = shape.c_in.min(shape.c_out) >= 48 && shape.groups == 1;
    let tiled = shape.kernel == [3, 3] && shape.stride == [1, 1] && shape.dilation == [1, 1];
    if wide && tiled && isa != "portable" {
        2e-5
    } else {
        2e-6
    }
}

fn on_every_isa(body: impl Fn(&str)) {
    for isa in Isa::available() {
        isa.with(|| body(isa.name())).unwrap();
    }
}

#[test]
fn forward_and_gradients_equal_the_definition() {
    let pool = Pool::new(2);
    for shape in shapes() {
        let reference = Reference::new(&shape);
        on_every_isa(|isa| {
            let what = |pass: &str| format!("{pass} {isa} {shape:?}");
            let mut out = vec![f32::NAN; shape.output_len()];
            conv_forward(
                &shape,
                &reference.x,
                &reference.weight,
                Epilogue::None,
                &mut out,
                &pool,
            )
            .unwrap();
            close(&out, &reference.y, tolerance(&shape, isa), &what("forward"));

            let mut dx = vec![f32::NAN; shape.input_len()];
            conv_backward_data(&shape, &reference.dy, &reference.weight, &mut dx, &pool).unwrap();
            close(&dx, &reference.dx, tolerance(&shape, isa), &what("backward data"));

            let start = numbers(dx.len(), 7);
            dx.copy_from_slice(&start);
            conv_backward_data_add(&shape, &reference.dy, &reference.weight, &mut dx, &pool).unwrap();
            let sum: Vec<f64> = reference
                .dx
                .iter()
                .zip(&start)
                .map(|(a, b)| a + f64::from(*b))
                .collect();
            close(
                &dx,
                &sum,
                tolerance(&shape, isa),
                &what("backward data, accumulated"),
            );

            let mut dw = vec![f32::NAN; shape.weight_len()];
            conv_backward_weight(&shape, &reference.x, &reference.dy, &mut dw, &pool).unwrap();
            close(
                &dw,
                &reference.dw,
                tolerance(&shape, isa),
                &what("backward weight"),
            );
        });
    }
}

#[test]
fn epilogues_equal_the_definition() {
    let pool = Pool::new(2);
    for shape in shapes() {
        let reference = Reference::new(&shape);
        let channels = shape.c_out;
        let (scale, shift) = (numbers(channels, 11), numbers(channels, 12));
        let residual = numbers(shape.output_len(), 13);
        on_every_isa(|isa| {
            let what = |pass: &str| format!("{pass} {isa} {shape:?}");
            let mut out = vec![f32::NAN; shape.output_len()];

            conv_forward(
                &shape,
                &reference.x,
                &reference.weight,
                Epilogue::Bias(&shift),
                &mut out,
                &pool,
            )
            .unwrap();
            let expected = |i: usize| reference.y[i] + f64::from(shift[i % channels]);
            close(
                &out,
                &(0..out.len()).map(expected).collect::<Vec<_>>(),
                tolerance(&shape, isa),
                &what("bias"),
            );

            let mut moments = Moments::default();
            conv_forward(
                &shape,
                &reference.x,
                &reference.weight,
                Epilogue::Statistics(&mut moments),
                &mut out,
                &pool,
            )
            .unwrap();
            close(
                &out,
                &reference.y,
                tolerance(&shape, isa),
                &what("output beside statistics"),
            );
            let (mean, variance) = reference.output_statistics();
            close(&moments.mean(), &mean, 1e-5, &what("mean"));
            close(&moments.variance(), &variance, 1e-5, &what("variance"));

            let activation = Activation::Leaky(0.25);
            let affine = Epilogue::Affine {
                scale: &scale,
                shift: &shift,
                residual: Some(&residual),
                activation,
            };
            conv_forward(&shape, &reference.x, &reference.weight, affine, &mut out, &pool).unwrap();
            let expected: Vec<f64> = (0..out.len())
                .map(|i| {
                    let (scale, shift) = (f64::from(scale[i % channels]), f64::from(shift[i % channels]));
                    let v = reference.y[i] * scale + shift + f64::from(residual[i]);
                    if v > 0.0 { v } else { 0.25 * v }
                })
                .collect();
            close(&out, &expected, tolerance(&shape, isa), &what("affine"));

            let packed =
                PackedConv::new(&shape, &reference.weight, &scale, &shift, Precision::Single).unwrap();
            out.fill(f32::NAN);
            let size = [shape.n, shape.h, shape.w];
            packed
                .forward(size, &reference.x, Some(&residual), activation, &mut out, &pool)
                .unwrap();
            close(&out, &expected, tolerance(&shape, isa), &what("packed"));
        });
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let pools = [Pool::new(1), Pool::new(2), Pool::new(5)];
    for shape in shapes() {
        let reference = Reference::inputs(&shape);
        let results = pools.each_ref().map(|pool| {
            let mut out = vec![0.0; shape.output_len()];
            let mut dx = vec![0.0; shape.input_len()];
            let mut dw = vec![0.0; shape.weight_len()];
            let mut moments = Moments::default();
            let statistics = Epilogue::Statistics(&mut moments);
            conv_forward(
                &shape,
                &reference.x,
                &reference.weight,
                statistics,
                &mut out,
                pool,
            )
            .unwrap();
            conv_backward_data(&shape, &reference.dy, &reference.weight, &mut dx, pool).unwrap();
            conv_backward_weight(&shape, &reference.x, &reference.dy, &mut dw, pool).unwrap();
            (out, moments, dx, dw)
        });
        assert!(results[0] == results[1] && results[0] == results[2], "{shape:?}");
    }
}

#[test]
fn an_empty_batch_gives_empty_outputs_and_zero_gradients() {
    let shape = ConvShape::new(0, [8, 8], 4, 6, 3).with_stride_padding(1, 1);
    let pool = Pool::new(2);
    let weight = vec![1.0; shape.weight_len()];
    let mut moments = Moments::default();
    conv_forward(
        &shape,
        &[],
        &weight,
        Epilogue::Statistics(&mut moments),
        &mut [],
        &pool,
    )
    .unwrap();
    assert_eq!(moments.mean(), vec![0.0; 6]);
    conv_backward_data(&shape, &[], &weight, &mut [][..], &pool).unwrap();
    let mut dw = vec![f32::NAN; shape.weight_len()];
    conv_backward_weight(&shape, &[], &[], &mut dw, &pool).unwrap();
    assert!(dw.iter().all(|&v| v == 0.0));
}

#[test]
fn wrong_arguments_are_errors() {
    let pool = Pool::new(1);
    let good = ConvShape::new(1, [4, 4], 2, 2, 3).with_stride_padding(1, 1);
    let run = |shape: ConvShape, len: usize| {
        conv_forward(
            &shape,
            &vec![0.0; len],
            &[0.0; 36],
            Epilogue::None,
            &mut [0.0; 32],
            &pool,
        )
    };
    assert!(run(good, 32).is_ok());
    let message = run(good, 31).unwrap_err().to_string();
    assert_eq!(message, "`x` has 31 elements where the shape needs 32");
    let bad = [
        ConvShape {
            stride: [0, 1],
            ..good
        },
        ConvShape {
            dilation: [1, 0],
            ..good
        },
        ConvShape { groups: 0, ..good },
        ConvShape { groups: 3, ..good },
        ConvShape {
            kernel: [7, 7],
            ..good
        },
        ConvShape { h: 0, ..good },
        ConvShape { c_out: 0, ..good },
        ConvShape {
            padding: [usize::MAX, 0],
            ..good
        },
        ConvShape {
            dilation: [usize::MAX, 1],
            ..good
        },
        ConvShape {
            stride: [usize::MAX, 1],
            ..good
        },
        ConvShape {
            n: usize::MAX,
            ..good
        },
        ConvShape {
            kernel: [usize::MAX, 1],
            ..good
        },
    ];
    for shape in bad {
        assert!(run(shape, 32).is_err(), "{shape:?}");
        assert!(
            PackedConv::new(&shape, &[0.0; 36], &[0.0; 2], &[0.0; 2], Precision::Single).is_err()
                || shape.validate().is_err()
        );
    }
}
