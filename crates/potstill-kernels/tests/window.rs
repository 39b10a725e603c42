//! Pooling over windows, against its definition in double precision.

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{Isa, Pool, Summary, WindowShape, window_backward, window_forward};

const SUMMARIES: [Summary; 3] = [
    Summary::Maximum,
    Summary::Mean { padded: true },
    Summary::Mean { padded: false },
];

fn shape(
    n: usize,
    [h, w]: [usize; 2],
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> WindowShape {
    WindowShape {
        n,
        h,
        w,
        channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 2],
    }
}

fn shapes() -> Vec<WindowShape> {
    vec![
        shape(2, [8, 8], 16, 2, 2, 0),
        shape(3, [9, 7], 17, 3, 2, 1),
        shape(1, [5, 6], 3, 3, 1, 1),
        shape(2, [7, 7], 40, 7, 7, 0),
        shape(1, [2, 1], 5, 2, 2, 1),
        shape(2, [6, 11], 33, 2, 3, 1),
        shape(0, [4, 4], 8, 2, 2, 0),
        WindowShape {
            kernel: [1, 4],
            stride: [2, 1],
            padding: [0, 2],
            ..shape(2, [5, 9], 20, 1, 1, 0)
        },
    ]
}

/// Output and input gradient, pixel by pixel.
fn by_definition(shape: &WindowShape, summary: Summary, x: &[f32], dz: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let [oh, ow] = shape.out_size();
    let (mut z, mut dx) = (vec![0.0; shape.output_len()], vec![0.0; x.len()]);
    for (at, z) in z.iter_mut().enumerate() {
        let (channel, column, row) = (
            at % shape.channels,
            at / shape.channels % ow,
            at / shape.channels / ow % oh,
        );
        let image = at / shape.channels / ow / oh;
        let mut covered = Vec::new();
        for i in 0..shape.kernel[0] {
            for j in 0..shape.kernel[1] {
                let y = (row * shape.stride[0] + i) as isize - shape.padding[0] as isize;
                let x = (column * shape.stride[1] + j) as isize - shape.padding[1] as isize;
                if (0..shape.h as isize).contains(&y) && (0..shape.w as isize).contains(&x) {
                    covered.push(
                        ((image * shape.h + y as usize) * shape.w + x as usize) * shape.channels + channel,
                    );
                }
            }
        }
        let gradient = f64::from(dz[at]);
        match summary {
            Summary::Maximum => {
                let mut first = covered[0];
                for &pixel in &covered {
                    if x[pixel] > x[first] {
                        first = pixel;
                    }
                }
                *z = f64::from(x[first]);
                dx[first] += gradient;
            }
            Summary::Mean { padded } => {
                let all = shape.kernel[0] * shape.kernel[1];
                let count = if padded { all } else { covered.len() } as f64;
                *z = covered.iter().map(|&pixel| f64::from(x[pixel])).sum::<f64>() / count;
                for pixel in covered {
                    dx[pixel] += gradient / count;
                }
            }
        }
    }
    (z, dx)
}

#[test]
fn summaries_and_gradients_equal_the_definition() {
    for shape in shapes() {
        // Coarse numbers, so that windows have several largest values.
        let x: Vec<f32> = numbers(shape.input_len(), 1)
            .iter()
            .map(|v| (v * 4.0).round())
            .collect();
        let dz = numbers(shape.output_len(), 2);
        for summary in SUMMARIES {
            let (expected_z, expected_dx) = by_definition(&shape, summary, &x, &dz);
            for isa in Isa::available() {
                for threads in [1, 3] {
                    let (pool, what) = (
                        Pool::new(threads),
                        format!("{summary:?} {} {shape:?}", isa.name()),
                    );
                    let (mut z, mut dx) = (vec![f32::NAN; shape.output_len()], Vec::new());
                    isa.with(|| {
                        window_forward(&shape, summary, &x, &mut z, &pool).unwrap();
                        window_backward(&shape, summary, [&x, &z, &dz], &mut dx, &pool).unwrap();
                    })
                    .unwrap();
                    close(&z, &expected_z, 1e-6, &what);
                    close(&dx, &expected_dx, 1e-6, &what);
                }
            }
        }
    }
}

#[test]
fn impossible_windows_are_errors() {
    let pool = Pool::new(1);
    let good = shape(1, [4, 4], 2, 2, 2, 0);
    let run = |shape: WindowShape, len: usize| {
        window_forward(&shape, Summary::Maximum, &vec![0.0; len], &mut Vec::new(), &pool)
    };
    assert!(run(good, 32).is_ok());
    assert!(run(good, 31).is_err());
    assert!(
        run(
            WindowShape {
                stride: [0, 1],
                ..good
            },
            32
        )
        .is_err()
    );
    assert!(
        run(
            WindowShape {
                kernel: [0, 1],
                ..good
            },
            32
        )
        .is_err()
    );
    assert!(
        run(
            WindowShape {
                kernel: [5, 5],
                ..good
            },
            32
        )
        .is_err()
    );
    assert!(
        run(
            WindowShape {
                padding: [2, 0],
                ..good
            },
            32
        )
        .is_err()
    );
    let dz = [0.0; 8];
    assert!(window_backward(&good, Summary::Maximum, [&[], &[], &dz], &mut Vec::new(), &pool).is_err());
}
