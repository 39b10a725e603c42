//! Shuffling of channels against its definition, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_kernels::{KernelError, Pool, channel_shuffle};

fn wave(i: usize) -> f32 {
    (0.61 * i as f32).sin()
}

#[test]
fn a_shuffle_and_its_inverse() {
    let (pixels, channels) = (700, 60);
    let x: Vec<f32> = (0..pixels * channels).map(wave).collect();
    let pool = Pool::new(3);
    for groups in [1, 2, 3, 60] {
        let (mut out, mut back) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        channel_shuffle(&x, channels, groups, &mut out, &pool).unwrap();
        for (i, value) in out.iter().enumerate() {
            let (pixel, channel) = (i / channels, i % channels);
            let (j, group) = (channel / groups, channel % groups);
            assert_eq!(*value, x[pixel * channels + group * (channels / groups) + j]);
        }
        channel_shuffle(&out, channels, channels / groups, &mut back, &pool).unwrap();
        assert_eq!(back, x);
    }
}

#[test]
fn wrong_arguments_are_errors() {
    let (pool, x, mut out) = (Pool::new(1), [0.0; 12], [0.0; 12]);
    for (channels, groups) in [(6, 4), (6, 0), (0, 1)] {
        let refused = channel_shuffle(&x, channels, groups, &mut out, &pool);
        assert!(matches!(refused, Err(KernelError::Shape { .. })));
    }
    let refused = channel_shuffle(&x, 5, 5, &mut out, &pool);
    assert!(matches!(refused, Err(KernelError::Length { argument: "x", .. })));
    let refused = channel_shuffle(&x, 6, 2, &mut out[1..], &pool);
    assert!(matches!(
        refused,
        Err(KernelError::Length { argument: "out", .. })
    ));
}
