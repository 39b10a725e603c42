//! Attention against its definition in double precision, on every instruction set.

#![allow(clippy::unwrap_used)]

mod numbers;

use numbers::{close, numbers};
use potstill_kernels::{AttentionBackward, AttentionShape, Isa, KernelError, Pool};

/// Runs `check` on every instruction set, with one thread and with three: the bits must not depend on the threads.
fn everywhere(check: impl Fn(&Pool) -> Vec<f32>) {
    for isa in Isa::available() {
        let [one, three] = [1, 3].map(|threads| isa.with(|| check(&Pool::new(threads))).unwrap());
        assert_eq!(one, three, "{isa:?}");
    }
}

fn windows(images: usize, size: [usize; 2], window: [usize; 2], shift: [usize; 2]) -> AttentionShape {
    AttentionShape {
        images,
        size,
        window,
        shift,
        heads: 2,
        width: 8,
    }
}

/// Each with the groups of its bias, 0 for none: odd numbers of tokens and channels, more than one block of queries and of keys.
fn shapes() -> Vec<(AttentionShape, usize)> {
    vec![
        (AttentionShape::of_rows(1, 1, 1, 1), 0),
        (AttentionShape::of_rows(2, 5, 3, 7), 0),
        (AttentionShape::of_rows(2, 49, 2, 32), 1),
        (AttentionShape::of_rows(3, 50, 1, 64), 3),
        (AttentionShape::of_rows(1, 197, 2, 16), 0),
        (AttentionShape::of_rows(1, 600, 1, 33), 1),
        (windows(2, [6, 9], [3, 3], [0, 0]), 1),
        (windows(2, [6, 9], [3, 3], [1, 1]), 6),
        (windows(3, [4, 4], [2, 4], [1, 0]), 2),
    ]
}

struct Expected {
    out: Vec<f64>,
    dqkv: Vec<f64>,
    of_bias: Vec<f64>,
}

/// The row of the map that is a token of a window.
fn row(shape: &AttentionShape, sequence: usize, token: usize) -> usize {
    let ([h, w], [tall, wide]) = (shape.size, shape.window);
    let (image, window) = (
        sequence / (h / tall * (w / wide)),
        sequence % (h / tall * (w / wide)),
    );
    let y = (window / (w / wide) * tall + token / wide + shape.shift[0]) % h;
    let x = (window % (w / wide) * wide + token % wide + shape.shift[1]) % w;
    (image * h + y) * w + x
}

fn expected(shape: &AttentionShape, qkv: &[f32], bias: Option<&[f32]>, gradient: &[f32]) -> Expected {
    let (tokens, width, channels) = (shape.tokens(), shape.width, shape.channels());
    let mut found = Expected {
        out: vec![0.0; gradient.len()],
        dqkv: vec![0.0; qkv.len()],
        of_bias: vec![0.0; bias.map_or(0, <[f32]>::len)],
    };
    let factor = (width as f64).powf(-0.5);
    let groups = bias.map_or(1, |bias| bias.len() / (shape.heads * tokens * tokens));
    for sequence in 0..shape.sequences() {
        for head in 0..shape.heads {
            let at = |part: usize, token: usize, c: usize| {
                row(shape, sequence, token) * 3 * channels + part * channels + head * width + c
            };
            let number = |part: usize, token: usize, c: usize| f64::from(qkv[at(part, token, c)]);
            let out_at = |token: usize, c: usize| row(shape, sequence, token) * channels + head * width + c;
            for q in 0..tokens {
                let bias_at = |k: usize| ((sequence % groups * shape.heads + head) * tokens + q) * tokens + k;
                let scores: Vec<f64> = (0..tokens)
                    .map(|k| {
                        let product: f64 = (0..width).map(|c| number(0, q, c) * number(1, k, c)).sum();
                        product * factor + bias.map_or(0.0, |bias| f64::from(bias[bias_at(k)]))
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
                let p: Vec<f64> = scores.iter().map(|s| (s - largest).exp() / sum).collect();
                let slope = |k: usize| -> f64 {
                    (0..width)
                        .map(|c| f64::from(gradient[out_at(q, c)]) * number(2, k, c))
                        .sum()
                };
                let slopes: Vec<f64> = (0..tokens).map(slope).collect();
                let level: f64 = p.iter().zip(&slopes).map(|(p, s)| p * s).sum();
                for k in 0..tokens {
                    let of_score = p[k] * (slopes[k] - level);
                    if bias.is_some() {
                        found.of_bias[bias_at(k)] += of_score;
                    }
                    for c in 0..width {
                        found.out[out_at(q, c)] += p[k] * number(2, k, c);
                        found.dqkv[at(0, q, c)] += of_score * factor * number(1, k, c);
                        found.dqkv[at(1, k, c)] += of_score * factor * number(0, q, c);
                        found.dqkv[at(2, k, c)] += p[k] * f64::from(gradient[out_at(q, c)]);
                    }
                }
            }
        }
    }
    found
}

#[test]
fn outputs_and_gradients() {
    for (shape, groups) in shapes() {
        let len = shape.images * shape.size[0] * shape.size[1] * shape.channels();
        let qkv: Vec<f32> = numbers(3 * len, 1).iter().map(|v| 2.0 * v).collect();
        let gradient = numbers(len, 2);
        let tokens = shape.tokens();
        let mut bias: Vec<f32> = numbers(groups * shape.heads * tokens * tokens, 3);
        // A mask among them, and a score that comes late and is larger than all before.
        bias.iter_mut().step_by(7).for_each(|b| *b -= 100.0);
        bias.iter_mut()
            .skip(tokens - 1)
            .step_by(tokens)
            .for_each(|b| *b += 20.0);
        let bias = (groups > 0).then_some(bias.as_slice());
        let Expected { out, dqkv, of_bias } = expected(&shape, &qkv, bias, &gradient);
        everywhere(|pool| {
            let (mut found, mut log_sums, mut back) = (Vec::new(), Vec::new(), Vec::new());
            shape
                .forward(&qkv, bias, &mut found, Some(&mut log_sums), pool)
                .unwrap();
            close(&found, &out, 3e-6, &format!("output of {shape:?}"));
            let mut alone = Vec::new();
            shape.forward(&qkv, bias, &mut alone, None, pool).unwrap();
            assert_eq!(alone, found);
            let given = AttentionBackward {
                qkv: &qkv,
                bias,
                out: &found,
                log_sums: &log_sums,
                gradient: &gradient,
            };
            let slopes = shape.backward(&given, &mut back, true, pool).unwrap();
            close(&back, &dqkv, 1e-5, &format!("gradient of {shape:?}"));
            close(
                &slopes,
                &of_bias,
                1e-5,
                &format!("gradient of the bias of {shape:?}"),
            );
            assert!(
                shape
                    .backward(&given, &mut alone, false, pool)
                    .unwrap()
                    .is_empty()
            );
            close(&alone, &dqkv, 1e-5, "gradient without that of the bias");
            found.extend(back);
            found.extend(slopes);
            found
        });
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (pool, mut out) = (Pool::new(1), Vec::new());
    let shape = windows(1, [4, 4], [2, 2], [0, 0]);
    let qkv = numbers(4 * 4 * 48, 1);
    let error = shape.forward(&qkv[1..], None, &mut out, None, &pool);
    assert!(matches!(error, Err(KernelError::Length { argument: "qkv", .. })));
    // Three biases for four windows.
    let bias = numbers(3 * 2 * 16, 2);
    let error = shape.forward(&qkv, Some(&bias), &mut out, None, &pool);
    assert!(matches!(error, Err(KernelError::Length { argument: "bias", .. })));
    for uneven in [
        windows(1, [4, 5], [2, 2], [0, 0]),
        windows(1, [4, 4], [0, 2], [0, 0]),
    ] {
        let error = uneven.forward(&qkv, None, &mut out, None, &pool);
        assert!(matches!(error, Err(KernelError::Shape { .. })), "{uneven:?}");
    }
}
